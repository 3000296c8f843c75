"""The hot loops in Numba: each computes what the equation of the same name says in NumPy.

The equations stand in the model's files, where they are read (`minivae.engine.mode`), and the
tests hold the two together. A kernel does in one pass over memory what NumPy does in several, and
computes ``exp`` and ``log1p`` by series that the compiler can vectorise (`vector_math`), where
NumPy and the C library take most of a step's time outside the matrix products.

Rules of all kernels: arrays are C-contiguous and of one floating dtype, outputs are arguments that
come last (or first, where the kernel works in place, as its summary line says), nothing is
allocated, the GIL is released. A matrix has one datapoint per row; samples are the first of three
axes, (L, M, ...).
"""

import numpy as np

from minivae.engine.compiled import kernel
from minivae.engine.prefetch import prefetch
from minivae.engine.vector_math import exp, log1p

_LOG_2PI = float(np.log(2.0 * np.pi))
_BLOCK = 512  # parameters that are updated while the next ones are fetched


# --- Minibatches ----------------------------------------------------------------------------------


@kernel
def gather_pixels(data, rows, out):
    """Copy rows of uint8 pixels as floats in [0, 1]."""
    scale = out.dtype.type(1.0 / 255.0)
    for i in range(rows.size):
        source = data[rows[i]]
        target = out[i]
        for j in range(target.size):
            target[j] = source[j] * scale


# --- Dense layers ---------------------------------------------------------------------------------


@kernel
def add_bias(a, b):
    """In place: a <- a + b, b to every row."""
    for i in range(a.shape[0]):
        row = a[i]
        for j in range(row.size):
            row[j] += b[j]


@kernel
def column_sums(dy, first, out):
    """Set out <- sums over the rows of dy, of its columns from `first` on."""
    out[:] = 0
    for i in range(dy.shape[0]):
        row = dy[i, first : first + out.size]
        for j in range(out.size):
            out[j] += row[j]


# --- Activations: h <- f(h), in place -------------------------------------------------------------
# Backward: dh <- dh * f'(a), from the activation's output h.


@kernel
def tanh(h):
    """In place: h <- tanh(h), as 1 - 2 / (exp(2 h) + 1)."""
    one = h.dtype.type(1)
    two = h.dtype.type(2)
    for i in range(h.shape[0]):
        row = h[i]
        for j in range(row.size):
            row[j] = one - two / (exp(two * row[j]) + one)


@kernel
def tanh_backward(dh, h):
    """In place: dh <- dh * (1 - h^2)."""
    one = h.dtype.type(1)
    for i in range(h.shape[0]):
        row = dh[i]
        output = h[i]
        for j in range(row.size):
            row[j] *= one - output[j] * output[j]


@kernel
def relu(h):
    """In place: h <- max(h, 0)."""
    zero = h.dtype.type(0)
    for i in range(h.shape[0]):
        row = h[i]
        for j in range(row.size):
            row[j] = zero if row[j] < zero else row[j]  # in this order NaN stays NaN


@kernel
def relu_backward(dh, h):
    """In place: dh <- dh where h > 0, else 0."""
    zero = h.dtype.type(0)
    one = h.dtype.type(1)
    for i in range(h.shape[0]):
        row = dh[i]
        output = h[i]
        for j in range(row.size):
            row[j] *= one if output[j] > zero else zero


@kernel
def softplus(h):
    """In place: h <- log(1 + exp(h)), as max(h, 0) + log1p(exp(-|h|))."""
    zero = h.dtype.type(0)
    for i in range(h.shape[0]):
        row = h[i]
        for j in range(row.size):
            a = row[j]
            row[j] = (zero if a < zero else a) + log1p(exp(-abs(a)))


@kernel
def softplus_backward(dh, h):
    """In place: dh <- dh * sigmoid(a), which is 1 - exp(-h)."""
    one = h.dtype.type(1)
    for i in range(h.shape[0]):
        row = dh[i]
        output = h[i]
        for j in range(row.size):
            row[j] *= one - exp(-output[j])


@kernel
def sigmoid(h):
    """In place: h <- 1 / (1 + exp(-h))."""
    one = h.dtype.type(1)
    for i in range(h.shape[0]):
        row = h[i]
        for j in range(row.size):
            row[j] = one / (one + exp(-row[j]))


@kernel
def sigmoid_backward(dh, h):
    """In place: dh <- dh * h * (1 - h)."""
    one = h.dtype.type(1)
    for i in range(h.shape[0]):
        row = dh[i]
        output = h[i]
        for j in range(row.size):
            row[j] *= output[j] * (one - output[j])


# --- Latent block: eq. 9, app. B ------------------------------------------------------------------


