"""Is this gradient right? Compare it with differences of the function itself.

Along a line ``phi(t) = f(x + t d)`` a gradient claims that ``phi'(0) = <grad, d>``, and ``phi'(0)``
can be measured from values of f alone. `check_grad` does so for every coordinate of a small input,
and for random directions and a sample of coordinates of a large one.

**Truncation.** ``D(h) = [phi(h) - phi(-h)] / 2h`` is off by ``h^2 phi'''/6``. Two steps of ratio r
(Richardson extrapolation) give ``E(h) = [r^2 D(h) - D(rh)] / (r^2 - 1)``, which is off by
``r^2 h^4 phi^(5) / 120`` only. **Rounding.** A value of f is off by some N, so E by about 0.75 N/h,
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
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

_RATIO = 1 + math.sqrt(5)  # irrational: a wave with a period that fits h, 4h and 16h looks flat
_SAFETY = 8.0  # the 8 in floor = 8 N/h: ten standard deviations
_ROUGH = 1e-3  # doubt about a slope, relative to its size, that means a kink
_ALL = "(all)"  # the name of a direction through all blocks


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

    def __str__(self):
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
    f,
    x,
    grad=None,
    *,
    rtol=1e-6,
    atol=0.0,
    step=2.0**-5,
    max_full=2000,
    n_directions=20,
    rng=0,
    raise_exception=True,
):
    """Compare a gradient with finite differences, in float64.

    Parameters
    ----------
    f : callable
        ``f(x)`` returns ``(value, gradient)``, a scalar and something of the structure of x. It
        must be deterministic: the noise of a stochastic bound is an argument, held fixed here.
    x : float64 array, Params, or dict or tuple of these
        Where to check; left untouched. Every array in it is a block, with a name in the report.
    grad : callable, optional
        If given, ``f(x)`` returns the value only and ``grad(x)`` the gradient, which is faster.
    rtol, atol : float
        Relative tolerance, see the module docstring; differences up to `atol` pass too.
    step : float
        First and largest step, in units of ``max(1, |x_i|)``. Where f is not finite, smaller ones
        are tried; if it raises an exception so far from x, pass a smaller one.
    max_full : int
        Up to this many parameters, every coordinate is checked, with six or more values of f each.
    n_directions : int
        Above that: how many random directions to check through all parameters and within each
        block, and how many coordinates of each block. Blocks no larger than this are checked in
        full: three wrong biases cannot hide behind 100,000 right weights.
    rng : int or numpy.random.Generator
        Draws the directions.
    raise_exception : bool
        Whether to raise if the check fails.

    Returns
    -------
    GradReport
        Whether it `passed`, the `failures`, `hints` at their cause; ``print(report)`` shows all.

    Raises
    ------
    GradCheckError
        An AssertionError, if a comparison fails.
    ValueError
        If x, f or the gradient is unfit for a check: structure, shape, dtype, NaN, infinity, an f
        that is random, changes its argument, or computes in float32.

    Examples
    --------
    >>> check_grad(lambda x: ((x**2).sum(), 2 * x), np.array([1.0, 2.0, 3.0])).passed
    True
    """
    for name, number in (("rtol", rtol), ("step", step), ("n_directions", n_directions)):
        if not number > 0:
            raise ValueError(f"{name} is {number}, expected a positive number")
    rng = np.random.default_rng(rng)
    objective = _Objective(f, grad, x)
    value, gradient = objective.value_and_gradient()
    noise = _rounding_noise(objective, value, gradient, step, rng)

    comparisons = []
    for probe in _probes(objective, step, max_full, n_directions, rng):
        slope = _measure_slope(objective.along(probe), value, noise, probe.step, rtol)
        comparisons.append(_compare(gradient, probe, slope, rtol, atol))

    failures = [c for c in comparisons if c.rel_error > rtol or c.note]
    blocks = {m.name: [c for c in comparisons if c.name == m.name] for m in failures}
    report = GradReport(
        passed=not failures,
        max_rel_error=max(c.rel_error for c in comparisons),
        n_checked=len(comparisons),
        n_parameters=objective.x.size,
        failures=sorted(failures, key=lambda m: -m.rel_error),
        hints=[f"{name}: {hint}" for name in blocks if (hint := _hint(blocks[name]))],
    )
    if raise_exception and failures:
        raise GradCheckError(str(report))
    return report


def _measure_slope(phi, phi0, noise, step, rtol):
    """Measure phi'(0); return it, its rounding floor, and a bound on its error (the doubt)."""

    def extrapolate(new, old, order):
        return (_RATIO**order * new - old) / (_RATIO**order - 1)  # cancels the term in h^order

    best = math.nan, 0.0, math.inf
    central_old = slope_old = bend_old = jump_old = math.nan
    for h in step / _RATIO ** np.arange(13.0):
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


