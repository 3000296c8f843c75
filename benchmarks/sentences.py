"""Sentences per second of a VAE in training, here and in PyTorch with its own LSTM, at equal work.

    python benchmarks/sentences.py --rounds 15

The model of `minivae sentences` (two LSTMs with 128 units, 16 latents, 1,997 words, minibatches of
64, annealing, word dropout, clipped gradients, Adam), beside the same in PyTorch: `torch.nn.LSTM`
on packed sequences, so that neither computes anything for padding. Both get the same initial
parameters, minibatches and noise. Equal work is checked first: after some steps the parameters have
to agree. Then they take turns. minivae trains in one thread, PyTorch in one and in as many as there
are cores.
"""

import os
import statistics
import time

import command
import machine
import numpy as np
import output

from minivae import Adam
from minivae.data_stream import INIT, NOISE, Order, stream
from minivae.datasets.sentences import END, PADDING, UNKNOWN, load_sentences
from minivae.engine.lockstep import blas_single_threaded
from minivae.engine.team import available_cores
from minivae.sentences import SentenceVAE
from minivae.sentences.training import Sentences, SentencesSettings, kl_weight

SIZES = {"n_latent": 16, "n_hidden": 128, "n_embedding": 64}
SETTINGS = {
    "optimizer": Adam(0.002), "anneal": 58_255, "word_dropout": 0.4, "free_nats": 0.0, "clip": 5.0,
    "batch_size": 64, "seed": 0, "evaluate_every": 10_000, "dtype": np.float32,
}  # fmt: skip
CHECKED = 10  # steps after which the parameters are compared
CHUNK = 5  # steps between looks at the clock
AGREE = 2e-3  # of the root mean square by which they have moved


class Minivae:
    """What `minivae.sentences.fit_sentences` runs."""

    def __init__(self, model, corpus):
        self._method = Sentences(model, corpus, SentencesSettings(**SETTINGS))
        self._state = self._method.begin()
        self._method.open(self._state, None)

    def train(self, n_steps):
        """Take some steps."""
        with blas_single_threaded():
            self._method.step(n_steps)

    def vector(self):
        """Return all parameters."""
        return self._state.params.vector


class PyTorch:
    """The same model of modules, by autograd."""

    def __init__(self, model, corpus, threads):
        import torch

        self.torch, self._model, self._corpus, self.threads = torch, model, corpus, threads
        torch.manual_seed(0)
        V, E, H, J = len(model.vocabulary), model.n_embedding, model.n_hidden, model.n_latent
        nn = torch.nn
        self._read, self._say = nn.Embedding(V, E), nn.Embedding(V, E)
        self._encoder, self._decoder = nn.LSTM(E, H), nn.LSTM(E, H)
        self._head, self._start = nn.Linear(2 * H, 2 * J), nn.Linear(J, 2 * H)
        self._output = nn.Linear(H, V)
        self._places = {}
        for name, embedding in (("encoder", self._read), ("decoder", self._say)):
            self._places[f"{name}.embedding.E"] = embedding.weight
        for name, lstm in (("encoder", self._encoder), ("decoder", self._decoder)):
            self._places[f"{name}.lstm.W"] = lstm.weight_ih_l0
            self._places[f"{name}.lstm.U"] = lstm.weight_hh_l0
            self._places[f"{name}.lstm.b"] = lstm.bias_ih_l0
            lstm.bias_hh_l0.data.zero_()  # one bias is enough
            lstm.bias_hh_l0.requires_grad_(False)
        for name, linear in (
            ("encoder.head", self._head), ("decoder.start", self._start),
            ("decoder.output", self._output),
        ):  # fmt: skip
            self._places[f"{name}.W"], self._places[f"{name}.b"] = linear.weight, linear.bias
        params = model.init_params(stream(SETTINGS["seed"], INIT), np.float32)
        self._params = params
        for name, place in self._places.items():
            array = params[name] if place.ndim == 1 or name.endswith(".E") else params[name].T
            place.data = torch.from_numpy(array.copy())
        self._trained = list(self._places.values())
        self._optimizer = torch.optim.Adam(self._trained, lr=0.002, eps=1e-8, fused=True)
        self._order = Order(len(corpus.train), SETTINGS["batch_size"], SETTINGS["seed"])
        self._rng = stream(SETTINGS["seed"], NOISE)
        self._lengths = (corpus.train != PADDING).sum(axis=1)
        self._step = 0

    def train(self, n_steps):
        """Take some steps."""
        self.torch.set_num_threads(self.threads)
        for _ in range(n_steps):
            self._one_step()

    def _one_step(self):
        torch = self.torch
        rows = self._order.rows(self._step)
        rows = rows[np.argsort(-self._lengths[rows], kind="stable")]
        tokens = self._corpus.train[rows, : self._lengths[rows[0]]]
        noise = self._model.draw_noise(tokens, self._rng, np.float32, SETTINGS["word_dropout"])
        read = np.full((len(rows), tokens.shape[1] + 1), END, np.int64)
        read[:, 1:] = np.where(noise.dropped, UNKNOWN, tokens)
        said = np.full(read.shape, END, np.int64)
        said[:, :-1] = np.where(tokens == PADDING, END, tokens)
        lengths = self._lengths[rows]
        weight = kl_weight(self._step * SETTINGS["batch_size"], SETTINGS["anneal"])
        loss = self._loss(tokens.astype(np.int64), read, said, lengths, noise.eps, weight)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._trained, SETTINGS["clip"])
        self._optimizer.step()
        self._step += 1

    def _packed(self, words, lengths):
        words = self.torch.from_numpy(np.ascontiguousarray(words.T))
        lengths = self.torch.from_numpy(lengths)
        return self.torch.nn.utils.rnn.pack_padded_sequence(words, lengths)

    def _loss(self, tokens, read, said, lengths, eps, weight):
        torch = self.torch
        words = self._packed(np.maximum(tokens, 0), lengths)
        _, last = self._encoder(words._replace(data=self._read(words.data)))
        mu, log_var = self._head(torch.cat([last[0][0], last[1][0]], 1)).chunk(2, 1)
        z = mu + torch.exp(log_var / 2) * torch.from_numpy(eps)
        minus_kl = 0.5 * (1 + log_var - mu**2 - log_var.exp()).sum()
        start = torch.tanh(self._start(z)).chunk(2, 1)
        words = self._packed(np.maximum(read, 0), lengths + 1)
        inputs = words._replace(data=self._say(words.data))
        states, _ = self._decoder(inputs, tuple(s[None].contiguous() for s in start))
        targets = self._packed(said, lengths + 1).data
        logits = self._output(states.data)
        log_px = -torch.nn.functional.cross_entropy(logits, targets, reduction="sum")
        return -(log_px + weight * minus_kl) / len(tokens)

    def vector(self):
        """Return all parameters."""
        for name, place in self._places.items():
            array = place.detach().numpy()
            self._params[name][...] = array if place.ndim == 1 or name.endswith(".E") else array.T
        return self._params.vector


