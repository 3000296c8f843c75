"""The bound over a whole data set, in bounded memory."""

from typing import Any

import numpy as np

from minivae.data_stream import EVALUATION, stream
from minivae.engine.arena import Arena
from minivae.engine.team import Team, share_out
from minivae.evaluation.chunks import CHUNK, evaluating, fetch
from minivae.params import Params
from minivae.vae import VAE
from minivae.validation import check_count


def bound_terms(
    vae: VAE,
    params: Params,
    x: np.ndarray,
    *,
    noise_samples: int = 1,
    seed: int = 0,
    threads: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
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
    vae.check_params(params)
    x = vae.check_data("x", x)
    noise_samples = check_count("noise_samples", noise_samples)
    with evaluating(vae, threads) as team:
        return bound_terms_with(team, vae, params, x, noise_samples, seed)


def bound_terms_with(
    team: Team, vae: VAE, params: Params, x: np.ndarray, noise_samples: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Do the work of `bound_terms` with the threads of `team`, on checked data."""
    log_px, minus_kl = np.empty((2, len(x)))

    def estimate(rows: slice, arena: Arena) -> None:
        new = arena.again()
        pixels = fetch(x, rows, params.dtype, new)
        noise = new((noise_samples, len(pixels), vae.n_latent), params.dtype)
        vae.posterior.draw_noise(stream(seed, EVALUATION, rows.start), noise)
        of_samples, minus_kl[rows] = vae.terms(params, pixels, noise, new)
        log_px[rows] = of_samples.mean(axis=0)

    share_out(team, len(x), CHUNK, estimate)
    return log_px, minus_kl


def mean_bound(vae: VAE, params: Params, x: np.ndarray, **options: Any) -> float:
    """Estimate the mean ELBO per datapoint, in nats; arguments as for `bound_terms`."""
    log_px, minus_kl = bound_terms(vae, params, x, **options)
    return float(np.mean(log_px + minus_kl))
