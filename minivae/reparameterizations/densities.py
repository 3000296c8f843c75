"""Log densities, in nats, of distributions that are sampled here in more than one way."""

import numpy as np
from scipy.special import betaln, gammaln, xlog1py, xlogy


def gamma(z: np.ndarray, shape: float | np.ndarray, rate: float | np.ndarray) -> np.ndarray:
    """Log of rate^a z^(a - 1) exp(-rate z) / Gamma(a), where a is the shape."""
    return shape * np.log(rate) + xlogy(shape - 1, z) - rate * z - gammaln(shape)


def chi_squared(z: np.ndarray, df: float | np.ndarray) -> np.ndarray:
    """That of Gamma(df / 2, rate 1 / 2)."""
    return gamma(z, df / 2, 0.5)


def beta(z: np.ndarray, a: float | np.ndarray, b: float | np.ndarray) -> np.ndarray:
    """Log of z^(a - 1) (1 - z)^(b - 1) / B(a, b)."""
    return xlogy(a - 1, z) + xlog1py(b - 1, -z) - betaln(a, b)


def f(z: np.ndarray, df1: float | np.ndarray, df2: float | np.ndarray) -> np.ndarray:
    """That of r / (1 - r) for r ~ Beta(df1 / 2, df2 / 2), times df2 / df1."""
    a, b, ratio = df1 / 2, df2 / 2, df1 / df2
    return xlogy(a, ratio) + xlogy(a - 1, z) - (a + b) * np.log1p(ratio * z) - betaln(a, b)


def dirichlet(z: np.ndarray, concentration: np.ndarray) -> np.ndarray:
    """Log of prod z_k^(a_k - 1) / B(a) on the simplex, minus infinity off it; z is (..., K)."""
    z, a = np.broadcast_arrays(z, concentration)
    rounding = np.sqrt(np.finfo(z.dtype).eps)
    off = (np.abs(z.sum(axis=-1) - 1) > rounding) | (z < 0).any(axis=-1)
    z = np.where(off[..., None], np.nan, z)
    log_B = gammaln(a).sum(axis=-1) - gammaln(a.sum(axis=-1))
    return np.where(off, -np.inf, xlogy(a - 1, z).sum(axis=-1) - log_B)
