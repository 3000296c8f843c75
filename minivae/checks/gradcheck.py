"""Is this gradient right? Compare it with differences of the function itself.

Along a line ``phi(t) = f(x + t d)`` a gradient claims that ``phi'(0) = <grad, d>``, and ``phi'(0)``
can be measured from values of f alone. `check_grad` does so for every coordinate of a small x, and
for random directions and some coordinates of a large one.

**Truncation.** ``D(h) = [phi(h) - phi(-h)] / 2h`` is off by ``h^2 phi'''/6``. Two steps of ratio r
give ``E(h) = [r^2 D(h) - D(rh)] / (r^2 - 1)`` (Richardson extrapolation), which is off by
``r^2 h^4 phi^(5) / 120`` only. **Rounding.** A value of f is off by some N, so E by about 0.8 N/h,
which *grows* as h shrinks. N is eps |f| with eps = 2.2e-16, or more where terms cancel inside f:
`_rounding_noise` measures it. The two meet near ``h = (N / phi^(5))^(1/5)``, about 1e-3 for a
function of ordinary curvature, and are then about 1e-12 each. For other functions, steps from 2^-5
down to 2e-8, in units of ``max(1, |x_i|)``, are tried until the estimate settles, and the least
doubtful one is kept. The search never looks at the claim: it could shop for a step that agrees.

**Kinks.** Slope on the right minus slope on the left, ``[phi(h) - 2 phi(0) + phi(-h)] / h``,
vanishes with h if f is smooth. If not (relu at 0), there is no derivative to compare with, and the
comparison fails with the note "f may not be smooth here", even if the two numbers agree.

**What passes.** ``|analytic - numeric| <= rtol * max(|analytic|, |numeric|, scale)``, where
``scale = floor / rtol`` and ``floor = 8 N/h`` is what rounding can do to this slope: a derivative
below about ``1e-12 |f|`` drowns in the rounding of f, whatever the method. For a direction d the
scale is at least ``norm(grad * d)``, the size of ``<grad, d>`` before its terms cancel. Hence among
n entries of one size, directions notice an error in a *single* entry from ``rtol * sqrt(n)`` on.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from minivae.validation import check_count, check_positive, check_seed

_RATIO = 1 + math.sqrt(5)  # irrational: a wave with a period that fits h, 4h and 16h looks flat
_SAFETY = 8.0  # the 8 in floor = 8 N/h: ten standard deviations
_ROUGH = 1e-3  # doubt about a slope, relative to its size, that means a kink


@dataclass(frozen=True)
class Mismatch:
    """A comparison that failed: an entry of the block `name`, or (index None) a direction in it."""

    name: str
    index: tuple[int, ...] | None
    analytic: float
    numeric: float
    rel_error: float
    note: str = ""


@dataclass(frozen=True)
class GradReport:
    """The outcome: `n_checked` counts the comparisons, `n_parameters` the numbers in x."""

    passed: bool
    max_rel_error: float
    n_checked: int
    n_parameters: int
    failures: list[Mismatch]
    hints: list[str]

    def __str__(self) -> str:
        summary = f"{self.n_checked} comparisons for {self.n_parameters} parameters, "
        summary += f"largest relative error {self.max_rel_error:.1e}"
        if self.passed:
            return f"gradient check passed: {summary}"
        rows = [("parameter", "index", "analytic", "numeric", "rel. error", "")]
        for m in self.failures[:10]:
            numbers = f"{m.analytic:+.9e}", f"{m.numeric:+.9e}", f"{m.rel_error:.1e}"
            rows.append((m.name, str(m.index).replace("None", "direction"), *numbers, m.note))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [f"gradient check FAILED: {len(self.failures)} of {summary}"]
        lines += ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        if len(self.failures) > 10:
            lines.append(f"... and {len(self.failures) - 10} more")
        return "\n  ".join(lines + [f"hint: {hint}" for hint in self.hints])


class GradCheckError(AssertionError):
    """The gradient is wrong; the message is the text of the report."""


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
    rng: int | np.random.Generator = 0,
    raise_exception: bool = True,
) -> GradReport:
    """Compare a gradient with finite differences, in float64; return a `GradReport`.

    Parameters
    ----------
    f : callable
        ``f(x)`` returns ``(value, gradient)``, a scalar and something of the structure of x. It
        must be deterministic: the noise of a stochastic bound is an argument, held fixed here.
    x : float64 array, Params, or dict or tuple of these
        Where to check. Every array in it is a block, with a name in the report.
    grad : callable, optional
        If given, ``f(x)`` returns the value only and ``grad(x)`` the gradient, which is faster.
    rtol, atol : float
        Relative tolerance, see the module docstring; differences up to `atol` pass too.
    step : float
        First and largest step, in units of ``max(1, |x_i|)``. Pass a smaller one if f raises an
        exception so far from x; if it is merely not finite there, smaller ones are tried anyway.
    max_full, n_directions : int
        Up to `max_full` parameters, every coordinate is checked, at six or more values of f each.
        Above: `n_directions` random directions through x, and as many directions and coordinates
        of each block. Three wrong biases cannot hide behind 100,000 right weights.
    rng : int or numpy.random.Generator
        Where the directions come from.
    raise_exception : bool
        Whether to raise if the check fails.

    Raises
    ------
    GradCheckError
        If a comparison fails.
    ValueError
        If x, f or the gradient is unfit: wrong type, shape or dtype, not finite, random, impure.

    Examples
    --------
    >>> check_grad(lambda x: ((x**2).sum(), 2 * x), np.array([1.0, 2.0, 3.0])).passed
    True
    """
    check_positive("rtol", rtol)
    check_positive("step", step)
    if atol != 0:
        check_positive("atol", atol)
    max_full = check_count("max_full", max_full, 0)
    n_directions = check_count("n_directions", n_directions)
    if not isinstance(rng, np.random.Generator):
        rng = np.random.default_rng(check_seed("rng", rng))
    for name, function in (("f", f), ("grad", f if grad is None else grad)):
        if not callable(function):
            raise ValueError(f"{name} is of type {type(function).__name__}, expected a function")
    objective = _Objective(f, grad, x)
    value, gradient = objective.value_and_gradient()
    noise = _rounding_noise(objective, value, gradient, step, rng)
    comparisons = []
    for name, index, part, direction, h in _probes(objective, step, max_full, n_directions, rng):
        phi = partial(objective.along, part, direction)
        slope = _measure_slope(phi, value, noise, h, rtol)
        comparisons.append(_compare(name, index, gradient[part] * direction, slope, rtol, atol))
    failures = [c for c in comparisons if c.rel_error > rtol or c.note]
    failing = dict.fromkeys(m.name for m in failures)
    hints = {name: _hint([c for c in comparisons if c.name == name]) for name in failing}
    report = GradReport(
        passed=not failures,
        max_rel_error=max(c.rel_error for c in comparisons),
        n_checked=len(comparisons),
        n_parameters=objective.x.size,
        failures=sorted(failures, key=lambda m: -m.rel_error),
        hints=[f"{name}: {hint}" for name, hint in hints.items() if hint],
    )
    if raise_exception and failures:
        raise GradCheckError(str(report))
    return report


def _measure_slope(
    phi: Callable[[float], float], phi0: float, noise: float, step: float, rtol: float
) -> tuple[float, float, float]:
    """Measure phi'(0); return it, its rounding floor, and a bound on its error (the doubt)."""

    def extrapolate(new: float, old: float, order: int) -> float:
        return (_RATIO**order * new - old) / (_RATIO**order - 1)  # cancels the term in h^order

    best = math.nan, 0.0, math.inf
    central_old = slope_old = bend_old = jump_old = math.nan
    for h in (step / _RATIO ** np.arange(13.0)).tolist():
        right, left = phi(h), phi(-h)
        central = (right - left) / (2 * h)  # phi' + O(h^2)
        slope = extrapolate(central, central_old, 2)  # phi' + O(h^4)
        bend = (right - 2 * phi0 + left) / h  # jump + O(h)
        jump = extrapolate(bend, bend_old, 1)  # jump + O(h^3)
        floor = _SAFETY * max(noise, np.finfo(float).eps * max(abs(right), abs(left))) / h
        doubt = floor + abs(slope - slope_old) + abs(extrapolate(jump, jump_old, 3)) / 2
        if doubt < best[2]:  # never true of NaN
            best = slope, floor, doubt
        if doubt <= max(0.1 * rtol * abs(slope), 2 * floor):
            break
        central_old, slope_old, bend_old, jump_old = central, slope, bend, jump
    return best


