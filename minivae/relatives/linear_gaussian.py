"""Probabilistic PCA and factor analysis: the linear VAE, of which everything is known exactly.

    p(z) = N(0, I),    p(x|z) = N(z W + b, Psi),    hence p(x) = N(b, C),    C = W^T W + Psi

with datapoints as rows, W of shape (J, D) and Psi diagonal: sigma^2 I in probabilistic PCA (Tipping
and Bishop 1999, "TB"; Bishop 2006, "PRML", sec. 12.2), any diagonal in factor analysis (PRML, sec.
12.2.4). This is the decoder of a VAE without hidden layers, so that AEVB can be held against the
maximum of the likelihood itself.

**Likelihood and posterior.** With e = x - b, nothing larger than (J, J) has to be inverted:

    P = I + W Psi^-1 W^T                     precision of p(z|x)               PRML 12.68
    z = e Psi^-1 W^T P^-1                    its mean                          PRML 12.66
    u = e C^-1 = (e - z W) Psi^-1            Woodbury's identity               PRML 12.40
    log |C| = log |P| + log |Psi|            the determinant lemma
    log p(x) = -1/2 (D log 2 pi + log |C| + u e^T)

**Gradient** of l, the mean of log p(x). From d log|C| = tr(C^-1 dC) and dC^-1 = -C^-1 dC C^-1,

    dl = 1/2 tr(A dC),    A = mean(u^T u) - C^-1,    dC = dW^T W + W^T dW + dPsi

and, because W C^-1 = P^-1 W Psi^-1, which also makes z = u W^T,

    dl/dW   = W A         = mean(z^T u) - P^-1 W Psi^-1
    dl/dPsi = diag(A) / 2 = (mean(u^2) - diag(C^-1)) / 2       (for sigma^2, summed over features)
    dl/db   = mean(u)
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike
from scipy.linalg import cho_factor, cho_solve

from minivae.gaussian import LOG_2PI
from minivae.layers import ACTIVATIONS, Dense
from minivae.likelihoods import FixedGaussian
from minivae.params import Params
from minivae.vae import VAE
from minivae.validation import as_array, as_pixels, check_count, check_positive, check_rng

_NOISE_FLOOR = 1e-6  # least share of a feature's variance that is noise


@dataclass(frozen=True, eq=False)
class LinearGaussian:
    """The model: parameters, exact likelihood and exact posterior.

    Parameters
    ----------
    W : (J, D) array
        Loadings, the decoder's weights.
    b : (D,) array
        Mean of x.
    noise_var : float or (D,) array
        sigma^2 (probabilistic PCA), or the diagonal of Psi (factor analysis).

    Raises
    ------
    ValueError
        If the shapes do not fit together, or a variance is not positive.
    """

    W: np.ndarray
    b: np.ndarray
    noise_var: Any  # a number becomes an array

    def __post_init__(self) -> None:
        for name in ("W", "b", "noise_var"):
            array = np.asarray(getattr(self, name))
            object.__setattr__(self, name, array.astype(_precision(array), copy=False))
        if self.W.ndim != 2:
            raise ValueError(f"W has shape {self.W.shape}, expected (J, D)")
        D = self.W.shape[1]
        if self.b.shape != (D,):
            raise ValueError(f"b has shape {self.b.shape}, expected ({D},)")
        if self.noise_var.shape not in ((), (D,)):
            raise ValueError(f"noise_var has shape {self.noise_var.shape}, expected () or ({D},)")
        if not np.all(self.noise_var > 0):
            raise ValueError(f"noise_var is {np.min(self.noise_var)!s}, expected above zero")

    @property
    def covariance(self) -> np.ndarray:
        """C = W^T W + Psi, (D, D); TB sec. 3.1, PRML 12.36 and 12.65."""
        return self.W.T @ self.W + np.diag(self._psi)

    @property
    def _psi(self) -> np.ndarray:
        return np.broadcast_to(self.noise_var, self.b.shape)

    @cached_property
    def _precision_factor(self) -> tuple[np.ndarray, bool]:
        """The Cholesky factor of P."""
        return cho_factor(np.eye(len(self.W)) + (self.W / self.noise_var) @ self.W.T, lower=True)

    def log_likelihood(self, x: np.ndarray) -> np.ndarray:
        """Return log p(x) of every datapoint, (N,), in nats; TB eq. 4, PRML 12.43.

        Parameters
        ----------
        x : (N, D) array
        """
        e, _, u = self._project(x)
        return self._log_density(e, u)

    def posterior(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean (N, J) and the covariance (J, J) of p(z|x); TB eq. 6, PRML 12.42.

        The covariance is the same for every x.
        """
        _, z, _ = self._project(x)
        return z, cho_solve(self._precision_factor, np.eye(len(self.W)))

    def log_likelihood_and_grad(self, x: np.ndarray) -> tuple[float, dict[str, np.ndarray]]:
        """Return the mean of log p(x) in nats per datapoint, and its gradient.

        Parameters
        ----------
        x : (N, D) array

        Returns
        -------
        value : float
        grad : dict of str to array
            With respect to "W", "b" and "noise_var", in the shapes of these.
        """
        e, z, u = self._project(x)
        W_inv_C = cho_solve(self._precision_factor, self.W / self.noise_var)
        diag_inv_C = (1 - np.sum(self.W * W_inv_C, axis=0)) / self.noise_var
        d_psi = 0.5 * (np.mean(u**2, axis=0) - diag_inv_C)
        grad = {
            "W": z.T @ u / len(e) - W_inv_C,
            "b": u.mean(axis=0),
            "noise_var": d_psi if self.noise_var.ndim else np.asarray(d_psi.sum()),
        }
        return float(self._log_density(e, u).mean()), grad

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw n datapoints, (n, D)."""
        check_rng(rng)
        n = check_count("n", n)
        z = rng.standard_normal((n, len(self.W)))
        noise = np.sqrt(self.noise_var) * rng.standard_normal((n, len(self.b)))
        return z @ self.W + self.b + noise

    def _project(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return e = x - b, z = E[z|x] and u = e C^-1, one row per datapoint."""
        e = _check_x(x, self.W.dtype, len(self.b)) - self.b
        z = cho_solve(self._precision_factor, self.W @ (e / self.noise_var).T).T
        return e, z, (e - z @ self.W) / self.noise_var

    def _log_density(self, e: np.ndarray, u: np.ndarray) -> np.ndarray:
        log_det_P = 2 * np.sum(np.log(np.diag(self._precision_factor[0])))
        constant = len(self.b) * LOG_2PI + log_det_P + np.sum(np.log(self._psi))
        return -0.5 * (constant + np.einsum("nd,nd->n", u, e))


