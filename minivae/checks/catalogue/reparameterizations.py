"""Gradients of samples with respect to their distribution's parameters, the noise held fixed."""

from functools import partial

import numpy as np

from minivae.checks.catalogue import Make, Problem
from minivae.reparameterizations import (
    composition,
    implicit,
    inverse_cdf,
    location_scale,
)
from minivae.reparameterizations.base import Reparameterization
from minivae.reparameterizations.location_scale import Elliptical

DISTRIBUTIONS: dict[str, list[Reparameterization]] = {
    "inverse CDF": [
        inverse_cdf.Exponential(),
        inverse_cdf.Cauchy(),
        inverse_cdf.Logistic(),
        inverse_cdf.Rayleigh(),
        inverse_cdf.Pareto(),
        inverse_cdf.Weibull(),
        inverse_cdf.Reciprocal(),
        inverse_cdf.Gompertz(),
        inverse_cdf.Gumbel(),
        inverse_cdf.Erlang(shape=3),
    ],
    "location-scale": [
        location_scale.Laplace(),
        location_scale.StudentT(df=3.5),
        location_scale.Logistic(),
        location_scale.Uniform(),
        location_scale.Triangular(mode=0.3),
        location_scale.Gaussian(),
        location_scale.MultivariateGaussian(),
        location_scale.MultivariateStudentT(df=3.5),
    ],
    "composition": [composition.LogNormal(), composition.Gamma(shape=3)],
    "implicit": [
        implicit.Gamma(),
        implicit.Dirichlet(),
        implicit.Beta(),
        implicit.ChiSquared(),
        implicit.F(),
    ],
}
"""Those with a gradient. Where all parameters are whole numbers, there is none."""


def random_params(
    distribution: Reparameterization, shape: tuple[int, ...], rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Return ``{name: array}`` for values of that (n, m) shape; some arrays are to be broadcast."""
    params = {}
    for param, full in zip(distribution.params, distribution.param_shapes(shape), strict=True):
        choices = [full, full[1:]]
        if not isinstance(distribution, Elliptical):
            choices += [(full[0], 1), ()]
        low = -1.5 if param.accepts(-1.0) else 0.5
        values = rng.uniform(low, 1.5, choices[rng.integers(len(choices))])
        params[param.name] = np.asarray(values)
    if "A" in params:
        lower = np.tril(params["A"], -1)
        params["A"] = lower + np.eye(shape[1]) * rng.uniform(0.5, 1.5, params["A"].shape)
    if "high" in params:
        params["high"] += 1.5
    return params


def problem(distribution: Reparameterization, rng: np.random.Generator) -> Problem:
    """Return ``(f, params)``: a random projection of samples as a function of the parameters."""
    shape = tuple(map(int, rng.integers(2, 5, size=2)))
    noise = distribution.draw_noise(rng, shape)
    weights = rng.standard_normal(shape)

    def f(params: dict[str, np.ndarray]) -> tuple[float, dict[str, np.ndarray]]:
        # The differences reach above the diagonal, too, where the gradient is to be zero.
        values = [np.tril(value) if name == "A" else value for name, value in params.items()]
        z = distribution.sample(noise, *values)
        gradients = distribution.backward(weights, noise, *values)
        return np.sum(weights * z), dict(zip(params, gradients, strict=True))

    return f, random_params(distribution, shape, rng)


def catalogue() -> dict[str, Make]:
    """Return ``{name: make}``, where ``make(rng)`` gives the arguments of `check_grad`."""
    return {
        f"sample, {way}: {type(distribution).__name__}": (partial(problem, distribution))
        for way, distributions in DISTRIBUTIONS.items()
        for distribution in distributions
    }
