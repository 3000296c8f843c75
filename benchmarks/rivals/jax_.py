"""The same VAE in JAX: one jitted step, and a whole epoch inside one jitted scan.

The size of XLA's thread pool is what the environment variable NPROC says when JAX is loaded.
"""

# ruff: noqa: D102  (`rivals.Contender` describes the methods)
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from rivals import Contender, halves

LOG_2PI = float(np.log(2 * np.pi))


def bernoulli(a, x):
    return jnp.sum(x * a - jax.nn.softplus(a))


def gaussian_sigmoid(out, x):
    a, log_var = jnp.split(out, 2, axis=1)
    squared = (x - jax.nn.sigmoid(a)) ** 2 * jnp.exp(-log_var)
    return -0.5 * jnp.sum(LOG_2PI + log_var + squared)


LOG_LIKELIHOODS = {"bernoulli": bernoulli, "gaussian-sigmoid": gaussian_sigmoid}


def bound(p, x, eps, log_likelihood):
    """Return the mean bound over the minibatch."""
    h = jnp.tanh(x @ p["encoder.W1"] + p["encoder.b1"])
    mu, log_var = halves(h @ p["encoder.W2"] + p["encoder.b2"], eps.shape[1])
    z = mu + jnp.exp(log_var / 2) * eps
    g = jnp.tanh(z @ p["decoder.W1"] + p["decoder.b1"])
    out = g @ p["decoder.W2"] + p["decoder.b2"]
    minus_kl = 0.5 * jnp.sum(1 + log_var - mu**2 - jnp.exp(log_var))
    return (log_likelihood(out, x) + minus_kl) / len(x)


def train_step(setting, carry, data, rows):
    """Take one step. `carry` is parameters, Adagrad's sums of squares and the random key."""
    params, sums, key = carry
    key, noise_key = jax.random.split(key)
    eps = jax.random.normal(noise_key, (setting.batch_size, setting.n_latent))
    x = data[rows]
    value, grad = jax.value_and_grad(bound)(params, x, eps, LOG_LIKELIHOODS[setting.likelihood])
    grad = jax.tree.map(lambda g, theta: g - setting.decay * theta, grad, params)
    sums = jax.tree.map(lambda G, g: G + g**2, sums, grad)
    params = jax.tree.map(
        lambda theta, g, G: theta + setting.step_size * g / (jnp.sqrt(G) + setting.epsilon),
        params,
        grad,
        sums,
    )
    return (params, sums, key), value


class JittedStep(Contender):
    """One call of a jitted step per minibatch; the old parameters' memory is donated to the new."""

    def __init__(self, problem, threads, params):
        self.data = jnp.asarray(problem.train_as_floats())
        self.compiled = jax.jit(self.program(problem.setting), donate_argnums=0)
        super().__init__(problem, threads, params)

    @staticmethod
    def program(setting):
        """Return the function to compile: (carry, data, rows) -> (carry, bounds)."""
        return partial(train_step, setting)

    def reset(self, params):
        params = {name: jnp.array(params[name]) for name in params}
        sums = jax.tree.map(jnp.zeros_like, params)
        self.carry = params, sums, jax.random.key(self.problem.seed)
        self.step = 0

    def run(self, n_steps):
        bounds = []
        for rows in self.problem.minibatches(self.step, n_steps):
            self.carry, value = self.compiled(self.carry, self.data, rows)
            bounds.append(value)  # not looked at before the end, so that nothing waits for it
        self.step += n_steps
        jax.block_until_ready(self.carry)
        return np.array(jax.device_get(bounds))

    def params(self):
        return {name: np.asarray(array) for name, array in self.carry[0].items()}

    def bound_and_gradient(self, x, noise):
        log_likelihood = LOG_LIKELIHOODS[self.setting.likelihood]
        value, grad = jax.value_and_grad(bound)(self.carry[0], x, noise, log_likelihood)
        return float(value), {name: np.asarray(array) for name, array in grad.items()}


class ScannedEpoch(JittedStep):
    """A whole epoch as one compiled loop: Python is called once in it."""

    @property
    def granularity(self):
        return self.setting.steps_per_epoch

    @staticmethod
    def program(setting):
        def epoch(carry, data, rows):
            return jax.lax.scan(lambda c, batch: train_step(setting, c, data, batch), carry, rows)

        return epoch

    def run(self, n_steps):
        bounds = []
        last = self.step + n_steps
        for first in range(self.step, last, self.granularity):
            rows = self.problem.minibatches(first, min(self.granularity, last - first))
            self.carry, values = self.compiled(self.carry, self.data, rows)
            bounds.append(values)
        self.step += n_steps
        jax.block_until_ready(self.carry)
        return np.concatenate(jax.device_get(bounds))
