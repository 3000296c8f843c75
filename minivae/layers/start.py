"""Where weights start: the paper's normal draws (sec. 5), or Glorot and Bengio's uniform ones."""

import math

import numpy as np

STARTS = ("normal", "glorot")


def check_start(start: str) -> str:
    """Return `start`, or raise ValueError if there is no such way to start."""
    if start not in STARTS:
        raise ValueError(f"start is {start!r}, expected one of {', '.join(STARTS)}")
    return start


def draw_weights(
    W: np.ndarray, rng: np.random.Generator, start: str, std: float, fan_in: int, fan_out: int
) -> None:
    """Overwrite W with its first values.

    Parameters
    ----------
    W : array
    rng : numpy.random.Generator
    start : str
        "normal": N(0, std^2). "glorot": uniform between -a and a, a^2 = 6 / (fan_in + fan_out), so
        that neither what goes forward nor what comes back grows or shrinks much from layer to layer
        (Glorot and Bengio 2010, eq. 16); `std` has no say.
    std : float
    fan_in, fan_out : int
        How many inputs an output has, and how many outputs an input.
    """
    if start == "glorot":
        a = math.sqrt(6 / (fan_in + fan_out))
        W[...] = rng.uniform(-a, a, W.shape)
    else:
        W[...] = std * rng.standard_normal(W.shape)
