"""`minivae train`: a new run folder, or an old one that goes on."""

import argparse
import contextlib
import shlex
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from minivae import datasets, plots
from minivae.app.crowding import CrowdWatch
from minivae.app.options import DEFAULTS, NETWORKS, load_data, open_run
from minivae.app.runs import Run, free_folder, new_run, resumed_run
from minivae.app.streams import complain, tell
from minivae.app.system import BlasProbe
from minivae.binarization import SCORES_DIFFER
from minivae.datasets import Dataset
from minivae.engine.mode import NUMPY_ONLY
from minivae.evaluation.chunks import worthwhile_threads
from minivae.likelihoods import FixedGaussian, get_likelihood
from minivae.optimizers import OPTIMIZERS, Adagrad
from minivae.params import Params
from minivae.protocols import Optimizer
from minivae.schedules import Scheduled, Stepwise
from minivae.training import choose_step_size, fit
from minivae.training.history import History
from minivae.training.interruption import Interrupted
from minivae.training.settings import AEVBSettings
from minivae.vae import VAE
from minivae.validation import check_batch_size, expanded

Say: TypeAlias = Callable[[str], None]


def train(arguments: argparse.Namespace) -> int:
    """Train a model, or go on training one, and draw its pictures."""
    say = _silent if arguments.quiet else tell
    requested = {
        name: value for name in DEFAULTS if (value := getattr(arguments, name)) is not None
    }
    with contextlib.ExitStack() as stack:
        probe = stack.enter_context(BlasProbe())  # works while the data are read
        run, data, vae = _prepared(requested, arguments, stack, probe, say)
        say(f"{_title(run.settings, data)}; run folder {run.path}")
        if run.settings["binarize"] is not None:
            say(f"Note: {SCORES_DIFFER}")
        try:
            history, params = _fit(run, vae, data, arguments.quiet, say)
        except Interrupted as stop:
            complain(
                f"Stopped by {stop.name}; all is saved. To go on: "
                f"minivae train --resume {shlex.quote(str(run.path))}"
            )
            return 128 + stop.signum
        pictures = _draw_pictures(run, vae, params, data, history)
    _report(run, history, pictures, say)
    return 0


def _silent(message: str) -> None:
    pass


def _prepared(
    requested: dict[str, Any],
    arguments: argparse.Namespace,
    stack: contextlib.ExitStack,
    probe: BlasProbe,
    say: Say,
) -> tuple[Run, Dataset, VAE]:
    """Return a run that nothing is wrong with, locked until `stack` ends, its data and its model.

    A new one gets its folder at last, so that what is refused, or too large for the memory, has
    none.
    """
    run = None
    if arguments.resume is None:
        settings = _new_settings(requested)
    else:
        run = resumed_run(open_run, requested, arguments, stack)
        settings = run.settings
    data = load_data(settings)
    if run is None:
        _settle(settings, data, say)
    vae = _build_vae(settings, data)
    _check_settings(settings, vae, data)
    if run is not None and run.model_path.exists():
        run.check_same(vae, _settings_of_fit(settings))
    advice = probe.advice()
    if advice:
        say(f"Note: {advice}")
    _compile(vae, data, settings, say)
    if run is None:
        stem = f"{data.name}-{vae.n_latent}"
        folder = free_folder(stem) if arguments.out is None else Path(arguments.out)
        run = stack.enter_context(new_run(folder, settings))
    return run, data, vae


def _new_settings(requested: dict[str, Any]) -> dict[str, Any]:
    network = requested.get("network", DEFAULTS["network"])
    settings = {**DEFAULTS, **NETWORKS[network], **requested}
    if settings["data"] == "sentences":
        raise ValueError("--data sentences is text: minivae sentences trains on it")
    if settings["start"] != "glorot" and network == "conv":
        raise ValueError(f"start is {settings['start']}, the network conv has no start but glorot")
    if settings["data_path"] is not None:
        if settings["data"] not in datasets.LOOKED_FOR:
            named = " and ".join(datasets.LOOKED_FOR)
            raise ValueError(f"--data-path is for {named}, the data are {settings['data']}")
        settings["data_path"] = str(expanded("data_path", settings["data_path"]).resolve())
    return settings


