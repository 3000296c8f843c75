"""The interface that all distributions share, and what they check.

With z = g(eps, theta) and dz = dS/dz for some scalar S, the chain rule says

    dS/dtheta = sum dz * dg/dtheta

where the sum runs over all values that this entry of theta has a part in. A distribution says what
g and its slopes dg/dtheta are; the sum is done here, once for all.

Uniform noise lies in the open interval (0, 1), and `draw_uniform` stays half a cell away from both
ends: 1.1e-16 in float64, 6e-8 in float32. The formulas keep their accuracy up to both ends
(``log1p(-u)`` for log(1 - u), and so on), so that a value is infinite only where the true one is
larger than the largest float, and never NaN.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from minivae.validation import check_count, check_dtype, check_rng


class Parameter(NamedTuple):
    """A continuous parameter: its name, and which values it may have."""

    name: str
    accepts: Callable
    expected: str


def real(name: str) -> Parameter:
    """Return a `Parameter` that may be any number."""
    return Parameter(name, np.isfinite, "a finite number")


def positive(name: str) -> Parameter:
    """Return a `Parameter` above zero."""
    return Parameter(name, lambda a: (a > 0) & np.isfinite(a), "a positive number")


def require(name: str, array: np.ndarray, accepted: Any, expected: str) -> None:
    """Raise ValueError unless every entry of `array` is accepted; name the first that is not."""
    if not np.all(accepted):
        index = tuple(map(int, np.argwhere(~np.asarray(accepted))[0]))
        place = f" at index {index}" if index else ""
        raise ValueError(f"{name} is {array[index]}{place}, expected {expected}")


def draw_uniform(rng: np.random.Generator, shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
    """Draw from U(0, 1): the midpoints of 2^52 equal cells (2^23 in float32), never 0 or 1."""
    cells = 2 ** np.finfo(dtype).nmant
    return ((rng.integers(cells, size=shape) + 0.5) / cells).astype(dtype)


def draw_finite(noise: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return draws as finite numbers of that dtype: what is too large becomes the largest."""
    largest = np.finfo(dtype).max
    return np.clip(noise, -largest, largest)


