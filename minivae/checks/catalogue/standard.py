"""The standard VAE: layers, reparameterisation and KL, likelihoods, and the bound itself."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from minivae.checks.catalogue import Make, Problem
from minivae.gaussian import sample_posterior, sample_posterior_backward
from minivae.layers import ACTIVATIONS, Dense
from minivae.likelihoods import LIKELIHOODS
from minivae.protocols import Layer
from minivae.vae import VAE


def _sizes(rng: np.random.Generator, n: int, largest: int = 6) -> Iterator[int]:
    return (int(size) for size in rng.integers(1, largest + 1, size=n))


def dense_layer(activation: str, rng: np.random.Generator) -> Problem:
    """Return ``(f, arrays)`` for a dense layer: f is a random projection of its output."""
    n, n_in, n_out = _sizes(rng, 3)
    layer = Dense(n_in, n_out, activation)
    arrays = {
        "x": rng.standard_normal((n, n_in)),
        "W": rng.standard_normal((n_in, n_out)),
        "b": rng.standard_normal(n_out),
    }
    if activation == "relu" and _near_kink(**arrays):
        return dense_layer("relu", rng)
    return projection(layer, arrays, rng)


def projection(layer: Layer, arrays: dict[str, np.ndarray], rng: np.random.Generator) -> Problem:
    """Return ``(f, arrays)``: a random projection of a layer's output, given x and parameters."""
    weights = rng.standard_normal((len(arrays["x"]), layer.n_out))

    def f(arrays: dict[str, np.ndarray]) -> tuple[float, dict[str, np.ndarray]]:
        h, saved = layer.forward(arrays, arrays["x"])
        dx, parts = layer.backward(arrays, saved, weights.copy())
        grad: dict[str, Any] = {"x": dx}
        for name, part in parts.items():
            grad[name] = np.empty_like(arrays[name])
            part.write(grad[name].reshape(-1))
        return np.sum(weights * h), grad

    return f, arrays


def _near_kink(x: np.ndarray, W: np.ndarray, b: np.ndarray) -> bool:
    """Whether a finite difference could step over relu's kink."""
    return np.min(np.abs(x @ W + b)) < 0.1


def latent_block(rng: np.random.Generator) -> Problem:
    """Return ``(f, q_params)``: a random projection of z, plus scale * sum of -KL."""
    L, M, J = _sizes(rng, 3, largest=4)
    noise = rng.standard_normal((L, M, J))
    weights = rng.standard_normal((L, M, J))
    scale = rng.uniform(0.5, 2)

    def f(q_params: np.ndarray) -> tuple[float, np.ndarray]:
        z, minus_kl = sample_posterior(q_params, noise)
        grad = sample_posterior_backward(weights, q_params, noise, scale)
        return np.sum(weights * z) + scale * np.sum(minus_kl), grad

    return f, rng.standard_normal((M, 2 * J))


def likelihood(name: str, rng: np.random.Generator) -> Problem:
    """Return ``(f, out)``: scale * sum of log p(x|z) as a function of the decoder's outputs."""
    model = LIKELIHOODS[name]
    L, M, D = _sizes(rng, 3, largest=4)
    x = rng.random((M, D))
    scale = rng.uniform(0.5, 2)

    def f(out: np.ndarray) -> tuple[float, np.ndarray]:
        log_px, grad = np.empty((L, M)), out.copy()
        model.log_prob_and_grad(grad, x, scale, log_px)
        return scale * np.sum(log_px), grad

    return f, rng.standard_normal((L, M, D * model.outputs_per_pixel))


def whole_model(
    likelihood: str, activation: str, depth: int, L: int, rng: np.random.Generator
) -> Problem:
    """Return ``(f, params)``: the ELBO of a small VAE as a function of all its parameters."""
    M, D, J = _sizes(rng, 3, largest=5)
    vae = VAE(D, J, tuple(_sizes(rng, depth)), likelihood, activation)
    params = vae.init_params(rng)
    params.vector[:] = 0.5 * rng.standard_normal(params.vector.size)
    x = rng.random((M, D))
    noise = rng.standard_normal((L, M, J))
    return lambda params: vae.elbo_and_grad(params, x, noise), params


def catalogue() -> dict[str, Make]:
    """Return ``{name: make}``, where ``make(rng)`` gives the arguments of `check_grad`."""
    entries: dict[str, Make] = {}
    for name in ACTIVATIONS:
        entries[f"dense layer, {name}"] = partial(dense_layer, name)
    entries["reparameterisation and KL"] = latent_block
    for name in LIKELIHOODS:
        entries[f"log p(x|z), {name}"] = partial(likelihood, name)
    for name in LIKELIHOODS:
        for depth in (1, 2, 3):
            for L in (1, 3):
                entries[f"ELBO, {name}, {depth} hidden, L = {L}"] = partial(
                    whole_model, name, "tanh", depth, L
                )
    for name in ("softplus", "sigmoid", "gelu", "identity"):
        entries[f"ELBO, {name} units"] = partial(whole_model, "bernoulli", name, 2, 2)
    return entries
