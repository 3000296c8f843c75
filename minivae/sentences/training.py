"""Training on sentences: KL annealing, word dropout, free nats and clipped gradients.

Bowman et al. (2016) found that a VAE whose decoder reads its own words learns to do without z: the
KL goes to zero, and what is left is a language model. Against that they put

- **annealing**: the KL's weight rises from 0 to 1 along a sigmoid, so that z is in use before it
  has a price;
- **word dropout**: the decoder reads, in place of some words, that there was one.

A step is one for `minivae.training.loop`, which knows of evaluations, checkpoints and signals. The
parameters that count in the end are those with the best bound on the validation part.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minivae.data_stream import NOISE, Order, stream
from minivae.datasets.sentences import PADDING, Corpus
from minivae.engine.arena import ElasticArena
from minivae.engine.team import Team
from minivae.optimizers import Adam
from minivae.params import Params
from minivae.parts import sum_up
from minivae.protocols import Optimizer
from minivae.sentences.evaluation import bound_terms
from minivae.sentences.model import SentenceModel
from minivae.training.history import History
from minivae.training.loop import FitResult, Method, ascend, train
from minivae.training.settings import (
    Settings,
    first_params,
    optimizer_state,
    training_subset,
)
from minivae.training.state import TrainingState
from minivae.validation import check_batch_size, check_count, check_positive


def fit_sentences(
    model: SentenceModel,
    corpus: Corpus,
    samples: int | None = None,
    *,
    anneal: int = 0,
    word_dropout: float = 0.0,
    free_nats: float = 0.0,
    clip: float = 5.0,
    batch_size: int = 64,
    optimizer: Optimizer | None = None,
    seed: int = 0,
    evaluate_every: int | None = None,
    params: Params | None = None,
    dtype: DTypeLike = np.float32,
    checkpoint: str | Path | None = None,
    checkpoint_every: float = 30.0,
    resume: bool = False,
    progress: bool | None = None,
    callback: Callable[[Params, History], Any] | None = None,
) -> FitResult:
    """Train a model of sentences, in one thread. The same arguments and seed give the same bits.

    Parameters
    ----------
    model : SentenceVAE or LanguageModel
    corpus : Corpus
        The test part is not looked at.
    samples : int, optional
        Training sentences to see before it ends; default ten times the training part.
    anneal : int
        Training sentences until the KL has its full weight (`kl_weight`); 0: from the beginning.
    word_dropout : float
        Probability that the decoder reads `UNKNOWN` in a word's place.
    free_nats : float
        KL of a sentence up to which it costs nothing.
    clip : float
        Largest norm of a step's gradient; a longer one is shortened to it (`clip_norm`).
    batch_size : int
        M, sentences per step.
    optimizer : Adagrad, SGD or Adam
        Default ``Adam(0.002)``.
    seed : int
        For the initial parameters, the order of the sentences and all noise.
    evaluate_every : int, optional
        Training sentences between evaluations; default as many as there are.
    params : Params, optional
        Where to start, instead of ``model.init_params``; copied.
    dtype : dtype
        float32 or float64.
    checkpoint, checkpoint_every, resume, progress, callback
        As for `minivae.fit`. The model in the checkpoint is the best so far.

    Returns
    -------
    result : FitResult
        The parameters with the best bound on the validation part; and a history with the columns
        samples, train_bound (on as many training sentences), validation_bound, kl (on the
        validation part) and seconds. Bounds are with the KL's full weight, and with no word
        dropped.

    Raises
    ------
    ValueError
        If an argument does not fit; always before training starts.
    TrainingDiverged, Interrupted, OSError
        As by `minivae.fit`.
    """
    if not isinstance(corpus, Corpus):
        raise ValueError(f"corpus is {corpus!r}, expected a Corpus, as by load_sentences()")
    n = len(corpus.train)
    settings = SentencesSettings(
        optimizer=Adam(0.002) if optimizer is None else optimizer,
        anneal=anneal,
        word_dropout=word_dropout,
        free_nats=free_nats,
        clip=clip,
        batch_size=batch_size,
        seed=seed,
        evaluate_every=n if evaluate_every is None else evaluate_every,
        dtype=dtype,
    )
    method = Sentences(model, corpus, settings, params)
    state = train(
        method,
        10 * n if samples is None else samples,
        checkpoint=checkpoint,
        checkpoint_every=checkpoint_every,
        resume=resume,
        progress=progress,
        callback=callback,
    )
    return FitResult(method.model_params(state.params), state.history)


@dataclass(frozen=True, kw_only=True)
class SentencesSettings(Settings):
    """The settings of `fit_sentences`; see there."""

    anneal: int
    word_dropout: float
    free_nats: float
    clip: float

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set("anneal", check_count("anneal", self.anneal, minimum=0))
        self._set("word_dropout", check_share("word_dropout", self.word_dropout))
        if self.free_nats != 0:
            self._set("free_nats", check_positive("free_nats", self.free_nats))
        self._set("clip", check_positive("clip", self.clip))


def check_share(name: str, value: Any) -> float:
    """Return `value` as a float, or raise ValueError unless 0 <= value <= 1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(f"{name} is {value!r}, expected a number from 0 to 1")
    return float(value)


