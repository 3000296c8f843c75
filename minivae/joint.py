"""The joint density log p(x, z) = log p(z) + log p(x|z), and its two gradients.

With p(z) = N(0, I) and the decoder's p(x|z) (eq. 11, 12), for one datapoint:

    log p(x, z)             = -1/2 (J log 2 pi + |z|^2) + log p(x|z)
    d/dz     log p(x, z)    = -z + d/dz log p(x|z)           through the decoder to its input
    d/dtheta log p(x, z)    = d/dtheta log p(x|z)            the prior has no parameters

As a function of z it is the posterior's log density, but for the constant log p(x): all that a
sampler needs (`minivae.hmc`), and no encoder is involved. As a function of theta, at samples of the
posterior, it is what Monte Carlo EM climbs (app. E).
"""

import math

import numpy as np

from minivae.engine.kernels import LOG_2PI
from minivae.mlp import mlp_backward, mlp_forward, mlp_gradient
from minivae.params import Params
from minivae.validation import as_pixels
from minivae.workspace import Workspace


def log_joint(vae, params, x, z, workspace=None):
    """Return log p(x, z) of every row of z, in nats.

    Parameters
    ----------
    vae : VAE
    params : Params
        The decoder's part of it counts.
    x : (M, n_features) array
    z : (L * M, n_latent) array
        Row l * M + m belongs to datapoint m; with L = 1, rows belong together.
    workspace : Workspace, optional
        Buffers to use again, for many calls in a row. With one, what is returned is good until the
        next call, and the values of `x` are taken as checked.

    Returns
    -------
    log_pxz : (L * M,) array

    Raises
    ------
    ValueError
        If an argument's shape does not fit the model, or `x` has values that the likelihood cannot
        explain.
    """
    x, z = _check(vae, params, x, z, workspace)
    return _forward(vae, params, x, z, 1.0, workspace or Workspace())[0]


def log_joint_and_grad(vae, params, x, z, workspace=None):
    """Return log p(x, z) of every row of z, and its gradient with respect to that row.

    The arguments are those of `log_joint`.

    Returns
    -------
    log_pxz : (L * M,) array
    dz : (L * M, n_latent) array
    """
    x, z = _check(vae, params, x, z, workspace)
    workspace = workspace or Workspace()
    log_pxz, cache, dout = _forward(vae, params, x, z, 1.0, workspace)
    dz, _ = mlp_backward(vae.decoder, params, cache, dout, workspace)
    dz -= z
    return log_pxz, dz


def mean_log_joint_and_grad(vae, params, x, z, workspace=None):
    """Return the mean of log p(x, z) over the rows of z, and its gradient in theta.

    The arguments are those of `log_joint`.

    Returns
    -------
    mean : float
        In nats.
    grad : Params
        With respect to the decoder's parameters alone, laid out like `decoder_params`.
    """
    x, z = _check(vae, params, x, z, workspace)
    workspace = workspace or Workspace()
    log_pxz, cache, dout = _forward(vae, params, x, z, 1 / len(z), workspace)
    _, deltas = mlp_backward(vae.decoder, params, cache, dout, workspace, input_gradient=False)
    grad = workspace.gradient(decoder_params(vae, params))
    mlp_gradient(vae.decoder, cache.activations, deltas, grad, grad.shares(1)[0])
    return float(log_pxz.mean(dtype=np.float64)), grad


def decoder_params(vae, params):
    """Return theta, the decoder's part of `params`: a view, writing to one writes to the other."""
    shapes = vae.decoder.shapes()
    size = sum(math.prod(shape) for shape in shapes.values())
    return Params(shapes, params.vector[-size:])  # the decoder comes last


def unnormalized_posterior(vae, params, x, workspace=None):
    """Return log p(z|x) + log p(x) as a target for `minivae.hmc`, one chain per datapoint.

    Parameters
    ----------
    vae : VAE
    params : Params
    x : (M, n_features) array
        Taken as checked.
    workspace : Workspace, optional

    Returns
    -------
    target : callable
        ``target(z)`` returns log p(x, z) and its gradient for z of shape (M, n_latent), in buffers
        that are good until the next call. For one thread at a time.
    """
    workspace = workspace or Workspace()
    x = as_pixels(x, params.dtype)
    return lambda z: log_joint_and_grad(vae, params, x, z, workspace)


def _forward(vae, params, x, z, scale, workspace):
    """Return log p(x, z), the decoder's cache, and `scale` times the gradient in its outputs."""
    out, cache = mlp_forward(vae.decoder, params, z, workspace)
    log_pxz = workspace.empty("log_pxz", (len(z),), z.dtype)
    vae.likelihood.log_prob_and_grad(out, x, scale, log_pxz)  # eq. 11, 12
    log_pxz -= 0.5 * (vae.n_latent * LOG_2PI + np.einsum("ij,ij->i", z, z))
    return log_pxz, cache, out


def _check(vae, params, x, z, workspace):
    vae.check_params(params)
    if workspace is None:
        x = vae.check_data("x", x)
    x = as_pixels(x, params.dtype)
    if x.ndim != 2 or x.shape[1] != vae.n_features or len(x) == 0:
        raise ValueError(f"x has shape {x.shape}, expected (M, {vae.n_features}) with M >= 1")
    z = np.ascontiguousarray(z, params.dtype)
    if z.ndim != 2 or z.shape[1] != vae.n_latent or len(z) == 0 or len(z) % len(x):
        raise ValueError(
            f"z has shape {z.shape}, expected (L * M, J) = (L * {len(x)}, {vae.n_latent}) "
            "with L >= 1"
        )
    return x, z
