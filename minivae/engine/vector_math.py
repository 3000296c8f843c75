"""exp and log1p that the compiler can vectorise inside a Numba loop, in float32 and float64.

A call to the C library's ``exp`` stops a loop from being vectorised. The functions here are plain
arithmetic: an argument reduction and a power series with its textbook coefficients, cut where the
next term is below the dtype's rounding error. They give what the C library gives to about two
units in the last place, and NaN for NaN. At the ends of the range, where the result would be within
a factor of two of overflow or no longer a normal number, exp gives infinity and the smallest normal
number.

exp    x = n ln 2 + r with n whole and |r| <= ln(2) / 2, so exp(x) = 2^n sum_k r^k / k!.
       2^n is made by writing n into the exponent bits of a float.
log1p  for 0 <= t <= 1 only (it is used on t = exp(-|a|)): log(1 + t) = 2 artanh(s) with
       s = t / (2 + t) <= 1/3, so log1p(t) = 2 s sum_k (s^2)^k / (2 k + 1).
"""

import math
from dataclasses import dataclass
from decimal import Decimal

import numba
import numpy as np
from numba.extending import overload


@dataclass(frozen=True)
class _Format:
    """What the series need to know about a floating-point format."""

    real: type
    integer: type
    mantissa_bits: int
    bias: int
    exp_terms: int
    log1p_terms: int
    ln2_bits: int  # ln 2 is split so that n times its upper part is exact


_FORMATS = {
    numba.float32: _Format(np.float32, np.int32, 23, 127, 8, 8, 12),
    numba.float64: _Format(np.float64, np.int64, 52, 1023, 14, 15, 32),
}


def exp(x):
    """exp(x) for use inside kernels; see the module docstring."""
    raise TypeError("vector_math.exp works inside compiled loops only; use numpy.exp")


def log1p(t):
    """log(1 + t) for 0 <= t <= 1, for use inside kernels; see the module docstring."""
    raise TypeError("vector_math.log1p works inside compiled loops only; use numpy.log1p")


# No "reassoc" here: it would put the two parts of ln 2 together again.
@overload(exp, jit_options={"fastmath": {"contract"}})
def _exp_of(x):
    fmt = _FORMATS[x]
    coefficients = tuple(fmt.real(1 / math.factorial(k)) for k in reversed(range(fmt.exp_terms)))
    largest = fmt.real(np.log(np.finfo(fmt.real).max) - 1e-3)
    smallest = fmt.real(np.log(np.finfo(fmt.real).tiny))
    per_ln2 = fmt.real(1 / math.log(2))
    upper = round(math.log(2) * 2**fmt.ln2_bits) / 2**fmt.ln2_bits
    ln2_upper, ln2_lower = fmt.real(upper), fmt.real(Decimal(2).ln() - Decimal(upper))
    half, zero = fmt.real(0.5), fmt.real(0)
    integer, real = fmt.integer, fmt.real
    shift, bias = fmt.integer(fmt.mantissa_bits), fmt.integer(fmt.bias)

    def series(x):
        x = largest if x > largest else x  # in this form NaN passes through
        x = smallest if x < smallest else x
        n = np.floor(x * per_ln2 + half)
        r = (x - n * ln2_upper) - n * ln2_lower
        total = zero
        for c in coefficients:
            total = total * r + c
        return total * integer((integer(n) + bias) << shift).view(real)

    return series


@overload(log1p)
def _log1p_of(t):
    fmt = _FORMATS[t]
    coefficients = tuple(fmt.real(1 / (2 * k + 1)) for k in reversed(range(fmt.log1p_terms)))
    two, zero = fmt.real(2), fmt.real(0)

    def series(t):
        s = t / (two + t)
        square = s * s
        total = zero
        for c in coefficients:
            total = total * square + c
        return two * s * total

    return series