def _rounding_noise(objective, value, gradient, step, rng):
    """Size N of the rounding error in a value of f.

    Over a dozen points 1e-6 apart f is a low polynomial to the last bit, so that sixth differences
    contain rounding only, enlarged by ``sqrt(C(12, 6))``. All points lie on one side of x, which
    may be a kink; the median of three lines survives one that crosses another kink.
    """
    estimates, size = [], max(abs(value), float(np.linalg.norm(gradient * objective.scale)))
    for _ in range(3):
        phi = objective.along(objective.direction(_ALL, slice(None), step, rng))
        with np.errstate(invalid="ignore"):
            sixth = np.diff([phi(k * 2.0**-20) for k in range(1, 13)], 6)
        estimates.append(float(np.linalg.norm(sixth)) / math.sqrt(6 * math.comb(12, 6)))
        size = max(size, abs(phi(step)))
    noise = float(np.median(estimates))
    if noise > 1e-10 * size:
        why = "is a part of it computed in float32, or is it a step function?"
        raise ValueError(f"f is rounded to {noise / size:.0e} of its size, expected 1e-16: {why}")
    return noise if math.isfinite(noise) else 0.0


class _Probe(NamedTuple):
    name: str
    index: tuple[int, ...] | None
    part: slice  # of the flat x
    direction: np.ndarray  # in which x[part] moves
    step: float


def _probes(objective, step, max_full, n_directions, rng):
    """Yield every coordinate if there are few, else directions and some coordinates per block."""
    for name, shape, part in objective.blocks:
        size = part.stop - part.start
        few = objective.x.size <= max_full or size <= n_directions
        for i in range(size) if few else rng.choice(size, n_directions, replace=False).tolist():
            index = tuple(map(int, np.unravel_index(i, shape)))
            here = slice(part.start + i, part.start + i + 1)
            yield _Probe(name, index, here, np.ones(1), step * float(objective.scale[here.start]))
        for _ in range(0 if few else n_directions):
            yield objective.direction(name, part, step, rng)
    if objective.x.size > max_full and len(objective.blocks) > 1:
        for _ in range(n_directions):
            yield objective.direction(_ALL, slice(None), step, rng)


def _compare(gradient, probe, slope, rtol, atol):
    numeric, floor, doubt = slope
    terms = gradient[probe.part] * probe.direction
    analytic, scale = float(terms.sum()), max(floor, atol) / rtol
    size = max(abs(analytic), abs(numeric), scale, float(np.linalg.norm(terms)), 1e-300)
    error = abs(analytic - numeric) / size if math.isfinite(numeric) else math.inf
    note = "f may not be smooth here" if doubt > _ROUGH * size else ""
    return Mismatch(probe.name, probe.index, analytic, numeric, error, note)