def _settle(settings: dict[str, Any], data: Dataset, say: Say) -> None:
    """Write down what follows from the data, and where they are, for whoever opens the run."""
    if settings["data"] not in datasets.NAMES:  # whatever files are called like one of these
        settings["data"] = str(expanded("data", settings["data"]).resolve())
    if settings["likelihood"] is None:
        settings["likelihood"] = _default_likelihood(data, say)
    settings["image_shape"] = list(data.image_shape)


def _default_likelihood(data: Dataset, say: Say) -> str:
    """Return what the paper uses for digits and faces, and what fits the range of other data."""
    if data.name == "frey":
        return "gaussian-sigmoid"
    low, high = data.train.min(), data.train.max()
    if data.train.dtype == np.uint8 or (low >= 0 and high <= 1):
        return "bernoulli"
    say(
        f"Note: the data are floats from {low:g} to {high:g}, so the likelihood is gaussian; "
        "pixels would be whole numbers from 0 to 255, or floats from 0 to 1"
    )
    return "gaussian"


def _build_vae(settings: dict[str, Any], data: Dataset) -> VAE:
    likelihood = settings["likelihood"]
    if settings["sigma"] is not None:
        if likelihood != "gaussian-fixed":
            raise ValueError(f"sigma is for gaussian-fixed, the likelihood is {likelihood}")
        likelihood = FixedGaussian(settings["sigma"])
    if settings["network"] == "conv":
        return _build_convolutional(settings, data, likelihood)
    if settings["channels"] is not None:
        raise ValueError(f"channels are for conv, the network is {settings['network']}")
    return VAE(
        data.train.shape[1],
        settings["latent"],
        settings["hidden"],
        likelihood,
        settings["activation"],
        start=settings["start"],
    )


def _build_convolutional(
    settings: dict[str, Any], data: Dataset, likelihood: str | FixedGaussian
) -> VAE:
    from minivae.layers import convnet  # not what most runs need

    J, image = settings["latent"], data.image_shape
    of_both = settings["channels"], settings["hidden"], settings["activation"]
    outputs = get_likelihood(likelihood).outputs_per_pixel
    encoder = convnet.encoder(image, 2 * J, *of_both)
    decoder = convnet.decoder(image, J, *of_both, outputs)
    return VAE(encoder=encoder, decoder=decoder, likelihood=likelihood)