def check_equal_work(ours, theirs, start):
    """Raise `command.Failure` unless both have moved the parameters alike."""
    ours.train(CHECKED)
    theirs.train(CHECKED)
    moved = np.sqrt(np.mean((ours.vector() - start) ** 2))
    apart = np.sqrt(np.mean((ours.vector() - theirs.vector()) ** 2))
    command.say(f"equal work: after {CHECKED} steps the parameters are {apart / moved:.1e} apart")
    if not apart < AGREE * moved:
        raise command.Failure("minivae and PyTorch do not do the same work")


def turn(contender, seconds):
    """Let a contender train for so long, and return its sentences per second."""
    steps, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        contender.train(CHUNK)
        steps += CHUNK
    return steps * SETTINGS["batch_size"] / (time.perf_counter() - started)


def measure(options):
    """Return sentences per second of every contender, round by round."""
    corpus = load_sentences()
    model = SentenceVAE(corpus.vocabulary, **SIZES)
    start = model.init_params(stream(SETTINGS["seed"], INIT), np.float32).vector.copy()
    contenders = {"minivae": Minivae(model, corpus)}
    try:
        for threads in sorted({1, available_cores()}):
            contenders[f"torch, threads: {threads}"] = PyTorch(model, corpus, threads)
    except ImportError:
        raise command.Failure("PyTorch is not installed: pip install '.[bench]'") from None
    check_equal_work(contenders["minivae"], contenders["torch, threads: 1"], start)
    speeds = {name: [] for name in contenders}
    for _ in range(options.rounds):
        for name, contender in contenders.items():
            speeds[name].append(turn(contender, options.seconds))
    return speeds


def summary(speeds):
    """Return the lines of the table: medians, spreads, and the median ratio within a round."""
    lines = [f"{'contender':18}{'sentences/s':>12}  (min - max)        minivae's is times that"]
    for name, each in speeds.items():
        ratio = statistics.median(a / b for a, b in zip(speeds["minivae"], each, strict=True))
        spread = f"({min(each):,.0f} - {max(each):,.0f})"
        lines.append(f"{name:18}{statistics.median(each):12,.0f}  {spread:18} {ratio:.2f}")
    return lines


def draw(result):
    """Draw the sentences per second of every round."""
    title = "A VAE of sentences, LSTMs with 128 units, M = 64: training"
    with output.picture(6.5, 3, title, result) as figure:
        axes = figure.subplots()
        for k, (name, speeds) in enumerate(result["sentences_per_second"].items()):
            color = output.COLORS["minivae" if name == "minivae" else "torch-eager"]
            axes.plot(speeds, [k] * len(speeds), "o", color=color, alpha=0.5)
        axes.set_yticks(range(k + 1), list(result["sentences_per_second"]))
        axes.set(xlabel="sentences per second", ylim=(k + 0.5, -0.5))
        axes.set_xlim(0)
    return figure


def main(argv=None):
    options = command.Parser(__doc__, seconds=2.0).parse_args(argv)
    if not options.keep_env:
        machine.restart_without_pins()
    result = {
        "benchmark": "sentences",
        "environment": machine.describe_environment(options.keep_env),
        "machine": machine.describe(),
        "blas": machine.blas(),
    }
    command.announce(result)
    conditions = machine.Conditions(lambda: sum(os.times()[:4]))
    result["sentences_per_second"] = measure(options)
    result["conditions"] = conditions.report()
    command.say("", *summary(result["sentences_per_second"]), sep="\n")
    command.warn(machine.conditions_warning(result["conditions"]))
    output.write(options.out, "sentences", result, draw(result))


if __name__ == "__main__":
    command.run(main)
