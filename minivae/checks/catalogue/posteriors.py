"""Families of q(z|x): samples and KL, and the log density."""

from functools import partial

import numpy as np

from minivae.checks.catalogue import Make, Problem
from minivae.posteriors import POSTERIORS
from minivae.protocols import PosteriorWithDensity


def _problem(
    name: str, rng: np.random.Generator
) -> tuple[PosteriorWithDensity, np.ndarray, np.ndarray]:
    """Return a posterior, q_params, noise, and weights for a random projection of z."""
    posterior = POSTERIORS[name]
    L, M, J = (int(size) for size in rng.integers(1, 5, size=3))
    noise = np.empty((L, M, J))
    posterior.draw_noise(rng, noise)
    q_params = 0.7 * rng.standard_normal((M, posterior.n_params(J)))
    return posterior, q_params, noise


def sample_and_kl(name: str, rng: np.random.Generator) -> Problem:
    """Return ``(f, q_params)``: a random projection of z, plus scale * sum of -KL."""
    posterior, q_params, noise = _problem(name, rng)
    weights = rng.standard_normal(noise.shape)
    scale = rng.uniform(0.5, 2)

    def f(q_params: np.ndarray) -> tuple[float, np.ndarray]:
        z, minus_kl = posterior.sample(q_params, noise)
        grad = posterior.sample_backward(weights, q_params, noise, scale)
        return np.sum(weights * z) + scale * np.sum(minus_kl), grad

    return f, q_params


def log_density(name: str, rng: np.random.Generator) -> Problem:
    """Return ``(f, arrays)``: a weighted sum of log q(z|x), as a function of z and q_params."""
    posterior, q_params, noise = _problem(name, rng)
    z = posterior.sample(q_params, noise)[0]
    weights = rng.standard_normal(z.shape[:2])

    def f(arrays: dict[str, np.ndarray]) -> tuple[float, dict[str, np.ndarray]]:
        z, q_params = arrays["z"], arrays["q_params"]
        dz, dq_params = posterior.log_density_grad(z, q_params, weights)
        value = np.sum(weights * posterior.log_density(z, q_params))
        return value, {"z": dz, "q_params": dq_params}

    return f, {"z": z, "q_params": q_params}


def catalogue() -> dict[str, Make]:
    """Return ``{name: make}``; see `minivae.checks.selfcheck`."""
    entries: dict[str, Make] = {}
    for name in POSTERIORS:
        entries[f"z and KL, {name}"] = partial(sample_and_kl, name)
        if name != "deterministic":  # which has no density
            entries[f"log q(z|x), {name}"] = partial(log_density, name)
    return entries
