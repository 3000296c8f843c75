"""Gradients of full variational Bayes (app. F) for the table of `minivae gradcheck`."""

from functools import partial

import numpy as np

from minivae.checks.catalogue import Make, Problem
from minivae.params import Params
from minivae.training.full_vb import FullVB
from minivae.vae import VAE


def full_vb(likelihood: str, depth: int, rng: np.random.Generator) -> Problem:
    """Return ``(f, params)``: eq. (24) as a function of phi and of q(theta)."""
    M, D, J, L, *widths = (int(size) for size in rng.integers(1, 5, size=4 + depth))
    vae = VAE(D, J, widths, likelihood)
    model = FullVB(vae, int(rng.integers(1, 9)), rng.uniform(0.5, 2))
    params = Params(model.param_shapes)
    params.vector[:] = 0.5 * rng.standard_normal(params.vector.size)
    x = rng.random((M, D))
    noise, zeta = rng.standard_normal((L, M, J)), rng.standard_normal(model.n_theta)
    return lambda params: model.bound_and_grad(params, x, noise, zeta), params


def catalogue() -> dict[str, Make]:
    """Return ``{name: make}``, where ``make(rng)`` gives the arguments of `check_grad`."""
    return {
        f"full VB, {likelihood}, {depth} hidden": (partial(full_vb, likelihood, depth))
        for likelihood, depth in (("gaussian-fixed", 0), ("bernoulli", 1), ("gaussian", 2))
    }
