"""Layers that a user might bring, for `test_bring_your_own`; each written in its own legal way."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from minivae.layers import Dense, Sequential
from minivae.parts import Product, Sum


@dataclass(frozen=True)
class AsManyOut:
    """What layers have in common that give as many numbers as they take."""

    n_in: int

    @property
    def n_out(self):
        return self.n_in


class ScaleAndShift(AsManyOut):
    """y = scale * x + shift, element by element; fresh arrays throughout."""

    @property
    def shapes(self):
        return {"scale": (self.n_in,), "shift": (self.n_in,)}

    def init(self, params, rng, std):
        params["scale"][:] = 1
        params["shift"][:] = 0

    def forward(self, params, x, new=np.empty):
        return params["scale"] * x + params["shift"], x

    def backward(self, params, saved, dh, new=np.empty, input_gradient=True):
        return params["scale"] * dh, {"scale": Sum(dh * saved), "shift": Sum(dh)}


class Shift(AsManyOut):
    """y = x + shift; what it gives back is what it was given, and stands in a part as well."""

    @property
    def shapes(self):
        return {"shift": (self.n_in,)}

    def init(self, params, rng, std):
        params["shift"][:] = std * rng.standard_normal(self.n_in)

    def forward(self, params, x, new=np.empty):
        return x + params["shift"], ()

    def backward(self, params, saved, dh, new=np.empty, input_gradient=True):
        return dh, {"shift": Sum(dh)}


class ShiftByProduct(Shift):
    """The same, but the gradient is given as a product with ones: of a parameter of one axis."""

    def backward(self, params, saved, dh, new=np.empty, input_gradient=True):
        return dh, {"shift": Product(np.ones((len(dh), 1), dh.dtype), dh)}


class SumOfProducts(NamedTuple):
    """A part of one's own: the sum over the datapoints of x dy, number by number."""

    x: np.ndarray
    dy: np.ndarray

    def write(self, out, first=0):
        numbers = slice(first, first + len(out))
        out[:] = np.sum(self.x[:, numbers] * self.dy[:, numbers], axis=0)


class Bypassed(AsManyOut):
    """y = x W + scale * x; a part of its own and one of the library are of the same arrays."""

    @property
    def shapes(self):
        return {"W": (self.n_in, self.n_in), "scale": (self.n_in,)}

    def init(self, params, rng, std):
        for array in params.values():
            array[:] = std * rng.standard_normal(array.shape)

    def forward(self, params, x, new=np.empty):
        return x @ params["W"] + params["scale"] * x, x

    def backward(self, params, saved, dh, new=np.empty, input_gradient=True):
        dx = dh @ params["W"].T + params["scale"] * dh
        return dx, {"W": Product(saved, dh), "scale": SumOfProducts(saved, dh)}


@dataclass(frozen=True)
class DenseInReverse:
    """A dense layer whose columns stand in reverse order; what it returns are views of float64."""

    n_in: int
    n_out: int

    @property
    def shapes(self):
        return {"W": (self.n_in, self.n_out), "b": (self.n_out,)}

    def init(self, params, rng, std):
        Dense(self.n_in, self.n_out).init(params, rng, std)

    def forward(self, params, x, new=np.empty):
        h = np.float64(x) @ params["W"] + params["b"]
        return h[:, ::-1], x

    def backward(self, params, saved, dh, new=np.empty, input_gradient=True):
        dh = dh[:, ::-1]
        return np.asfortranarray(dh @ params["W"].T), {"W": Product(saved, dh), "b": Sum(dh)}


