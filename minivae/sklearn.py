"""The VAE as a scikit-learn estimator, for pipelines, searches and whatever else takes one.

>>> import numpy as np
>>> from minivae import load
>>> from minivae.sklearn import VAETransformer
>>> digits = load("mnist").train[:500] / np.float32(255)
>>> vae = VAETransformer(2, likelihood="bernoulli", max_iter=2, random_state=0)
>>> vae.fit_transform(digits).shape
(500, 2)
>>> vae.sample(3).shape
(3, 784)

This module alone imports scikit-learn, and nothing else of the library imports this module.
"""

from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

try:
    from joblib import effective_n_jobs
    from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
    from sklearn.utils import check_array, check_random_state, gen_batches
    from sklearn.utils.validation import check_is_fitted, check_non_negative, validate_data
except ImportError as error:
    raise ImportError(
        "minivae.sklearn needs scikit-learn 1.6 or newer: pip install 'minivae[sklearn]'"
    ) from error

from minivae.data_stream import NOISE, stream
from minivae.evaluation.chunks import CHUNK
from minivae.evaluation.evidence import RunningLogMean, log_weights
from minivae.layers import Activation
from minivae.optimizers import OPTIMIZERS
from minivae.protocols import Likelihood, Optimizer, Posterior, members
from minivae.training.aevb import AEVB
from minivae.training.loop import TrainingDiverged, train
from minivae.training.settings import AEVBSettings, first_params, optimizer_state
from minivae.vae import VAE
from minivae.validation import (
    as_array,
    check_count,
    check_has,
    check_positive,
    check_switch,
    choose,
)

_FLOATS = (np.float64, np.float32)


class VAETransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Codes of a variational autoencoder: the means of q(z|x).

    Parameters
    ----------
    n_components : int
        Dimensions of z, J.
    hidden, activation, likelihood, posterior
        As for `minivae.VAE`. The default likelihood takes real numbers, best of order one, as
        `StandardScaler` makes them; "bernoulli" is for pixels in [0, 1].
    optimizer : str or optimizer
        "adam", "adagrad", "sgd", or an object of `minivae.optimizers`.
    step_size : float
        Of an optimizer that is given by name.
    batch_size : int
        M, datapoints per step; all there are, if those are fewer.
    max_iter : int
        How often `fit` goes through the data.
    noise_samples : int
        L, draws of z per datapoint, in training and in the bound of `score_samples`.
    weight_prior : bool
        MAP with p(theta) = N(0, I) on all parameters, as in the paper; else maximum likelihood.
    total_samples : int
        N, datapoints there are in all: what `partial_fit`, which sees some, weighs the weight prior
        against. `fit` counts them.
    evidence_draws : int or None
        Of `score_samples` and `score`. None: they give the bound. K: they estimate log p(x) by
        importance sampling from q(z|x), with K draws for each datapoint.
    random_state : int, RandomState or None
        For the initial parameters, the order of the datapoints and all noise. An int is the `seed`
        of `minivae.fit`.
    n_jobs : int or None
        Threads of `fit`: None is one, or what a `joblib.parallel_config` around it says, -1 as
        many as there are cores. The same number of threads gives the same bits.
    verbose : bool
        Whether `fit` shows a progress bar.

    Attributes
    ----------
    vae_ : VAE
        The model; with `params_`, for whatever else the library can do with one.
    params_ : Params
        Its parameters, in the dtype of the data that they were fitted to.
    optimizer_state_ : dict of str to array
        What the optimizer remembers, so that `partial_fit` can go on.
    n_iter_ : int
        Times that the data were gone through; `partial_fit` adds one.
    n_steps_ : int
        Steps of the optimizer.
    seed_ : int
        What `random_state` came to.
    n_features_in_, feature_names_in_
        As for every estimator.

    Notes
    -----
    All arithmetic is in the dtype of the data: float32 data train about twice as fast as float64.
    Whole numbers become float64 as they are: bytes are not divided by 255 here.
    """

    def __init__(
        self,
        n_components: int = 2,
        *,
        hidden: Sequence[int] = (100,),
        activation: str | Activation = "tanh",
        likelihood: str | Likelihood = "gaussian",
        posterior: str | Posterior = "gaussian",
        optimizer: str | Optimizer = "adam",
        step_size: float = 1e-3,
        batch_size: int = 100,
        max_iter: int = 100,
        noise_samples: int = 1,
        weight_prior: bool = True,
        total_samples: float = 1e6,
        evidence_draws: int | None = None,
        random_state: Any = None,
        n_jobs: int | None = None,
        verbose: bool = False,
    ) -> None:
        self.n_components = n_components
        self.hidden = hidden
        self.activation = activation
        self.likelihood = likelihood
        self.posterior = posterior
        self.optimizer = optimizer
        self.step_size = step_size
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.noise_samples = noise_samples
        self.weight_prior = weight_prior
        self.total_samples = total_samples
        self.evidence_draws = evidence_draws
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    # --- Training ---------------------------------------------------------------------------------

    def fit(self, X: ArrayLike, y: Any = None) -> "VAETransformer":
        """Train from new parameters by algorithm 1, as `minivae.fit` does.

        Parameters
        ----------
        X : (N, n_features) array
        y : ignored

        Returns
        -------
        self : VAETransformer

        Raises
        ------
        ValueError
            If a parameter or the data do not fit.
        TrainingDiverged
            If the bound becomes NaN or infinite.
        """
        x = self._validated(X, reset=True)
        max_iter = check_count("max_iter", self.max_iter)
        vae, seed = self._vae(x.shape[1]), _seed(self.random_state)
        settings = AEVBSettings(
            optimizer=self._optimizer(),
            batch_size=min(check_count("batch_size", self.batch_size), len(x)),
            noise_samples=self.noise_samples,
            weight_prior=self.weight_prior,
            seed=seed,
            evaluate_every=None,
            dtype=x.dtype,
        )
        method = AEVB(vae, vae.check_data("X", x), settings, threads=effective_n_jobs(self.n_jobs))
        per_epoch = len(x) - len(x) % settings.batch_size  # whole minibatches
        state = train(method, max_iter * per_epoch, progress=bool(self.verbose))
        self.vae_, self.seed_ = vae, seed
        self.params_, self.optimizer_state_ = state.params, state.optimizer_state
        self.n_steps_, self.n_iter_ = state.step, max_iter
        self._rng = state.rngs[0]
        return self

    def partial_fit(self, X: ArrayLike, y: Any = None) -> "VAETransformer":
        """Go on with some more datapoints, or begin: once through them, in their order.

        Each `batch_size` of them are a minibatch; the last may be smaller. Optimizer and noise go
        on where they were, after `fit` as well.

        Parameters
        ----------
        X : (n, n_features) array
        y : ignored

        Returns
        -------
        self : VAETransformer

        Raises
        ------
        ValueError
            If a parameter or the data do not fit.
        TrainingDiverged
            If the bound becomes NaN or infinite; parameters are as before that step.
        """
        begun = hasattr(self, "params_")
        x = self._validated(X, reset=not begun)
        batch_size = check_count("batch_size", self.batch_size)
        L = check_count("noise_samples", self.noise_samples)
        N = check_count("total_samples", self.total_samples)
        decay = 1 / N if check_switch("weight_prior", self.weight_prior) else 0.0
        vae = self.vae_ if begun else self._vae(x.shape[1])
        x = vae.check_data("X", x)
        if not begun:
            self._begin(vae, x.dtype)
        for rows in gen_batches(len(x), batch_size):
            self._step(x[rows], L, decay)
        self.n_iter_ += 1
        return self

    def _begin(self, vae: VAE, dtype: Any) -> None:
        """Set the attributes to what `fit` begins with."""
        seed = _seed(self.random_state)
        params = first_params(vae, None, seed, dtype)
        self.optimizer_state_ = optimizer_state(self._optimizer(), params.vector)
        self.vae_, self.params_, self.seed_ = vae, params, seed
        self.n_steps_ = self.n_iter_ = 0
        self._rng = stream(seed, NOISE, 0)

    def _step(self, x: np.ndarray, L: int, decay: float) -> None:
        """Take a step of algorithm 1 with a minibatch."""
        theta = self.params_.vector
        noise = np.empty((L, len(x), self.vae_.n_latent), theta.dtype)
        self.vae_.posterior.draw_noise(self._rng, noise)
        bound, grad = self.vae_.elbo_and_grad(self.params_, x, noise)
        if not np.isfinite(bound):
            raise TrainingDiverged(
                f"the minibatch bound became {bound} after {self.n_steps_:,} steps: try a smaller "
                "step size, and data of order one"
            )
        optimizer, state = self._optimizer(), self.optimizer_state_
        try:
            optimizer.update(theta, grad.vector, state, self.n_steps_ + 1, decay)
        except KeyError:
            raise ValueError(
                f"optimizer is {self.optimizer!r}, expected the one that training began with"
            ) from None
        self.n_steps_ += 1

    def _vae(self, n_features: int) -> VAE:
        return VAE(
            n_features,
            check_count("n_components", self.n_components),
            self.hidden,
            self.likelihood,
            self.activation,
            self.posterior,
        )

    def _optimizer(self) -> Optimizer:
        step_size = check_positive("step_size", self.step_size)
        found = choose("optimizer", self.optimizer, OPTIMIZERS, members(Optimizer))
        return found(step_size) if isinstance(found, type) else found

    # --- Using the model --------------------------------------------------------------------------

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return the mean of q(z|x) of every datapoint, (n, n_components)."""
        return self._by_chunks(lambda x: self.vae_.encode(self.params_, x)[0], self._checked(X))

    def inverse_transform(self, X: ArrayLike) -> np.ndarray:
        """Return the mean of p(x|z), (n, n_features), for codes of shape (n, n_components)."""
        check_is_fitted(self, "params_")
        z = check_array(_unmasked(X), dtype=_FLOATS)
        if z.shape[1] != self.vae_.n_latent:
            raise ValueError(
                f"X has {z.shape[1]} columns, expected {self.vae_.n_latent}, the dimensions of z"
            )
        return self._by_chunks(lambda z: self.vae_.decode(self.params_, z), z)

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Return the bound of every datapoint, or log p(x) (`evidence_draws`), in nats.

        The noise of a datapoint depends on itself and on `seed_` alone, not on those beside it.

        Parameters
        ----------
        X : (n, n_features) array

        Returns
        -------
        scores : (n,) array

        Raises
        ------
        ValueError
            If the data do not fit the model, or log p(x) is asked for and q(z|x) has no density.
        """
        x = self._checked(X)
        if self.evidence_draws is None:
            return self._by_chunks(self._bounds, x)
        K = check_count("evidence_draws", self.evidence_draws)
        check_has("posterior", self.vae_.posterior, ("log_density",))
        return self._by_chunks(lambda x: self._evidence(x, K), x, rows=100)

    def score(self, X: ArrayLike, y: Any = None) -> float:
        """Return the mean of `score_samples`, in nats per datapoint; higher is better."""
        return float(np.mean(self.score_samples(X)))

    def sample(
        self, n_samples: int = 1, *, mean: bool = False, random_state: Any = None
    ) -> np.ndarray:
        """Draw x from the model: z from the prior, then x from p(x|z).

        Parameters
        ----------
        n_samples : int
        mean : bool
            Return the mean of p(x|z) in place of a draw from it, as pictures usually show.
        random_state : int, RandomState or None
            None: the estimator's own.

        Returns
        -------
        X : (n_samples, n_features) array
        """
        check_is_fitted(self, "params_")
        seed = _seed(self.random_state if random_state is None else random_state)
        rng = np.random.default_rng(seed)
        return self.vae_.sample(self.params_, check_count("n_samples", n_samples), rng, mean)

    def _checked(self, X: ArrayLike) -> np.ndarray:
        check_is_fitted(self, "params_")
        x = self._validated(X, reset=False)
        return self.vae_.check_data("X", x).astype(self.params_.dtype, copy=False)

    def _by_chunks(
        self, function: Callable[[np.ndarray], np.ndarray], x: np.ndarray, rows: int = CHUNK
    ) -> np.ndarray:
        """Apply a function to some rows at a time, so that memory is bounded."""
        return np.concatenate([function(x[chunk]) for chunk in gen_batches(len(x), rows)])

    def _bounds(self, x: np.ndarray) -> np.ndarray:
        draws = check_count("noise_samples", self.noise_samples)
        noise = self._noise(self._generators(x), draws)
        log_px, minus_kl = self.vae_.elbo_terms(self.params_, x, noise)
        return log_px.mean(axis=0) + minus_kl

    def _evidence(self, x: np.ndarray, K: int) -> np.ndarray:
        q_params, _ = self.vae_.recognition(self.params_, x)
        rngs, weights = self._generators(x), RunningLogMean(len(x))
        for draws in gen_batches(K, max(1, CHUNK // len(x))):
            noise = self._noise(rngs, draws.stop - draws.start)
            weights.add(log_weights(self.vae_, self.params_, x, q_params, noise))
        return weights.value()

    def _generators(self, x: np.ndarray) -> list[np.random.Generator]:
        """Return a generator for every datapoint, the same wherever it is met."""
        digests = (blake2b(row.tobytes(), digest_size=16).digest() for row in x)
        return [np.random.default_rng([self.seed_, *digest]) for digest in digests]

    def _noise(self, rngs: Sequence[np.random.Generator], draws: int) -> np.ndarray:
        """Draw noise of shape (draws, m, n_components), each datapoint's from its generator."""
        noise = np.empty((len(rngs), draws, 1, self.vae_.n_latent), self.params_.dtype)
        for rng, of_datapoint in zip(rngs, noise, strict=True):
            self.vae_.posterior.draw_noise(rng, of_datapoint)
        return np.ascontiguousarray(noise[:, :, 0].swapaxes(0, 1))

    # --- What scikit-learn asks -------------------------------------------------------------------

    def _validated(self, X: ArrayLike, reset: bool) -> np.ndarray:
        """Return X as an array of floats that scikit-learn has nothing against."""
        x = validate_data(self, _unmasked(X), dtype=_FLOATS, reset=reset)
        if self.__sklearn_tags__().input_tags.positive_only:
            check_non_negative(x, type(self).__name__)  # so that all its estimators say the same
        return x

    @property
    def _n_features_out(self) -> int:
        return self.vae_.n_latent

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.input_tags.positive_only = self.likelihood == "poisson"
        return tags


def _unmasked(X: Any) -> Any:
    """Return X, or raise ValueError if it masks values: scikit-learn would uncover them."""
    return as_array("X", X) if isinstance(X, np.ma.MaskedArray) else X


def _seed(random_state: Any) -> int:
    """Return an int as it is, and of anything else what scikit-learn draws from it."""
    if isinstance(random_state, int | np.integer) and random_state >= 0:
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))
