"""Convolutions beside dense layers: the test bound on MNIST at equal samples, and at equal time.

    python benchmarks/convolutions.py --samples 1e6 --threads 2

Five models with 20 latents, grey pixels, minibatches of 100 and seed 0. Time is the processor's, on
one thread and in turns, so that it does not matter what else the machine is doing meanwhile.
Checkpoints are kept beside the results: what was interrupted goes on.
"""

import statistics
import time

import command
import machine
import output

from minivae import VAE, Adagrad, Adam, fit, load
from minivae.engine.team import available_cores
from minivae.layers import Dense, convnet
from minivae.plots import PALETTE

IMAGE, J = (28, 28), 20


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
        batch_size=100,
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


def turn(name, data, samples):
    """Return how many samples a second of a processor is worth, of a short training."""
    make, optimizer = MODELS[name]
    options = {"optimizer": optimizer, "threads": 1, "evaluate_every": None, "progress": False}
    started = time.process_time()
    fit(make(), data.train, samples, **options)
    return samples / (time.process_time() - started)


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
    turns = {name: round(options.seconds * turn(name, data, 500)) for name in MODELS}
    rates = {name: [] for name in MODELS}
    for _ in range(options.rounds):
        for name, each in rates.items():
            each.append(turn(name, data, turns[name]))
    for name, entry in models.items():
        entry["samples_per_cpu_second"] = round(statistics.median(rates[name]))
        command.say(
            f"{name:20} {entry['parameters']:9,} parameters, test bound after "
            f"{entry['samples'][-1]:9,} samples {entry['test_bound'][-1]:.2f}, "
            f"{entry['samples_per_cpu_second']:,} samples per second of a processor"
        )
    result["models"] = models
    output.write(options.out, "convolutions", result, draw(result))


if __name__ == "__main__":
    command.run(main)
