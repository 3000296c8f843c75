"""Implicit reparameterisation: the gradient of a Gamma sample with respect to a real shape.

The inverse CDF z = F^-1(u; a) of the standard Gamma has no formula, but its gradient does not need
one. Along F(z; a) = u, with u held fixed, dF/da + p(z; a) dz/da = 0, hence

    dz/da = -dF(z; a)/da / p(z; a),    p(z; a) = z^(a - 1) exp(-z) / Gamma(a)

Here F is the regularised incomplete gamma function, and dF/da has no closed form either. Put
t = z exp(-v) in the integral of p(t; a) over t < z, which is F, or in that over t > z, which is
1 - F: v > 0 in one and v < 0 in the other. With d log p(t; a)/da = log t - psi(a) both lead to

    D(a, z) = d log z/da = integral (psi(a) - log z + v) exp(-a v - z (exp(-v) - 1)) dv

from v = 0 to infinity by way of F, to minus infinity by way of 1 - F. The two are equal, but not
equally good: where the terms of one are of both signs and cancel, those of the other are not.

    log z > psi(a + 1)    The second: v < 0, and all terms are of one sign.
    log z < psi(a + 1)    The first, after F(z; a) = F(z; a + 1) + z p(z; a) / a, which gives
                          D(a, z) = (psi(a + 1) - log z + z D(a + 1, z)) / a: all terms positive.

The exponent is concave, 0 at v = 0, and falls. From a point on that has a closed form it is below
-40; Gauss-Legendre quadrature with 40 nodes up to there leaves a relative error of D below 1e-12,
for shapes from 1e-4 to 1e5.

Beta, Dirichlet, ChiSquared and F follow by composition, in terms of log z: a Gamma of a small shape
is often below the smallest float (for a = 0.001, one in two), its logarithm never. The idea of this
gradient is that of Figurnov, Mohamed and Mnih, *Implicit Reparameterization Gradients* (2018).
"""

import numpy as np
from scipy.special import digamma, expit, gammaincinv, gammaln, softmax

from minivae.reparameterizations import densities
from minivae.reparameterizations.base import positive
from minivae.reparameterizations.inverse_cdf import OnPositives, UniformNoise

CUTOFF = 40.0  # exp(-40) is 4e-18
NODES, WEIGHTS = (np.polynomial.legendre.leggauss(40) + np.array([[1], [0]])) / 2  # on [0, 1]


def log_gamma_quantile(u: np.ndarray, a: np.ndarray) -> np.ndarray:
    """Return log z where z is the u-quantile of the standard Gamma of shape a.

    Parameters
    ----------
    u : array
        In (0, 1).
    a : array
        Shapes, above zero.
    """
    small = (np.log(u) + gammaln(a + 1)) / a  # F = z^a / Gamma(a + 1) * (1 + O(z))
    with np.errstate(divide="ignore"):
        return np.where(small < -CUTOFF, small, np.log(gammaincinv(a, u)))


def log_gamma_slope(log_z: np.ndarray, a: np.ndarray) -> np.ndarray:
    """Return D = dlog z/da along a quantile of the standard Gamma of shape a.

    Since it needs z and not the noise, it serves samples of any origin.

    Parameters
    ----------
    log_z : array
        Logarithms of samples.
    a : array
        Shapes, above zero.
    """
    z, middle = np.exp(log_z), digamma(a + 1)
    upper = log_z > middle
    b = np.where(upper, a, a + 1)
    above, below = np.maximum(z, b), np.minimum(z, b)  # a < exp(psi(a + 1)) < a + 1: one is z
    end = np.where(upper, -_upper_end(above, a), _lower_end(below, a + 1))
    v = end * NODES.reshape(-1, *(1,) * np.ndim(end))
    integrand = (digamma(b) - log_z + v) * np.exp(-b * v - z * np.expm1(-v))
    D = end * np.tensordot(WEIGHTS, integrand, axes=1)
    return np.where(upper, D, (middle - log_z + z * D) / a)


