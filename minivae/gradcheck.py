r"""Is this gradient right? Compare it with differences of the function itself.

A hand-derived gradient and a bug in it look alike; the function does not lie. Along a line
``phi(t) = f(x + t d)`` the gradient claims that ``phi'(0) = <grad, d>``, and ``phi'(0)`` can be
measured from values alone. `check_grad` does so for every coordinate of a small input, and for
random directions and a sample of coordinates of a large one.

The error budget of one measured slope
--------------------------------------
*Truncation.* The central difference ``D(h) = [phi(h) - phi(-h)] / 2h`` is off by
``h^2 phi'''/6``. Two step sizes cancel that term (Richardson extrapolation):
``E(h) = [16 D(h) - D(4h)] / 15`` is off by ``(2/15) h^4 phi^(5)`` only.

*Rounding.* Every value carries an error of size N, so E carries about 0.75 N/h: it *grows* as the
step shrinks. N is at least ``eps |f|``, eps = 2.2e-16, and more where large terms cancel inside f;
it is measured, see `_rounding_noise`.

The two meet near ``h = (N / |phi^(5)|)^(1/5)``, about 1e-3 for a function of ordinary size and
curvature; either error is then about 1e-12. Curvature is not always ordinary, so the steps
h = 2^-5, 2^-7, 2^-9, ... (times ``max(1, |x_i|)``) are tried in turn until the estimate has
settled, and the one with the smallest doubt is kept. Only values of f steer this search: a method
that looked at the claimed gradient could shop for the step that agrees with it.

*Kinks.* For smooth f the bend ``[phi(h) - 2 phi(0) + phi(-h)] / h`` (slope on the right minus slope
on the left) vanishes with h. Where it does not, as for relu at 0, no derivative exists. Such a
comparison fails with the note "f may not be smooth here", even if the numbers happen to agree.

What the check can and cannot see
---------------------------------
A comparison passes if ``|analytic - numeric| <= rtol * max(|analytic|, |numeric|, scale)``. The
scale is ``floor / rtol``, where ``floor = 8 N / h`` is the rounding error of that very slope, or
`atol` if larger: a partial derivative below about 1e-12 |f| drowns in the rounding of f, whatever
the method. For a direction d the scale is at least ``norm(grad * d)``, the size that ``<grad, d>``
has before its terms cancel. So among n entries of one size, directions see an error in a *single*
entry only if it exceeds about ``rtol * sqrt(n)`` of that entry.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

_EPS = float(np.finfo(np.float64).eps)
_LEVELS = 11  # steps 2^-5 ... 2^-25 with the default first step
_SAFETY = 8.0  # floor = 8 N/h: ten standard deviations of the rounding error of a slope
_ROUGH = 1e-3  # doubt about a slope, relative to its size, that means "not smooth"
_EVERYTHING = "(all)"  # the block name of a direction through all parameters


@dataclass(frozen=True)
class Mismatch:
    """One comparison that failed.

    `name` is the block, `index` the entry in it (None for a random direction), `analytic` the
    claimed derivative, `numeric` the measured one; `rel_error` is what was compared with `rtol`.
    """

    name: str
    index: tuple[int, ...] | None
    analytic: float
    numeric: float
    rel_error: float
    note: str = ""


@dataclass(frozen=True)
class GradReport:
    """The outcome of `check_grad`; ``print(report)`` shows it, the worst entries first.

    `n_checked` counts the comparisons made, `n_parameters` the numbers in x. `floor` is the
    median size, over these comparisons, of a difference that rounding alone can cause.
    """

    passed: bool
    max_rel_error: float
    n_checked: int
    n_parameters: int
    failures: list[Mismatch]
    rtol: float
    floor: float
    hints: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        summary = (
            f"{self.n_checked} comparisons for {self.n_parameters} parameters, "
            f"largest relative error {self.max_rel_error:.1e} (rtol {self.rtol:.0e}); "
            f"differences below {self.floor:.1e} are rounding"
        )
        if self.passed:
            return f"gradient check passed: {summary}"
        rows = [("parameter", "index", "analytic", "numeric", "rel. error", "")]
        for m in self.failures[:10]:
            index = "direction" if m.index is None else ", ".join(map(str, m.index)) or "()"
            numbers = f"{m.analytic:+.9e}", f"{m.numeric:+.9e}", f"{m.rel_error:.1e}"
            rows.append((m.name, index, *numbers, m.note))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [f"gradient check FAILED {len(self.failures)} of {summary}"]
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            lines.append(("  " + "  ".join(cells)).rstrip())
        if len(self.failures) > 10:
            lines.append(f"  ... and {len(self.failures) - 10} more")
        return "\n".join(lines + [f"  hint: {hint}" for hint in self.hints])


class GradCheckError(AssertionError):
    """The gradient is wrong; `report` holds the `GradReport`, the message is its text."""

    def __init__(self, report: GradReport):
        super().__init__(str(report))
        self.report = report


def check_grad(
    f: Callable[[Any], Any],
    x: Any,
    grad: Callable[[Any], Any] | None = None,
    *,
    rtol: float = 1e-6,
    atol: float = 0.0,
    step: float = 2.0**-5,
    max_full: int = 2000,
    n_directions: int = 20,
    rng: int | np.random.Generator | None = None,
    raise_exception: bool = True,
) -> GradReport:
    """Compare a gradient with finite differences, in float64.

    Parameters
    ----------
    f : callable
        ``f(x)`` returns ``(value, gradient)``: a scalar and something of the structure of x. It is
        a deterministic function: the noise of a stochastic bound is an argument, held fixed here.
    x : ndarray of float64, Params, or dict or tuple of these
        Where to check. Every array in it is a named block of the report. x is left untouched.
    grad : callable, optional
        If given, ``f(x)`` returns the value only and ``grad(x)`` the gradient. This is faster: the
        differences need many values and one gradient.
    rtol : float
        Largest relative error allowed; the module docstring says relative to what.
    atol : float
        Differences up to `atol` also pass. Zero suits most checks: rounding is allowed for anyway.
    step : float
        First, largest step, in units of ``max(1, |x_i|)``. Take a smaller one if f refuses points
        so far from x. (Where f is merely not finite, smaller steps are tried.)
    max_full : int
        Up to this many parameters, every coordinate is checked, with six or more values of f each.
    n_directions : int
        Above that: the number of random directions through all parameters, and the number of
        directions within, and of single coordinates of, each block. Blocks no larger than this are
        checked in full: three wrong biases cannot hide behind a hundred thousand right weights.
    rng : int or numpy.random.Generator, optional
        Source of the directions; seed 0 if None, so that a check gives the same answer twice.
    raise_exception : bool
        Raise if the check fails; otherwise only the report tells.

    Returns
    -------
    GradReport

    Raises
    ------
    GradCheckError
        If a comparison fails: an AssertionError whose text is the report.
    ValueError
        If the question makes no sense: wrong types, shapes or dtypes, a value or gradient that is
        not finite, an f that is random, changes its argument, or computes in float32.

    Examples
    --------
    >>> x = np.array([1.0, 2.0, 3.0])
    >>> check_grad(lambda x: ((x**2).sum(), 2 * x), x).passed
    True
    """
    for name, number in (("rtol", rtol), ("step", step), ("n_directions", n_directions)):
        if not number > 0:
            raise ValueError(f"{name} is {number}, expected a positive number")
    rng = np.random.default_rng(0 if rng is None else rng)
    objective = _Objective(f, grad, x)
    value, gradient = objective.value_and_gradient()
    noise = _rounding_noise(objective, value, gradient, rng)

    comparisons = []
    for probe in _probes(objective, step, max_full, n_directions, rng):
        slope = _measure_slope(objective.along(probe), value, noise, probe.step, rtol)
        comparisons.append(_compare(gradient[probe.part], probe, slope, rtol, atol))

    failures = [c.entry for c in comparisons if not c.passed]
    report = GradReport(
        passed=not failures,
        max_rel_error=max(c.entry.rel_error for c in comparisons),
        n_checked=len(comparisons),
        n_parameters=objective.x.size,
        failures=sorted(failures, key=lambda m: -m.rel_error),
        rtol=rtol,
        floor=float(np.median([c.floor for c in comparisons])),
        hints=_hints(comparisons),
    )
    if raise_exception and failures:
        raise GradCheckError(report)
    return report


# --- measuring a slope ------------------------------------------------------------------------


class _Slope(NamedTuple):
    value: float  # phi'(0)
    floor: float  # what rounding alone may have done to it
    doubt: float  # bound on its error: rounding, change since the last step size, slope jump at 0


def _measure_slope(phi, phi0: float, noise: float, step: float, rtol: float) -> _Slope:
    """phi'(0) by Richardson extrapolation, over steps shrinking by 4 until it has settled."""
    best = _Slope(math.nan, 0.0, math.inf)
    central_old = slope_old = bend_old = jump_old = math.nan  # NaN until there is an older level
    for h in (step / 4**level for level in range(_LEVELS)):
        right, left = phi(h), phi(-h)
        central = (right - left) / (2 * h)  # phi' + O(h^2)
        bend = (right - 2 * phi0 + left) / h  # jump + O(h)
        slope = (16 * central - central_old) / 15  # phi' + O(h^4)
        jump = (4 * bend - bend_old) / 3  # jump + O(h^3)
        sharper_jump = (64 * jump - jump_old) / 63  # jump + O(h^5)
        floor = _SAFETY * max(noise, _EPS * max(abs(right), abs(left))) / h
        doubt = floor + abs(slope - slope_old) + abs(sharper_jump) / 2
        if doubt < best.doubt:  # never true for NaN
            best = _Slope(slope, floor, doubt)
        if doubt <= max(0.1 * rtol * abs(slope), 2 * floor):
            break
        central_old, slope_old, bend_old, jump_old = central, slope, bend, jump
    return best