@dataclass(frozen=True)
class TwoBranches:
    """Two rows of layers side by side, whose outputs are added up."""

    n_in: int
    n_out: int
    width: int

    @property
    def branches(self):
        left = Sequential([Dense(self.n_in, self.width, "tanh"), Dense(self.width, self.n_out)])
        return {"left": left, "right": Sequential([Dense(self.n_in, self.n_out, "softplus")])}

    @property
    def shapes(self):
        return {
            f"{side}.{name}": shape
            for side, branch in self.branches.items()
            for name, shape in branch.shapes.items()
        }

    def init(self, params, rng, std):
        for side, branch in self.branches.items():
            branch.init(_of(side, params), rng, std)

    def forward(self, params, x, new=np.empty):
        outputs, saved = {}, {}
        for side, branch in self.branches.items():
            outputs[side], saved[side] = branch.forward(_of(side, params), x, new)
        return outputs["left"] + outputs["right"], saved

    def backward(self, params, saved, dh, new=np.empty, input_gradient=True):
        dx, parts = 0.0, {}
        for side, branch in self.branches.items():
            # A branch may overwrite what it is given, and the other wants it as well.
            its_dx, its_parts = branch.backward(_of(side, params), saved[side], dh.copy(), new)
            dx = dx + its_dx
            parts.update({f"{side}.{name}": part for name, part in its_parts.items()})
        return dx, parts


@dataclass(frozen=True)
class Residual:
    """y = x + inner(x), for any layer that gives as many numbers as it takes."""

    inner: object

    @property
    def n_in(self):
        return self.inner.n_in

    @property
    def n_out(self):
        return self.inner.n_out

    @property
    def shapes(self):
        return self.inner.shapes

    def init(self, params, rng, std):
        self.inner.init(params, rng, std)

    def forward(self, params, x, new=np.empty):
        h, saved = self.inner.forward(params, x, new)
        return x + h, saved

    def backward(self, params, saved, dh, new=np.empty, input_gradient=True):
        dx, parts = self.inner.backward(params, saved, dh.copy(), new)
        return dx + dh, parts


class ResidualRow(Sequential):
    """The same of layers in a row, as one of them itself."""

    def forward(self, params, x, new=np.empty):
        h, saved = super().forward(params, x, new)
        return x + h, saved

    def backward(self, params, saved, dh, new=np.empty, input_gradient=True):
        dx, parts = super().backward(params, saved, dh.copy(), new)
        return dx + dh, parts


class Power:
    """y = |x|^k, in a class that is no dataclass; it has no parameters."""

    shapes = {}  # noqa: RUF012

    def __init__(self, n_in, k):
        self.n_in = self.n_out = n_in
        self.k = k

    def init(self, params, rng, std):
        pass

    def forward(self, params, x, new=np.empty):
        return np.abs(x) ** self.k, x

    def backward(self, params, saved, dh, new=np.empty, input_gradient=True):
        return self.k * np.abs(saved) ** (self.k - 1) * np.sign(saved) * dh, {}


def _of(side, params):
    prefix = f"{side}."
    return {
        name.removeprefix(prefix): array
        for name, array in params.items()
        if name.startswith(prefix)
    }


@dataclass(frozen=True)
class Convolution:
    """A convolution along a row of pixels; one kernel of `width` for `channels` outputs a place."""

    n_in: int
    width: int
    channels: int

    @property
    def places(self):
        return self.n_in - self.width + 1

    @property
    def n_out(self):
        return self.places * self.channels

    @property
    def shapes(self):
        return {"K": (self.width, self.channels), "b": (self.channels,)}

    @property
    def work(self):
        return self.places * self.width * self.channels

    def init(self, params, rng, std):
        params["K"][:] = std * rng.standard_normal(params["K"].shape)
        params["b"][:] = 0

    def forward(self, params, x, new=np.empty):
        columns = new((len(x) * self.places, self.width), x.dtype)
        windows = np.lib.stride_tricks.sliding_window_view(x, self.width, axis=1)
        columns.reshape(windows.shape)[:] = windows
        h = new((len(x), self.n_out), x.dtype)
        np.matmul(columns, params["K"], out=h.reshape(-1, self.channels))
        h.reshape(-1, self.channels)[:] += params["b"]
        return h, columns

    def backward(self, params, saved, dh, new=np.empty, input_gradient=True):
        dh = dh.reshape(-1, self.channels)
        dx = None
        if input_gradient:
            windows = (dh @ params["K"].T).reshape(-1, self.places, self.width)
            dx = np.zeros((len(windows), self.n_in), dh.dtype)
            for k in range(self.width):
                dx[:, k : k + self.places] += windows[:, :, k]
        return dx, {"K": Product(saved, dh), "b": Sum(dh)}
