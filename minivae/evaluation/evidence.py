"""log p(x), which the ELBO only bounds: by importance sampling, and by the paper's appendix D.

**Importance sampling** from the recognition model, for each datapoint x:

    p(x) = E_q(z|x)[w],  w = p(x, z) / q(z|x),      log p(x) ~ log 1/K sum_k w_k,  z_k ~ q(z|x).

**Appendix D** needs no recognition model. For any density q(z),

    1 / p(x) = integral q(z) / p(x) dz = E_p(z|x)[v],   v = q(z) / p(x, z),

and so in three stages: (i) draw z from the posterior by HMC; (ii) fit q to these samples; (iii)
draw fresh ones, log p(x) ~ -log 1/K sum_k v_k. (Those of the first stage would not do: q has been
fitted to them, and is too large there.) The closer q is to the posterior, the less v varies. But
from K samples a density can only be estimated in a few dimensions: the paper trusts the result
below five. And where a posterior has several modes, a chain that stays in one of them finds no more
than that one's share of p(x).

**Errors.** To first order the standard deviation of log mean(w) is that of mean(w), divided by
mean(w): sd(w) / (mean(w) sqrt(K)) for independent samples. As the logarithm is concave, the former
estimate is too low on average and the latter too high, both by about half the squared error.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from minivae.data_stream import EVALUATION, stream
from minivae.engine.arena import Arena
from minivae.engine.team import share_out
from minivae.evaluation.chunks import CHUNK, evaluating, fetch
from minivae.evaluation.fitted_densities import DENSITIES
from minivae.evaluation.hmc import HMC, begin, check_hmc
from minivae.evaluation.joint import forward, unnormalized_posterior
from minivae.params import Params
from minivae.protocols import New
from minivae.vae import VAE
from minivae.validation import as_pixels, check_count, check_has

_DATAPOINTS = 100  # at a time in importance sampling: five samples each
_CHAINS = 250  # at a time, in appendix D


@dataclass(frozen=True, eq=False)
class LogEvidence:
    """Estimates of log p(x), in nats.

    Attributes
    ----------
    values : (N,) array
        Of every datapoint.
    errors : (N,) array
        Their standard errors.
    """

    values: np.ndarray
    errors: np.ndarray

    @property
    def mean(self) -> float:
        """The average over the datapoints."""
        return float(self.values.mean())

    @property
    def mean_error(self) -> float:
        """The standard error of `mean` as an estimate for *these* datapoints."""
        return float(np.sqrt(np.sum(self.errors**2)) / len(self.errors))


@dataclass(frozen=True, eq=False)
class HMCEvidence(LogEvidence):
    """The same from appendix D, with what there is to say about its chains.

    Attributes
    ----------
    acceptance : (N,) array
        Mean acceptance probability of the last stage.
    z : (N, J) array
        Where the chains ended: a place to start from when the parameters have changed a little.
    """

    acceptance: np.ndarray
    z: np.ndarray


class RunningLogMean:
    """The log of a mean of exp(a), and its standard error, of terms that come a few at a time.

    Parameters
    ----------
    n : int
        How many such means are taken side by side.
    """

    def __init__(self, n: int) -> None:
        self.count = 0
        self._largest = np.full(n, np.finfo(np.float64).min)
        self._total, self._squares = np.zeros((2, n))

    def add(self, a: np.ndarray) -> None:
        """Take in more terms, (L, n): L for each mean."""
        largest = np.maximum(self._largest, a.max(axis=0))
        rescale = np.exp(self._largest - largest)
        terms = np.exp(a - largest)
        self._total = self._total * rescale + terms.sum(axis=0)
        self._squares = self._squares * rescale**2 + (terms**2).sum(axis=0)
        self._largest = largest
        self.count += len(a)

    def value(self) -> np.ndarray:
        """Return log mean exp(a), (n,)."""
        return self._largest + np.log(self._total / self.count)

    def error(self) -> np.ndarray:
        """Return its standard error, (n,): sd(w) / (mean(w) sqrt(K)), w = exp(a)."""
        if self.count == 1:
            return np.full_like(self._total, np.inf)
        relative_variance = self.count * self._squares / self._total**2 - 1
        return np.sqrt(np.maximum(relative_variance, 0) / (self.count - 1))


def batch_means_error(log_v: np.ndarray) -> np.ndarray:
    """Return the standard error of log mean(v) where v comes from a chain, by batch means.

    The samples of a chain resemble each other; the means of sqrt(K) consecutive ones do much less,
    and those are what is taken as independent.

    Parameters
    ----------
    log_v : (K, n) array
        Of n chains; K >= 2.

    Returns
    -------
    errors : (n,) array
    """
    length = math.isqrt(len(log_v))
    count = len(log_v) // length
    used = log_v[: count * length]
    v = np.exp(used - used.max(axis=0))  # the largest is among them, so that not all can be 0
    means = v.reshape(count, length, -1).mean(axis=1)
    return means.std(axis=0, ddof=1) / (np.sqrt(count) * means.mean(axis=0))


def importance_sampling(
    vae: VAE,
    params: Params,
    x: np.ndarray,
    *,
    draws: int = 100,
    seed: int = 0,
    threads: int | None = None,
) -> LogEvidence:
    """Estimate log p(x) of every datapoint with samples of q(z|x) (module docstring).

    Memory does not grow with `draws`. The noise depends on `seed` alone, not on the number of
    threads, and more samples are the same ones and others.

    Parameters
    ----------
    vae : VAE
    params : Params
    x : (N, n_features) array
        Floats, or uint8 pixels.
    draws : int
        K, samples of z per datapoint.
    seed : int
    threads : int, optional
        As for `minivae.fit`.

    Returns
    -------
    evidence : LogEvidence
        Values too low on average; with one sample, they are estimates of the bound (eq. 6), and
        the errors are infinite.

    Raises
    ------
    ValueError
        If an argument does not fit the model, or q(z|x) has no density.
    """
    vae.check_params(params)
    check_has("posterior", vae.posterior, ("log_density",))
    x = vae.check_data("x", x)
    draws = check_count("draws", draws)
    values, errors = np.empty((2, len(x)))

    def estimate(rows: slice, arena: Arena) -> None:
        pixels = fetch(x, rows, params.dtype)
        q_params, _ = vae.recognition(params, pixels)
        rng = stream(seed, EVALUATION, rows.start)
        weights = RunningLogMean(len(pixels))
        most = CHUNK // _DATAPOINTS
        for first in range(0, draws, most):
            shape = (min(most, draws - first), len(pixels), vae.n_latent)
            new = arena.again()
            noise = new(shape, params.dtype)
            vae.posterior.draw_noise(rng, noise)
            weights.add(log_weights(vae, params, pixels, q_params, noise, new))
        values[rows], errors[rows] = weights.value(), weights.error()

    with evaluating(vae, threads) as team:
        share_out(team, len(x), _DATAPOINTS, estimate)
    return LogEvidence(values, errors)


def log_weights(
    vae: VAE,
    params: Params,
    x: np.ndarray,
    q_params: np.ndarray,
    noise: np.ndarray,
    new: New = np.empty,
) -> np.ndarray:
    """Return log w = log p(x, z) - log q(z|x), (L, m), of the z that noise makes. All unchecked."""
    z, _ = vae.posterior.sample(q_params, noise, new)
    log_pxz, _ = forward(vae, params, x, z, 1.0, new)
    return log_pxz - vae.posterior.log_density(z, q_params)


def appendix_d(
    vae: VAE,
    params: Params,
    x: np.ndarray,
    *,
    draws: int = 50,
    density: str = "gaussian",
    hmc: HMC | None = None,
    warm_up: int = 50,
    start: np.ndarray | None = None,
    seed: int = 0,
    threads: int | None = None,
) -> HMCEvidence:
    """Estimate log p(x) of every datapoint as the paper's appendix D does (module docstring).

    Reliable for a few latent dimensions only. The noise depends on `seed` alone, not on the number
    of threads.

    Parameters
    ----------
    vae : VAE
    params : Params
    x : (N, n_features) array
        Floats, or uint8 pixels.
    draws : int
        K, in stage (i) and again in stage (iii); more than the model has latent dimensions.
    density : str
        What is fitted in stage (ii): "gaussian", with full covariance, or "kernel", a kernel
        density with a Gaussian kernel (`scipy.stats.gaussian_kde`).
    hmc : HMC, optional
        Default ``HMC(n_leapfrog=4)``.
    warm_up : int
        Transitions before the first stage, in which every chain's step is tuned.
    start : (N, J) array, optional
        Where the chains start; by default, at a sample of q(z|x). Give one, such as that of
        `resample_prior`, where the encoder has not been trained.
    seed : int
    threads : int, optional
        As for `minivae.fit`.

    Returns
    -------
    evidence : HMCEvidence
        Values too high on average. NaN for a datapoint whose chain has not moved in all directions.
        With 50 samples the errors, by batch means, are themselves too small by up to a half.

    Raises
    ------
    ValueError
        If an argument does not fit the model, or `density` is unknown.
    """
    vae.check_params(params)
    x = vae.check_data("x", x)
    draws = check_count("draws", draws)
    if draws <= vae.n_latent:
        raise ValueError(
            f"draws is {draws}, expected more than the model's {vae.n_latent} latent "
            "dimensions, to fit a density to them"
        )
    if not isinstance(density, str) or density not in DENSITIES:
        raise ValueError(f"density is {density!r}, expected one of {', '.join(DENSITIES)}")
    warm_up = check_count("warm_up", warm_up)
    hmc = check_hmc(HMC(n_leapfrog=4) if hmc is None else hmc)
    if start is not None:
        start = np.ascontiguousarray(start, params.dtype)
        if start.shape != (len(x), vae.n_latent):
            raise ValueError(f"start has shape {start.shape}, expected {(len(x), vae.n_latent)}")
    values, errors, acceptance = np.empty((3, len(x)))
    ends = np.empty((len(x), vae.n_latent), params.dtype)

    def estimate(rows: slice, arena: Arena) -> None:
        pixels = fetch(x, rows, params.dtype)
        rng = stream(seed, EVALUATION, rows.start)
        target = unnormalized_posterior(vae, params, pixels)
        z = _draw(vae, params, pixels, rng) if start is None else start[rows]
        chains, step = hmc.warm_up(target, begin(target, z), warm_up, rng)
        drawn, chains = hmc.sample(target, chains, step, draws, rng)  # (i)
        log_q = DENSITIES[density](drawn.z.astype(np.float64))  # (ii)
        fresh, chains = hmc.sample(target, chains, step, draws, rng)  # (iii)
        log_v = log_q(fresh.z) - fresh.log_p
        values[rows] = np.log(draws) - logsumexp(log_v, axis=0)
        errors[rows] = batch_means_error(log_v)
        acceptance[rows], ends[rows] = fresh.acceptance, chains.z

    with evaluating(vae, threads) as team:
        share_out(team, len(x), _CHAINS, estimate)
    return HMCEvidence(values, errors, acceptance, ends)


def resample_prior(
    vae: VAE, params: Params, x: np.ndarray, *, draws: int = 1000, seed: int = 0
) -> np.ndarray:
    """Draw z from p(z|x), nearly, without a recognition model: a start for appendix D's chains.

    Of `draws` samples of the prior, the same for all datapoints, each datapoint gets one with a
    probability proportional to p(x|z) (sampling importance resampling). In a few dimensions some
    lie near every mode, which a chain that starts anywhere may not find.

    Parameters
    ----------
    vae : VAE
    params : Params
    x : (N, n_features) array
        Floats, or uint8 pixels.
    draws : int
    seed : int

    Returns
    -------
    z : (N, J) array
    """
    vae.check_params(params)
    x = as_pixels(vae.check_data("x", x), params.dtype)
    rng, arena = stream(seed, EVALUATION, 1), Arena()
    shape = (check_count("draws", draws), vae.n_latent)
    z = rng.standard_normal(shape, params.dtype)
    keys = np.empty((len(z), len(x)))  # log p(x|z)
    for key, one in zip(keys, z, strict=True):
        at_one = np.tile(one, (1, len(x), 1))
        key[:] = vae.generative(params, at_one, x, 1.0, arena.again())[0]
    keys += rng.gumbel(size=keys.shape)  # whose largest has the right probability
    return z[keys.argmax(axis=0)]


def _draw(vae: VAE, params: Params, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a sample of q(z|x) for every row of x."""
    q_params, _ = vae.recognition(params, x)
    noise = np.empty((1, len(x), vae.n_latent), params.dtype)
    vae.posterior.draw_noise(rng, noise)
    return vae.posterior.sample(q_params, noise)[0][0]
