"""How much of a standard normal variable lies in an interval, far out in the tails as well.

    log Z = log(Phi(b) - Phi(a)),    a < b, one of which may be infinite

The difference of two numbers near one, or near zero, has no digits left. Three things help: the
interval is mirrored so that it lies about zero or above; above zero all of it is written with the
factor exp(-a^2/2) taken out (and erfcx(t) = exp(t^2) erfc(t) in place of Phi),

    Z = exp(-a^2/2) E / 2,    E = erfcx(a / sqrt 2) - erfcx(b / sqrt 2) exp(-w),
                              w = (b - a) (b + a) / 2;

and of what is *left* of a in the mean of the interval only the excess is computed, below.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import erf, erfc, erfcx

_ROOT_HALF = np.sqrt(0.5)
_ROOT_2_BY_PI = np.sqrt(2 / np.pi)
_FAR = 5.0  # from here on, the continued fraction of `excess` has all its digits
_TERMS = 60


class Interval(NamedTuple):
    """What there is to know about x ~ N(0, 1) in (a, b), elementwise.

    Attributes
    ----------
    log_mass : array
        log Z, in nats.
    lower, upper : arrays
        The density of x given that it is in (a, b), at a and b: phi(a) / Z and phi(b) / Z.
    variance_lost : array
        1 - Var(x | a < x < b), between 0 and 1.
    """

    log_mass: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    variance_lost: np.ndarray


def interval(a: np.ndarray, b: np.ndarray) -> Interval:
    """Compute log(Phi(b) - Phi(a)), and what its derivatives are made of.

    If both ends move to the left together, a - m and b - m, the derivatives with respect to m are

        d log Z / dm     = phi(a) / Z - phi(b) / Z  =  E[x | a < x < b]
        d^2 log Z / dm^2 = Var(x | a < x < b) - 1

    Parameters
    ----------
    a, b : arrays of one shape
        a < b; a may be -inf or b may be inf, not both.

    Returns
    -------
    result : Interval
    """
    a, b = np.broadcast_arrays(np.asarray(a, np.float64), np.asarray(b, np.float64))
    mirrored = a < -b
    a, b = np.where(mirrored, -b, a), np.where(mirrored, -a, b)
    above = a > 0
    parts = np.empty((4, *a.shape))
    parts[:, above] = _above(a[above], b[above])
    parts[:, ~above] = _about(a[~above], b[~above])
    log_mass, lower, upper, lost = parts
    return Interval(
        log_mass, np.where(mirrored, upper, lower), np.where(mirrored, lower, upper), lost
    )


def _about(a: np.ndarray, b: np.ndarray) -> Interval:
    """Do so for a <= 0 <= b, where the two sides add up and nothing cancels."""
    inside = (erf(b * _ROOT_HALF) + erf(-a * _ROOT_HALF)) / 2
    outside = (erfc(b * _ROOT_HALF) + erfc(-a * _ROOT_HALF)) / 2
    log_mass = np.where(inside < 0.5, np.log(inside), np.log1p(-np.minimum(outside, 0.5)))
    lower, upper = (_ROOT_2_BY_PI / 2 * np.exp(-(end**2) / 2) / inside for end in (a, b))
    return Interval(log_mass, lower, upper, (lower - upper) ** 2 + _times(b, upper) - a * lower)


def _above(a: np.ndarray, b: np.ndarray) -> Interval:
    """Do so for 0 < a < b.

    The mean of x lies above a by e = E[x - a], which is the excess of the whole tail minus what
    belongs to the tail beyond b: with r = Q(b) / Q(a), where Q = 1 - Phi,

        e = [excess(a) - r (excess(b) + b - a)] / (1 - r)
        1 - Var(x) = E[x] e + (b - a) phi(b) / Z
    """
    w = (b - a) * (b + a) / 2
    tail, beyond = erfcx(a * _ROOT_HALF), erfcx(b * _ROOT_HALF) * np.exp(-w)
    E, r = tail - beyond, beyond / tail
    log_mass = np.log(E / 2) - a**2 / 2
    lower = _ROOT_2_BY_PI / E
    upper = lower * np.exp(-w)
    further, there = np.zeros_like(b), r > 0
    further[there] = excess(b[there]) + b[there] - a[there]
    e = (excess(a) - r * further) / (1 - r)
    return Interval(log_mass, lower, upper, (lower - upper) * e + _times(b - a, upper))


def excess(a: np.ndarray) -> np.ndarray:
    """Return E[x - a | x > a] for x ~ N(0, 1) and an array of a > 0: about 1 / a.

    phi(a) / Q(a) - a loses its digits as a grows. The continued fraction (Laplace)

        phi(a) / Q(a) - a = 1 / (a + 2 / (a + 3 / (a + ...)))

    has nothing to lose.
    """
    result = _ROOT_2_BY_PI / erfcx(np.minimum(a, _FAR) * _ROOT_HALF) - a
    far = a[a >= _FAR]
    fraction = np.zeros_like(far)
    for k in range(_TERMS, 0, -1):
        fraction = k / (far + fraction)
    result[a >= _FAR] = fraction
    return result


def _times(end: np.ndarray, density: np.ndarray) -> np.ndarray:
    """Return end * density, which is zero where the end is infinite."""
    return np.where(np.isinf(end), 0.0, end) * density
