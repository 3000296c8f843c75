"""Full variational Bayes: a posterior over the decoder's parameters as well (app. F, alg. 2).

`minivae.fit` finds one theta. Here theta is unknown like z, has a prior and gets a posterior:

    p(theta) = N(0, s^2 I),    q(theta) = N(mu_theta, diag sigma_theta^2)

The encoder's phi stays a point estimate: it describes q(z|x) and is no part of the model. With
theta = mu_theta + sigma_theta * zeta and zeta ~ N(0, I), a minibatch of M out of N datapoints
estimates a lower bound of log p(X), the evidence of the whole data set (eq. 24),

    L ~= N/M sum_m [ log p(x_m|z_m, theta) - KL(q(z|x_m) || p(z)) ] - KL(q(theta) || p(theta))

and it is L / N that this module reports and climbs, nats per datapoint as everywhere: the mean ELBO
of the minibatch at the sampled theta, and 1/N of

    -KL(q(theta) || p(theta)) = 1/2 sum_i [1 + log(sigma_i^2 / s^2) - (mu_i^2 + sigma_i^2) / s^2]

**The gradient.** `VAE.elbo_and_grad` gives g, the gradient of the mean ELBO at the sampled theta.
zeta is held, so dtheta/dmu = 1 and dtheta/dlog_var = sigma zeta / 2, as for z:

    dL/dmu      = g - mu / (N s^2)
    dL/dlog_var = g sigma zeta / 2 + (1 - sigma^2 / s^2) / 2N
    dL/dphi     = g's part for the encoder, as it is

**Its variance.** Algorithm 2 draws a zeta with every x. Here the M datapoints of a minibatch share
one, so that they pass through the network together. That leaves the estimate unbiased, but the part
of its variance that is due to zeta does not shrink with M: what one draw of theta does to one
datapoint it does to all.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minivae.data_stream import EVALUATION, NOISE, Order, gather, stream
from minivae.engine.subnormals import flushed_subnormals
from minivae.engine.team import Team
from minivae.evaluation import mean_bound
from minivae.optimizers import Adam
from minivae.params import Params
from minivae.protocols import Optimizer
from minivae.training.history import History
from minivae.training.loop import FitResult, Method, train
from minivae.training.settings import Settings, first_params, training_and_test, training_subset
from minivae.training.state import TrainingState
from minivae.vae import VAE
from minivae.validation import check_batch_size, check_count, check_positive


class FullVB:
    """A VAE whose decoder has a distribution in place of parameters.

    Parameters
    ----------
    vae : VAE
        The model of x given theta.
    n_datapoints : int
        N, datapoints in the training set: they share the cost of q(theta).
    prior_std : float
        s, the standard deviation of p(theta); 1 in the paper.

    Attributes
    ----------
    param_shapes : dict of str to tuple of int
        phi as in the VAE ("encoder.W1", ...), then mu_theta ("decoder.W1.mu", "decoder.b1.mu", ...)
        and last log sigma_theta^2 ("decoder.W1.log_var", ...).
    n_theta : int
        Parameters of the decoder, the length of zeta.

    Raises
    ------
    ValueError
        If a number is not positive.
    """

    def __init__(self, vae: VAE, n_datapoints: int, prior_std: float = 1.0) -> None:
        self.vae = vae
        self.n_datapoints = check_count("n_datapoints", n_datapoints)
        self.prior_std = check_positive("prior_std", prior_std)
        phi, theta = vae.encoder.shapes, vae.decoder.shapes
        self.param_shapes = {
            **phi,
            **{f"{name}.mu": shape for name, shape in theta.items()},
            **{f"{name}.log_var": shape for name, shape in theta.items()},
        }
        self.n_theta = sum(map(math.prod, theta.values()))

    def init_params(
        self,
        rng: np.random.Generator,
        dtype: DTypeLike = np.float64,
        std: float = 0.01,
        sigma: float = 0.01,
    ) -> Params:
        """Draw phi and mu_theta as `VAE.init_params` does, with the same sigma_theta throughout.

        Parameters
        ----------
        rng : numpy.random.Generator
        dtype : dtype
        std : float
            Standard deviation of the weights.
        sigma : float
            Entries of sigma_theta.

        Returns
        -------
        params : Params
        """
        start = self.vae.init_params(rng, dtype, std)
        log_var = np.full(self.n_theta, 2 * np.log(check_positive("sigma", sigma)), start.dtype)
        return Params(self.param_shapes, np.concatenate([start.vector, log_var]))

    # --- The bound and its gradient ---------------------------------------------------------------

    def draw(self, params: Params, zeta: np.ndarray | None = None) -> Params:
        """Draw parameters for the VAE: theta = mu_theta + sigma_theta * zeta, and phi as it is.

        Parameters
        ----------
        params : Params
        zeta : (n_theta,) array, optional
            Standard normal noise; without it, theta is mu_theta.

        Returns
        -------
        params : Params
            For any method of the VAE.
        """
        self.check_params(params)
        phi, mu, log_var = self._split(params)
        theta = mu if zeta is None else mu + np.exp(log_var / 2) * self._check_zeta(params, zeta)
        return Params(self.vae.param_shapes, np.concatenate([phi, theta]))

    def minus_kl_theta(self, params: Params) -> float:
        """Return -KL(q(theta) || p(theta)), in nats, for the data set as a whole."""
        self.check_params(params)
        _, mu, log_var = self._split(params)
        variance = self.prior_std**2
        terms = 1 + log_var - math.log(variance) - (mu**2 + np.exp(log_var)) / variance
        return 0.5 * float(np.sum(terms, dtype=np.float64))

    def bound(self, params: Params, x: np.ndarray, noise: np.ndarray, zeta: np.ndarray) -> float:
        """Estimate the bound on log p(X) / N, eq. (24), in nats per datapoint.

        The arguments are those of `bound_and_grad`.

        Returns
        -------
        bound : float
        """
        elbo = self.vae.elbo(self.draw(params, zeta), x, noise)
        return elbo + self.minus_kl_theta(params) / self.n_datapoints

    def bound_and_grad(
        self, params: Params, x: np.ndarray, noise: np.ndarray, zeta: np.ndarray
    ) -> tuple[float, Params]:
        """Estimate the bound on log p(X) / N, eq. (24), and its gradient (algorithm 2).

        Parameters
        ----------
        params : Params
            Laid out as by `init_params`.
        x : (M, n_features) array
        noise : (L, M, n_latent) array
            eps, as for the VAE. The estimate is a deterministic function of its four arguments.
        zeta : (n_theta,) array
            Standard normal; one draw of theta for the whole minibatch.

        Returns
        -------
        bound : float
            In nats per datapoint.
        grad : Params
            Gradient with respect to every parameter, laid out like `params`.

        Raises
        ------
        ValueError
            If an argument's shape does not fit the model, or `x` has values that the likelihood
            cannot explain.
        """
        elbo, g = self.vae.elbo_and_grad(self.draw(params, zeta), x, noise)
        _, mu, log_var = self._split(params)
        zeta = self._check_zeta(params, zeta)
        N, variance, sigma = self.n_datapoints, self.prior_std**2, np.exp(log_var / 2)
        grad = params.like(np.empty_like(params.vector))
        dphi, dmu, dlog_var = self._split(grad)
        dphi[:], dtheta = np.split(g.vector, [len(dphi)])
        dmu[:] = dtheta - mu / (N * variance)
        dlog_var[:] = dtheta * sigma * zeta / 2 + (1 - sigma**2 / variance) / (2 * N)
        return elbo + self.minus_kl_theta(params) / N, grad

    # --- Using the posterior ----------------------------------------------------------------------

    def mean_bound(
        self, params: Params, x: np.ndarray, *, draws: int = 10, seed: int = 0, **options: Any
    ) -> float:
        """Estimate the mean ELBO per datapoint, averaged over theta ~ q(theta), in nats.

        For new data it is a lower bound of the log predictive density, since log E p(x|theta) is at
        least E log p(x|theta). The cost of q(theta), which new data do not pay, is left out.

        Parameters
        ----------
        params : Params
        x : (n, n_features) array
            Floats, or uint8 pixels.
        draws : int
            Draws of theta.
        seed : int
            For them and for eps.
        **options
            Further arguments of `minivae.evaluation.mean_bound`.

        Returns
        -------
        bound : float
        """
        rng = stream(seed, EVALUATION, 0, 1)
        bounds = []
        for k in range(check_count("draws", draws)):
            theta = self.draw(params, rng.standard_normal(self.n_theta, params.dtype))
            bounds.append(mean_bound(self.vae, theta, x, seed=seed + k, **options))  # eps afresh
        return float(np.mean(bounds))

    # --- Refusing what does not fit ---------------------------------------------------------------

    def check_params(self, params: Params) -> None:
        """Raise ValueError unless `params` is laid out for this model."""
        fits = isinstance(params, Params) and params.shapes == self.param_shapes
        if not fits or params.names != list(self.param_shapes):
            came = repr(params) if isinstance(params, Params) else type(params).__name__
            raise ValueError(f"params is {came}, expected {Params(self.param_shapes)!r}")

    def _check_zeta(self, params: Params, zeta: np.ndarray) -> np.ndarray:
        zeta = np.asarray(zeta, params.dtype)
        if zeta.shape != (self.n_theta,):
            raise ValueError(f"zeta has shape {zeta.shape}, expected ({self.n_theta},)")
        return zeta

    def _split(self, params: Params) -> list[np.ndarray]:
        """Return phi, mu_theta and log sigma_theta^2, views of the vector."""
        last = params.vector.size - self.n_theta
        return np.split(params.vector, [last - self.n_theta, last])


def fit_full_vb(
    vae: VAE,
    data: Any,
    samples: int = 1_000_000,
    *,
    batch_size: int = 100,
    prior_std: float = 1.0,
    optimizer: Optimizer | None = None,
    seed: int = 0,
    evaluate_every: int | Sequence[int] | None = 100_000,
    draws: int = 10,
    params: Params | None = None,
    dtype: DTypeLike = np.float32,
    checkpoint: str | Path | None = None,
    checkpoint_every: float = 30.0,
    resume: bool = False,
    progress: bool | None = None,
    callback: Callable[[Params, History], Any] | None = None,
) -> FitResult:
    """Fit phi and q(theta) by stochastic ascent of the bound on log p(X) (app. F, algorithm 2).

    Every step draws one eps per datapoint and one zeta. It all happens in one thread.

    Parameters
    ----------
    vae : VAE
    data : Dataset or (N, n_features) array
        As for `minivae.fit`.
    samples : int
        Training samples to see before it ends (rounded up to whole minibatches).
    batch_size : int
        M, datapoints per step.
    prior_std : float
        Standard deviation of p(theta).
    optimizer : Adagrad, SGD or Adam
        Default ``Adam(0.001)``.
    seed : int
        For the initial parameters, the order of the datapoints and all noise.
    evaluate_every : int, sequence of int, or None
        Samples between evaluations, or the numbers of samples seen at which to evaluate; there is
        one at the end, too. None: never.
    draws : int
        Draws of theta in an evaluation.
    params : Params, optional
        Where to start, instead of ``FullVB.init_params``; copied.
    dtype : dtype
        float32 or float64.
    checkpoint, checkpoint_every, resume
        As for `minivae.fit`. The model in the checkpoint is the VAE at the mean of theta.
    progress : bool or None
        Whether to show a progress bar on stderr; None: if that is a terminal.
    callback : callable, optional
        Called as ``callback(params, history)`` after every evaluation.

    Returns
    -------
    result : FitResult
        The parameters are those of ``FullVB(vae, N, prior_std)``. The history's bounds are those
        of `FullVB.mean_bound`; like those of `minivae.fit` they leave out what theta costs.

    Raises
    ------
    ValueError
        If an argument does not fit; always before training starts.
    TrainingDiverged
        If the bound becomes NaN or infinite.
    """
    settings = FullVBSettings(
        optimizer=Adam() if optimizer is None else optimizer,
        batch_size=batch_size,
        prior_std=prior_std,
        draws=draws,
        seed=seed,
        evaluate_every=evaluate_every,
        dtype=dtype,
    )
    state = train(
        FullVariationalBayes(vae, data, settings, params),
        samples,
        checkpoint=checkpoint,
        checkpoint_every=checkpoint_every,
        resume=resume,
        progress=progress,
        callback=callback,
    )
    return FitResult(state.params, state.history)


@dataclass(frozen=True, kw_only=True)
class FullVBSettings(Settings):
    """The settings of `fit_full_vb`; see there."""

    prior_std: float
    draws: int

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set("prior_std", check_positive("prior_std", self.prior_std))
        self._set("draws", check_count("draws", self.draws))


class FullVariationalBayes(Method):
    """Algorithm 2 as a method for `minivae.training.loop.train`.

    Parameters
    ----------
    vae, data, params
        As for `fit_full_vb`.
    settings : FullVBSettings
    """

    def __init__(
        self, vae: VAE, data: Any, settings: FullVBSettings, params: Params | None = None
    ) -> None:
        self.vae, self.settings, self._start = vae, settings, params
        self.train, self.test = training_and_test(vae, data)
        check_batch_size(settings.batch_size, self.train)
        self.model = FullVB(vae, len(self.train), settings.prior_std)
        self._order = Order(len(self.train), settings.batch_size, settings.seed)
        subset = training_subset(self.train, self.test, settings.seed)
        self._evaluated = subset, self.test

    def model_params(self, params: Params) -> Params:
        """Return phi and the mean of theta: parameters for the VAE."""
        return self.model.draw(params)

    def begin(self) -> TrainingState:
        """Return the state before the first step."""
        settings = self.settings
        params = first_params(self.model, self._start, settings.seed, settings.dtype)
        rngs = [stream(settings.seed, NOISE, k) for k in range(2)]  # for eps and for zeta
        moments = settings.optimizer.init(params.vector)
        return TrainingState(params, moments, rngs, History(columns=self.columns))

    def open(self, state: TrainingState, team: Team) -> None:
        """Get ready for steps."""
        self._state = state

    def step(self, n_steps: int) -> list[float]:
        """Take some steps."""
        bounds = []
        with np.errstate(all="ignore"), flushed_subnormals():
            for _ in range(n_steps):
                bound, grad = self._bound_and_grad()
                bounds.append(bound)
                if not math.isfinite(bound):
                    break
                self._state.step += 1
                theta, moments = self._state.params.vector, self._state.optimizer_state
                self.settings.optimizer.update(theta, grad.vector, moments, self._state.step, 0.0)
        return bounds

    def _bound_and_grad(self) -> tuple[float, Params]:
        """Of the next minibatch, with fresh noise."""
        state, rows = self._state, self._order.rows(self._state.step)
        x = np.empty((len(rows), self.vae.n_features), state.params.dtype)
        gather(self.train, rows, x)
        eps = np.empty((1, len(rows), self.vae.n_latent), x.dtype)
        self.vae.posterior.draw_noise(state.rngs[0], eps)
        zeta = state.rngs[1].standard_normal(self.model.n_theta, x.dtype)
        return self.model.bound_and_grad(state.params, x, eps, zeta)

    def measure(self, team: Team) -> list[float]:
        """Return the bounds of `FullVB.mean_bound` on both parts of the data."""
        settings, params = self.settings, self._state.params
        options = {"draws": settings.draws, "seed": settings.seed}
        return [
            math.nan if x is None else self.model.mean_bound(params, x, **options)
            for x in self._evaluated
        ]
