"""How good is the model? The bound over a whole data set, and log p(x), in bounded memory.

The bound is estimated here; log p(x) in `minivae.marginal`, whose functions this module passes on.
"""

import numpy as np

from minivae.engine.subnormals import flushed_subnormals
from minivae.engine.team import Team, default_threads
from minivae.marginal import (
    HMCEvidence,
    LogEvidence,
    appendix_d,
    importance_sampling,
    resample_prior,
)
from minivae.minibatches import EVALUATION, blas_single_threaded, gather, stream
from minivae.validation import check_count
from minivae.workspace import Workspace

__all__ = [
    "HMCEvidence",
    "LogEvidence",
    "appendix_d",
    "bound_terms",
    "bound_terms_with",
    "importance_sampling",
    "mean_bound",
    "resample_prior",
]

_CHUNK = 500  # datapoints at a time, so that activations stay in the cache


def bound_terms(vae, params, x, *, noise_samples=1, seed=0, threads=None):
    """Estimate the two terms of the ELBO of every datapoint, in nats.

    The noise depends on `seed` alone, not on the number of threads.

    Parameters
    ----------
    vae : VAE
    params : Params
    x : (N, n_features) array
        Floats, or uint8 pixels.
    noise_samples : int
        L, samples of z per datapoint.
    seed : int
    threads : int, optional
        As for `minivae.fit`.

    Returns
    -------
    log_px : (N,) array
        Mean of log p(x|z) over the samples: the reconstruction term.
    minus_kl : (N,) array
        -KL(q(z|x) || p(z)). The ELBO is the sum of the two.

    Raises
    ------
    ValueError
        If `x` does not fit the model.
    """
    x = vae.check_data("x", x)
    noise_samples = check_count("noise_samples", noise_samples)
    threads = default_threads(vae, _CHUNK) if threads is None else check_count("threads", threads)
    with blas_single_threaded(), Team(threads) as team:
        return bound_terms_with(team, vae, params, x, noise_samples, seed)


def bound_terms_with(team, vae, params, x, noise_samples, seed):
    """Do the work of `bound_terms` with the threads of `team`, on checked data."""
    log_px, minus_kl = np.empty((2, len(x)))
    starts = range(0, len(x), _CHUNK)

    def work(k):
        with flushed_subnormals():
            evaluate(k)

    def evaluate(k):
        workspace = Workspace()
        for start in starts[k :: team.size]:
            rows = np.arange(start, min(start + _CHUNK, len(x)))
            pixels = workspace.empty("x", (len(rows), vae.n_features), params.dtype)
            gather(x, rows, pixels)
            shape = (noise_samples, len(rows), vae.n_latent)
            noise = workspace.empty("noise", shape, params.dtype)
            vae.posterior.draw_noise(stream(seed, EVALUATION, start), noise)
            terms = vae.elbo_terms(params, pixels, noise, workspace)
            log_px[rows] = terms[0].mean(axis=0)
            minus_kl[rows] = terms[1]

    team.run(work)
    return log_px, minus_kl


def mean_bound(vae, params, x, **options):
    """Estimate the mean ELBO per datapoint, in nats; arguments as for `bound_terms`."""
    log_px, minus_kl = bound_terms(vae, params, x, **options)
    return float(np.mean(log_px + minus_kl))