def _rounding_noise(objective, value: float, gradient: np.ndarray, rng) -> float:
    """Size N of the rounding error in one value of f.

    Over a dozen points 1e-6 apart a smooth f is a low polynomial to the last bit, so sixth
    differences contain rounding only, enlarged by ``sqrt(C(12, 6)) = sqrt(924)``. The points lie
    on one side of x, where a kink *at* x does no harm; a median of three lines survives one that
    crosses a kink elsewhere.
    """
    estimates = []
    for _ in range(3):
        phi = objective.along(objective.direction(_EVERYTHING, slice(None), (), 1.0, rng))
        values = [phi(k * 2.0**-20) for k in range(1, 13)]
        with np.errstate(invalid="ignore"):
            estimates.append(float(np.sqrt(np.mean(np.diff(values, 6) ** 2) / 924)))
    noise = float(np.median(estimates))
    size = max(abs(value), float(np.linalg.norm(gradient * objective.scale)))
    if noise > 1e-10 * size:
        raise ValueError(
            f"f carries rounding errors of {noise / size:.0e} of its size, float64 gives about "
            "1e-16: is a part of f computed in float32, or is f a step function?"
        )
    return noise if math.isfinite(noise) else 0.0


# --- what is compared -------------------------------------------------------------------------


class _Probe(NamedTuple):
    name: str
    index: tuple[int, ...] | None
    part: slice  # of the flat x
    shape: tuple[int, ...]  # of the block
    direction: np.ndarray  # along which x[part] moves
    step: float


