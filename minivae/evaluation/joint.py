"""The joint density log p(x, z) = log p(z) + log p(x|z), and its two gradients.

With p(z) = N(0, I) and the decoder's p(x|z) (eq. 11, 12), for one datapoint:

    log p(x, z)             = -1/2 (J log 2 pi + |z|^2) + log p(x|z)
    d/dz     log p(x, z)    = -z + d/dz log p(x|z)           through the decoder to its input
    d/dtheta log p(x, z)    = d/dtheta log p(x|z)            the prior has no parameters

As a function of z it is the posterior's log density, but for the constant log p(x): all that a
sampler needs (`minivae.evaluation.hmc`), and no encoder is involved. As a function of theta, at
samples of the posterior, it is what Monte Carlo EM climbs (app. E).
"""

import math
from typing import Any

import numpy as np

from minivae.engine.arena import Arena
from minivae.evaluation.hmc import Target
from minivae.gaussian import LOG_2PI
from minivae.params import Params
from minivae.parts import sum_up
from minivae.protocols import New, Parts
from minivae.vae import VAE
from minivae.validation import as_pixels


def log_joint(vae: VAE, params: Params, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return log p(x, z) of every z, in nats.

    Parameters
    ----------
    vae : VAE
    params : Params
        The decoder's part of it counts.
    x : (M, n_features) array
    z : (M, n_latent) or (L, M, n_latent) array
        One or more samples for each datapoint.

    Returns
    -------
    log_pxz : (M,) or (L, M) array

    Raises
    ------
    ValueError
        If an argument's shape does not fit the model, or `x` has values that the likelihood cannot
        explain.
    """
    x, samples = _check(vae, params, x, z)
    return forward(vae, params, x, samples, 1.0)[0].reshape(np.shape(z)[:-1])


def log_joint_and_grad(
    vae: VAE, params: Params, x: np.ndarray, z: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return log p(x, z) of every z, and its gradient with respect to that z.

    The arguments are those of `log_joint`.

    Returns
    -------
    log_pxz : (M,) or (L, M) array
    dz : array like z
    """
    x, samples = _check(vae, params, x, z)
    log_pxz, dz = forward_backward_z(vae, params, x, samples)
    return log_pxz.reshape(np.shape(z)[:-1]), dz.reshape(np.shape(z))


def mean_log_joint_and_grad(
    vae: VAE, params: Params, x: np.ndarray, z: np.ndarray
) -> tuple[float, Params]:
    """Return the mean of log p(x, z) over all z, and its gradient in theta.

    The arguments are those of `log_joint`.

    Returns
    -------
    mean : float
        In nats.
    grad : Params
        With respect to the decoder's parameters alone, laid out like `decoder_params`.
    """
    x, samples = _check(vae, params, x, z)
    mean, parts = forward_backward_theta(vae, params, x, samples)
    return mean, sum_up(parts, decoder_params(vae, params))


def decoder_params(vae: VAE, params: Params) -> Params:
    """Return theta, the decoder's part of `params`: a view, writing to one writes to the other."""
    shapes = vae.decoder.shapes
    size = sum(math.prod(shape) for shape in shapes.values())
    return Params(shapes, params.vector[params.vector.size - size :])  # the decoder comes last


def unnormalized_posterior(vae: VAE, params: Params, x: np.ndarray) -> Target:
    """Return log p(z|x) + log p(x) as a target for `minivae.evaluation.hmc`, a chain a datapoint.

    Parameters
    ----------
    vae : VAE
    params : Params
    x : (M, n_features) array
        Taken as checked.

    Returns
    -------
    target : callable
        ``target(z)`` returns log p(x, z) and its gradient for z of shape (M, n_latent), in memory
        that the next call uses again. For one thread at a time.
    """
    arena, x = Arena(), as_pixels(x, params.dtype)

    def target(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        log_pxz, dz = forward_backward_z(vae, params, x, z[None], arena.again())
        return log_pxz[0], dz[0]

    return target


# --- The same without checks; z is (L, M, J) ------------------------------------------------------


def forward(
    vae: VAE, params: Params, x: np.ndarray, z: np.ndarray, weight: float, new: New = np.empty
) -> tuple[np.ndarray, Any]:
    """Return log p(x, z), (L, M), and what `VAE.generative_backward` needs."""
    log_pxz, saved = vae.generative(params, z, x, weight, new)
    log_pxz -= 0.5 * (vae.n_latent * LOG_2PI + np.einsum("lmj,lmj->lm", z, z))  # log p(z)
    return log_pxz, saved


def forward_backward_z(
    vae: VAE, params: Params, x: np.ndarray, z: np.ndarray, new: New = np.empty
) -> tuple[np.ndarray, np.ndarray]:
    """Return log p(x, z), (L, M), and its gradient in z, (L, M, J)."""
    log_pxz, saved = forward(vae, params, x, z, 1.0, new)
    dz, _ = vae.generative_backward(params, saved, new)
    dz -= z
    return log_pxz, dz


def forward_backward_theta(
    vae: VAE, params: Params, x: np.ndarray, z: np.ndarray, new: New = np.empty
) -> tuple[float, Parts]:
    """Return the mean of log p(x, z), and what its gradient in theta is made of."""
    log_pxz, saved = forward(vae, params, x, z, 1 / (len(z) * len(x)), new)
    _, parts = vae.generative_backward(params, saved, new, input_gradient=False)
    return float(log_pxz.mean(dtype=np.float64)), parts


def _check(vae: VAE, params: Params, x: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the arguments in the parameters' dtype, z as (L, M, J), or raise ValueError."""
    vae.check_params(params)
    x = as_pixels(vae.check_data("x", x), params.dtype)
    z = np.ascontiguousarray(z, params.dtype)
    if z.ndim not in (2, 3) or z.shape[-2:] != (len(x), vae.n_latent) or len(z) == 0:
        raise ValueError(
            f"z has shape {z.shape}, expected (M, J) or (L, M, J), here (L, {len(x)}, "
            f"{vae.n_latent}) with L >= 1"
        )
    return x, z.reshape(-1, *z.shape[-2:])
