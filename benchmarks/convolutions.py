"""Convolutions beside dense layers: the test bound on MNIST at equal samples, and at equal time.

    python benchmarks/convolutions.py --samples 1e6 --threads 2

Five models with 20 latents, grey pixels, minibatches of 100 and seed 0. Time is the processor's, on
one thread and in turns, so that it does not matter what else the machine is doing meanwhile.
Checkpoints are kept beside the results: what was interrupted goes on.
"""

import statistics
import time
from types import SimpleNamespace

import command
import machine
import numpy as np
import output
from rivals.minivae_ import Minivae

from minivae import VAE, Adagrad, Adam, fit, load
from minivae.engine.team import available_cores
from minivae.layers import Dense, convnet
from minivae.plots import PALETTE

IMAGE, J, BATCH = (28, 28), 20, 100


def convolutional(channels):
    """Return a VAE with convolutions and their mirror."""
    return VAE(
        encoder=convnet.encoder(IMAGE, 2 * J, channels),
        decoder=convnet.decoder(IMAGE, J, channels),
    )


def dense_to_deconvolutional():
    """Return a VAE with an MLP for encoder and transposed convolutions for decoder."""
    encoder = [Dense(784, 500, "relu", start="glorot"), Dense(500, 2 * J, start="glorot")]
    return VAE(encoder=encoder, decoder=convnet.decoder(IMAGE, J))


MODELS = {
    "MLP, Adagrad": (lambda: VAE(784, J), Adagrad(0.02)),
    "MLP": (lambda: VAE(784, J), Adam(1e-3)),
    "MLP, deconvolution": (dense_to_deconvolutional, Adam(1e-3)),
    "8 and 16 channels": (lambda: convolutional((8, 16)), Adam(1e-3)),
    "16 and 32 channels": (lambda: convolutional((16, 32)), Adam(1e-3)),
}

LONGER = {"MLP": 3}  # times as many samples, so that in time the curves are as long


def train(name, data, options):
    """Train a model, or go on, and return its test bounds by samples seen."""
    make, optimizer = MODELS[name]
    stem = name.lower().replace(",", "").replace(" ", "-")
    checkpoint = options.out / "checkpoints" / f"{stem}.npz"
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    result = fit(
        make(),
        data,
        options.samples * LONGER.get(name, 1),
        batch_size=BATCH,
        optimizer=optimizer,
        seed=0,
        threads=options.threads,
        checkpoint=checkpoint,
        resume=checkpoint.exists(),
        progress=False,
    )
    return {
        "parameters": result.params.vector.size,
        "samples": result.history.samples,
        "test_bound": [round(bound, 3) for bound in result.history.test_bound],
    }


class Steps(Minivae):
    """Steps of a model's training on one thread, without what `fit` does around them."""

    def __init__(self, name, train):
        make, self._optimizer = MODELS[name]
        vae = make()
        setting = SimpleNamespace(vae=lambda: vae, batch_size=BATCH)
        problem = SimpleNamespace(setting=setting, train=train, seed=0)
        super().__init__(problem, 1, vae.init_params(np.random.default_rng(0), np.float32))

    def optimizer(self):
        """Return the optimizer of the model's training."""
        return self._optimizer

    def rate(self, n_steps):
        """Return how many samples a second of a processor is worth."""
        started = time.process_time()
        self.run(n_steps)
        return n_steps * BATCH / (time.process_time() - started)


def rates(data, options):
    """Return the median rate of every model, measured in turns."""
    models = {name: Steps(name, data.train) for name in MODELS}
    first = {
        name: [each.rate(1), each.rate(5)] for name, each in models.items()
    }  # the one compiles
    n_steps = {
        name: max(1, round(options.seconds * each[1] / BATCH)) for name, each in first.items()
    }
    found = {name: [] for name in MODELS}
    for _ in range(options.rounds):
        for name, each in models.items():
            found[name].append(each.rate(n_steps[name]))
    for each in models.values():
        each.close()
    return {name: round(statistics.median(each)) for name, each in found.items()}


def draw(result):
    """Draw the test bounds by samples, and by time."""
    title = "Test bound on MNIST, 20 latents: by training samples, and by time"
    with output.picture(9, 3.8, title, result) as figure:
        by_samples, by_time = figure.subplots(1, 2, sharey=True)
        for (name, entry), color in zip(result["models"].items(), PALETTE, strict=False):
            samples = entry["samples"]
            seconds = [n / entry["samples_per_cpu_second"] for n in samples]
            millions = [n / 1e6 for n in samples]
            by_samples.plot(millions, entry["test_bound"], color=color, label=name)
            by_time.plot(seconds, entry["test_bound"], color=color)
        by_samples.set(
            xlabel="million training samples", ylabel="test bound (nats)", ylim=(-125, -98),
            xlim=(0, 1.02 * result["samples"] / 1e6),
        )  # fmt: skip
        by_time.set(xlabel="seconds on one thread", xscale="log")
        by_samples.legend(frameon=False, fontsize=8)
    return figure


def main(argv=None):
    parser = command.Parser(__doc__, seconds=0.5, rounds=9)
    parser.add_argument("--samples", type=command.positive, default=1e6, help="(default 1e6)")
    parser.add_argument("--threads", type=command.whole, default=available_cores())
    options = parser.parse_args(argv)
    if not options.keep_env:
        machine.restart_without_pins()
    result = {
        "benchmark": "convolutions",
        "environment": machine.describe_environment(options.keep_env),
        "machine": machine.describe(),
        "blas": machine.blas(),
        "samples": options.samples,
        "threads": options.threads,
    }
    command.announce(result)
    data = load("mnist")
    models = {name: train(name, data, options) for name in MODELS}
    for name, rate in rates(data, options).items():
        entry = models[name]
        entry["samples_per_cpu_second"] = rate
        command.say(
            f"{name:20} {entry['parameters']:9,} parameters, test bound after "
            f"{entry['samples'][-1]:9,} samples {entry['test_bound'][-1]:.2f}, "
            f"{rate:,} samples per second of a processor"
        )
    result["models"] = models
    output.write(options.out, "convolutions", result, draw(result))


if __name__ == "__main__":
    command.run(main)