_STEEPNESS = 10  # the weight begins at 0.007


def kl_weight(seen: int, anneal: int) -> float:
    """Return the KL's weight after so many sentences: a sigmoid, and 1 from `anneal` on."""
    if seen >= anneal:
        return 1.0
    return 1 / (1 + math.exp(-_STEEPNESS * (seen / anneal - 0.5)))


def clip_norm(grad: np.ndarray, largest: float) -> float:
    """Shorten a vector in place to the norm `largest`, if it is longer; return what it was.

    Through many steps a recurrent layer's gradient may grow beyond measure, at some sentence; its
    direction is as good as any (Pascanu, Mikolov and Bengio 2013).
    """
    norm = float(np.linalg.norm(grad))
    if norm > largest:
        grad *= grad.dtype.type(largest / norm)
    return norm


class Sentences(Method):
    """Training on sentences as a method for `minivae.training.loop.train`.

    Parameters
    ----------
    model, corpus, params
        As for `fit_sentences`.
    settings : SentencesSettings
    """

    columns = ("samples", "train_bound", "validation_bound", "kl", "seconds")
    quantity = "minibatch objective"
    held_out = "validation"
    test: np.ndarray  # the validation part: the only one that is looked at
    _state: TrainingState

    def __init__(
        self,
        model: SentenceModel,
        corpus: Corpus,
        settings: SentencesSettings,
        params: Params | None = None,
    ) -> None:
        if not isinstance(model, SentenceModel):
            raise ValueError(f"model is {model!r}, expected a SentenceVAE or a LanguageModel")
        if model.vocabulary != corpus.vocabulary:
            raise ValueError(
                f"model has {model.vocabulary!r}, but corpus {corpus.name!r} another of "
                f"{len(corpus.vocabulary.words):,}"
            )
        self.vae, self.settings, self._start = model, settings, params
        self.train = model.check_tokens(corpus.train, "corpus.train")
        self.test = model.check_tokens(corpus.validation, "corpus.validation")
        check_batch_size(settings.batch_size, self.train)
        self._order = Order(len(self.train), settings.batch_size, settings.seed)
        self._subset = training_subset(self.train, self.test, settings.seed)
        self._lengths = (self.train != PADDING).sum(axis=1)
        self._arena = ElasticArena()

    def model_params(self, params: Params) -> Params:
        """Return the best parameters so far."""
        return params.like(self._state.arrays["best"])

    def begin(self) -> TrainingState:
        """Return the state before the first step."""
        settings = self.settings
        params = first_params(self.vae, self._start, settings.seed, settings.dtype)
        return TrainingState(
            params,
            optimizer_state(settings.optimizer, params.vector),
            [stream(settings.seed, NOISE)],
            History(columns=self.columns),
            numbers={"best": -1e300},
            arrays={"best": params.vector.copy()},
        )

    def open(self, state: TrainingState, team: Team) -> None:
        """Get ready for steps."""
        self._state = state

    def step(self, n_steps: int) -> list[float]:
        """Take some steps; the numbers returned are the objectives of their minibatches."""
        return ascend(self._state, self.settings.optimizer, n_steps, self._objective_and_grad)

    def _objective_and_grad(self) -> tuple[float, np.ndarray]:
        """Of the next minibatch, longest sentences first, fresh noise; the gradient is clipped."""
        state, settings = self._state, self.settings
        rows = self._order.rows(state.step)
        rows = rows[np.argsort(-self._lengths[rows], kind="stable")]
        tokens = np.ascontiguousarray(self.train[rows, : self._lengths[rows[0]]])
        dtype = state.params.dtype
        noise = self.vae.draw_noise(tokens, state.rngs[0], dtype, settings.word_dropout)
        weight = kl_weight(state.step * settings.batch_size, settings.anneal)
        terms, parts = self.vae.forward_backward(
            state.params, tokens, noise, 1 / len(rows), weight, settings.free_nats,
            self._arena.again(),
        )  # fmt: skip
        grad = sum_up(parts, state.params).vector
        clip_norm(grad, settings.clip)
        return float(terms.objective(weight, settings.free_nats).mean()), grad

    def measure(self, team: Team) -> list[float]:
        """Return the bounds of both parts and the KL of the validation part; remember the best."""
        state = self._state
        options = {"seed": self.settings.seed}
        with np.errstate(all="ignore"):  # a bound that diverges is for the loop to see
            train = bound_terms(self.vae, state.params, self._subset, **options)
            held_out = bound_terms(self.vae, state.params, self.test, **options)
        bound = float(held_out.elbo.mean())
        if bound > state.numbers["best"]:
            state.numbers["best"] = bound
            state.arrays["best"][:] = state.params.vector
        return [float(train.elbo.mean()), bound, float(-held_out.minus_kl.mean())]
