"""The gradients of log p(x, z), in z and in the decoder's parameters."""

from functools import partial

import numpy as np

from minivae.checks.catalogue import Make, Problem
from minivae.evaluation.joint import decoder_params, log_joint_and_grad, mean_log_joint_and_grad
from minivae.likelihoods import LIKELIHOODS
from minivae.params import Params
from minivae.vae import VAE


def problem(
    likelihood: str, rng: np.random.Generator
) -> tuple[VAE, Params, np.ndarray, np.ndarray]:
    """Return a random ``(vae, params, x, z)`` with two samples of z per datapoint."""
    M, D, J, width = (int(size) for size in rng.integers(1, 5, size=4))
    vae = VAE(D, J, (width, width + 1), likelihood)
    params = vae.init_params(rng)
    params.vector[:] = 0.5 * rng.standard_normal(params.vector.size)
    x, z = rng.random((M, D)), rng.standard_normal((2, M, J))
    if getattr(vae.likelihood, "relu_mean", False) and _near_kink(vae, params, z):
        return problem(likelihood, rng)
    return vae, params, x, z


def _near_kink(vae: VAE, params: Params, z: np.ndarray) -> bool:
    """Whether a finite difference could step over the kink of a ReLU on the decoder's outputs."""
    out, _ = vae.decoder.forward(params, z.reshape(-1, vae.n_latent))
    return np.min(np.abs(out)) < 0.05


def in_z(likelihood: str, rng: np.random.Generator) -> Problem:
    """Return ``(f, z)``: the sum of log p(x, z), weighted, as a function of z."""
    vae, params, x, z = problem(likelihood, rng)
    weights = rng.uniform(0.5, 2, z.shape[:2])

    def f(z: np.ndarray) -> tuple[float, np.ndarray]:
        log_pxz, dz = log_joint_and_grad(vae, params, x, z)
        return np.sum(weights * log_pxz), weights[..., None] * dz

    return f, z


def in_theta(likelihood: str, rng: np.random.Generator) -> Problem:
    """Return ``(f, theta)``: the mean of log p(x, z) as a function of the decoder's parameters."""
    vae, params, x, z = problem(likelihood, rng)

    def f(theta: Params) -> tuple[float, Params]:
        decoder_params(vae, params).vector[:] = theta.vector
        return mean_log_joint_and_grad(vae, params, x, z)

    return f, decoder_params(vae, params).copy()


def catalogue() -> dict[str, Make]:
    """Return ``{name: make}``, where ``make(rng)`` gives the arguments of `check_grad`."""
    entries: dict[str, Make] = {}
    for name in LIKELIHOODS:
        entries[f"log p(x, z) in z, {name}"] = partial(in_z, name)
        entries[f"log p(x, z) in theta, {name}"] = partial(in_theta, name)
    return entries
