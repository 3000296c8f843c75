"""How good a model of sentences is: the bound, its KL, and log p(x) by importance sampling."""

from collections.abc import Iterator

import numpy as np

from minivae.data_stream import EVALUATION, stream
from minivae.datasets.sentences import PADDING
from minivae.engine.arena import ElasticArena
from minivae.gaussian import log_density
from minivae.params import Params
from minivae.sentences.model import SentenceModel, SentenceVAE, Terms
from minivae.validation import check_count

_CHUNK = 100  # sentences at once


def bound_terms(
    model: SentenceModel, params: Params, tokens: np.ndarray, *, draws: int = 1, seed: int = 0
) -> Terms:
    """Estimate the two terms of the bound of every sentence, in nats.

    Parameters
    ----------
    model : SentenceVAE or LanguageModel
        Of a language model, log p(x) itself.
    params : Params
    tokens : (n, T) array of int
    draws : int
        Of z, for each sentence.
    seed : int

    Returns
    -------
    terms : Terms
        log p(x|z), the mean over the draws, and -KL; (n,) both.

    Raises
    ------
    ValueError
        If an argument does not fit the model.
    """
    draws = check_count("draws", draws)
    log_px, minus_kl = np.zeros((2, len(tokens)))
    for rows, some, rng, arena in _chunks(model, params, tokens, seed):
        for _ in range(draws):
            noise = model.draw_noise(some, rng, params.dtype)
            terms = model.terms(params, some, noise, arena.again())
            log_px[rows] += terms.log_px / draws
        minus_kl[rows] = terms.minus_kl
    return Terms(log_px, minus_kl)


def log_likelihood(
    model: SentenceModel, params: Params, tokens: np.ndarray, *, draws: int = 100, seed: int = 0
) -> np.ndarray:
    """Estimate log p(x) of every sentence by importance sampling, in nats.

    log p(x) ~= log 1/K sum_k p(x|z_k) p(z_k) / q(z_k|x) with z_k from q(z|x): a lower bound on
    average (Burda, Grosse and Salakhutdinov 2016), and closer with more draws.

    Parameters
    ----------
    model : SentenceVAE or LanguageModel
        Of a language model it is no estimate: there is nothing to draw.
    params, tokens, seed
        As for `bound_terms`.
    draws : int
        K.

    Returns
    -------
    log_px : (n,) array
    """
    draws = check_count("draws", draws)
    if not isinstance(model, SentenceVAE):
        return bound_terms(model, params, tokens).log_px
    result = np.empty(len(tokens))
    for rows, some, rng, arena in _chunks(model, params, tokens, seed):
        mu, log_var = model.encode(params, some)
        log_weights = np.empty((draws, len(some)))
        for k in range(draws):
            noise = model.draw_noise(some, rng, params.dtype)
            z = mu + np.exp(log_var / 2) * noise.eps
            terms = model.terms(params, some, noise, arena.again())
            log_weights[k] = terms.log_px + log_density(z) - log_density(z, mu, log_var)
        result[rows] = np.logaddexp.reduce(log_weights, axis=0) - np.log(draws)
    return result


def _chunks(
    model: SentenceModel, params: Params, tokens: np.ndarray, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.random.Generator, ElasticArena]]:
    """Some sentences after others, those of like length together: rows, words, noise, memory."""
    model.check_params(params)
    tokens = model.check_tokens(tokens)
    lengths = (tokens != PADDING).sum(axis=1)
    order, arena = np.argsort(-lengths, kind="stable"), ElasticArena()
    for start in range(0, len(tokens), _CHUNK):
        rows = order[start : start + _CHUNK]
        some = np.ascontiguousarray(tokens[rows, : lengths[rows[0]]])
        yield rows, some, stream(seed, EVALUATION, start), arena
