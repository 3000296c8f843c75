"""Gradients of the models whose answers are known: linear Gaussian, mixture, clutter."""

import numpy as np

from minivae.checks.catalogue import Make, Problem
from minivae.relatives import clutter, mixture
from minivae.relatives.linear_gaussian import LinearGaussian


def linear_gaussian(isotropic: bool, rng: np.random.Generator) -> Problem:
    """Return ``(f, arrays)``: the mean log-likelihood as a function of W, b and the noise."""
    N, J, D = rng.integers(1, 6, size=3)
    x = rng.standard_normal((N, D))
    arrays = {
        "W": rng.standard_normal((J, D)),
        "b": rng.standard_normal(D),
        "noise_var": np.array(rng.uniform(0.5, 2, None if isotropic else D)),
    }
    return lambda arrays: LinearGaussian(**arrays).log_likelihood_and_grad(x), arrays


def mixture_weight(rng: np.random.Generator) -> Problem:
    """Return ``(f, arrays)``: the mean-field bound as a function of gamma and the logits of q."""
    n = rng.integers(1, 8)
    model = mixture.Mixture(*rng.standard_normal((2, n)), *rng.uniform(0.5, 3, 2))
    arrays = {"gamma": rng.uniform(0.5, 5, 2), "logits": rng.standard_normal(n)}
    return lambda arrays: mixture.elbo_and_grad(model, **arrays), arrays


def clutter_gaussian(rng: np.random.Generator) -> Problem:
    """Return ``(f, q)``: the bound with that noise as a function of q(theta)."""
    n, d, L = rng.integers(1, 6, size=3)
    model = clutter.Clutter(3 * rng.standard_normal((n, d)), w=rng.uniform(0.2, 0.8))
    noise = rng.standard_normal((L, d))
    q = clutter.gaussian_params(rng.standard_normal(d), rng.standard_normal(d))
    return lambda q: clutter.elbo_and_grad(model, q, noise), q


def catalogue() -> dict[str, Make]:
    """Return ``{name: make}``, where ``make(rng)`` gives the arguments of `check_grad`."""
    return {
        "log p(x), probabilistic PCA": lambda rng: linear_gaussian(True, rng),
        "log p(x), factor analysis": lambda rng: linear_gaussian(False, rng),
        "ELBO, mixture with a Beta weight": mixture_weight,
        "ELBO, clutter problem": clutter_gaussian,
    }
