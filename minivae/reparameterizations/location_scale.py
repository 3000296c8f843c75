"""Reparameterisation by location and scale (sec. 2.4, second way): z = loc + scale * eps.

    dz/dloc = 1,    dz/dscale = eps,    log p(z) = log p_0((z - loc) / scale) - log scale

where p_0 is the standard density, that of eps. In D dimensions the scale is a matrix A, lower
triangular with a positive diagonal: with z = loc + A eps and dz = dS/dz,

    dS/dloc = dz,   dS/dA = lower triangle of dz eps^T,   log p(z) = log p_0(eps) - sum log A_dd

If p_0 depends on the length of eps alone, z is *elliptical*: its density is constant on ellipsoids,
(z - loc)^T Sigma^-1 (z - loc) = const, where Sigma = A A^T is the scale matrix. Given Sigma, A is
``numpy.linalg.cholesky(Sigma)``.
"""

import numbers
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import betaln, gammaln

from minivae.gaussian import LOG_2PI
from minivae.reparameterizations.base import (
    Reparameterization,
    draw_finite,
    draw_uniform,
    log1p_square,
    positive,
    real,
    require,
)
from minivae.standard_densities import log_laplace, log_logistic
from minivae.validation import check_positive


class LocationScale(Reparameterization):
    """z = loc + scale * eps; a subclass draws eps, and knows its log density."""

    params = (real("loc"), positive("scale"))

    _standard_log_density: ClassVar[Callable[..., np.ndarray]]

    def _sample(self, eps: np.ndarray, loc: np.ndarray, scale: np.ndarray) -> np.ndarray:
        return loc + scale * eps

    def _slopes(
        self, eps: np.ndarray, z: np.ndarray, loc: np.ndarray, scale: np.ndarray
    ) -> tuple[np.ndarray | int, ...]:
        return 1, eps

    def _log_density(self, z: np.ndarray, loc: np.ndarray, scale: np.ndarray) -> np.ndarray:
        return self._standard_log_density((z - loc) / scale) - np.log(scale)


class Gaussian(LocationScale):
    """p_0 = exp(-eps^2 / 2) / sqrt(2 pi)."""

    def _draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype
    ) -> np.ndarray:
        return rng.standard_normal(shape, dtype)

    def _standard_log_density(self, eps: np.ndarray) -> np.ndarray:
        return -(LOG_2PI + eps**2) / 2


class Laplace(LocationScale):
    """p_0 = exp(-|eps|) / 2."""

    def _draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype
    ) -> np.ndarray:
        return rng.laplace(size=shape)

    def _standard_log_density(self, eps: np.ndarray) -> np.ndarray:
        return log_laplace(eps)


class Logistic(LocationScale):
    """p_0 = exp(-eps) / (1 + exp(-eps))^2, which is symmetric."""

    def _draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype
    ) -> np.ndarray:
        return rng.logistic(size=shape)

    def _standard_log_density(self, eps: np.ndarray) -> np.ndarray:
        return log_logistic(eps)


class OnUnitInterval(LocationScale):
    """The same, for eps in [0, 1], so that z is in [loc, loc + scale]."""

    def _accepts_noise(self, eps: np.ndarray) -> tuple[np.ndarray, str]:
        return (eps >= 0) & (eps <= 1), "numbers in [0, 1]"

    def _inside(self, z: np.ndarray, loc: np.ndarray, scale: np.ndarray) -> np.ndarray:
        return (loc <= z) & (z <= loc + scale)


class Uniform(OnUnitInterval):
    """p_0 = 1."""

    def _draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype
    ) -> np.ndarray:
        return draw_uniform(rng, shape, dtype)

    def _standard_log_density(self, eps: np.ndarray) -> np.ndarray:
        return 0 * eps  # NaN stays NaN


@dataclass(frozen=True)
class Triangular(OnUnitInterval):
    """p_0 rises to the mode c, and falls: 2 eps / c up to there, then 2 (1 - eps) / (1 - c).

    Parameters
    ----------
    mode : float
        c, above 0 and below 1. That of z is loc + mode * scale.
    """

    mode: float = 0.5

    def __post_init__(self) -> None:
        if not isinstance(self.mode, numbers.Real) or not 0 < self.mode < 1:
            raise ValueError(
                f"mode is {self.mode!r}, expected a number in the open interval (0, 1)"
            )

    def _draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype
    ) -> np.ndarray:
        u, c = draw_uniform(rng, shape, dtype), self.mode
        return np.where(u < c, np.sqrt(c * u), 1 - np.sqrt((1 - c) * (1 - u)))

    def _standard_log_density(self, eps: np.ndarray) -> np.ndarray:
        height = 2 * np.minimum(eps / self.mode, (1 - eps) / (1 - self.mode))
        return np.log(np.maximum(height, 0))  # rounding may leave eps a little outside [0, 1]


