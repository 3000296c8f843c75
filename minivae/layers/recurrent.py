"""A recurrent layer, forward and backward through time, for sequences of unequal lengths.

The LSTM (Hochreiter and Schmidhuber 1997; with forget gates, Gers, Schmidhuber and Cummins 2000):

    a = x_t W + h_(t-1) U + b                        four gates, side by side: i, f, g, o
    i, f, o = sigmoid(a_i), sigmoid(a_f), sigmoid(a_o),    g = tanh(a_g)
    c_t = f c_(t-1) + i g,                           h_t = o tanh(c_t)

Backward through time, from the last step to the first, with dh_t and dc_t from above and from the
step after:

    do = dh tanh(c),    dc += dh o (1 - tanh(c)^2)
    di = dc g,    df = dc c_(t-1),    dg = dc i,    dc_(t-1) = dc f
    da = (di i (1 - i), df f (1 - f), dg (1 - g^2), do o (1 - o)),    dh_(t-1) += da U^T

and the gradients of the weights are products over the rows of all steps, dW = x^T da and
dU = h_before^T da: `minivae.parts.Product`.

**Rows.** A mask says which steps a sequence has. Only those have a row, step after step: x is
(N, n_in) with N ones in the mask, and a step that is masked out costs nothing and changes nothing.
What a row's state was before is found by number among the starts and the rows (`Steps.before`).
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from minivae.engine.mode import has_kernel
from minivae.layers.dense import affine, matmul_nt
from minivae.parts import Product, Sum
from minivae.protocols import Arrays, New, Parts
from minivae.validation import check_count


class Steps(NamedTuple):
    """The rows of sequences, step after step, and where each row's state comes from.

    States are numbered: those at the start, one for each of m sequences, and then the N rows.

    Attributes
    ----------
    sequence : (N,) array of int
        Of which sequence a row is.
    rows : list of slice
        Of each step.
    before : list of slice or array of int
        For the rows of each step, the numbers of the states before.
    last : (m,) array of int
        The number of each sequence's last state: its start's, if it has no step at all.
    """

    sequence: np.ndarray
    rows: list[slice]
    before: list[Any]
    last: np.ndarray


def steps_of(mask: np.ndarray) -> Steps:
    """Return the rows that a mask leaves.

    Parameters
    ----------
    mask : (m, T) array of bool
        Which steps a sequence has; the others are left out, wherever they are. Sequences in the
        order of their lengths, the longest first, save copies.
    """
    last = np.arange(len(mask))
    rows, before, sequences = [], [], []
    start = 0
    for of_step in mask.T:
        here = np.flatnonzero(of_step)
        if len(here) == 0:
            continue
        numbers = last[here]
        consecutive = np.array_equal(numbers, np.arange(numbers[0], numbers[0] + len(here)))
        before.append(slice(numbers[0], numbers[0] + len(here)) if consecutive else numbers)
        rows.append(slice(start, start + len(here)))
        last[here] = len(mask) + start + np.arange(len(here))
        sequences.append(here)
        start += len(here)
    return Steps(np.concatenate([*sequences, np.empty(0, np.intp)]), rows, before, last)


@has_kernel
def lstm_cells(
    gates: np.ndarray,
    recurrent: np.ndarray,
    c_before: np.ndarray,
    c: np.ndarray,
    tanh_c: np.ndarray,
    h: np.ndarray,
) -> None:
    """One step: gates, (k, 4 n), hold x W + b and are overwritten with i, f, g, o.

    `recurrent`, (k, 4 n), is h_before U; c, tanh_c and h, all (k, n), are overwritten.
    """
    gates += recurrent
    i, f, g, o = np.split(gates, 4, axis=1)  # views
    for gate in (i, f, o):
        np.exp(-np.logaddexp(0, -gate), out=gate)
    np.tanh(g, out=g)
    c[:] = f * c_before + i * g
    np.tanh(c, out=tanh_c)
    h[:] = o * tanh_c


@has_kernel
def lstm_cells_backward(
    gates: np.ndarray,
    c_before: np.ndarray,
    tanh_c: np.ndarray,
    dh: np.ndarray,
    dc: np.ndarray,
    da: np.ndarray,
) -> None:
    """One step back: da, (k, 4 n), is overwritten; dc, (k, n), becomes that of the cells before."""
    i, f, g, o = np.split(gates, 4, axis=1)
    dc += dh * o * (1 - tanh_c**2)
    sums = [dc * g * i * (1 - i), dc * c_before * f * (1 - f), dc * i * (1 - g**2)]
    np.concatenate([*sums, dh * tanh_c * o * (1 - o)], axis=1, out=da)
    dc *= f


@dataclass(frozen=True)
class LSTM:
    """Long short-term memory: a layer that carries a state from step to step.

    Parameters
    ----------
    n_in, n_out : int
        Numbers that come in and go out, per step.
    """

    n_in: int
    n_out: int

    def __post_init__(self) -> None:
        for name in ("n_in", "n_out"):
            object.__setattr__(self, name, check_count(name, getattr(self, name)))

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """W is (n_in, 4 n), U (n, 4 n), b (4 n,), in the order i, f, g, o; with n = n_out."""
        return {
            "W": (self.n_in, 4 * self.n_out),
            "U": (self.n_out, 4 * self.n_out),
            "b": (4 * self.n_out,),
        }

    def init(self, params: Arrays, rng: np.random.Generator, std: float) -> None:
        """Draw the weights from N(0, std^2); the forget gates begin open, with a bias of 1."""
        for name in ("W", "U"):
            params[name][:] = std * rng.standard_normal(params[name].shape)
        params["b"][:] = 0
        params["b"][self.n_out : 2 * self.n_out] = 1

    def forward(
        self,
        params: Arrays,
        x: np.ndarray,
        steps: Steps,
        start: np.ndarray | None = None,
        new: New = np.empty,
    ) -> tuple[np.ndarray, np.ndarray, Any]:
        """Carry sequences through the layer.

        Parameters
        ----------
        params : dict of str to array
            W, U and b.
        x : (N, n_in) array
            The rows of all steps, in the order of `steps`.
        steps : Steps
        start : (m, 2 n_out) array, optional
            The states at the start, h and c side by side; zero when not given.
        new : callable

        Returns
        -------
        h : (N, n_out) array
            After every row's step.
        last : (m, 2 n_out) array
            The states after every sequence's last step.
        saved : tuple
        """
        n, m, N = self.n_out, len(steps.last), len(x)
        hs, cs = new((m + N, n), x.dtype), new((m + N, n), x.dtype)
        hs[:m], cs[:m] = (0, 0) if start is None else np.split(start, 2, axis=1)
        gates = new((N, 4 * n), x.dtype)
        affine(x, params["W"], params["b"], gates)  # of all steps at once
        recurrent, tanh_c = new((N, 4 * n), x.dtype), new((N, n), x.dtype)
        h, c = hs[m:], cs[m:]
        for rows, before in zip(steps.rows, steps.before, strict=True):
            np.matmul(hs[before], params["U"], out=recurrent[rows])
            lstm_cells(gates[rows], recurrent[rows], cs[before], c[rows], tanh_c[rows], h[rows])
        last = np.concatenate([hs[steps.last], cs[steps.last]], axis=1)
        return h, last, (x, steps, hs, cs, gates, tanh_c)

    def backward(
        self,
        params: Arrays,
        saved: Any,
        dh: np.ndarray | None = None,
        dlast: np.ndarray | None = None,
        new: New = np.empty,
    ) -> tuple[np.ndarray, np.ndarray, Parts]:
        """Carry gradients back through time.

        Parameters
        ----------
        params : dict of str to array
        saved : tuple
            From `forward`.
        dh : (N, n_out) array, optional
            Gradient with respect to h.
        dlast : (m, 2 n_out) array, optional
            Gradient with respect to `last`.
        new : callable

        Returns
        -------
        dx : (N, n_in) array
        dstart : (m, 2 n_out) array
        parts : dict of str to Product or Sum
            What the gradients of W, U and b are made of.
        """
        x, steps, hs, cs, gates, tanh_c = saved
        m, N, n = len(steps.last), len(x), self.n_out
        dhs, dcs = new(hs.shape, hs.dtype), new(cs.shape, cs.dtype)
        dhs[:m], dhs[m:], dcs[:] = 0, 0 if dh is None else dh, 0
        if dlast is not None:
            dhs[steps.last] += dlast[:, :n]
            dcs[steps.last] += dlast[:, n:]
        da, through = new(gates.shape, gates.dtype), new((N, n), x.dtype)
        h_before = new((N, n), x.dtype)
        for rows, before in zip(reversed(steps.rows), reversed(steps.before), strict=True):
            dc = dcs[m:][rows]
            lstm_cells_backward(gates[rows], cs[before], tanh_c[rows], dhs[m:][rows], dc, da[rows])
            matmul_nt(da[rows], params["U"], through[rows])
            dhs[before] += through[rows]
            dcs[before] += dc  # which is that of the cells before by now
            h_before[rows] = hs[before]
        dx = new(x.shape, x.dtype)
        matmul_nt(da, params["W"], dx)
        dstart = np.concatenate([dhs[:m], dcs[:m]], axis=1)
        return dx, dstart, {"W": Product(x, da), "U": Product(h_before, da), "b": Sum(da)}
