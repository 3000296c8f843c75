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
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

_EPS = float(np.finfo(np.float64).eps)
_LEVELS = 11  # steps 2^-5 ... 2^-25 with the default first step
_SAFETY = 8.0  # floor = 8 N/h: ten standard deviations of the rounding error of a slope
_ROUGH = 1e-3  # doubt about a slope, relative to its size, that means "not smooth"
_TINY = 1e-300  # keeps 0/0 out of the relative error of an exact zero
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
    noise = _rounding_noise(objective, value, gradient, step, rng)
    transposed = objective.transpose_squares(gradient)

    comparisons = []
    for probe in _probes(objective, step, max_full, n_directions, rng):
        slope = _measure_slope(objective.along(probe), value, noise, probe.step, rtol)
        if_transposed = float(transposed[probe.part] @ probe.direction)
        comparisons.append(_compare(gradient, probe, slope, rtol, atol, if_transposed))

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


def _rounding_noise(objective, value: float, gradient: np.ndarray, step: float, rng) -> float:
    """Size N of the rounding error in one value of f.

    Over a dozen points 1e-6 apart a smooth f is a low polynomial to the last bit, so sixth
    differences contain rounding only, enlarged by ``sqrt(C(12, 6)) = sqrt(924)``. The points lie
    on one side of x, where a kink *at* x does no harm; a median of three lines survives one that
    crosses a kink elsewhere.
    """
    estimates, sizes = [], [abs(value), float(np.linalg.norm(gradient * objective.scale))]
    for _ in range(3):
        phi = objective.along(objective.direction(_EVERYTHING, slice(None), step, rng))
        values = [phi(k * 2.0**-20) for k in range(1, 13)]
        if np.isfinite(values).all():
            estimates.append(float(np.sqrt(np.mean(np.diff(values, 6) ** 2) / 924)))
            sizes.append(abs(phi(step)))
    noise, size = float(np.median(estimates or [0.0])), float(np.nanmax(sizes))
    if noise > 1e-10 * size:
        raise ValueError(
            f"f carries rounding errors of {noise:.0e} at size {size:.0e}, float64 gives about "
            "1e-16 of the size: is a part of f computed in float32, or is f a step function?"
        )
    return noise


# --- what is compared -------------------------------------------------------------------------


class _Probe(NamedTuple):
    name: str
    index: tuple[int, ...] | None
    part: slice  # of the flat x
    direction: np.ndarray  # along which x[part] moves
    step: float


def _probes(objective, step: float, max_full: int, n_directions: int, rng):
    """Yield every coordinate if there are few; else directions and some coordinates per block."""
    everything = objective.x.size <= max_full
    for name, shape, part in objective.blocks:
        size = part.stop - part.start
        in_full = everything or size <= n_directions
        chosen = range(size) if in_full else np.sort(rng.choice(size, n_directions, replace=False))
        for i in map(int, chosen):
            index = tuple(map(int, np.unravel_index(i, shape)))
            at = slice(part.start + i, part.start + i + 1)
            yield _Probe(name, index, at, np.ones(1), step * float(objective.scale[at.start]))
        for _ in range(0 if in_full else n_directions):
            yield objective.direction(name, part, step, rng)
    if not everything and len(objective.blocks) > 1:
        for _ in range(n_directions):
            yield objective.direction(_EVERYTHING, slice(None), step, rng)


class _Comparison(NamedTuple):
    entry: Mismatch
    passed: bool
    floor: float
    if_transposed: float  # `analytic`, had the gradient of a square block been transposed


def _compare(gradient, probe: _Probe, slope: _Slope, rtol, atol, if_transposed) -> _Comparison:
    claimed = gradient[probe.part]
    analytic, numeric = float(claimed @ probe.direction), slope.value
    floor = max(slope.floor, atol)
    before_cancelling = float(np.linalg.norm(claimed * probe.direction))
    size = max(before_cancelling, abs(analytic), abs(numeric), floor / rtol, _TINY)
    error = abs(analytic - numeric) / size
    note = ""
    if not math.isfinite(numeric):
        error, note = math.inf, "f is not finite around x"
    elif slope.doubt > _ROUGH * size:
        note = "f may not be smooth here"
    entry = Mismatch(probe.name, probe.index, analytic, numeric, error, note)
    return _Comparison(entry, error <= rtol and not note, floor, if_transposed)


