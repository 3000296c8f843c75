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
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minivae.data_stream import EVALUATION, stream
from minivae.evaluation import mean_bound
from minivae.model_inputs import ParamsInput
from minivae.params import Params
from minivae.vae import VAE
from minivae.validation import check_count, check_positive


class FullVB(ParamsInput):
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

    def _check_zeta(self, params: Params, zeta: np.ndarray) -> np.ndarray:
        zeta = np.asarray(zeta, params.dtype)
        if zeta.shape != (self.n_theta,):
            raise ValueError(f"zeta has shape {zeta.shape}, expected ({self.n_theta},)")
        return zeta

    def _split(self, params: Params) -> list[np.ndarray]:
        """Return phi, mu_theta and log sigma_theta^2, views of the vector."""
        last = params.vector.size - self.n_theta
        return np.split(params.vector, [last - self.n_theta, last])
