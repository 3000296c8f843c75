"""Log densities of standard distributions: location zero, scale one; elementwise, in nats."""

import numpy as np


def log_laplace(eps: np.ndarray) -> np.ndarray:
    """Return log p(eps) = -|eps| - log 2."""
    return -np.abs(eps) - np.log(2)


def log_logistic(eps: np.ndarray) -> np.ndarray:
    """Return log p(eps) = -eps - 2 log(1 + exp(-eps)), which is even."""
    size = np.abs(eps)  # so that the exponential does not overflow
    return -size - 2 * np.log1p(np.exp(-size))
