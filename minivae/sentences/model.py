"""The models: a VAE of sentences (Bowman et al. 2016), and a language model to compare with.

The model is p(z) = N(0, I) and p(x|z) = prod_t p(w_t | w_1 ... w_(t-1), z), where the last w is the
end of the sentence; the recognition model is a diagonal Gaussian. A step of training climbs

    objective = mean over sentences of  log p(x|z) - weight * max(KL(q(z|x) || p(z)), free_nats)

with a weight that may rise from 0 to 1 (annealing) and nats that cost nothing (Kingma et al. 2016).
With ``weight = 1`` and ``free_nats = 0`` it is the bound, eq. 10.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from minivae.datasets.sentences import PADDING, Vocabulary
from minivae.gaussian import halves, sample_posterior, sample_posterior_backward
from minivae.model_inputs import ParamsInput
from minivae.params import Params
from minivae.parts import sum_up
from minivae.protocols import New, Parts
from minivae.sentences.networks import Decoder, Encoder, Reading
from minivae.validation import check_count, check_dtype, check_rng


class Noise(NamedTuple):
    """What is random in a step.

    Attributes
    ----------
    eps : (m, J) array
        Standard normal.
    dropped : (m, T) array of bool or None
        Which words the decoder does not get to read (word dropout).
    """

    eps: np.ndarray
    dropped: np.ndarray | None = None


class Terms(NamedTuple):
    """The two terms of the bound of m sentences, in nats.

    Attributes
    ----------
    log_px, minus_kl : (m,) arrays
    """

    log_px: np.ndarray
    minus_kl: np.ndarray

    @property
    def elbo(self) -> np.ndarray:
        """The bound of every sentence, (m,)."""
        return self.log_px + self.minus_kl

    def objective(self, kl_weight: float, free_nats: float) -> np.ndarray:
        """What is climbed, of every sentence, (m,)."""
        return self.log_px + kl_weight * np.minimum(self.minus_kl, -free_nats)


class SentenceModel(ParamsInput):
    """What a VAE of sentences and a language model have in common.

    Attributes
    ----------
    vocabulary : Vocabulary
    n_hidden, n_embedding, n_latent : int
    inputless : bool
        Whether the decoder never reads what it has said.
    everywhere : bool
        Whether it gets z at every step.
    decoder : Decoder
    param_shapes : dict of str to tuple of int
    """

    kind: str

    def __init__(
        self,
        vocabulary: Vocabulary,
        n_latent: int,
        n_hidden: int,
        n_embedding: int,
        inputless: bool,
        everywhere: bool,
    ) -> None:
        if not isinstance(vocabulary, Vocabulary):
            raise ValueError(f"vocabulary is {vocabulary!r}, expected a Vocabulary")
        self.vocabulary, self.n_latent = vocabulary, n_latent
        self.n_hidden = check_count("n_hidden", n_hidden)
        self.n_embedding = check_count("n_embedding", n_embedding)
        self.inputless, self.everywhere = bool(inputless), bool(everywhere)
        sizes = len(vocabulary), self.n_embedding, self.n_hidden
        self.decoder = Decoder(*sizes, n_latent, self.everywhere)
        self.param_shapes = self.decoder.shapes

    def __repr__(self) -> str:
        settings = {k: v for k, v in self.described().items() if k not in ("sentences", "words")}
        inside = ", ".join(f"{name}={value!r}" for name, value in settings.items())
        return f"{type(self).__name__}({self.vocabulary!r}, {inside})"

    def described(self) -> dict[str, Any]:
        """Return what makes the model, as a dict that JSON can hold."""
        return {
            "sentences": self.kind,
            "n_hidden": self.n_hidden,
            "n_embedding": self.n_embedding,
            "inputless": self.inputless,
            "words": list(self.vocabulary.words),
        }

    def init_params(self, rng: np.random.Generator, dtype: DTypeLike = np.float64) -> Params:
        """Draw parameters to start from.

        Parameters
        ----------
        rng : numpy.random.Generator
        dtype : dtype
            float32 to train, float64 to check gradients.
        """
        check_rng(rng)
        params = Params(self.param_shapes, dtype=check_dtype(dtype))
        self.decoder.init(params, rng)
        return params

    def check_tokens(self, tokens: np.ndarray, name: str = "tokens") -> np.ndarray:
        """Return sentences as rows of word numbers, or say under `name` what is wrong with them.

        Raises
        ------
        ValueError
            If they are no such rows, or a number is of no word.
        """
        rows = np.asarray(tokens)
        if rows.dtype.kind not in "iu" or rows.ndim != 2 or rows.size == 0:
            raise ValueError(
                f"{name} is {rows.dtype} of shape {rows.shape}, expected numbers of words, (m, T)"
            )
        words = rows != PADDING
        if rows.max() >= len(self.vocabulary) or (words & (rows < 1)).any():
            wrong = rows[words & ((rows < 1) | (rows >= len(self.vocabulary)))][0]
            raise ValueError(
                f"{name} has the number {wrong}, expected words from 1 to "
                f"{len(self.vocabulary) - 1}, and {PADDING} behind them"
            )
        if not words[:, 0].all() or (words[:, 1:] & ~words[:, :-1]).any():
            raise ValueError(f"{name} has a row with no word in the front, or between others")
        return np.ascontiguousarray(rows, np.int32)

    def check_noise(self, tokens: np.ndarray, noise: Noise, dtype: np.dtype) -> Noise:
        """Return noise for sentences in that dtype, or raise ValueError if it does not fit them."""
        eps, dropped = noise
        eps = np.ascontiguousarray(eps, dtype)
        if eps.shape != (len(tokens), self.n_latent):
            raise ValueError(
                f"noise.eps has shape {eps.shape}, expected ({len(tokens)}, {self.n_latent})"
            )
        if dropped is not None:
            dropped = np.asarray(dropped)
            if dropped.shape != tokens.shape or dropped.dtype != bool:
                raise ValueError(
                    f"noise.dropped is {dropped.dtype} of shape {dropped.shape}, expected bool of "
                    f"shape {tokens.shape}"
                )
        return Noise(eps, dropped)

    def draw_noise(
        self, tokens: np.ndarray, rng: np.random.Generator, dtype: DTypeLike, dropout: float = 0.0
    ) -> Noise:
        """Draw noise for sentences; each word is dropped with probability `dropout`."""
        eps = rng.standard_normal((len(tokens), self.n_latent), check_dtype(dtype))
        return Noise(eps, rng.random(tokens.shape) < dropout if dropout else None)

    def reading(self, tokens: np.ndarray, dropped: np.ndarray | None) -> Reading:
        """Return what the decoder reads of sentences: if it is inputless, nothing."""
        return Reading(tokens, np.ones(tokens.shape, bool) if self.inputless else dropped)

    def forward_backward(
        self,
        params: Params,
        tokens: np.ndarray,
        noise: Noise,
        weight: float,
        kl_weight: float = 1.0,
        free_nats: float = 0.0,
        new: New = np.empty,
    ) -> tuple[Terms, Parts]:
        """Carry sentences forward and backward, unchecked.

        Parameters
        ----------
        params : Params
        tokens : (m, T) array of int
        noise : Noise
        weight : float
            Of each sentence: 1 / M for a mean over the minibatch.
        kl_weight, free_nats : float
            As in the module's docstring.
        new : callable

        Returns
        -------
        terms : Terms
        parts : dict of str to Part
            What the gradient of ``weight * sum(terms.objective(...))`` is made of.
        """
        raise NotImplementedError

    def terms(self, params: Params, tokens: np.ndarray, noise: Noise, new: New = np.empty) -> Terms:
        """Return the two terms of the bound of every sentence, unchecked."""
        raise NotImplementedError

    def objective_and_grad(
        self,
        params: Params,
        tokens: np.ndarray,
        noise: Noise,
        kl_weight: float = 1.0,
        free_nats: float = 0.0,
    ) -> tuple[float, Params]:
        """Return the mean objective of sentences (the module's docstring), and its gradient.

        A deterministic function of its arguments, which are checked.
        """
        self.check_params(params)
        tokens = self.check_tokens(tokens)
        noise = self.check_noise(tokens, noise, params.dtype)
        weight = 1 / len(tokens)
        terms, parts = self.forward_backward(params, tokens, noise, weight, kl_weight, free_nats)
        return float(terms.objective(kl_weight, free_nats).mean()), sum_up(parts, params)

    def elbo_and_grad(
        self, params: Params, tokens: np.ndarray, noise: Noise
    ) -> tuple[float, Params]:
        """Return the mean bound of sentences, in nats, and its gradient."""
        return self.objective_and_grad(params, tokens, noise)


class LanguageModel(SentenceModel):
    """p(x) = prod_t p(w_t | w_1 ... w_(t-1)), by an LSTM: nothing is latent, and nothing a bound.

    Parameters
    ----------
    vocabulary : Vocabulary
    n_hidden : int
        Units of the LSTM.
    n_embedding : int
        Numbers in a word's vector.
    inputless : bool
        Whether it never reads what it has said: all that it knows is how many words there were.
    """

    kind = "language model"

    def __init__(
        self,
        vocabulary: Vocabulary,
        n_hidden: int = 128,
        n_embedding: int = 64,
        *,
        inputless: bool = False,
    ) -> None:
        super().__init__(vocabulary, 0, n_hidden, n_embedding, inputless, False)

    def terms(self, params: Params, tokens: np.ndarray, noise: Noise, new: New = np.empty) -> Terms:
        """Return log p(x) of every sentence, and a KL of zero."""
        reading = self.reading(tokens, noise.dropped)
        log_px, _ = self.decoder.forward(params, None, reading, 0.0, new)
        return Terms(log_px, np.zeros(len(tokens)))

    def forward_backward(
        self,
        params: Params,
        tokens: np.ndarray,
        noise: Noise,
        weight: float,
        kl_weight: float = 1.0,
        free_nats: float = 0.0,
        new: New = np.empty,
    ) -> tuple[Terms, Parts]:
        """See `SentenceModel.forward_backward`; there is no KL to be weighed."""
        reading = self.reading(tokens, noise.dropped)
        log_px, saved = self.decoder.forward(params, None, reading, weight, new)
        return Terms(log_px, np.zeros(len(tokens))), self.decoder.backward(saved, new)[1]


class SentenceVAE(SentenceModel):
    """A VAE of sentences: an LSTM reads x and says q(z|x), another says x given z.

    Parameters
    ----------
    vocabulary : Vocabulary
    n_latent : int
        J.
    n_hidden : int
        Units of either LSTM.
    n_embedding : int
        Numbers in a word's vector.
    inputless : bool
        Whether the decoder never reads what it has said: all that it knows is z.
    everywhere : bool
        Whether it gets z at every step, and not at the start alone.

    Raises
    ------
    ValueError
        If a size is not a positive whole number.
    """

    kind = "vae"

    def __init__(
        self,
        vocabulary: Vocabulary,
        n_latent: int = 16,
        n_hidden: int = 128,
        n_embedding: int = 64,
        *,
        inputless: bool = False,
        everywhere: bool = False,
    ) -> None:
        n_latent = check_count("n_latent", n_latent)
        super().__init__(vocabulary, n_latent, n_hidden, n_embedding, inputless, everywhere)
        sizes = len(vocabulary), self.n_embedding, self.n_hidden
        self.encoder = Encoder(*sizes, n_latent)
        self.param_shapes = {**self.encoder.shapes, **self.decoder.shapes}

    def described(self) -> dict[str, Any]:
        """Return what makes the model, as a dict that JSON can hold."""
        return {
            **super().described(),
            "n_latent": self.n_latent,
            "everywhere": self.everywhere,
        }

    def init_params(self, rng: np.random.Generator, dtype: DTypeLike = np.float64) -> Params:
        """Draw parameters to start from; see `SentenceModel.init_params`."""
        params = super().init_params(rng, dtype)
        self.encoder.init(params, rng)
        return params

    def encode(self, params: Params, tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return mu and log sigma^2 of q(z|x), (m, J) both."""
        self.check_params(params)
        q_params, _ = self.encoder.forward(params, self.check_tokens(tokens))
        mu, log_var = halves(q_params)
        return mu, log_var

    def terms(self, params: Params, tokens: np.ndarray, noise: Noise, new: New = np.empty) -> Terms:
        """Return log p(x|z), with z = mu + sigma eps, and -KL(q(z|x) || p(z)) of every sentence."""
        q_params, _ = self.encoder.forward(params, tokens, new)
        z, minus_kl = sample_posterior(q_params, noise.eps[None], new)
        reading = self.reading(tokens, noise.dropped)
        log_px, _ = self.decoder.forward(params, z[0], reading, 0.0, new)
        return Terms(log_px, minus_kl.astype(np.float64))

    def forward_backward(
        self,
        params: Params,
        tokens: np.ndarray,
        noise: Noise,
        weight: float,
        kl_weight: float = 1.0,
        free_nats: float = 0.0,
        new: New = np.empty,
    ) -> tuple[Terms, Parts]:
        """See `SentenceModel.forward_backward`."""
        eps = noise.eps[None]
        q_params, of_encoder = self.encoder.forward(params, tokens, new)
        z, minus_kl = sample_posterior(q_params, eps, new)
        reading = self.reading(tokens, noise.dropped)
        log_px, of_decoder = self.decoder.forward(params, z[0], reading, weight, new)
        terms = Terms(log_px, minus_kl.astype(np.float64))
        dz, decoder_parts = self.decoder.backward(of_decoder, new)
        dq_params = sample_posterior_backward(dz[None], q_params, eps, 0.0, new)
        counts = terms.minus_kl < -free_nats  # the KL of those that have used up what is free
        add_kl_gradient(q_params, weight * kl_weight * counts, dq_params)
        encoder_parts = self.encoder.backward(of_encoder, dq_params, new)
        return terms, {**encoder_parts, **decoder_parts}


def add_kl_gradient(q_params: np.ndarray, weights: np.ndarray, dq_params: np.ndarray) -> None:
    """In place: dq_params <- dq_params + the gradient of the sum of weights * minus_kl (app. B).

    Parameters
    ----------
    q_params, dq_params : (m, 2 J) arrays
    weights : (m,) array
    """
    mu, log_var = halves(q_params)
    dmu, dlog_var = halves(dq_params)
    each = weights[:, None].astype(q_params.dtype)
    dmu -= each * mu
    dlog_var += each / 2 * (1 - np.exp(log_var))