@kernel
def reparameterize(q_params, eps, z, minus_kl):
    """Set z <- mu + sigma * eps per sample; minus_kl <- -KL(q || N(0, I)) per datapoint."""
    one = q_params.dtype.type(1)
    half = q_params.dtype.type(0.5)
    n_samples, n_datapoints, n_latent = eps.shape
    for m in range(n_datapoints):
        mu = q_params[m, :n_latent]
        log_var = q_params[m, n_latent:]
        total = q_params.dtype.type(0)
        for j in range(mu.size):
            total += one + log_var[j] - mu[j] * mu[j] - exp(log_var[j])
        minus_kl[m] = half * total
    for sample in range(n_samples):
        for m in range(n_datapoints):
            mu = q_params[m, :n_latent]
            log_var = q_params[m, n_latent:]
            noise = eps[sample, m]
            out = z[sample, m]
            for j in range(mu.size):
                out[j] = mu[j] + exp(half * log_var[j]) * noise[j]


@kernel
def reparameterize_backward(dz, q_params, eps, scale, dq_params):
    """Gradient: dq_params <- that through z, plus scale times that of -KL, w.r.t. (mu, log_var)."""
    one = q_params.dtype.type(1)
    half = q_params.dtype.type(0.5)
    n_samples, n_datapoints, n_latent = eps.shape
    for m in range(n_datapoints):
        mu = q_params[m, :n_latent]
        log_var = q_params[m, n_latent:]
        dmu = dq_params[m, :n_latent]
        dlog_var = dq_params[m, n_latent:]
        for j in range(mu.size):
            dmu[j] = -scale * mu[j]
            dlog_var[j] = half * scale * (one - exp(log_var[j]))
    for sample in range(n_samples):
        for m in range(n_datapoints):
            log_var = q_params[m, n_latent:]
            dmu = dq_params[m, :n_latent]
            dlog_var = dq_params[m, n_latent:]
            noise = eps[sample, m]
            gradient = dz[sample, m]
            for j in range(log_var.size):
                dmu[j] += gradient[j]
                dlog_var[j] += half * gradient[j] * noise[j] * exp(half * log_var[j])


# --- Likelihoods: eq. 11, 12 ----------------------------------------------------------------------
# Both leave log p(x|z) of every sample in log_px, (L, M), and overwrite the decoder's output with
# scale times the gradient of log p(x|z) with respect to it.


@kernel
def bernoulli(logits, x, scale, log_px):
    """log_px <- sum over pixels of x a - softplus(a); logits <- scale * (x - sigmoid(a))."""
    zero = logits.dtype.type(0)
    one = logits.dtype.type(1)
    for sample in range(logits.shape[0]):
        for m in range(logits.shape[1]):
            row = logits[sample, m]
            pixels = x[m]
            total = zero
            for j in range(row.size):
                a = row[j]
                e = exp(-abs(a))
                total += pixels[j] * a - (zero if a < zero else a) - log1p(e)
                row[j] = scale * (pixels[j] - (e if a < zero else one) / (one + e))
            log_px[sample, m] = total


@kernel
def gaussian(out, x, sigmoid_mean, scale, log_px):
    """log_px <- -1/2 sum of log(2 pi) + log_var + (x - mean)^2 / var; out <- scale * gradient."""
    half = out.dtype.type(0.5)
    one = out.dtype.type(1)
    log_2pi = out.dtype.type(_LOG_2PI)
    n_features = x.shape[1]
    for sample in range(out.shape[0]):
        for m in range(out.shape[1]):
            a = out[sample, m, :n_features]
            log_var = out[sample, m, n_features:]
            pixels = x[m]
            total = out.dtype.type(0)
            for j in range(a.size):
                mean = one / (one + exp(-a[j])) if sigmoid_mean else a[j]
                slope = mean * (one - mean) if sigmoid_mean else one
                error = pixels[j] - mean
                precision = exp(-log_var[j])
                squared = error * error * precision
                total += log_2pi + log_var[j] + squared
                a[j] = scale * error * precision * slope
                log_var[j] = half * scale * (squared - one)
            log_px[sample, m] = -half * total


# --- Optimizers: ascent on the mean bound plus the log prior's share, -decay * theta --------------


@kernel
def adagrad(theta, grad, sum_of_squares, step_size, decay, epsilon):
    """In place: G <- G + g^2, theta <- theta + step_size * g / (sqrt(G) + epsilon)."""
    for start in range(0, theta.size, _BLOCK):
        stop = start + _BLOCK
        prefetch(theta, stop, stop + _BLOCK)
        t, g_block, G = theta[start:stop], grad[start:stop], sum_of_squares[start:stop]
        for j in range(t.size):
            g = g_block[j] - decay * t[j]
            G[j] += g * g
            t[j] += step_size * g / (np.sqrt(G[j]) + epsilon)


@kernel
def adam(theta, grad, m, v, step_size, decay, rate1, rate2, epsilon):
    """In place: m, v <- running means of g and g^2, theta <- theta + step_size * m / sqrt(v)."""
    for j in range(theta.size):
        g = grad[j] - decay * theta[j]
        m[j] += rate1 * (g - m[j])
        v[j] += rate2 * (g * g - v[j])
        theta[j] += step_size * m[j] / (np.sqrt(v[j]) + epsilon)
