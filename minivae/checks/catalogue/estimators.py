"""Estimators of the bound (the score function as the gradient of its surrogate) and wake-sleep."""

from functools import partial
from itertools import product
from typing import Any

import numpy as np

from minivae.checks.catalogue import Make, Problem
from minivae.estimators import (
    SGVBA,
    Denoising,
    ImportanceWeighted,
    ScoreFunction,
    bound_and_grad,
)
from minivae.estimators.wake_sleep import WakeSleep
from minivae.gaussian import log_density
from minivae.params import Params
from minivae.protocols import Estimator
from minivae.vae import VAE


def _problem(
    estimator: Estimator, rng: np.random.Generator, posterior: str = "gaussian"
) -> tuple[VAE, Params, np.ndarray, Any]:
    """Return a small model, parameters, data and noise."""
    L, M, D, J, width = (int(size) for size in rng.integers(1, 5, size=5))
    vae = VAE(D, J, (width,), posterior=posterior)
    params = vae.init_params(rng)
    params.vector[:] = 0.5 * rng.standard_normal(params.vector.size)
    noise = estimator.draw_noise(vae, rng, L, M, np.float64)
    return vae, params, rng.random((M, D)), noise


def bound(estimator: Estimator, posterior: str, rng: np.random.Generator) -> Problem:
    """Return ``(f, params)``: the bound as a function of all parameters."""
    vae, params, x, noise = _problem(estimator, rng, posterior)
    return lambda params: bound_and_grad(estimator, vae, params, x, noise), params


def _log_px_and_log_q(
    vae: VAE, params: Params, x: np.ndarray, z: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    q_params, _ = vae.recognition(params, x)
    log_px, _ = vae.generative(params, z, x, 1.0)
    return log_px, vae.posterior.log_density(z, q_params)


def score_function(rng: np.random.Generator) -> Problem:
    """Return ``(f, params)`` for the surrogate: mean of log p(x|z) + f log q(z|x), z and f held."""
    estimator = ScoreFunction()
    vae, params, x, noise = _problem(estimator, rng)
    q_params, _ = vae.recognition(params, x)
    z = vae.posterior.sample(q_params, noise)[0]
    log_px, log_q = _log_px_and_log_q(vae, params, x, z)
    signal = log_px + log_density(z) - log_q
    _, grad = bound_and_grad(estimator, vae, params, x, noise)

    def f(params: Params) -> tuple[float, Params]:
        log_px, log_q = _log_px_and_log_q(vae, params, x, z)
        return np.mean(log_px + signal * log_q), grad  # the gradient at the point checked

    return f, params


def wake_sleep(phase: str, rng: np.random.Generator) -> Problem:
    """Return ``(f, arrays)``: log p(x|z) of the wake phase or log q(z|x) of the sleep phase."""
    estimator = WakeSleep()
    vae, params, x, noise = _problem(estimator, rng)
    q_params, _ = vae.recognition(params, x)
    z = vae.posterior.sample(q_params, noise.eps)[0]
    out, _ = vae.decoder.forward(params, noise.z[0])
    dream = vae.likelihood.sample(out, np.random.default_rng([noise.seed]))
    _, grad = bound_and_grad(estimator, vae, params, x, noise)
    network = vae.decoder if phase == "wake" else vae.encoder
    names = list(network.shapes)

    def f(arrays: dict[str, np.ndarray]) -> tuple[float, dict[str, np.ndarray]]:
        changed = params.copy()
        for name in names:
            changed[name][:] = arrays[name]
        if phase == "wake":
            value = _log_px_and_log_q(vae, changed, x, z)[0].mean()
        else:
            value = _log_px_and_log_q(vae, changed, dream, noise.z)[1].mean()
        return value, {name: grad[name] for name in names}

    return f, {name: params[name].copy() for name in names}


def catalogue() -> dict[str, Make]:
    """Return ``{name: make}``; see `minivae.checks.selfcheck`."""
    entries: dict[str, Make] = {}
    posteriors = ("gaussian", "full-covariance", "isotropic", "laplace", "logistic")
    estimators: tuple[Estimator, ...] = SGVBA(), ImportanceWeighted(), Denoising()
    for estimator, posterior in product(estimators, posteriors):
        entries[f"{estimator.name}, {posterior}"] = partial(bound, estimator, posterior)
    entries["score function"] = score_function
    for phase in ("wake", "sleep"):
        entries[f"wake-sleep, {phase} phase"] = partial(wake_sleep, phase)
    return entries
