"""A VAE as one writes it in NumPy after reading the paper: whole-array expressions, float32.

Nothing here is held back: stable formulas that NumPy computes fast (``logaddexp`` would be eight
times slower than the softplus below), in-place updates, the matrix products on all of BLAS's
threads. Nothing is heroic either: no buffers, no compiled loops, no threads of its own.
"""

# ruff: noqa: D102  (`rivals.Contender` describes the methods)
import numpy as np
from threadpoolctl import threadpool_limits

from rivals import Contender, as_float32, halves

LOG_2PI = float(np.log(2 * np.pi))


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def bernoulli(a, x):
    """Return log p(x|z) summed over everything, and its gradient with respect to the logits a."""
    softplus = np.maximum(a, 0) + np.log1p(np.exp(-np.abs(a)))
    return np.sum(x * a - softplus), x - sigmoid(a)


def gaussian_sigmoid(out, x):
    """Return the same for a Gaussian whose mean passes through a sigmoid."""
    a, log_var = np.split(out, 2, axis=1)
    mean = sigmoid(a)
    error, precision = x - mean, np.exp(-log_var)
    squared = error**2 * precision
    log_px = -0.5 * np.sum(LOG_2PI + log_var + squared)
    da = error * precision * mean * (1 - mean)
    return log_px, np.concatenate([da, 0.5 * (squared - 1)], axis=1)


LOG_LIKELIHOODS = {"bernoulli": bernoulli, "gaussian-sigmoid": gaussian_sigmoid}


def bound_and_gradient(p, x, eps, log_likelihood):
    """Return the mean bound over the minibatch and its gradient, a dict like `p`."""
    M, J = eps.shape
    # Forward: encoder, reparameterisation, decoder, bound.
    h = np.tanh(x @ p["encoder.W1"] + p["encoder.b1"])
    mu, log_var = halves(h @ p["encoder.W2"] + p["encoder.b2"], J)
    sigma = np.exp(log_var / 2)
    z = mu + sigma * eps
    g = np.tanh(z @ p["decoder.W1"] + p["decoder.b1"])
    out = g @ p["decoder.W2"] + p["decoder.b2"]
    log_px, dout = log_likelihood(out, x)
    minus_kl = 0.5 * np.sum(1 + log_var - mu**2 - sigma**2)
    bound = (log_px + minus_kl) / M

    # Backward, in the reverse order.
    grad = {}
    dout /= M
    grad["decoder.W2"] = g.T @ dout
    grad["decoder.b2"] = dout.sum(axis=0)
    dg = (dout @ p["decoder.W2"].T) * (1 - g**2)
    grad["decoder.W1"] = z.T @ dg
    grad["decoder.b1"] = dg.sum(axis=0)
    dz = dg @ p["decoder.W1"].T
    dmu = dz - mu / M
    dlog_var = 0.5 * (dz * eps * sigma + (1 - sigma**2) / M)
    dstats = np.concatenate([dmu, dlog_var], axis=1)
    grad["encoder.W2"] = h.T @ dstats
    grad["encoder.b2"] = dstats.sum(axis=0)
    dh = (dstats @ p["encoder.W2"].T) * (1 - h**2)
    grad["encoder.W1"] = x.T @ dh
    grad["encoder.b1"] = dh.sum(axis=0)
    return bound, grad


class NumpyTextbook(Contender):
    """Plain NumPy with a multi-threaded BLAS."""

    def __init__(self, problem, threads, params):
        threadpool_limits(threads)
        self.data = problem.train_as_floats()
        self.log_likelihood = LOG_LIKELIHOODS[problem.setting.likelihood]
        super().__init__(problem, threads, params)

    def reset(self, params):
        self.p = as_float32(params)
        self.sum_of_squares = {name: np.zeros_like(array) for name, array in self.p.items()}
        self.rng = np.random.default_rng(self.problem.seed)
        self.step = 0

    def run(self, n_steps):
        shape = self.setting.batch_size, self.setting.n_latent
        bounds = []
        for rows in self.problem.minibatches(self.step, n_steps):
            eps = self.rng.standard_normal(shape, np.float32)
            bound, grad = bound_and_gradient(self.p, self.data[rows], eps, self.log_likelihood)
            self.adagrad(grad)
            bounds.append(bound)
        self.step += n_steps
        return np.array(bounds)

    def adagrad(self, grad):
        """Take one step up along the gradient of the bound and the log prior."""
        for name, theta in self.p.items():
            g = grad[name] - self.setting.decay * theta
            G = self.sum_of_squares[name]
            G += g**2
            theta += self.setting.step_size * g / (np.sqrt(G) + self.setting.epsilon)

    def params(self):
        return self.p

    def bound_and_gradient(self, x, noise):
        return bound_and_gradient(self.p, x, noise, self.log_likelihood)