def _hints(comparisons: list[_Comparison]) -> list[str]:
    """Say what the failures of a block have in common, if anything."""
    found: dict[str, list[str]] = {}
    for name in dict.fromkeys(c.entry.name for c in comparisons if not c.passed):
        diagnosis = _diagnose([c for c in comparisons if c.entry.name == name])
        found.setdefault(diagnosis, []).append(name)
    return [f"{', '.join(names)}: {diagnosis}" for diagnosis, names in found.items() if diagnosis]


def _diagnose(block: list[_Comparison]) -> str:
    if any(c.entry.note for c in block):
        return "x may sit on a kink (relu at 0?): move it a little and check again"
    analytic = np.array([c.entry.analytic for c in block])
    numeric = np.array([c.entry.numeric for c in block])
    floor = 2 * np.array([c.floor for c in block])
    clear = np.abs(numeric) > 1e4 * floor  # far enough above rounding for a ratio
    if not clear.any():
        return ""
    if not analytic.any():
        return "the gradient is missing (all zero)"
    transposed = np.array([c.if_transposed for c in block])
    if np.all(np.abs(transposed - numeric) <= 1e-4 * np.abs(numeric) + floor):
        return "the gradient is transposed"
    factor = float(np.median(analytic[clear] / numeric[clear]))
    slack = 1e-2 * abs(factor - 1) * np.abs(numeric) + (1 + abs(factor)) * floor
    if np.any(np.abs(analytic - factor * numeric) > slack):
        return ""
    if abs(factor + 1) < 1e-3:
        return "sign flipped"
    if len(block) == 1:
        return ""  # one number is always a multiple of another
    ratio = Fraction(factor).limit_denominator(100_000)
    text = str(ratio) if 1 in (abs(ratio.numerator), ratio.denominator) else f"{factor:.6g}"
    return (
        f"off by the constant factor {text}: a sum where a mean should be, or a mean taken twice?"
    )


# --- f as a function of one flat vector -------------------------------------------------------