def _rounding_noise(
    objective: "_Objective",
    value: float,
    gradient: np.ndarray,
    step: float,
    rng: np.random.Generator,
) -> float:
    """Size N of the rounding error in a value of f.

    Over a dozen points 1e-6 apart f is a low polynomial to the last bit, so that sixth differences
    contain rounding only, enlarged by ``sqrt(C(12, 6))``. The points lie on one side of x, which
    may be a kink. Of five lines the second largest estimate forgives one that crosses another kink,
    and lines along which the terms that round hardly move, where there is nothing to see.
    """
    estimates, size = [], max(abs(value), float(np.linalg.norm(gradient * objective.scale)))
    for _ in range(5):
        phi = partial(objective.along, slice(None), objective.direction(slice(None), rng))
        with np.errstate(invalid="ignore"):
            sixth = np.diff([phi(k * _RATIO * 2.0**-22) for k in range(1, 13)], 6)
        estimates.append(float(np.linalg.norm(sixth)) / math.sqrt(6 * math.comb(12, 6)))
        size = max(size, abs(phi(step)))
    noise = float(np.sort(estimates)[-2])  # NaN comes last
    if noise > 1e-10 * size:
        why = "is a part of it computed in float32, or is it a step function?"
        raise ValueError(f"f is rounded to {noise / size:.0e} of its size, expected 1e-16: {why}")
    return noise if math.isfinite(noise) else 0.0


