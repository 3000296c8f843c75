"""Sentences from codes: samples, reconstructions, the way from one to another, missing last words.

The most probable word after word, or drawn words. A code z has one most probable such sentence;
with a collapsed posterior every z has the same.
"""

from itertools import pairwise

import numpy as np

from minivae.datasets.sentences import END, PADDING, UNKNOWN
from minivae.layers.recurrent import steps_of
from minivae.params import Params
from minivae.sentences.model import LanguageModel, SentenceModel, SentenceVAE
from minivae.validation import check_count, check_positive, check_rng

LONGEST = 40
"""Words of a sentence that does not end by itself."""


def write(
    model: SentenceModel,
    params: Params,
    z: np.ndarray,
    rng: np.random.Generator | None = None,
    *,
    temperature: float = 1.0,
    beginning: np.ndarray | None = None,
    longest: int = LONGEST,
) -> np.ndarray:
    """Decode codes.

    Parameters
    ----------
    model : SentenceVAE or LanguageModel
    params : Params
    z : (n, J) array
        For a language model (n, 0).
    rng : numpy.random.Generator, optional
        For words drawn from p(w_t | ...); without it, the most probable one is taken.
    temperature : float
        Of drawn words: logits are divided by it.
    beginning : (n, T) array of int, optional
        Words to begin with.
    longest : int
        Words after which a sentence ends in any case.

    Returns
    -------
    tokens : (n, longest) int32 array
        Rows of word numbers, with `PADDING` behind the last.

    Raises
    ------
    ValueError
        If an argument does not fit the model.
    """
    model.check_params(params)
    z = np.asarray(z, params.dtype)
    if z.ndim != 2 or z.shape[1] != model.n_latent or not np.isfinite(z).all():
        raise ValueError(
            f"z has shape {z.shape}, expected finite numbers of shape (n, {model.n_latent})"
        )
    if rng is not None:
        check_rng(rng)
    check_positive("temperature", temperature)
    n, longest = len(z), check_count("longest", longest)
    given = np.full((n, longest), PADDING, np.int32)
    if beginning is not None:
        some = model.check_tokens(beginning, "beginning")
        if len(some) != n:
            raise ValueError(f"beginning has {len(some)} rows, expected {n}, as many as z")
        begun = int((some != PADDING).sum(axis=1).max())
        if begun > longest:
            raise ValueError(f"beginning has {begun} words, expected at most {longest}")
        given[:, :begun] = some[:, :begun]
    next_words = _Sayer(model, params, z)
    tokens = np.full((n, longest), PADDING, np.int32)
    read, going = np.full(n, END, np.int32), np.ones(n, bool)
    for t in range(longest):
        logits = next_words.logits(read)
        if rng is not None:  # Gumbel's trick: the largest of logits + noise is a draw
            logits = logits / temperature + rng.gumbel(size=logits.shape)
        said = np.where(given[:, t] == PADDING, logits.argmax(axis=1), given[:, t])
        going &= said != END
        if not going.any():
            break
        tokens[going, t] = said[going]
        read = np.where(said == END, END, UNKNOWN if model.inputless else said).astype(np.int32)
    return tokens


class _Sayer:
    """The decoder, one word at a time."""

    def __init__(self, model: SentenceModel, params: Params, z: np.ndarray) -> None:
        self.decoder, self.own = model.decoder, model.decoder.of(params)
        self.z = z if model.n_latent else None
        self.state, _ = self.decoder.begin(self.own, self.z)
        self.steps = steps_of(np.ones((len(z), 1), bool))

    def logits(self, read: np.ndarray) -> np.ndarray:
        """Read a word in every sentence, and return what may be next: logits, (n, V)."""
        decoder, own = self.decoder, self.own
        x, _ = decoder.embedding.forward(own["embedding"], read)
        x = decoder.beside(x, self.z, self.steps.sequence)
        h, self.state, _ = decoder.lstm.forward(own["lstm"], x, self.steps, self.state)
        return decoder.output.forward(own["output"], h)[0]


def sample(
    model: SentenceModel,
    params: Params,
    n: int,
    rng: np.random.Generator,
    temperature: float = 1.0,
) -> list[str]:
    """Draw sentences: z from the prior, then word after word, as by `write`."""
    check_rng(rng)
    z = rng.standard_normal((check_count("n", n), model.n_latent))
    return _texts(model, write(model, params, z, rng, temperature=temperature))


def reconstruct(model: SentenceVAE, params: Params, tokens: np.ndarray) -> list[str]:
    """Return what the model makes of the mean of q(z|x), for sentences (n, T)."""
    mu, _ = _vae(model).encode(params, tokens)
    return _texts(model, write(model, params, mu))


def homotopy(
    model: SentenceVAE, params: Params, start: np.ndarray, end: np.ndarray, n: int = 7
) -> list[str]:
    """Return sentences on the way from one to another: along a line between their codes.

    Parameters
    ----------
    model : SentenceVAE
    params : Params
    start, end : (T,) arrays of int
        Two sentences; their codes are the means of q(z|x).
    n : int
        Sentences on the way, the reconstructions of the two among them.

    Returns
    -------
    sentences : list of str
    """
    n = check_count("n", n, minimum=2)
    first, last = (_vae(model).encode(params, np.atleast_2d(x))[0] for x in (start, end))
    t = np.linspace(0, 1, n)[:, None]
    return _texts(model, write(model, params, (1 - t) * first + t * last))


def changes(sentences: list[str]) -> int:
    """Return how often a sentence differs from the one before."""
    return sum(a != b for a, b in pairwise(sentences))


def complete(model: SentenceModel, params: Params, beginning: np.ndarray, rounds: int = 3) -> str:
    """Return a sentence with its last words filled in.

    A language model says the most probable word after word. A VAE begins so from z = 0, and then
    takes turns: the mean of q(z|x) for the sentence as it is, and the words for that z (iterated
    conditional modes, as in the paper).

    Parameters
    ----------
    model : SentenceVAE or LanguageModel
    params : Params
    beginning : (T,) array of int
        The words that are known.
    rounds : int
        Of turns.

    Raises
    ------
    ValueError
        If the words that are known are too many for a sentence, or an argument does not fit.
    """
    beginning = np.atleast_2d(beginning)
    tokens = write(model, params, np.zeros((1, model.n_latent)), beginning=beginning)
    if isinstance(model, SentenceVAE):
        for _ in range(check_count("rounds", rounds)):
            mu, _ = model.encode(params, tokens)
            tokens = write(model, params, mu, beginning=beginning)
    return model.vocabulary.text(tokens[0])


def _vae(model: SentenceModel) -> SentenceVAE:
    if isinstance(model, SentenceVAE):
        return model
    what = "a language model, which has no codes" if isinstance(model, LanguageModel) else model
    raise ValueError(f"model is {what}, expected a SentenceVAE")


def _texts(model: SentenceModel, tokens: np.ndarray) -> list[str]:
    return [model.vocabulary.text(row) for row in tokens]