def _build_optimizer(settings: dict[str, Any]) -> Optimizer:
    name, step_size = settings["optimizer"], settings["step_size"]
    if name not in OPTIMIZERS:
        raise ValueError(f"optimizer is {name!r}, expected one of {', '.join(OPTIMIZERS)}")
    optimizer = OPTIMIZERS[name]() if step_size is None else OPTIMIZERS[name](step_size)
    if settings["schedule"] is None:
        return optimizer
    # After so many updates; where two changes fall into one minibatch, the later holds.
    M = settings["batch_size"]
    changes = {-(-samples // M): factor for samples, factor in settings["schedule"]}
    return Scheduled(optimizer, Stepwise(tuple(changes), tuple(changes.values())))


def _check_settings(settings: dict[str, Any], vae: VAE, data: Dataset) -> None:
    """Raise ValueError for what `fit` would refuse, before there is a folder for it."""
    _build_optimizer(settings)
    if settings["dtype"] not in ("float32", "float64"):  # as text: NumPy knows other spellings
        raise ValueError(f"dtype is {settings['dtype']!r}, expected float32 or float64")
    vae.check_data("data.train", data.train)
    vae.check_data("data.test", data.test)
    check_batch_size(settings["batch_size"], data.train)


def _title(settings: dict[str, Any], data: Dataset) -> str:
    widths = [data.train.shape[1], *settings["hidden"], settings["latent"]]
    if settings["channels"]:
        widths[1:1] = [f"{count} channels" for count in settings["channels"]]
    layers = "-".join(map(str, widths + widths[-2::-1]))
    kind = f"{settings['likelihood']}, {settings['activation']}"
    binarized = f", {settings['binarize']}ally binarised" if settings["binarize"] else ""
    return f"Training a VAE {layers} ({kind}) on {data.name}{binarized}"


@contextlib.contextmanager
def _after(seconds: float, action: Callable[[], None]) -> Iterator[None]:
    """Call `action` if the block takes longer than that."""
    timer = threading.Timer(seconds, action)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _compile(vae: VAE, data: Dataset, settings: dict[str, Any], say: Say) -> None:
    """Have every kernel compiled, and tell the user if that takes long (on a first run only).

    One step does it, with as many datapoints as take the loops that real steps will take.
    """
    if NUMPY_ONLY:
        return
    size = min(settings["batch_size"], 1000)
    message = (
        "Compiling the kernels, which takes some seconds; where Numba can write a cache, this "
        "happens once per machine ..."
    )
    with _after(0.7, lambda: say(message)):
        fit(
            vae,
            data.train[:size],
            samples=1,
            batch_size=size,
            optimizer=_build_optimizer(settings),
            noise_samples=settings["noise_samples"],
            threads=2,
            dtype=settings["dtype"],
            evaluate_every=None,
            progress=False,
        )


def _options(settings: dict[str, Any]) -> dict[str, Any]:
    """Return what trials of the step size and the training itself have in common."""
    return {
        "batch_size": settings["batch_size"],
        "noise_samples": settings["noise_samples"],
        "weight_prior": not settings["no_weight_prior"],
        "seed": settings["seed"],
        "dtype": settings["dtype"],
        "binarize": settings["binarize"] == "dynamic",
    }


def _settings_of_fit(settings: dict[str, Any]) -> AEVBSettings:
    optimizer, evaluate_every = _build_optimizer(settings), settings["evaluate_every"]
    return AEVBSettings(optimizer=optimizer, evaluate_every=evaluate_every, **_options(settings))


def _fit(run: Run, vae: VAE, data: Dataset, quiet: bool, say: Say) -> tuple[History, Params]:
    settings = run.settings
    options = {**_options(settings), "threads": settings["threads"]}
    if settings["optimizer"] == Adagrad.name and settings["step_size"] is None:
        settings["step_size"], bounds = choose_step_size(vae, data, **options)
        trials = ", ".join(f"{size:g}: {bound:.4g}" for size, bound in bounds.items())
        say(f"Step size {settings['step_size']:g}, by a short trial (training bound {trials})")
    run.save_settings(settings)
    threads = settings["threads"] or worthwhile_threads(vae, settings["batch_size"])
    crowd = CrowdWatch(threads, say)

    def evaluated(params: Params, history: History) -> None:
        run.save_history(history)
        crowd.look()

    result = fit(
        vae,
        data,
        settings["samples"],
        optimizer=_build_optimizer(settings),
        evaluate_every=settings["evaluate_every"],
        checkpoint=run.model_path,
        resume=run.model_path.exists(),
        progress=False if quiet else None,
        callback=evaluated,
        **options,
    )
    run.save_history(result.history)
    return result.history, result.params


def _draw_pictures(
    run: Run, vae: VAE, params: Params, data: Dataset, history: History
) -> list[str]:
    """Write the run's pictures and return their names."""
    rng = np.random.default_rng(run.settings["seed"])
    shape = data.image_shape
    figures = {
        "learning_curve.png": plots.learning_curve(history),
        "samples.png": plots.samples(vae, params, shape, rng=rng),
        "reconstructions.png": plots.reconstructions(vae, params, data.test[:20], shape),
    }
    if vae.n_latent == 2:
        labels = data.test_labels
        if labels is not None:  # more classes than colours that can be told apart: no colours
            labels = labels[:5000] if len(np.unique(labels)) <= len(plots.PALETTE) else None
        figures["manifold.png"] = plots.manifold(vae, params, shape)
        figures["latent_space.png"] = plots.latent_space(vae, params, data.test[:5000], labels)
    for name, figure in figures.items():
        plots.save(figure, run.path / name)
    return list(figures)


def _report(run: Run, history: History, pictures: list[str], say: Say) -> None:
    samples, train_bound, test_bound, seconds = history.rows()[-1]
    speed = samples / seconds
    folder = shlex.quote(str(run.path))
    say(
        f"{samples:,} samples in {seconds:.0f} s of training ({speed:,.0f} samples/s).\n"
        f"Bound: {test_bound:.2f} nats per test datapoint, {train_bound:.2f} in training.\n"
        f"Pictures in {run.path}: {', '.join(pictures)}\n"
        f"Next: minivae evaluate {folder}\n"
        f"      minivae sample {folder}\n"
        f"      minivae explore {folder}\n"
        f"      minivae train --resume {folder} --samples {2 * samples:.0f}"
    )
    if run.settings["latent"] != 2:
        say("      minivae train --latent 2, for a map of the latent space")
