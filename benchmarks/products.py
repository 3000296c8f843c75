"""The matrix products of one training step, and how fast they can be had on their own."""

import math
import time
from dataclasses import dataclass
from functools import partial

import numpy as np
from threadpoolctl import threadpool_limits

from minivae.engine import memory
from minivae.engine.lockstep import deal, shares
from minivae.layers.dense import affine, matmul_nt
from minivae.parts import matmul_tn

_LARGE = 0.1  # of the work of the largest

# Ways to do them.
THREADED_BLAS = "multi-threaded BLAS"
SPLIT_BATCH = "BLAS, minibatch split over threads"
TILES = "minivae's products, split as in a step"
WAYS = (THREADED_BLAS, SPLIT_BATCH, TILES)


@dataclass(frozen=True)
class Product:
    """One product of the layer whose weights, called `weights`, are (n_in, n_out).

    Attributes
    ----------
    name : str
        In the notation of `minivae.layers`.
    kind : str
        "affine", "matmul_nt" or "matmul_tn", the function that computes it.
    weights : str
    n_in, n_out : int
    of_data : bool
        Whether the layer's input is the data.
    """

    name: str
    kind: str
    weights: str
    n_in: int
    n_out: int
    of_data: bool

    def flop(self, batch_size):
        """Multiplications and additions."""
        return 2 * batch_size * self.n_in * self.n_out


def products_of_step(vae):
    """Return the products in the order of a step: forward, backward, gradient."""
    forward, backward, gradient = [], [], []
    for net, network, first in (("encoder", vae.encoder, "x"), ("decoder", vae.decoder, "z")):
        rows = zip(network.layers, network.names, strict=True)
        for k, (layer, names) in enumerate(rows, start=1):
            x = first if k == 1 else "h"
            sizes = names["W"], layer.n_in, layer.n_out, x == "x"
            forward.append(Product(f"{net} {x} W{k}", "affine", *sizes))
            if x != "x":  # nobody needs the gradient with respect to the data
                backward.insert(0, Product(f"{net} da{k} W{k}^T", "matmul_nt", *sizes))
            gradient.append(Product(f"{net} {x}^T da{k}", "matmul_tn", *sizes))
    return forward + backward + gradient


def large(products):
    """Return the names of the products that cost something."""
    limit = _LARGE * max(product.flop(1) for product in products)
    return [product.name for product in products if product.flop(1) >= limit]


def calls_of_thread(vae, way, minibatch, n_threads, k):
    """Return by name the calls, without arguments, that are thread k's work.

    All are made from operands of their own, with the shapes and the memory order of a step; those
    that are data have the zeros of data.
    """
    rng = np.random.default_rng(k)
    rows_of_weights = _rows_of_weights(vae.param_shapes, n_threads, k)
    rows = shares(len(minibatch), n_threads)[k]
    n = rows.stop - rows.start
    calls = {}
    for product in products_of_step(vae):
        n_in, n_out = product.n_in, product.n_out
        x, W, h = (_random(rng, shape) for shape in ((n, n_in), (n_in, n_out), (n, n_out)))
        if product.of_data:
            x = minibatch[rows]
        if way is not TILES:
            calls[product.name] = blas_call(product.kind, x, W, h)
        elif product.kind == "affine":
            calls[product.name] = partial(affine, x, W, np.zeros(n_out, np.float32), h)
        elif product.kind == "matmul_nt":
            calls[product.name] = partial(matmul_nt, h, W, x)
        elif (mine := rows_of_weights[product.weights]).stop > mine.start:
            # All datapoints, and the rows of the weights that are thread k's.
            x, h = (_random(rng, (len(minibatch), width)) for width in (n_in, n_out))
            x = minibatch if product.of_data else x
            calls[product.name] = partial(matmul_tn, x, h, W[mine], mine.start)
    return calls


def _rows_of_weights(shapes, n_threads, k):
    """Return for every matrix of weights the rows whose gradient thread k computes."""
    pieces = deal(shapes, list(shapes), n_threads)[k]
    rows, start = {}, 0
    for name, shape in shapes.items():
        size = math.prod(shape)
        if len(shape) == 2:
            rows[name] = slice(0, 0)
            for piece in pieces:  # of a matrix, a thread has one
                edges = np.clip([piece.start - start, piece.stop - start], 0, size) // shape[1]
                if edges[0] < edges[1]:
                    rows[name] = slice(*edges.tolist())
        start += size
    return rows


def _random(rng, shape):
    """Return an operand, where a step would have it in memory."""
    array = memory.empty(shape, np.float32)
    rng.random(out=array, dtype=np.float32)
    return array


def blas_call(kind, x, W, h):
    """Return the product as one call of `numpy.matmul`, in the form that is faster here."""
    if kind == "affine":
        return lambda: np.matmul(x, W, out=h)
    if kind == "matmul_tn":
        return lambda: np.matmul(x.T, h, out=W)
    transposed = np.empty(x.shape[::-1], x.dtype)
    forms = [lambda: np.matmul(h, W.T, out=x), lambda: np.matmul(W, h.T, out=transposed)]
    return min(forms, key=lambda form: min(seconds_of(form) for _ in range(5)))


def seconds_of(call):
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def time_products(vae, minibatch, team, repetitions, way):
    """Time every product, one after the other as in a step, many steps in a row.

    Parameters
    ----------
    vae : VAE
    minibatch : (M, n_features) float32 array
    team : Team
    repetitions : int
    way : str
        Of `WAYS`.

    Returns
    -------
    seconds : dict of str to float
        By name, per step, in the mean over the threads.
    """
    n_threads = 1 if way is THREADED_BLAS else team.size
    names = [product.name for product in products_of_step(vae)]
    seconds = [dict.fromkeys(names, 0.0) for _ in range(n_threads)]

    def work(k):
        if k >= n_threads:
            return
        calls = calls_of_thread(vae, way, minibatch, n_threads, k)
        for repetition in range(-1 - repetitions // 4, repetitions):
            if repetition == 0:
                seconds[k] = dict.fromkeys(names, 0.0)  # so far this was warming up
            for name, call in calls.items():
                seconds[k][name] += seconds_of(call)

    with threadpool_limits(team.size if way is THREADED_BLAS else 1, user_api="blas"):
        team.run(work)
    return {name: sum(own[name] for own in seconds) / n_threads / repetitions for name in names}
