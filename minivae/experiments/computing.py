"""Computing a curve: training to its next point, measuring there, and so on to its end."""

import contextlib
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from minivae.datasets import Dataset
from minivae.engine.lockstep import blas_single_threaded
from minivae.estimators.wake_sleep import WakeSleep
from minivae.evaluation.evidence import appendix_d, resample_prior
from minivae.experiments.curves import BOUNDS, Curve, CurveFolder
from minivae.experiments.importance_weighted import ImportanceWeightedCurve
from minivae.optimizers import Adagrad
from minivae.params import Params
from minivae.training import FitResult, choose_step_size, fit
from minivae.training.mcem import MCEMResult, fit_mcem
from minivae.vae import VAE

_TRIAL = 100_000  # training samples after which the step sizes are compared; sooner, the least wins
_MCEM_STEP_SIZE = 0.02  # there is no bound to choose it by
_CHECKPOINT_SECONDS = 10.0
_AT_THE_END = 2**53  # `fit` evaluates at its end in any case; with this, nowhere else


def run_curve(curve: Curve, folder: str | Path, threads: int | None = 1) -> str:
    """Compute a curve, or what is missing of it.

    This is what worker processes run: a function of a module, whose arguments can be pickled.

    Parameters
    ----------
    curve : Curve
    folder : path
        Of the whole reproduction; every worker must see the same.
    threads : int or None
        As for `minivae.fit`; a curve that goes on keeps the number it was begun with.

    Returns
    -------
    name : str
        The curve's.

    Raises
    ------
    ValueError, OSError, TrainingDiverged, Interrupted
        As by `minivae.load` and `minivae.fit`.
    """
    place = CurveFolder(curve, folder)
    place.settings()  # makes the folder, or refuses that of another curve
    with place.locked():
        if not place.is_finished:
            with blas_single_threaded() if threads == 1 else contextlib.nullcontext():
                _compute(curve, place, threads)
    return curve.name


def _compute(curve: Curve, place: CurveFolder, threads: int | None) -> None:
    data = curve.load_data()
    vae = curve.build_model(data)
    train = _trainer(curve, place, vae, data, threads)
    rows = place.rows()
    for due in curve.points:
        if rows and rows[-1]["samples"] >= due:
            continue
        result = train(
            vae,
            data,
            due,
            evaluate_every=_AT_THE_END,
            checkpoint=place.model_path,
            checkpoint_every=_CHECKPOINT_SECONDS,
            resume=place.model_path.exists(),
            progress=False,
        )
        measured = {name: values[-1] for name, values in result.history.as_dict().items()}
        row = {name: measured.get(name, math.nan) for name in ("samples", "seconds", *BOUNDS)}
        if isinstance(curve, ImportanceWeightedCurve):
            row |= curve.measure(row["samples"], vae, result.params, data, threads)
        else:
            row |= _log_likelihoods(curve, vae, result.params, data, threads)
        rows.append(row)
        place.save_rows(rows)


def _trainer(
    curve: Curve, place: CurveFolder, vae: VAE, data: Dataset, threads: int | None
) -> Callable[..., FitResult | MCEMResult]:
    """Return the curve's method, `fit` or `fit_mcem` with all settings that stay."""
    options: dict[str, Any] = {"batch_size": curve.batch_size, "seed": curve.seed}
    options["params"] = curve.first_params(vae, data)
    if curve.method == "mcem":
        place.save_settings({**place.settings(), "step_size": _MCEM_STEP_SIZE})
        return partial(fit_mcem, optimizer=Adagrad(_MCEM_STEP_SIZE), **options)
    if isinstance(curve, ImportanceWeightedCurve):
        options |= curve.fit_options()
    else:
        if curve.method == "wake-sleep":
            options["estimator"] = WakeSleep()
        step_size = _step_size(curve, place, vae, data, threads, options)
        options["optimizer"] = Adagrad(step_size)
    resumed = place.model_path.exists()  # with as many threads as it was begun with
    return partial(fit, threads=None if resumed else threads, **options)


def _step_size(
    curve: Curve,
    place: CurveFolder,
    vae: VAE,
    data: Dataset,
    threads: int | None,
    options: dict[str, Any],
) -> float:
    """Return the step size in the curve's settings, or choose one as the paper does.

    One that was chosen for a budget too small for the whole trial is chosen again for a larger
    one, and the curve begins anew.
    """
    settings = place.settings()
    trial = min(_TRIAL, curve.samples)
    if "trial" not in settings or settings["trial"]["samples"] < trial:
        step_size, bounds = choose_step_size(vae, data, samples=trial, threads=threads, **options)
        place.clear()  # not before: the trial may be interrupted
        settings["step_size"] = step_size
        settings["trial"] = {"samples": trial, "train_bounds": list(bounds.items())}
        place.save_settings(settings)
    return settings["step_size"]


def _log_likelihoods(
    curve: Curve, vae: VAE, params: Params, data: Dataset, threads: int | None
) -> dict[str, float]:
    """Estimate log p(x) on both parts of the data as in appendix D, if the curve asks for it.

    The means over the datapoints, in nats, with two standard errors: of the mean as one for all
    digits, of which these are a few; and of the Monte Carlo estimate for these datapoints.
    """
    row: dict[str, float] = {}
    if curve.log_px_datapoints:
        for part in ("train", "test"):
            x = getattr(data, part)[: curve.log_px_datapoints]
            # Monte Carlo EM leaves the encoder as it was: its samples would be a bad start.
            start = resample_prior(vae, params, x) if curve.method == "mcem" else None
            evidence = appendix_d(vae, params, x, start=start, seed=curve.seed, threads=threads)
            known = np.isfinite(evidence.values)  # where the chain has moved
            values, errors = evidence.values[known], evidence.errors[known]
            n = len(values)
            row[f"{part}_log_px"] = float(values.mean())
            row[f"{part}_log_px_error"] = float(values.std() / math.sqrt(n))
            row[f"{part}_log_px_mc_error"] = float(math.hypot(*errors) / n)
            row[f"{part}_log_px_datapoints"] = n
    return row
