"""Reparameterisation by the inverse CDF (sec. 2.4, first way): z = F^-1(u) with u ~ U(0, 1).

P(z <= t) = P(u <= F(t)) = F(t), so z has the distribution function F. Below, e = -log(1 - u), which
is a standard exponential, and every slope follows from the formula for z above it.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincinv, logit

from minivae.reparameterizations import densities
from minivae.reparameterizations.base import (
    Reparameterization,
    draw_uniform,
    log1p_square,
    log_ratio,
    positive,
    real,
    require,
    set_counts,
)
from minivae.standard_densities import log_logistic


def standard_exponential(u: np.ndarray) -> np.ndarray:
    """Return e = -log(1 - u)."""
    return -np.log1p(-u)


class UniformNoise(Reparameterization):
    """A distribution that needs uniform noise, in the open interval (0, 1)."""

    def _draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype
    ) -> np.ndarray:
        return draw_uniform(rng, shape, dtype)

    def _accepts_noise(self, u: np.ndarray) -> tuple[np.ndarray, str]:
        return (u > 0) & (u < 1), "numbers in the open interval (0, 1)"


class OnPositives(UniformNoise):
    """The same, for z >= 0."""

    def _inside(self, z: np.ndarray, *params: np.ndarray) -> np.ndarray:
        return z >= 0


class Exponential(OnPositives):
    """F(z) = 1 - exp(-rate z)."""

    params = (positive("rate"),)

    def _sample(self, u: np.ndarray, rate: np.ndarray | int) -> np.ndarray:
        return standard_exponential(u) / rate

    def _slopes(
        self, u: np.ndarray, z: np.ndarray, rate: np.ndarray
    ) -> tuple[np.ndarray | int, ...]:
        return (-z / rate,)

    def _log_density(self, z: np.ndarray, rate: np.ndarray) -> np.ndarray:
        return np.log(rate) - rate * z


class Cauchy(UniformNoise):
    """F(z) = 1/2 + arctan((z - loc) / scale) / pi, so z = loc + scale * tan(pi (u - 1/2))."""

    params = (real("loc"), positive("scale"))

    @staticmethod
    def _standard(u: np.ndarray) -> np.ndarray:
        # The tangent from its nearer pole: u - 1/2 would forget how far away that is.
        tangent = 1 / np.tan(np.pi * np.minimum(u, 1 - u))
        return np.where(u < 0.5, -tangent, tangent)

    def _sample(self, u: np.ndarray, loc: np.ndarray, scale: np.ndarray) -> np.ndarray:
        return loc + scale * self._standard(u)

    def _slopes(
        self, u: np.ndarray, z: np.ndarray, loc: np.ndarray, scale: np.ndarray
    ) -> tuple[np.ndarray | int, ...]:
        return 1, self._standard(u)

    def _log_density(self, z: np.ndarray, loc: np.ndarray, scale: np.ndarray) -> np.ndarray:
        return -np.log(np.pi * scale) - log1p_square((z - loc) / scale)


class Logistic(UniformNoise):
    """F(z) = 1 / (1 + exp(-(z - loc) / scale)), so z = loc + scale * log(u / (1 - u))."""

    params = (real("loc"), positive("scale"))

    def _sample(self, u: np.ndarray, loc: np.ndarray, scale: np.ndarray) -> np.ndarray:
        return loc + scale * logit(u)

    def _slopes(
        self, u: np.ndarray, z: np.ndarray, loc: np.ndarray, scale: np.ndarray
    ) -> tuple[np.ndarray | int, ...]:
        return 1, logit(u)

    def _log_density(self, z: np.ndarray, loc: np.ndarray, scale: np.ndarray) -> np.ndarray:
        return log_logistic((z - loc) / scale) - np.log(scale)


class Rayleigh(OnPositives):
    """F(z) = 1 - exp(-z^2 / (2 scale^2))."""

    params = (positive("scale"),)

    def _sample(self, u: np.ndarray, scale: np.ndarray) -> np.ndarray:
        return scale * np.sqrt(2 * standard_exponential(u))

    def _slopes(
        self, u: np.ndarray, z: np.ndarray, scale: np.ndarray
    ) -> tuple[np.ndarray | int, ...]:
        return (z / scale,)

    def _log_density(self, z: np.ndarray, scale: np.ndarray) -> np.ndarray:
        return log_ratio(z, scale) - np.log(scale) - (z / scale) ** 2 / 2


class Pareto(UniformNoise):
    """F(z) = 1 - (minimum / z)^shape for z >= minimum, so z = minimum * exp(e / shape)."""

    params = (positive("minimum"), positive("shape"))

    def _inside(self, z: np.ndarray, minimum: np.ndarray, shape: np.ndarray) -> np.ndarray:
        return z >= minimum

    def _sample(self, u: np.ndarray, minimum: np.ndarray, shape: np.ndarray) -> np.ndarray:
        # In two steps: exp(e / shape) alone may be infinite where z is not. So it is below.
        root = np.exp(standard_exponential(u) / (2 * shape))
        return minimum * root * root

    def _slopes(
        self, u: np.ndarray, z: np.ndarray, minimum: np.ndarray, shape: np.ndarray
    ) -> tuple[np.ndarray | int, ...]:
        return z / minimum, -z * standard_exponential(u) / shape**2

    def _log_density(self, z: np.ndarray, minimum: np.ndarray, shape: np.ndarray) -> np.ndarray:
        return np.log(shape) - np.log(z) - shape * log_ratio(z, minimum)


class Weibull(OnPositives):
    """F(z) = 1 - exp(-(z / scale)^shape), so z = scale * e^(1 / shape)."""

    params = (positive("scale"), positive("shape"))

    def _sample(self, u: np.ndarray, scale: np.ndarray, shape: np.ndarray) -> np.ndarray:
        root = standard_exponential(u) ** (1 / (2 * shape))
        return scale * root * root

    def _slopes(
        self, u: np.ndarray, z: np.ndarray, scale: np.ndarray, shape: np.ndarray
    ) -> tuple[np.ndarray | int, ...]:
        return z / scale, -z * np.log(standard_exponential(u)) / shape**2

    def _log_density(self, z: np.ndarray, scale: np.ndarray, shape: np.ndarray) -> np.ndarray:
        log_t = log_ratio(z, scale)
        power = (shape - 1) * np.where(shape == 1, 0, log_t)  # 0 log 0 is 0
        return np.log(shape) - np.log(scale) + power - np.exp(shape * log_t)


class Reciprocal(UniformNoise):
    """F(z) = log(z / low) / log(high / low) on [low, high]: the log-uniform distribution."""

    params = (positive("low"), positive("high"))

    def _check_relations(self, low: np.ndarray, high: np.ndarray) -> None:
        low, high = np.broadcast_arrays(low, high)
        require("high", high, low < high, "a number above low")

    def _inside(self, z: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        return (low <= z) & (z <= high)

    def _sample(self, u: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        return np.clip(low ** (1 - u) * high**u, low, high)  # rounding may lead out

    def _slopes(
        self, u: np.ndarray, z: np.ndarray, low: np.ndarray, high: np.ndarray
    ) -> tuple[np.ndarray | int, ...]:
        return (1 - u) * z / low, u * z / high

    def _log_density(self, z: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        return -np.log(z) - np.log(log_ratio(high, low))


class Gompertz(OnPositives):
    """F(z) = 1 - exp(-shape (exp(rate z) - 1)), so z = log(1 + e / shape) / rate."""

    params = (positive("shape"), positive("rate"))

    def _sample(self, u: np.ndarray, shape: np.ndarray, rate: np.ndarray) -> np.ndarray:
        e = standard_exponential(u)
        with np.errstate(over="ignore"):
            ratio = e / shape
        return np.where(np.isinf(ratio), np.log(e) - np.log(shape), np.log1p(ratio)) / rate

    def _slopes(
        self, u: np.ndarray, z: np.ndarray, shape: np.ndarray, rate: np.ndarray
    ) -> tuple[np.ndarray | int, ...]:
        e = standard_exponential(u)
        return -e / (shape + e) / rate / shape, -z / rate

    def _log_density(self, z: np.ndarray, shape: np.ndarray, rate: np.ndarray) -> np.ndarray:
        largest = np.finfo(z.dtype).max
        t, log_shape = np.minimum(rate * z, largest), np.log(shape)
        hazard = np.where(t < 1, shape * np.expm1(t), np.exp(t + log_shape) - shape)
        return log_shape + np.log(rate) + t - hazard


class Gumbel(UniformNoise):
    """F(z) = exp(-exp(-(z - loc) / scale)), so z = loc - scale * log(-log u)."""

    params = (real("loc"), positive("scale"))

    def _sample(self, u: np.ndarray, loc: np.ndarray, scale: np.ndarray) -> np.ndarray:
        return loc - scale * np.log(-np.log(u))

    def _slopes(
        self, u: np.ndarray, z: np.ndarray, loc: np.ndarray, scale: np.ndarray
    ) -> tuple[np.ndarray | int, ...]:
        return 1, -np.log(-np.log(u))

    def _log_density(self, z: np.ndarray, loc: np.ndarray, scale: np.ndarray) -> np.ndarray:
        t = np.maximum((z - loc) / scale, np.finfo(z.dtype).min)
        return -t - np.exp(-t) - np.log(scale)


@dataclass(frozen=True)
class Erlang(OnPositives):
    """F(z) = P(shape, rate z), the regularised incomplete gamma function, for a whole shape.

    Parameters
    ----------
    shape : int
        How many exponentials this is the sum of.
    """

    shape: int
    params = (positive("rate"),)

    def __post_init__(self) -> None:
        set_counts(self, "shape")

    def _sample(self, u: np.ndarray, rate: np.ndarray) -> np.ndarray:
        return gammaincinv(self.shape, u) / rate

    def _slopes(
        self, u: np.ndarray, z: np.ndarray, rate: np.ndarray
    ) -> tuple[np.ndarray | int, ...]:
        return (-z / rate,)

    def _log_density(self, z: np.ndarray, rate: np.ndarray) -> np.ndarray:
        return densities.gamma(z, self.shape, rate)