class _Objective:
    """f and its gradient in terms of a flat vector x, made of named `blocks`."""

    def __init__(self, f, grad, x):
        self._f, self._grad = f, grad
        leaves = list(_leaves(x))
        for name, leaf in leaves:
            _require_float64(name, leaf)
            _require_finite(name, leaf)
        ends = np.cumsum([leaf.size for _, leaf in leaves], dtype=int).tolist()
        if not ends or ends[-1] == 0:
            raise ValueError("x has 0 parameters, expected at least 1")
        self.blocks = [
            (name, leaf.shape, slice(end - leaf.size, end))
            for (name, leaf), end in zip(leaves, ends, strict=True)
        ]
        self.x = np.concatenate([leaf.ravel() for _, leaf in leaves])
        self.scale = np.maximum(1.0, np.abs(self.x))
        self._point = _copy(x)

    def direction(self, name: str, part: slice, step: float, rng) -> _Probe:
        """Draw a unit vector over x[part], uniform on the sphere, in units of the scale."""
        v = rng.standard_normal(self.x[part].size)
        return _Probe(name, None, part, self.scale[part] * v / np.linalg.norm(v), step)

    def along(self, probe: _Probe) -> Callable[[float], float]:
        """Return ``phi(t) = f(x + t d)``."""

        def phi(t: float) -> float:
            flat = self.x.copy()
            flat[probe.part] += t * probe.direction
            with np.errstate(all="ignore"):  # a long step may leave the domain of f: NaN will tell
                result = self._f(self._at(flat))
            return float(result if self._grad else result[0])

        return phi

    def value_and_gradient(self) -> tuple[float, np.ndarray]:
        """Evaluate at x, twice: once to know, once to see that f is a function."""
        (value, gradient), (value2, gradient2) = self._evaluate(), self._evaluate()
        # Not `==`: a threaded sum may add its parts in another order.
        if abs(value - value2) > 1e-12 * abs(value):
            raise ValueError(
                f"f gave {value!r} and {value2!r} at the same x, expected a deterministic function:"
                " pass its noise as an argument and hold it fixed"
            )
        if np.any(np.abs(gradient - gradient2) > 1e-9 * np.abs(gradient).max()):
            raise ValueError(
                "the gradient differs between two calls at the same x, expected a deterministic "
                "function: use in it the same noise as in the value, passed as an argument"
            )
        return value, gradient

    def transpose_squares(self, gradient: np.ndarray) -> np.ndarray:
        """Return a copy of a flat gradient in which every square matrix is transposed."""
        flipped = gradient.copy()
        for _, shape, part in self.blocks:
            if len(shape) == 2 and shape[0] == shape[1]:
                flipped[part] = gradient[part].reshape(shape).T.ravel()
        return flipped

    def _at(self, flat: np.ndarray) -> Any:
        for (_, leaf), (_, shape, part) in zip(_leaves(self._point), self.blocks, strict=True):
            leaf[...] = flat[part].reshape(shape)
        return self._point

    def _evaluate(self) -> tuple[float, np.ndarray]:
        point = self._at(self.x)
        result = self._f(point)
        if self._grad is None and not (isinstance(result, tuple) and len(result) == 2):
            raise ValueError(
                f"f(x) returned {type(result).__name__}, expected (value, gradient); "
                "if f returns the value only, pass grad"
            )
        if self._grad is not None and isinstance(result, tuple):
            raise ValueError("f(x) returned a tuple, expected the value only, since grad is given")
        value, gradient = result if self._grad is None else (result, self._grad(point))
        after = dict(_leaves(point))
        for name, shape, part in self.blocks:
            if not np.array_equal(after.get(name), self.x[part].reshape(shape)):
                raise ValueError(f"f changed {name} in place, expected it to leave x as it was")
        value = np.asarray(value)
        if value.shape != ():
            raise ValueError(f"f(x) has shape {value.shape}, expected a scalar")
        _require_float64("f(x)", value)
        _require_finite("f(x)", value)
        return float(value), self._flatten(gradient)

    def _flatten(self, gradient: Any) -> np.ndarray:
        leaves = dict(_leaves(gradient))
        names = [name for name, _, _ in self.blocks]
        if set(leaves) != set(names):
            raise ValueError(
                f"the gradient has the parts {list(leaves)}, expected those of x: {names}"
            )
        for name, shape, _ in self.blocks:
            leaf, label = leaves[name], f"the gradient of {name}"
            if isinstance(leaf, float):  # NumPy turns 0-d arrays into scalars
                leaf = leaves[name] = np.asarray(leaf)
            _require_float64(label, leaf)
            if leaf.shape != shape:
                raise ValueError(f"{label} has shape {leaf.shape}, expected {shape}")
            _require_finite(label, leaf)
        return np.concatenate([leaves[name].ravel() for name in names])


def _leaves(x: Any, name: str = ""):
    """Yield ``(name, array)`` for every array in x."""
    if isinstance(x, tuple):
        for i, item in enumerate(x):
            yield from _leaves(item, f"{name or 'x'}[{i}]")
    elif isinstance(x, dict) or hasattr(x, "names"):
        for key in x if isinstance(x, dict) else x.names:
            yield from _leaves(x[key], f"{name}.{key}" if name else str(key))
    else:
        yield name or "x", x


def _copy(x: Any) -> Any:
    if isinstance(x, dict):
        return {key: _copy(item) for key, item in x.items()}
    return tuple(_copy(item) for item in x) if isinstance(x, tuple) else x.copy()


def _require_float64(name: str, array: Any) -> None:
    if not isinstance(array, np.ndarray):
        raise ValueError(
            f"{name} is of type {type(array).__name__}, "
            "expected a float64 array, Params, or a dict or tuple of these"
        )
    if array.dtype != np.float64:
        raise ValueError(
            f"{name} has dtype {array.dtype}, expected float64: "
            "the rounding of anything shorter would drown the differences"
        )


def _require_finite(name: str, array: np.ndarray) -> None:
    if not np.isfinite(array).all():
        where = tuple(map(int, np.argwhere(~np.isfinite(array))[0]))
        raise ValueError(f"{name} is {array[where]} at index {where}, expected finite numbers")
