"""Reparameterisation by composition (sec. 2.4, third way): samples made of simpler samples.

    LogNormal     exp of a Gaussian
    Gamma         a sum of exponentials, as many as its whole shape says
    Dirichlet     Gammas of rate 1, each divided by the sum of all
    Beta          the first of two such
    ChiSquared    a sum of squared standard Gaussians, as many as its degrees of freedom
    F             the ratio of two ChiSquareds, each divided by its degrees of freedom

The gradient goes back through the composition by the chain rule. Whole numbers have none: where
they are all there is (the last four), `backward` returns an empty tuple. For real shapes, and
gradients with respect to them, see `minivae.reparameterizations.implicit`.

Where a value is made of several numbers, they lie along the last axis of the noise.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from minivae.reparameterizations import densities
from minivae.reparameterizations.base import (
    Reparameterization,
    positive,
    real,
    set_counts,
)
from minivae.reparameterizations.inverse_cdf import (
    Exponential,
    OnPositives,
    UniformNoise,
)
from minivae.reparameterizations.location_scale import Gaussian
from minivae.validation import check_count

GAUSSIAN, EXPONENTIAL = Gaussian(), Exponential()


class LogNormal(Reparameterization):
    """z = exp(y) with y = mu + sigma * eps, so dz/dy = z and p(z) = p(y) / z."""

    params = (real("mu"), positive("sigma"))

    def _draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype
    ) -> np.ndarray:
        return GAUSSIAN._draw(rng, shape, dtype)

    def _sample(self, eps: np.ndarray, mu: np.ndarray, sigma: np.ndarray) -> np.ndarray:
        return np.exp(GAUSSIAN._sample(eps, mu, sigma))

    def _backward(
        self, dz: np.ndarray, eps: np.ndarray, mu: np.ndarray, sigma: np.ndarray
    ) -> Iterable[np.ndarray]:
        dy = dz * self._sample(eps, mu, sigma)
        return GAUSSIAN._backward(dy, eps, mu, sigma)

    def _inside(self, z: np.ndarray, mu: np.ndarray, sigma: np.ndarray) -> np.ndarray:
        return z > 0

    def _log_density(self, z: np.ndarray, mu: np.ndarray, sigma: np.ndarray) -> np.ndarray:
        y = np.log(z)
        return GAUSSIAN._log_density(y, mu, sigma) - y


class Composition(Reparameterization):
    """A distribution whose values are each made of `n_parts` numbers."""

    @property
    def n_parts(self) -> int:
        """Said by the subclass."""
        raise NotImplementedError

    def _noise_shape(self, value_shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*value_shape, self.n_parts)

    def _value_shape(self, noise_shape: tuple[int, ...]) -> tuple[int, ...]:
        if noise_shape[-1:] != (self.n_parts,):
            raise ValueError(f"noise has shape {noise_shape}, expected (..., {self.n_parts})")
        return noise_shape[:-1]


@dataclass(frozen=True)
class Gamma(Composition, OnPositives):
    """z = z_1 + ... + z_shape, exponentials of the same rate, so dz/drate = -z / rate.

    Parameters
    ----------
    shape : int
        How many.
    """

    shape: int
    params = (positive("rate"),)

    def __post_init__(self) -> None:
        set_counts(self, "shape")

    @property
    def n_parts(self) -> int:
        """The exponentials' uniform noise."""
        return self.shape

    def _sample(self, u: np.ndarray, rate: np.ndarray) -> np.ndarray:
        return EXPONENTIAL._sample(u, rate[..., None]).sum(axis=-1)

    def _slopes(
        self, u: np.ndarray, z: np.ndarray, rate: np.ndarray
    ) -> tuple[np.ndarray | int, ...]:
        return (-z / rate,)

    def _log_density(self, z: np.ndarray, rate: np.ndarray) -> np.ndarray:
        return densities.gamma(z, self.shape, rate)