def _probes(objective, step: float, max_full: int, n_directions: int, rng):
    """Yield every coordinate if there are few; else directions and some coordinates per block."""
    everything = objective.x.size <= max_full
    for name, shape, part in objective.blocks:
        size = part.stop - part.start
        in_full = everything or size <= n_directions
        chosen = range(size) if in_full else np.sort(rng.choice(size, n_directions, replace=False))
        for i in chosen:
            index = tuple(int(k) for k in np.unravel_index(i, shape)) if shape else ()
            at = slice(part.start + int(i), part.start + int(i) + 1)
            yield _Probe(name, index, at, shape, np.ones(1), step * objective.scale[at.start])
        for _ in range(0 if in_full else n_directions):
            yield objective.direction(name, part, shape, step, rng)
    if not everything and len(objective.blocks) > 1:
        for _ in range(n_directions):
            yield objective.direction(_EVERYTHING, slice(None), (), step, rng)


class _Comparison(NamedTuple):
    entry: Mismatch
    passed: bool
    floor: float
    transposed: float  # what `analytic` would be if the gradient of this block were transposed


def _compare(gradient: np.ndarray, probe: _Probe, slope: _Slope, rtol, atol) -> _Comparison:
    analytic, numeric = float(gradient @ probe.direction), slope.value
    floor = max(slope.floor, atol)
    before_cancelling = float(np.linalg.norm(gradient * probe.direction))
    size = max(abs(analytic), abs(numeric), before_cancelling, floor / rtol, _TINY)
    ...
