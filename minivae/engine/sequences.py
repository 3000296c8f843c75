"""Kernels of sequences of words: the cells of an LSTM, a softmax, sums of rows by number.

The rules are those of `minivae.engine.kernels`. A row is one step of one sequence.
"""

import numpy as np

from minivae.engine.compiled import kernel
from minivae.engine.vector_math import exp


@kernel
def lstm_cells(gates, recurrent, c_before, c, tanh_c, h):
    """Gates <- the four gates; c, tanh_c, h <- cells, their tanh, outputs; a row for each."""
    one = gates.dtype.type(1)
    two = gates.dtype.type(2)
    n = c.shape[1]
    for k in range(c.shape[0]):
        i, f = gates[k, :n], gates[k, n : 2 * n]
        g, o = gates[k, 2 * n : 3 * n], gates[k, 3 * n :]
        for j in range(n):
            i[j] = one / (one + exp(-i[j] - recurrent[k, j]))
            f[j] = one / (one + exp(-f[j] - recurrent[k, n + j]))
            g[j] = one - two / (exp(two * (g[j] + recurrent[k, 2 * n + j])) + one)
            o[j] = one / (one + exp(-o[j] - recurrent[k, 3 * n + j]))
            c[k, j] = f[j] * c_before[k, j] + i[j] * g[j]
            tanh_c[k, j] = one - two / (exp(two * c[k, j]) + one)
            h[k, j] = o[j] * tanh_c[k, j]


@kernel
def lstm_cells_backward(gates, c_before, tanh_c, dh, dc, da):
    """Set da <- the gradient of the sums in the gates; dc <- that of the cells before."""
    one = gates.dtype.type(1)
    n = dc.shape[1]
    for k in range(dc.shape[0]):
        i, f = gates[k, :n], gates[k, n : 2 * n]
        g, o = gates[k, 2 * n : 3 * n], gates[k, 3 * n :]
        di, df = da[k, :n], da[k, n : 2 * n]
        dg, do = da[k, 2 * n : 3 * n], da[k, 3 * n :]
        for j in range(n):
            t = tanh_c[k, j]
            do[j] = dh[k, j] * t * o[j] * (one - o[j])
            d = dc[k, j] + dh[k, j] * o[j] * (one - t * t)
            di[j] = d * g[j] * i[j] * (one - i[j])
            df[j] = d * c_before[k, j] * f[j] * (one - f[j])
            dg[j] = d * i[j] * (one - g[j] * g[j])
            dc[k, j] = d * f[j]


@kernel
def categorical(logits, words, largest, scale, log_p):
    """log_p <- log softmax(a) at the word, in every row; logits a <- scale times its gradient."""
    zero = logits.dtype.type(0)
    for k in range(logits.shape[0]):
        row = logits[k]
        word, shift = words[k], largest[k]
        # Kept in memory, that nobody puts shift and log(total) together: where logits are large,
        # the sum of these two would have lost the digits of the second.
        log_p[k] = row[word] - shift
        total = zero
        for j in range(row.size):
            row[j] = exp(row[j] - shift)
            total += row[j]
        log_p[k] -= np.log(total)
        factor = -scale / total
        for j in range(row.size):
            row[j] *= factor
        row[word] += scale


@kernel
def add_rows(words, dx, first, out):
    """Set out <- for each of some words, from `first` on, the sum of its rows of dx."""
    out[:] = 0
    for k in range(words.size):
        word = words[k] - first
        if 0 <= word < out.shape[0]:
            source, target = dx[k], out[word]
            for j in range(target.size):
                target[j] += source[j]