def _lower_end(z: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Where b v - z (1 - exp(-v)) is 40 at least: by exp(-v) >= 1 - v + v^2 / (2 + v)."""
    B = 2 * (b - z) - CUTOFF
    return 4 * CUTOFF / (B + np.sqrt(B**2 + 8 * CUTOFF * b))


def _upper_end(z: np.ndarray, a: np.ndarray) -> np.ndarray:
    """Where z (exp(w) - 1) - a w is 40 at least, w = -v: by exp(w) >= 1 + w + w^2 / 2."""
    w = 2 * CUTOFF / (z - a + np.sqrt((z - a) ** 2 + 2 * CUTOFF * z))
    return np.log1p((CUTOFF + a * w) / z)  # a smaller one, found from the first


class Gamma(OnPositives):
    """z = F^-1(u; shape) / rate, so dz/dshape = z D and dz/drate = -z / rate."""

    params = (positive("shape"), positive("rate"))

    def _sample(self, u: np.ndarray, shape: np.ndarray, rate: np.ndarray) -> np.ndarray:
        return gammaincinv(shape, u) / rate

    def _slopes(
        self, u: np.ndarray, z: np.ndarray, shape: np.ndarray, rate: np.ndarray
    ) -> tuple[np.ndarray | int, ...]:
        return z * log_gamma_slope(log_gamma_quantile(u, shape), shape), -z / rate

    def _log_density(self, z: np.ndarray, shape: np.ndarray, rate: np.ndarray) -> np.ndarray:
        return densities.gamma(z, shape, rate)


class ChiSquared(OnPositives):
    """z = 2 g, a Gamma of shape df / 2."""

    params = (positive("df"),)

    def _sample(self, u: np.ndarray, df: np.ndarray) -> np.ndarray:
        return 2 * gammaincinv(df / 2, u)

    def _slopes(self, u: np.ndarray, z: np.ndarray, df: np.ndarray) -> tuple[np.ndarray | int, ...]:
        return (z * log_gamma_slope(log_gamma_quantile(u, df / 2), df / 2) / 2,)

    def _log_density(self, z: np.ndarray, df: np.ndarray) -> np.ndarray:
        return densities.chi_squared(z, df)


class Dirichlet(UniformNoise):
    """z = softmax(log g) for Gammas g of shapes a, so dS/dlog g = z (dz - sum dz z).

    The vectors, and `concentration`, lie along the last axis.
    """

    params = (positive("concentration"),)

    def _value_shape(self, noise_shape: tuple[int, ...]) -> tuple[int, ...]:
        if not noise_shape:
            raise ValueError("noise has shape (), expected (..., K)")
        return noise_shape

    def _sample(self, u: np.ndarray, concentration: np.ndarray) -> np.ndarray:
        return softmax(log_gamma_quantile(u, concentration), axis=-1)

    def _backward(
        self, dz: np.ndarray, u: np.ndarray, concentration: np.ndarray
    ) -> tuple[np.ndarray]:
        log_g = log_gamma_quantile(u, concentration)
        z = softmax(log_g, axis=-1)
        dlog_g = z * (dz - (dz * z).sum(axis=-1, keepdims=True))
        return (dlog_g * log_gamma_slope(log_g, concentration),)

    def _log_density_anywhere(self, z: np.ndarray, concentration: np.ndarray) -> np.ndarray:
        K = concentration.shape[-1:]
        if K in ((), (1,)) or z.shape[-1:] != K:
            raise ValueError(
                f"value has shape {z.shape} for a concentration of shape {concentration.shape}, "
                "expected (..., K) for (..., K), K being 2 or more"
            )
        return densities.dirichlet(z, concentration)


class PairOfGammas(UniformNoise):
    """The noise's last axis has the uniform numbers of two Gammas."""

    def _noise_shape(self, value_shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*value_shape, 2)

    def _value_shape(self, noise_shape: tuple[int, ...]) -> tuple[int, ...]:
        if noise_shape[-1:] != (2,):
            raise ValueError(f"noise has shape {noise_shape}, expected (..., 2)")
        return noise_shape[:-1]


class Beta(PairOfGammas):
    """z = g_1 / (g_1 + g_2) = sigmoid(log g_1 - log g_2), of shapes a and b."""

    params = (positive("a"), positive("b"))

    def _sample(self, u: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return expit(log_gamma_quantile(u[..., 0], a) - log_gamma_quantile(u[..., 1], b))

    def _slopes(
        self, u: np.ndarray, z: np.ndarray, a: np.ndarray, b: np.ndarray
    ) -> tuple[np.ndarray | int, ...]:
        log_g1, log_g2 = log_gamma_quantile(u[..., 0], a), log_gamma_quantile(u[..., 1], b)
        slope = z * expit(log_g2 - log_g1)  # z (1 - z)
        return slope * log_gamma_slope(log_g1, a), -slope * log_gamma_slope(log_g2, b)

    def _inside(self, z: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (z >= 0) & (z <= 1)

    def _log_density(self, z: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return densities.beta(z, a, b)


class F(PairOfGammas):
    """z = (g_1 / df1) / (g_2 / df2) for Gammas g of shapes df1 / 2 and df2 / 2."""

    params = (positive("df1"), positive("df2"))

    def _log_gammas(
        self, u: np.ndarray, df1: np.ndarray, df2: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        return log_gamma_quantile(u[..., 0], df1 / 2), log_gamma_quantile(u[..., 1], df2 / 2)

    def _sample(self, u: np.ndarray, df1: np.ndarray, df2: np.ndarray) -> np.ndarray:
        log_g1, log_g2 = self._log_gammas(u, df1, df2)
        return df2 / df1 * np.exp(log_g1 - log_g2)

    def _slopes(
        self, u: np.ndarray, z: np.ndarray, df1: np.ndarray, df2: np.ndarray
    ) -> tuple[np.ndarray | int, ...]:
        log_g1, log_g2 = self._log_gammas(u, df1, df2)
        return (
            z * (log_gamma_slope(log_g1, df1 / 2) / 2 - 1 / df1),
            z * (1 / df2 - log_gamma_slope(log_g2, df2 / 2) / 2),
        )

    def _inside(self, z: np.ndarray, df1: np.ndarray, df2: np.ndarray) -> np.ndarray:
        return z >= 0

    def _log_density(self, z: np.ndarray, df1: np.ndarray, df2: np.ndarray) -> np.ndarray:
        return densities.f(z, df1, df2)