@dataclass(frozen=True)
class Dirichlet(Composition, UniformNoise):
    """z_k = g_k / (g_1 + ... + g_K), Gammas of the whole shapes a_k and of one rate.

    Parameters
    ----------
    concentration : tuple of int
        a_1, ..., a_K, K >= 2.
    """

    concentration: tuple

    def __post_init__(self) -> None:
        counts = tuple(check_count("concentration", a) for a in np.atleast_1d(self.concentration))
        if len(counts) < 2:
            raise ValueError(f"concentration has {len(counts)} entries, expected at least 2")
        object.__setattr__(self, "concentration", counts)

    @property
    def n_parts(self) -> int:
        """The uniform noise of all Gammas, one after the other."""
        return sum(self.concentration)

    def _noise_shape(self, value_shape: tuple[int, ...]) -> tuple[int, ...]:
        K = len(self.concentration)
        if value_shape[-1:] != (K,):
            raise ValueError(f"shape is {value_shape}, expected (..., {K})")
        return super()._noise_shape(value_shape[:-1])

    def _value_shape(self, noise_shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*super()._value_shape(noise_shape), len(self.concentration))

    def _sample(self, u: np.ndarray) -> np.ndarray:
        starts = np.cumsum((0, *self.concentration[:-1]))
        g = np.add.reduceat(EXPONENTIAL._sample(u, 1), starts, axis=-1)
        return g / g.sum(axis=-1, keepdims=True)

    def _slopes(self, u: np.ndarray, z: np.ndarray) -> tuple[np.ndarray | int, ...]:
        return ()

    def _log_density_anywhere(self, z: np.ndarray) -> np.ndarray:
        K = len(self.concentration)
        if z.shape[-1:] != (K,):
            raise ValueError(f"value has shape {z.shape}, expected (..., {K})")
        return densities.dirichlet(z, np.array(self.concentration))


@dataclass(frozen=True)
class Beta(Composition, UniformNoise):
    """z = g_1 / (g_1 + g_2): the first entry of a Dirichlet of the whole shapes a and b.

    Parameters
    ----------
    a, b : int
    """

    a: int
    b: int

    def __post_init__(self) -> None:
        set_counts(self, "a", "b")

    @property
    def n_parts(self) -> int:
        """The Dirichlet's uniform noise."""
        return self.a + self.b

    def _sample(self, u: np.ndarray) -> np.ndarray:
        return Dirichlet((self.a, self.b))._sample(u)[..., 0]

    def _slopes(self, u: np.ndarray, z: np.ndarray) -> tuple[np.ndarray | int, ...]:
        return ()

    def _inside(self, z: np.ndarray) -> np.ndarray:
        return (z >= 0) & (z <= 1)

    def _log_density(self, z: np.ndarray) -> np.ndarray:
        return densities.beta(z, self.a, self.b)


class GaussianParts(Composition):
    """The noise is standard Gaussian, and the values are positive."""

    def _draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype
    ) -> np.ndarray:
        return GAUSSIAN._draw(rng, shape, dtype)

    def _slopes(self, eps: np.ndarray, z: np.ndarray) -> tuple[np.ndarray | int, ...]:
        return ()

    def _inside(self, z: np.ndarray) -> np.ndarray:
        return z >= 0


@dataclass(frozen=True)
class ChiSquared(GaussianParts):
    """z = eps_1^2 + ... + eps_df^2.

    Parameters
    ----------
    df : int
        Degrees of freedom.
    """

    df: int

    def __post_init__(self) -> None:
        set_counts(self, "df")

    @property
    def n_parts(self) -> int:
        """Standard Gaussian numbers."""
        return self.df

    def _sample(self, eps: np.ndarray) -> np.ndarray:
        return (eps**2).sum(axis=-1)

    def _log_density(self, z: np.ndarray) -> np.ndarray:
        return densities.chi_squared(z, self.df)


@dataclass(frozen=True)
class F(GaussianParts):
    """z = (c_1 / df1) / (c_2 / df2) for two ChiSquareds c: a ratio of mean squares.

    Parameters
    ----------
    df1, df2 : int
        Degrees of freedom.
    """

    df1: int
    df2: int

    def __post_init__(self) -> None:
        set_counts(self, "df1", "df2")

    @property
    def n_parts(self) -> int:
        """Standard Gaussian numbers, those of c_1 first."""
        return self.df1 + self.df2

    def _sample(self, eps: np.ndarray) -> np.ndarray:
        squares = eps**2
        return squares[..., : self.df1].mean(axis=-1) / squares[..., self.df1 :].mean(axis=-1)

    def _log_density(self, z: np.ndarray) -> np.ndarray:
        return densities.f(z, self.df1, self.df2)