class EMResult(NamedTuple):
    """What EM returns.

    Attributes
    ----------
    model : LinearGaussian
    log_likelihoods : (sweeps + 1,) array
        Mean of log p(x), in nats per datapoint: at the start, then after every sweep.
    """

    model: LinearGaussian
    log_likelihoods: np.ndarray


def ppca(x: np.ndarray, n_latent: int) -> LinearGaussian:
    """Fit probabilistic PCA in closed form; TB eq. 7 and 8, PRML 12.45 and 12.46.

    With the eigenvalues lambda_1 >= ... >= lambda_D of the data's covariance and the eigenvectors
    as rows of U, sigma^2 is the mean of the D - J smallest, and row j of W is
    sqrt(lambda_j - sigma^2) U_j. Any rotation R W of it is a maximum of the likelihood, too.

    Parameters
    ----------
    x : (N, D) array
    n_latent : int
        J, less than D.

    Returns
    -------
    model : LinearGaussian

    Raises
    ------
    ValueError
        If J is not less than D, or J dimensions already contain all of the data.
    """
    x, J = _check_data(x, n_latent)
    b = x.mean(axis=0)
    _, s, U = np.linalg.svd((x - b) / np.sqrt(len(x)), full_matrices=False)
    noise_var = np.sum(s[J:] ** 2) / (x.shape[1] - J)
    if noise_var <= len(x) * np.finfo(x.dtype).eps ** 2 * s[0] ** 2:
        raise ValueError(f"n_latent is {J}, expected fewer than the dimensions in which x varies")
    # Not below zero: rounding, if x varies equally in all directions.
    W = np.sqrt(np.maximum(s[:J] ** 2 - noise_var, 0))[:, None] * U[:J]
    return LinearGaussian(W, b, noise_var)


def ppca_em(
    x: np.ndarray, n_latent: int, rng: np.random.Generator, *, sweeps: int = 1000, tol: float = 1e-9
) -> EMResult:
    """Fit probabilistic PCA by EM; TB app. B, PRML 12.54 to 12.57.

    Parameters
    ----------
    x : (N, D) array
    n_latent : int
        J, less than D.
    rng : numpy.random.Generator
        For the W to start from.
    sweeps : int
        At most so many.
    tol : float
        Stop after a sweep that raises the log-likelihood by less, in nats per datapoint.

    Returns
    -------
    result : EMResult

    Raises
    ------
    ValueError
        If an argument does not fit, or the data never change.
    """
    x, J = _check_data(x, n_latent)
    if not np.any(np.ptp(x, axis=0) > 0):
        raise ValueError("x never changes, expected some feature to vary")
    return _em(_start(x, J, x.var(axis=0).mean(), rng), x, sweeps, tol)


def factor_analysis(
    x: np.ndarray, n_latent: int, rng: np.random.Generator, *, sweeps: int = 1000, tol: float = 1e-9
) -> EMResult:
    """Fit factor analysis by EM; PRML 12.66 to 12.70. The arguments are those of `ppca_em`.

    A feature's noise is kept above 1e-6 of its variance: the likelihood may grow for ever while the
    noise of a feature goes to zero (a Heywood case).

    Raises
    ------
    ValueError
        If an argument does not fit, or some feature never changes.
    """
    x, J = _check_data(x, n_latent)
    widths = np.ptp(x, axis=0)  # exactly 0 for a constant feature: its variance may be rounding
    if not np.all(widths > 0):
        constant = int(np.argmin(widths))
        raise ValueError(f"x never changes in feature {constant}, expected every feature to vary")
    return _em(_start(x, J, x.var(axis=0), rng), x, sweeps, tol)