def _probes(
    objective: "_Objective", step: float, max_full: int, n_directions: int, rng: np.random.Generator
) -> Iterator[tuple[str, tuple[int, ...] | None, slice, np.ndarray, float]]:
    """Yield what to compare: (name, index, part of the flat x that moves, direction, step)."""
    for name, (shape, part) in objective.blocks.items():
        size = part.stop - part.start
        few = objective.x.size <= max_full or size <= n_directions
        for i in range(size) if few else rng.choice(size, n_directions, replace=False).tolist():
            index = tuple(map(int, np.unravel_index(i, shape)))
            here = slice(part.start + i, part.start + i + 1)
            yield name, index, here, np.ones(1), step * float(objective.scale[here.start])
        for _ in range(0 if few else n_directions):
            yield name, None, part, objective.direction(part, rng), step
    if objective.x.size > max_full and len(objective.blocks) > 1:
        for _ in range(n_directions):
            yield "(all)", None, slice(None), objective.direction(slice(None), rng), step


def _compare(
    name: str,
    index: tuple[int, ...] | None,
    terms: np.ndarray,
    slope: tuple[float, float, float],
    rtol: float,
    atol: float,
) -> Mismatch:
    """Judge the sum of `terms`, the products of gradient and direction, against a slope."""
    analytic, (numeric, floor, doubt) = float(terms.sum()), slope
    scale = max(float(np.linalg.norm(terms)), floor / rtol, atol / rtol, 1e-300)
    size = max(abs(analytic), abs(numeric), scale)
    error = abs(analytic - numeric) / size if math.isfinite(numeric) else math.inf
    note = "f may not be smooth here" if doubt > _ROUGH * size else ""
    return Mismatch(name, index, analytic, numeric, error, note)


def _hint(block: list[Mismatch]) -> str:
    """Say what the comparisons of a failing block have in common, if anything."""
    if any(c.note for c in block):
        return "is x on a kink (relu at 0), or at the edge of the domain? Move it and check again"
    analytic, numeric = np.array([(c.analytic, c.numeric) for c in block]).T
    if not analytic.any():
        return "the gradient is missing (all zero)"
    small = 1e-3 * min(np.abs(analytic).max(), np.abs(analytic - numeric).max())
    if np.abs(analytic + numeric).max() < small:
        return "sign flipped"
    claims: dict[Any, float] = {c.index[::-1]: c.analytic for c in block if c.index}
    transposed = np.array([claims.get(c.index, math.nan) for c in block])
    if np.abs(transposed - numeric).max() < small:
        return "the gradient is transposed"
    factor = float(analytic @ numeric / max(numeric @ numeric, 1e-300))
    if len(block) == 1 or np.abs(analytic - factor * numeric).max() >= small:
        return ""  # one number alone is a multiple of any other
    text = f"{factor:.6g}" if abs(factor) > 1 else f"1/{1 / factor:.6g}"
    return f"off by the constant factor {text}: a sum instead of a mean, or a mean taken twice?"


