"""What a training run is given: its data, its start, and the settings that a checkpoint keeps."""

import zlib
from dataclasses import asdict, is_dataclass

import numpy as np

from minivae.data_stream import INIT, stream
from minivae.validation import check_batch_size, check_count, check_dtype, check_has


def training_and_test(vae, data):
    """Return the two parts of `data`, checked; the test set may be None.

    Parameters
    ----------
    vae : VAE
    data : Dataset or (N, n_features) array
        A training set alone, if it is an array.

    Raises
    ------
    ValueError
        If one does not fit the model.
    """
    if not hasattr(data, "train"):
        return vae.check_data("data", data), None
    test = getattr(data, "test", None)
    if test is not None:
        test = vae.check_data("data.test", test)
    return vae.check_data("data.train", data.train), test


def check_optimizer(optimizer):
    """Return `optimizer`, or raise ValueError if it is none."""
    check_has("optimizer", optimizer, ("name", "init", "update"))
    return optimizer


def check_estimator(estimator):
    """Return `estimator`, or raise ValueError if it is none."""
    check_has("estimator", estimator, ("name", "draw_noise", "forward_backward", "update"))
    return estimator


def first_params(model, params, seed, dtype):
    """Return where training starts: a copy of `params`, or if None, a random draw.

    Raises
    ------
    ValueError
        If `params` is not laid out for the model.
    """
    if params is None:
        return model.init_params(stream(seed, INIT), dtype)
    model.check_params(params)
    return params.astype(dtype)


def run_settings(
    *,
    optimizer,
    estimator,
    batch_size,
    noise_samples,
    weight_prior,
    alternate,
    binarize,
    seed,
    evaluate_every,
    threads,
    dtype,
    train,
    test,
):
    """Return what decides the course of a run, checked, as a dict that JSON can hold.

    The arguments are those of `minivae.fit`; `train` and `test` are the two parts of the data.

    Raises
    ------
    ValueError
        If one of them does not fit.
    """
    check_optimizer(optimizer)
    check_estimator(estimator)
    batch_size = check_batch_size(batch_size, train)
    if binarize and train.dtype != np.uint8 and (train.min() < 0 or train.max() > 1):
        raise ValueError("binarize is True, expected a data set with pixels in [0, 1]")
    if threads is not None:
        threads = min(check_count("threads", threads), batch_size)
    return {
        "batch_size": batch_size,
        "noise_samples": check_count("noise_samples", noise_samples),
        "optimizer": _described(optimizer),
        "estimator": _described(estimator),
        "weight_prior": bool(weight_prior),
        "alternate": bool(alternate),
        "binarize": bool(binarize),
        "seed": check_count("seed", seed, minimum=0),
        "evaluate_every": _check_schedule(evaluate_every),
        "threads": threads,
        "dtype": check_dtype(dtype).name,
        # So that a run cannot be resumed on other data.
        "data": zlib.crc32(train),
        "test_data": None if test is None else zlib.crc32(test),
    }


def _described(thing):
    """Return the name and the settings of an optimizer or estimator."""
    return {"name": thing.name, **(asdict(thing) if is_dataclass(thing) else {})}


def _check_schedule(evaluate_every):
    """Return when to evaluate: an interval, ascending numbers of samples, or None."""
    if evaluate_every is None:
        return None
    if np.ndim(evaluate_every) == 0:
        return check_count("evaluate_every", evaluate_every)
    return sorted({check_count("evaluate_every", samples) for samples in evaluate_every})
