"""What a parameter's gradient is made of: a product or a sum of arrays that the step has anyway.

A layer's backward pass does not compute dW. It says what dW is, and whoever wants it computes it:
`sum_up` here, in a line; in training, threads that share it among them.
"""

from typing import NamedTuple

import numpy as np

from minivae.engine.mode import has_kernel
from minivae.params import Params
from minivae.protocols import Parts


@has_kernel
def matmul_tn(x: np.ndarray, dy: np.ndarray, out: np.ndarray, first: int) -> None:
    """Set out <- x^T dy, or some of its rows.

    Parameters
    ----------
    x : (n, n_in) array
    dy : (n, n_out) array
    out : (q, n_out) array
        Overwritten with q rows of the product.
    first : int
        The first of these rows.
    """
    np.matmul(x[:, first : first + len(out)].T, dy, out=out)


@has_kernel
def column_sums(dy: np.ndarray, first: int, out: np.ndarray) -> None:
    """Set out, (q,), to the sums of q columns of dy, (n, n_out), from the column `first` on."""
    np.sum(dy[:, first : first + len(out)], axis=0, out=out)


class Product(NamedTuple):
    """dW = x^T dy, of arrays that have a row for every datapoint (or several for each).

    Attributes
    ----------
    x : (n, n_in) array
    dy : (n, n_out) array
        The parameter is (n_in, n_out), or (..., n_out) with n_in numbers before the last axis.
    """

    x: np.ndarray
    dy: np.ndarray

    def write(self, out: np.ndarray, first: int = 0) -> None:
        """Overwrite `out`, a vector, with entries of dW: from `first` on, where a row starts."""
        width = self.dy.shape[-1]
        matmul_tn(self.x, self.dy, out.reshape(-1, width), first // width)


class Sum(NamedTuple):
    """db = the sum of the rows of dy.

    Attributes
    ----------
    dy : (n, ...) array
        A row for every datapoint, each in the shape of the parameter.
    """

    dy: np.ndarray

    def write(self, out: np.ndarray, first: int = 0) -> None:
        """Overwrite `out`, a vector, with the entries of db from `first` on."""
        dy = self.dy if self.dy.ndim == 2 else self.dy.reshape(len(self.dy), -1)
        if first + len(out) > dy.shape[1]:
            raise ValueError(
                f"dy has shape {self.dy.shape}, with {dy.shape[1]} sums, expected at least "
                f"{first + len(out)}"
            )
        column_sums(dy, first, out)


def sum_up(parts: Parts, params: Params) -> Params:
    """Compute a gradient.

    Parameters
    ----------
    parts : dict of str to Product or Sum
        By the parameters' names; the gradient of the others is zero.
    params : Params
        Whose layout it gets.

    Returns
    -------
    grad : Params
    """
    grad = params.like(np.zeros_like(params.vector))
    for name, part in parts.items():
        part.write(grad[name].reshape(-1))
    return grad