def em_step(model: LinearGaussian, x: np.ndarray) -> LinearGaussian:
    """Do one sweep of EM on W and the noise; b stays, because its maximum is the data's mean.

    E: p(z|x) for every datapoint, PRML 12.66 to 12.68 (12.54, 12.55 for probabilistic PCA).
    M: with S_zz = sum E[z z^T] and S_zx = sum E[z] e,

        W = S_zz^-1 S_zx,    Psi = diag(mean(e^2 - (E[z] W) e))        PRML 12.69, 12.70

    and for probabilistic PCA sigma^2 is the mean of this diagonal (PRML 12.56, 12.57). The floor
    under the noise is still an exact M-step: what it maximises falls on both sides of its top.

    Parameters
    ----------
    model : LinearGaussian
    x : (N, D) array

    Returns
    -------
    model : LinearGaussian
        Its log-likelihood is no lower.
    """
    z, covariance = model.posterior(x)
    e = _check_x(x, model.W.dtype, len(model.b)) - model.b
    W = np.linalg.solve(len(x) * covariance + z.T @ z, z.T @ e)
    variances, psi = np.mean(e**2, axis=0), np.mean(e * (e - z @ W), axis=0)
    if model.noise_var.ndim == 0:
        variances, psi = variances.mean(), psi.mean()
    return LinearGaussian(W, model.b, np.maximum(psi, _NOISE_FLOOR * variances))


def linear_vae_marginal(vae: VAE, params: Params) -> LinearGaussian:
    """Return the `LinearGaussian` whose p(x) is that of a linear VAE, so that log p(x) is exact.

    Parameters
    ----------
    vae : VAE
        With a `FixedGaussian` likelihood, and a single layer in the decoder, which is a `Dense` one
        and linear: with ``hidden=()``, or given layer by layer.
    params : Params

    Returns
    -------
    model : LinearGaussian
        In float64.

    Raises
    ------
    ValueError
        If the decoder is not linear, or its noise is learned or not Gaussian.
    """
    likelihood = vae.likelihood
    first, *others = vae.decoder.layers
    identity = ACTIVATIONS["identity"]
    is_linear = type(first) is Dense and not others and first.activation == identity
    if not is_linear or not isinstance(likelihood, FixedGaussian) or likelihood.relu_mean:
        raise ValueError(f"vae is {vae!r}, expected hidden=() and a FixedGaussian likelihood")
    vae.check_params(params)
    W, b = (params[f"decoder.{name}"].astype(np.float64) for name in ("W1", "b1"))
    return LinearGaussian(W, b, np.asarray(likelihood.sigma**2))


def _start(
    x: np.ndarray, J: int, variances: np.ndarray, rng: np.random.Generator
) -> LinearGaussian:
    """Return a random model whose variances are half loadings and half noise."""
    check_rng(rng)
    W = np.sqrt(variances / (2 * J)) * rng.standard_normal((J, x.shape[1]))
    return LinearGaussian(W.astype(x.dtype), x.mean(axis=0), variances / 2)


def _em(model: LinearGaussian, x: np.ndarray, sweeps: int, tol: float) -> EMResult:
    check_positive("tol", tol)
    history = [model.log_likelihood(x).mean()]
    for _ in range(check_count("sweeps", sweeps)):
        model = em_step(model, x)
        history.append(model.log_likelihood(x).mean())
        if history[-1] - history[-2] < tol:
            break
    return EMResult(model, np.array(history))


def _check_x(x: np.ndarray, dtype: DTypeLike, D: int) -> np.ndarray:
    x = as_pixels(x, dtype)
    if x.ndim != 2 or len(x) == 0 or x.shape[1] != D:
        raise ValueError(f"x has shape {x.shape}, expected (N, {D}) with N >= 1")
    return x


def _precision(array: np.ndarray) -> DTypeLike:
    """Return the dtype to compute in: the array's own, or float64 if it is not one of the two."""
    return array.dtype if array.dtype in (np.float32, np.float64) else np.float64


def _check_data(x: np.ndarray, n_latent: int) -> tuple[np.ndarray, int]:
    """Return x as floats and J as an int, or say what is wrong with them."""
    x = as_array("x", x)
    x = as_pixels(x, _precision(x))
    if x.ndim != 2 or len(x) < 2:
        raise ValueError(f"x has shape {x.shape}, expected (N, D) with N >= 2")
    if not np.all(np.isfinite(x)):
        raise ValueError("x has values that are NaN or infinite, expected finite numbers")
    J, D = check_count("n_latent", n_latent), x.shape[1]
    if not J < D:
        raise ValueError(f"n_latent is {J}, expected fewer than the {D} features")
    return x, J