class _Objective:
    """f and its gradient as functions of one flat vector x, which consists of named blocks."""

    def __init__(self, f: Callable[[Any], Any], grad: Callable[[Any], Any] | None, x: Any) -> None:
        self.f, self.grad, self.template = f, grad, x
        self.blocks: dict[str, tuple[tuple[int, ...], slice]] = {}
        leaves, end = dict(_leaves(x)), 0
        for name, leaf in leaves.items():
            _check_array(name, leaf)
            self.blocks[name] = leaf.shape, slice(end, end := end + leaf.size)
        if end == 0:
            raise ValueError("x has 0 parameters, expected at least 1")
        self.x = np.concatenate([leaf.ravel() for leaf in leaves.values()])
        self.scale = np.maximum(1.0, np.abs(self.x))
        self._moved = _copy(x)  # what `along` gives to f, again and again: f is evaluated often
        self._moved_leaves = dict(_leaves(self._moved))

    def direction(self, part: slice, rng: np.random.Generator) -> np.ndarray:
        """Draw a unit vector over x[part], uniform on the sphere, in units of the scale."""
        v = rng.standard_normal(self.x[part].size)
        return self.scale[part] * v / np.linalg.norm(v)

    def along(self, part: slice, direction: np.ndarray, t: float) -> float:
        """Return ``phi(t) = f(x + t d)``."""
        flat = self.x.copy()
        flat[part] += t * direction
        for name, leaf in self._moved_leaves.items():  # all of them, whatever f did to them
            shape, place = self.blocks[name]
            leaf[...] = flat[place].reshape(shape)
        with np.errstate(all="ignore"):  # a long step may leave the domain of f
            result = self.f(self._moved)
        return float(result if self.grad else result[0])

    def value_and_gradient(self) -> tuple[float, np.ndarray]:
        """Evaluate at x twice: once to know, once to see whether f is a function."""
        once, again = self._evaluate(), self._evaluate()
        both: Any = zip(("values", "gradients"), once, again, strict=True)
        for what, a, b in both:
            if np.max(np.abs(a - b)) > 1e-9 * np.max(np.abs(a)):  # threads may reorder a sum
                why = "expected one: hold its noise fixed, as an argument of f"
                raise ValueError(f"f gave two {what} at the same x, {why}")
        return once

    def _evaluate(self) -> tuple[float, np.ndarray]:
        point = _copy(self.template)
        result = self.f(point)
        pair = isinstance(result, tuple) and len(result) == 2
        if pair == (self.grad is not None):
            expected = "the value, since grad is given" if self.grad else "(value, gradient)"
            raise ValueError(f"f(x) returned {type(result).__name__}, expected {expected}")
        value, gradient = (result, self.grad(point)) if self.grad else result
        after: dict[str, Any] = dict(_leaves(point))
        for name, (shape, part) in self.blocks.items():
            if not np.array_equal(after.get(name, ()), self.x[part].reshape(shape)):
                raise ValueError(f"f changed {name} in place, expected x to stay as it was")
        _check_array("f(x)", value, ())
        leaves = dict(_leaves(gradient))
        if leaves.keys() != self.blocks.keys():
            raise ValueError(f"the gradient has parts {[*leaves]}, expected {[*self.blocks]}")
        for name, (shape, _) in self.blocks.items():
            _check_array(f"the gradient of {name}", leaves[name], shape)
        return float(value), np.concatenate([np.ravel(leaves[name]) for name in self.blocks])


def _leaves(x: Any, name: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """Yield ``(name, array)`` for every array in x."""
    if isinstance(x, tuple):
        for i, item in enumerate(x):
            yield from _leaves(item, f"{name or 'x'}[{i}]")
    elif isinstance(x, dict) or hasattr(x, "names"):
        for key in getattr(x, "names", x):
            yield from _leaves(x[key], f"{name}.{key}" if name else str(key))
    else:
        yield name or "x", x


def _copy(x: Any) -> Any:
    if isinstance(x, tuple):
        return tuple(map(_copy, x))
    return {key: _copy(x[key]) for key in x} if isinstance(x, dict) else x.copy()


def _check_array(name: str, array: Any, shape: tuple[int, ...] | None = None) -> None:
    if shape == () and isinstance(array, np.floating | float):  # NumPy's form of a 0-d result
        array = np.asarray(array)
    if not isinstance(array, np.ndarray):
        kind = "scalar" if shape == () else "array"
        raise ValueError(f"{name} is of type {type(array).__name__}, expected a float64 {kind}")
    if array.dtype != np.float64:
        why = "fewer digits would drown in the difference"
        raise ValueError(f"{name} has dtype {array.dtype}, expected float64: {why}")
    if shape not in (None, array.shape):
        raise ValueError(f"{name} has shape {array.shape}, expected {shape}")
    if not np.isfinite(array).all():
        where = tuple(map(int, np.argwhere(~np.isfinite(array))[0]))
        raise ValueError(f"{name} is {array[where]} at index {where}, expected finite numbers")