@dataclass(frozen=True)
class StudentT(LocationScale):
    """p_0 = (1 + eps^2 / df)^(-(df + 1) / 2) / const.

    Parameters
    ----------
    df : float
        Degrees of freedom, above zero.
    """

    df: float

    def __post_init__(self) -> None:
        check_positive("df", self.df)

    def _draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype
    ) -> np.ndarray:
        return draw_finite(rng.standard_t(self.df, shape), dtype)

    def _standard_log_density(self, eps: np.ndarray) -> np.ndarray:
        return spherical_t(eps, 1, self.df)


def spherical_t(length: np.ndarray, D: int, df: float) -> np.ndarray:
    """Log density of Student's t in D dimensions with scale matrix I, from |eps|."""
    # log Gamma((df + D) / 2) - log Gamma(df / 2), whose difference would cancel for a large df
    log_gammas = gammaln(D / 2) - betaln(df / 2, D / 2)
    constant = log_gammas - D / 2 * (np.log(df) + np.log(np.pi))
    return constant - (df + D) / 2 * log1p_square(length / np.sqrt(df))


# --- In several dimensions ------------------------------------------------------------------------


class Elliptical(Reparameterization):
    """z = loc + A eps for vectors z, loc and eps (..., D) and matrices A (..., D, D).

    A subclass draws eps, and knows its log density as a function of |eps|^2.
    """

    params = (real("loc"), real("A"))

    _spherical_log_density: ClassVar[Callable[..., np.ndarray]]

    def _sample(self, eps: np.ndarray, loc: np.ndarray, A: np.ndarray) -> np.ndarray:
        return loc + (A @ eps[..., None])[..., 0]

    def _backward(
        self, dz: np.ndarray, eps: np.ndarray, loc: np.ndarray, A: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        return dz, np.tril(dz[..., :, None] * eps[..., None, :])

    def _log_density_anywhere(self, z: np.ndarray, loc: np.ndarray, A: np.ndarray) -> np.ndarray:
        self._check_dimensions("value", z.shape, A)
        outside = np.isinf(z).any(axis=-1)
        z = np.where(outside[..., None], 0, z)
        eps = np.linalg.solve(A, (z - loc)[..., None])[..., 0]
        log_det = np.log(np.diagonal(A, axis1=-2, axis2=-1)).sum(axis=-1)
        inside = self._spherical_log_density((eps**2).sum(axis=-1), eps.shape[-1]) - log_det
        return np.where(outside, -np.inf, inside)

    def param_shapes(self, value_shape: tuple[int, ...]) -> list[tuple[int, ...]]:
        """Return ``[shape, (*shape, D)]`` for values of that shape, (..., D)."""
        return [value_shape, value_shape + value_shape[-1:]]

    def _check_relations(self, loc: np.ndarray, A: np.ndarray) -> None:
        if A.ndim < 2 or A.shape[-1] != A.shape[-2]:
            raise ValueError(f"A has shape {A.shape}, expected (..., D, D)")
        i, j = np.indices(A.shape[-2:])
        require("A", A, (i >= j) | (A == 0), "0 above the diagonal")
        require("A", A, (i != j) | (A > 0), "a positive number on the diagonal")

    def _check_noise(self, noise: np.ndarray, params: Sequence[np.ndarray]) -> None:
        super()._check_noise(noise, params)
        self._check_dimensions("noise", noise.shape, params[1])

    @staticmethod
    def _check_dimensions(name: str, shape: tuple[int, ...], A: np.ndarray) -> None:
        if shape[-1:] != A.shape[-1:]:
            raise ValueError(f"{name} has shape {shape}, expected (..., {A.shape[-1]}), as A has")


class MultivariateGaussian(Elliptical):
    """p_0 = exp(-|eps|^2 / 2) / (2 pi)^(D / 2); Sigma is the covariance."""

    def _draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype
    ) -> np.ndarray:
        return rng.standard_normal(shape, dtype)

    def _spherical_log_density(self, squared_length: np.ndarray, D: int) -> np.ndarray:
        return -(D * LOG_2PI + squared_length) / 2


@dataclass(frozen=True)
class MultivariateStudentT(Elliptical):
    """p_0 = (1 + |eps|^2 / df)^(-(df + D) / 2) / const; the covariance is df / (df - 2) Sigma.

    Parameters
    ----------
    df : float
        Degrees of freedom, above zero.
    """

    df: float

    def __post_init__(self) -> None:
        check_positive("df", self.df)

    def _draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype
    ) -> np.ndarray:
        # One length for the whole vector: its entries are uncorrelated, yet not independent.
        with np.errstate(divide="ignore", over="ignore"):
            spread = np.sqrt(self.df / rng.chisquare(self.df, (*shape[:-1], 1)))
        return draw_finite(spread * rng.standard_normal(shape), dtype)

    def _spherical_log_density(self, squared_length: np.ndarray, D: int) -> np.ndarray:
        return spherical_t(np.sqrt(squared_length), D, self.df)
