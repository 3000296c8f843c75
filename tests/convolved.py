"""Convolutions written out, pixel by pixel or by SciPy, for `test_convolution`."""

from dataclasses import dataclass

import numpy as np
from scipy import signal

from minivae.layers.convolution import Conv2D, ConvTranspose2D
from minivae.parts import Sum


def by_scipy(layer, x, W, b):
    """What a linear layer of either kind makes of x, by `scipy.signal`."""
    images = x.reshape(-1, *layer.image)
    out = np.zeros((len(x), *layer.image_out)) + b
    make = _correlated if isinstance(layer, Conv2D) else _spread
    for n, c, o in np.ndindex(len(x), layer.image[2], layer.channels):
        kernel = W[:, :, c, o] if isinstance(layer, Conv2D) else W[:, :, o, c]
        out[n, :, :, o] += make(layer, images[n, :, :, c], kernel)
    return out.reshape(len(x), -1)


def _correlated(layer, image, kernel):
    """Every place of the kernel on the padded image; of these, a stride apart."""
    (s, t), (u, v) = layer.stride, layer.padding
    padded = np.pad(image, ((u, u), (v, v)))
    return signal.correlate2d(padded, kernel, "valid")[::s, ::t]


def _spread(layer, image, kernel):
    """The pixels a stride apart, zeros between them, convolved; without the padding."""
    (s, t), (u, v), (height, width, _) = layer.stride, layer.padding, layer.image
    apart = np.zeros(((height - 1) * s + 1, (width - 1) * t + 1))
    apart[::s, ::t] = image
    full = np.pad(signal.convolve2d(apart, kernel), [(0, more) for more in layer.extra])
    return full[u : full.shape[0] - u, v : full.shape[1] - v]


@dataclass(frozen=True)
class Unrolled:
    """The same layer as a matrix, every weight of which stands wherever it is used."""

    like: Conv2D | ConvTranspose2D

    keeps_output = True

    @property
    def n_in(self):
        return self.like.n_in

    @property
    def n_out(self):
        return self.like.n_out

    @property
    def shapes(self):
        return self.like.shapes

    def init(self, params, rng, std):
        self.like.init(params, rng, std)

    def uses(self):
        """For every weight, the pairs (number in, number out) that it connects."""
        layer, (large, small) = self.like, (self.like.large, self.like.small)
        for i, j, c, o in np.ndindex(*layer.shapes["W"]):
            for p, q in np.ndindex(*small[:2]):
                y, x = p * layer.stride[0] - layer.padding[0] + i, q * layer.stride[1] + j
                x -= layer.padding[1]
                if 0 <= y < large[0] and 0 <= x < large[1]:
                    ends = (
                        np.ravel_multi_index((y, x, c), large),
                        np.ravel_multi_index((p, q, o), small),
                    )
                    yield (i, j, c, o), ends[:: 1 if isinstance(layer, Conv2D) else -1]

    def matrix(self, W):
        M = np.zeros((self.n_in, self.n_out), W.dtype)
        for weight, ends in self.uses():
            M[ends] += W[weight]
        return M

    def forward(self, params, x, new=np.empty):
        b = np.resize(params["b"], self.n_out)
        h = x @ self.matrix(params["W"]) + b
        saved = x, h.copy()
        self.like.activation.forward(h)
        return h, (*saved, h)

    def backward(self, params, saved, dh, new=np.empty, input_gradient=True):
        x, a, h = saved
        given = (a, h) if self.like.activation.needs_input else (h,)
        self.like.activation.backward(dh, *given)
        dW = np.zeros((len(x), *self.like.shapes["W"]), x.dtype)
        for weight, (come, go) in self.uses():
            dW[(slice(None), *weight)] += x[:, come] * dh[:, go]
        db = dh.reshape(len(dh), -1, self.like.channels).sum(axis=1)
        return dh @ self.matrix(params["W"]).T, {"W": Sum(dW), "b": Sum(db)}
