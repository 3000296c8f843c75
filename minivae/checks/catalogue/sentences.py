"""Gradients of sequences: the LSTM under a mask, a table of vectors, words' likelihood, models."""

from functools import partial
from typing import Any

import numpy as np

from minivae.checks.catalogue import Make, Problem
from minivae.datasets.sentences import PADDING, Vocabulary
from minivae.layers.embedding import Embedding
from minivae.layers.recurrent import LSTM, steps_of
from minivae.params import Params
from minivae.parts import sum_up
from minivae.sentences import LanguageModel, SentenceVAE
from minivae.sentences.categorical import categorical
from minivae.sentences.model import SentenceModel


def lstm(rng: np.random.Generator) -> Problem:
    """Return ``(f, arrays)``: sums of all that comes out, as functions of all that goes in."""
    m, T, n_in, n = (int(size) for size in rng.integers(1, 5, size=4))
    layer, steps = LSTM(n_in, n), steps_of(rng.random((m, T)) < 0.7)
    N = len(steps.sequence)
    of_h, of_last = rng.standard_normal((N, n)), rng.standard_normal((m, 2 * n))
    arrays = {name: rng.standard_normal(shape) for name, shape in layer.shapes.items()}
    arrays |= {"x": rng.standard_normal((N, n_in)), "start": rng.standard_normal((m, 2 * n))}

    def f(arrays: dict[str, np.ndarray]) -> tuple[float, dict[str, np.ndarray]]:
        h, last, saved = layer.forward(arrays, arrays["x"], steps, arrays["start"])
        dx, dstart, parts = layer.backward(arrays, saved, of_h.copy(), of_last)
        shaped = Params(layer.shapes)
        grad = sum_up(parts, shaped)
        value = float(np.sum(of_h * h) + np.sum(of_last * last))
        return value, {**{name: grad[name] for name in grad}, "x": dx, "start": dstart}

    return f, arrays


def embedding(rng: np.random.Generator) -> Problem:
    """Return ``(f, E)``: a sum of the squares of words' vectors, in which words come twice."""
    layer = Embedding(3, int(rng.integers(1, 5)))
    words = rng.integers(0, 3, 7).astype(np.int32)

    def f(params: Params) -> tuple[float, Params]:
        x, saved = layer.forward(params, words)
        return float(np.sum(x**2)), sum_up(layer.backward(saved, 2 * x), params)

    return f, Params(layer.shapes, rng.standard_normal(3 * layer.n_out))


def words(rng: np.random.Generator) -> Problem:
    """Return ``(f, logits)``: the sum of log p(word)."""
    N, V = (int(size) for size in rng.integers(1, 6, size=2))
    said = rng.integers(0, V, N).astype(np.int32)

    def f(logits: np.ndarray) -> tuple[float, np.ndarray]:
        grad, log_p = logits.copy(), np.empty(N)
        categorical(grad, said, logits.max(axis=1), 1.0, log_p)
        return float(log_p.sum()), grad

    return f, 3 * rng.standard_normal((N, V))


def tokens_of(rng: np.random.Generator, m: int, longest: int, n_words: int) -> np.ndarray:
    """Return m random sentences of one to `longest` words."""
    tokens = rng.integers(1, n_words, (m, longest)).astype(np.int32)
    tokens[np.arange(longest) >= rng.integers(1, longest + 1, (m, 1))] = PADDING
    return tokens


def between(kl: np.ndarray) -> float:
    """Return a number of free nats far from every KL, where the objective has kinks."""
    edges = np.sort([0, *kl, kl.max() + 0.5])
    k = np.diff(edges).argmax()
    return float(edges[k] + edges[k + 1]) / 2


def model_problem(
    make: Any, rng: np.random.Generator, kl_weight: float = 1.0, free: bool = False
) -> Problem:
    """Return ``(f, params)``: the objective of random sentences, with that noise."""
    model: SentenceModel = make(Vocabulary(["a", "b", "c"]))
    tokens = tokens_of(rng, int(rng.integers(1, 4)), 4, 5)
    noise = model.draw_noise(tokens, rng, np.float64, dropout=0.4)
    params = model.init_params(rng)
    params.vector[:] += 0.5 * rng.standard_normal(params.vector.size)
    free_nats = between(-model.terms(params, tokens, noise).minus_kl) if free else 0.0

    def f(params: Params) -> tuple[float, Params]:
        return model.objective_and_grad(params, tokens, noise, kl_weight, free_nats)

    return f, params


def catalogue() -> dict[str, Make]:
    """Return ``{name: make}``, where ``make(rng)`` gives the arguments of `check_grad`."""
    small: dict[str, Any] = {"n_latent": 2, "n_hidden": 3, "n_embedding": 2}
    vae = partial(SentenceVAE, **small)
    everywhere, inputless = partial(vae, everywhere=True), partial(vae, inputless=True)
    language = partial(LanguageModel, n_hidden=3, n_embedding=2)
    return {
        "LSTM, masked, through time": lstm,
        "words as vectors": embedding,
        "log p(word), softmax": words,
        "ELBO, sentences": partial(model_problem, vae),
        "ELBO, sentences, z at every step": partial(model_problem, everywhere),
        "ELBO, sentences, inputless": partial(model_problem, inputless),
        "objective, sentences, annealed": partial(model_problem, vae, kl_weight=0.3),
        "objective, sentences, free nats": partial(model_problem, vae, free=True),
        "log p(x), language model": partial(model_problem, language),
    }
