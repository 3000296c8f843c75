"""The matrix products of one training step, and how fast they can be had on their own."""

import time
from dataclasses import dataclass
from unittest.mock import patch

import numpy as np
from threadpoolctl import threadpool_limits

from minivae import layers
from minivae.minibatches import shares

_LARGE = 0.1  # of the work of the largest


@dataclass(frozen=True)
class Product:
    """One product, (n_rows, n_inner) times (n_inner, n_columns).

    Attributes
    ----------
    name : str
        In the notation of `minivae.layers`.
    n_rows, n_inner, n_columns : int
    orders : str
        Memory order of the left and of the right operand, "C" or "F" each.
    """

    name: str
    n_rows: int
    n_inner: int
    n_columns: int
    orders: str

    @property
    def flop(self):
        """Multiplications and additions."""
        return 2 * self.n_rows * self.n_inner * self.n_columns

    def operands(self, rng):
        """Return float32 arrays (left, right, out) that lie in memory as they do in a step."""
        shapes = (self.n_rows, self.n_inner), (self.n_inner, self.n_columns)
        left, right = (
            rng.random(shape, np.float32) if order == "C" else rng.random(shape[::-1], np.float32).T
            for shape, order in zip(shapes, self.orders, strict=True)
        )
        return left, right, np.empty((self.n_rows, self.n_columns), np.float32)


class NumpyWithMatmul:
    """The module numpy, with another matmul."""

    def __init__(self, matmul):
        self.matmul = matmul

    def __getattr__(self, name):
        return getattr(np, name)


def product_names(vae):
    """Return the names of the products in the order of a step: forward, then backward."""
    forward, backward = [], []
    for mlp, first in ((vae.encoder, "x"), (vae.decoder, "z")):
        for k in range(1, len(mlp.widths)):
            x = first if k == 1 else "h"
            forward.append(f"{mlp.name} {x} W{k}")
            backward.append([f"{mlp.name} {x}^T da{k}"])
            if x != "x":  # nobody needs the gradient with respect to the data
                backward[-1].append(f"{mlp.name} da{k} W{k}^T")
    return forward + [name for names in reversed(backward) for name in names]


def products_of_step(vae, batch_size):
    """Watch a step and return its products, in order. No other thread may be taking steps."""
    seen = []

    def matmul(left, right, out=None):
        orders = "".join("C" if array.flags.c_contiguous else "F" for array in (left, right))
        seen.append((*left.shape, right.shape[1], orders))
        return np.matmul(left, right, out=out)

    rng = np.random.default_rng(0)
    x = np.zeros((batch_size, vae.n_features), np.float32)
    noise = rng.standard_normal((1, batch_size, vae.n_latent), np.float32)
    params = vae.init_params(rng, np.float32)
    with patch.object(layers, "np", NumpyWithMatmul(matmul)):
        vae.elbo_and_grad(params, x, noise)
    return [Product(name, *shape) for name, shape in zip(product_names(vae), seen, strict=True)]


def large(products):
    """Return the names of the products that cost something."""
    limit = _LARGE * max(product.flop for product in products)
    return [product.name for product in products if product.flop >= limit]


def time_products(vae, batch_size, team, repetitions, threaded_blas):
    """Time every product, one after the other as in a step, many steps in a row.

    Parameters
    ----------
    vae : VAE
    batch_size : int
    team : Team
    repetitions : int
    threaded_blas : bool
        Whether BLAS splits every product over ``team.size`` threads; otherwise each thread of the
        team does the products of its share of the minibatch, with single-threaded BLAS.

    Returns
    -------
    seconds : dict of str to float
        By name, per step.
    """
    parts = [slice(0, batch_size)] if threaded_blas else shares(batch_size, team.size)
    products = [products_of_step(vae, part.stop - part.start) for part in parts]
    seconds = np.zeros((len(parts), len(products[0])))

    def work(k):
        if k >= len(parts):
            return
        rng = np.random.default_rng(k)
        operands = [product.operands(rng) for product in products[k]]
        for repetition in range(-1 - repetitions // 4, repetitions):
            if repetition == 0:
                seconds[k] = 0  # so far this was warming up
            for j, (left, right, out) in enumerate(operands):
                started = time.perf_counter()
                np.matmul(left, right, out=out)
                seconds[k, j] += time.perf_counter() - started

    with threadpool_limits(team.size if threaded_blas else 1, user_api="blas"):
        team.run(work)
    names = [product.name for product in products[0]]
    return dict(zip(names, (seconds.mean(axis=0) / repetitions).tolist(), strict=True))