def log_ratio(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return log(a / b) where a / b itself may be too large or too small for a float."""
    near = (a > b / 2) & (a / 2 < b)  # where the difference of the logs would cancel
    return np.where(near, np.log1p((a - b) / b), np.log(a) - np.log(b))


def log1p_square(t: np.ndarray) -> np.ndarray:
    """Return log(1 + t^2) where t^2 itself may be too large for a float."""
    t = np.abs(t)
    far = t > 1 / np.finfo(t.dtype).eps
    return np.where(far, 2 * np.log(t), np.log1p(np.where(far, 1, t) ** 2))


def as_floats(*values: Any) -> list[np.ndarray]:
    """Return arrays of the common floating dtype; Python's numbers take that of the others."""
    converted = [v if isinstance(v, (int, float)) else np.asarray(v) for v in values]
    for array in map(np.asarray, converted):
        if array.dtype.kind not in "fiub":
            raise ValueError(f"the arguments have dtype {array.dtype}, expected real numbers")
    dtype = np.result_type(1.0, *converted)
    return [np.asarray(v, dtype) for v in converted]


def sum_to(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Sum over the axes along which `shape` was broadcast to that of `array`."""
    new = array.ndim - len(shape)
    stretched = (new + axis for axis, size in enumerate(shape) if size == 1)
    return array.sum(axis=(*range(new), *stretched)).reshape(shape)


def broadcasts_to(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Whether an array of this shape can be stretched to `target`."""
    pairs = zip(shape[::-1], target[::-1], strict=False)
    return len(shape) <= len(target) and all(size in (1, wanted) for size, wanted in pairs)


def set_counts(distribution: Any, *names: str) -> None:
    """Check that these fields of a frozen object are whole numbers, and store them as int."""
    for name in names:
        object.__setattr__(distribution, name, check_count(name, getattr(distribution, name)))


@dataclass(frozen=True)
class Reparameterization:
    """A distribution whose samples are a differentiable function of its parameters.

    A new one says what its `params` are, and defines ``_draw``, ``_sample``, ``_slopes`` and
    ``_log_density``; see `minivae.reparameterizations.inverse_cdf` for examples.

    Attributes
    ----------
    params : tuple of Parameter
        The continuous parameters, in the order in which the methods take them. Each may be an
        array that broadcasts to the shape of the values; never beyond it, so that every value has
        noise of its own.
    """

    params: ClassVar[tuple[Parameter, ...]] = ()

    _draw: ClassVar[Callable[..., np.ndarray]]
    _sample: ClassVar[Callable[..., np.ndarray]]
    _slopes: ClassVar[Callable[..., Iterable[np.ndarray | int]]]
    _log_density: ClassVar[Callable[..., np.ndarray]]

    def draw_noise(
        self,
        rng: np.random.Generator,
        shape: int | tuple[int, ...] = (),
        dtype: DTypeLike = np.float64,
    ) -> np.ndarray:
        """Draw what `sample` needs.

        Parameters
        ----------
        rng : numpy.random.Generator
        shape : int or tuple of int
            That of the values to be sampled.
        dtype : dtype
            float32 or float64.

        Returns
        -------
        noise : array
            Of the same shape, or with one axis more where a value is made of several numbers.
        """
        check_rng(rng)
        sizes = shape if isinstance(shape, Iterable) else (shape,)
        value_shape = tuple(check_count("shape", size, 0) for size in sizes)
        dtype = check_dtype(dtype)
        return self._draw(rng, self._noise_shape(value_shape), dtype).astype(dtype, copy=False)

    def sample(self, noise: ArrayLike, *params: Any) -> np.ndarray:
        """Return z = g(noise, params).

        Parameters
        ----------
        noise : array
            From `draw_noise`.
        *params : floats or arrays
            Named by the attribute `params`.

        Returns
        -------
        value : array

        Raises
        ------
        ValueError
            If the noise cannot be such, or a parameter is out of bounds or of the wrong shape.
        """
        noise, *arrays = as_floats(noise, *params)
        self._check_noise(noise, arrays)
        return self._sample(noise, *arrays).astype(noise.dtype, copy=False)

    def backward(self, dvalue: ArrayLike, noise: ArrayLike, *params: Any) -> tuple[np.ndarray, ...]:
        """Carry a gradient from the values to the parameters.

        Parameters
        ----------
        dvalue : array
            dS/dz for a scalar S, of the shape of z.
        noise, *params :
            What `sample` was given: the same noise, not a fresh draw.

        Returns
        -------
        gradients : tuple of arrays
            dS/dparam of each parameter, in its shape.

        Raises
        ------
        ValueError
            If `dvalue` does not have the shape of z, or as in `sample`.
        """
        dvalue, noise, *arrays = as_floats(dvalue, noise, *params)
        self._check_noise(noise, arrays)
        if dvalue.shape != self._value_shape(noise.shape):
            expected = self._value_shape(noise.shape)
            raise ValueError(f"dvalue has shape {dvalue.shape}, expected {expected}")
        gradients = self._backward(dvalue, noise, *arrays)
        return tuple(
            sum_to(gradient, param.shape).astype(noise.dtype, copy=False)
            for gradient, param in zip(gradients, arrays, strict=True)
        )

    def log_density(self, value: ArrayLike, *params: Any) -> np.ndarray:
        """Return log p(value), in nats; minus infinity outside the support.

        Parameters
        ----------
        value : array
        *params : floats or arrays
            They broadcast against `value`.

        Returns
        -------
        log_density : array
            One number for each value; for each vector, in several dimensions.

        Raises
        ------
        ValueError
            If a parameter is out of bounds.
        """
        value, *arrays = as_floats(value, *params)
        self._check_params(arrays)
        # At the edge of a support there is log 0, far out in a tail exp may overflow: both give the
        # infinity that is meant.
        with np.errstate(divide="ignore", over="ignore"):
            result = self._log_density_anywhere(value, *arrays)
        return result.astype(value.dtype, copy=False)

    def param_shapes(self, value_shape: tuple[int, ...]) -> list[tuple[int, ...]]:
        """Return the shapes that the parameters must broadcast to, for values of that shape."""
        return [value_shape] * len(self.params)

    # --- What a distribution may say otherwise ----------------------------------------------------

    def _backward(
        self, dvalue: np.ndarray, noise: np.ndarray, *params: Any
    ) -> Iterable[np.ndarray]:
        value = self._sample(noise, *params)
        return (dvalue * slope for slope in self._slopes(noise, value, *params))

    def _log_density_anywhere(self, value: np.ndarray, *params: Any) -> np.ndarray:
        outside = np.isinf(value) | ~(self._inside(value, *params) | np.isnan(value))
        inside = self._log_density(np.where(outside, np.nan, value), *params)
        return np.where(outside, -np.inf, inside)

    def _inside(self, value: np.ndarray, *params: Any) -> np.ndarray | bool:
        return True

    def _noise_shape(self, value_shape: tuple[int, ...]) -> tuple[int, ...]:
        return value_shape

    def _value_shape(self, noise_shape: tuple[int, ...]) -> tuple[int, ...]:
        return noise_shape

    def _accepts_noise(self, noise: np.ndarray) -> tuple[np.ndarray, str]:
        return np.isfinite(noise), "finite numbers"

    def _check_relations(self, *params: Any) -> None:
        """Raise ValueError where good parameters make a bad set."""

    # --- Refusing what does not fit ---------------------------------------------------------------

    def _check_params(self, params: Sequence[np.ndarray]) -> None:
        names = [param.name for param in self.params]
        if len(params) != len(names):
            expected = f"{len(names)} ({', '.join(names)})" if names else "none"
            raise ValueError(f"params has {len(params)} entries, expected {expected}")
        for (name, accepts, expected), param in zip(self.params, params, strict=True):
            require(name, param, accepts(param), expected)
        self._check_relations(*params)

    def _check_noise(self, noise: np.ndarray, params: Sequence[np.ndarray]) -> None:
        require("noise", noise, *self._accepts_noise(noise))
        self._check_params(params)
        shapes = self.param_shapes(self._value_shape(noise.shape))
        for (name, *_), param, shape in zip(self.params, params, shapes, strict=True):
            if not broadcasts_to(param.shape, shape):
                raise ValueError(
                    f"{name} has shape {param.shape}, expected one that broadcasts to {shape}"
                )