def _hint(block):
    """Say what the comparisons of a failing block have in common, if anything."""
    if any(c.note for c in block):
        return "is x on a kink (relu at 0), or at the edge of the domain? Move it and check again"
    analytic, numeric = np.array([(c.analytic, c.numeric) for c in block]).T
    if not analytic.any():
        return "the gradient is missing (all zero)"
    small = 1e-3 * min(np.abs(analytic).max(), np.abs(analytic - numeric).max())
    if np.abs(analytic + numeric).max() < small:
        return "sign flipped"
    claims = {c.index[::-1]: c.analytic for c in block if c.index}
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

    def __init__(self, f, grad, x):
        self.f, self.grad, self.blocks = f, grad, []
        leaves, end = dict(_leaves(x)), 0
        for name, leaf in leaves.items():
            _check_array(name, leaf)
            self.blocks.append((name, leaf.shape, slice(end, end := end + leaf.size)))
        if end == 0:
            raise ValueError("x has 0 parameters, expected at least 1")
        self.point = _copy(x)
        self.x = np.concatenate([leaf.ravel() for leaf in leaves.values()])
        self.scale = np.maximum(1.0, np.abs(self.x))

    def direction(self, name, part, step, rng):
        """Draw a unit vector over x[part], uniform on the sphere, in units of the scale."""
        v = rng.standard_normal(self.x[part].size)
        return _Probe(name, None, part, self.scale[part] * v / np.linalg.norm(v), step)

    def along(self, probe):
        """Return ``phi(t) = f(x + t d)``."""

        def phi(t):
            flat = self.x.copy()
            flat[probe.part] += t * probe.direction
            with np.errstate(all="ignore"):  # a long step may leave the domain of f
                result = self.f(self.at(flat))
            return float(result if self.grad else result[0])

        return phi

    def at(self, flat):
        """Put a flat vector into the structure that f knows."""
        for (_, leaf), (_, shape, part) in zip(_leaves(self.point), self.blocks, strict=True):
            leaf[...] = flat[part].reshape(shape)
        return self.point

    def value_and_gradient(self):
        """Evaluate at x twice: once to know, once to see whether f is a function."""
        once, again = self._evaluate(), self._evaluate()
        for what, a, b in zip(("values", "gradients"), once, again, strict=True):
            if np.max(np.abs(a - b)) > 1e-9 * np.max(np.abs(a)):  # threads may reorder a sum
                why = "expected a deterministic f: pass its noise as an argument, held fixed"
                raise ValueError(f"f gave two {what} at the same x, {why}")
        return once

    def _evaluate(self):
        point = self.at(self.x)
        result = self.f(point)
        pair = isinstance(result, tuple) and len(result) == 2
        if pair == (self.grad is not None):
            expected = "the value, since grad is given" if self.grad else "(value, gradient)"
            raise ValueError(f"f(x) returned {type(result).__name__}, expected {expected}")
        value, gradient = (result, self.grad(point)) if self.grad else result
        for (name, _, part), (_, leaf) in zip(self.blocks, _leaves(point), strict=True):
            if not np.array_equal(np.ravel(leaf), self.x[part]):
                raise ValueError(f"f changed {name} in place, expected x to stay as it was")
        _check_array("f(x)", value, ())
        leaves, names = dict(_leaves(gradient)), [name for name, _, _ in self.blocks]
        if set(leaves) != set(names):
            raise ValueError(f"the gradient has parts {list(leaves)}, expected those of x: {names}")
        for name, shape, _ in self.blocks:
            _check_array(f"the gradient of {name}", leaves[name], shape)
        return float(value), np.concatenate([np.ravel(leaves[name]) for name in names])


def _leaves(x, name=""):
    """Yield ``(name, array)`` for every array in x."""
    if isinstance(x, tuple):
        for i, item in enumerate(x):
            yield from _leaves(item, f"{name or 'x'}[{i}]")
    elif isinstance(x, dict) or hasattr(x, "names"):
        for key in x if isinstance(x, dict) else x.names:
            yield from _leaves(x[key], f"{name}.{key}" if name else str(key))
    else:
        yield name or "x", x


def _copy(x):
    if isinstance(x, dict):
        return {key: _copy(item) for key, item in x.items()}
    return tuple(map(_copy, x)) if isinstance(x, tuple) else x.copy()


def _check_array(name, array, shape=None):
    array = np.asarray(array) if isinstance(array, np.floating | float) else array
    if not isinstance(array, np.ndarray):
        kind = "scalar" if shape == () else "array"
        raise ValueError(f"{name} is of type {type(array).__name__}, expected a float64 {kind}")
    if array.dtype != np.float64:
        why = "in anything shorter the differences drown in rounding"
        raise ValueError(f"{name} has dtype {array.dtype}, expected float64: {why}")
    if shape not in (None, array.shape):
        raise ValueError(f"{name} has shape {array.shape}, expected {shape}")
    if not np.isfinite(array).all():
        where = tuple(map(int, np.argwhere(~np.isfinite(array))[0]))
        raise ValueError(f"{name} is {array[where]} at index {where}, expected finite numbers")
