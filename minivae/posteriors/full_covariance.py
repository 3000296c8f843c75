"""A Gaussian whose latents may be correlated given x."""

from dataclasses import dataclass

import numpy as np

from minivae.gaussian import LOG_2PI
from minivae.protocols import New


@dataclass(frozen=True)
class FullCovarianceGaussian:
    """q(z|x) = N(mu, C C^T) with q_params = [mu, log of C's diagonal, C below it by rows].

    C is a lower triangle (Cholesky factor), so that z = mu + C eps and, with log|C C^T| / 2 the sum
    of C's log diagonal,

        -KL = J/2 + sum_j log C_jj - (|mu|^2 + |C|^2) / 2
    """

    name = "full-covariance"

    def n_params(self, n_latent: int) -> int:
        """Return how many numbers the encoder emits for a datapoint."""
        return n_latent + n_latent * (n_latent + 1) // 2

    def draw_noise(self, rng: np.random.Generator, out: np.ndarray) -> None:
        """Fill `out`, (L, M, J), with draws of eps."""
        rng.standard_normal(out=out, dtype=out.dtype)

    def sample(
        self, q_params: np.ndarray, noise: np.ndarray, new: New = np.empty
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return ``(z, minus_kl)``; see `DiagonalGaussian`."""
        mu, log_diagonal, C = self._parts(q_params)
        z = mu + np.einsum("mij,lmj->lmi", C, noise)
        squares = np.sum(mu**2, axis=1) + np.sum(C**2, axis=(1, 2))
        return z, 0.5 * (mu.shape[1] - squares) + log_diagonal.sum(axis=1)

    def sample_backward(
        self,
        dz: np.ndarray,
        q_params: np.ndarray,
        noise: np.ndarray,
        scale: float,
        new: New = np.empty,
    ) -> np.ndarray:
        """Return dq_params; see `DiagonalGaussian`.

        dS/dmu = sum_l dz - scale mu,    dS/dC = sum_l dz eps^T - scale C,

        and dS/dlog C_jj = C_jj dS/dC_jj + scale.
        """
        mu, _, C = self._parts(q_params)
        dmu = dz.sum(axis=0) - scale * mu
        dC = np.einsum("lmi,lmj->mij", dz, noise) - scale * C
        return self._stack(dmu, dC, C, scale)

    def log_density(self, z: np.ndarray, q_params: np.ndarray) -> np.ndarray:
        """Return log q(z|x), (L, M)."""
        mu, log_diagonal, C = self._parts(q_params)
        eps = self._whiten(z, mu, C)
        constant = log_diagonal.sum(axis=1) + 0.5 * mu.shape[1] * LOG_2PI
        return -0.5 * np.sum(eps**2, axis=-1) - constant

    def log_density_grad(
        self, z: np.ndarray, q_params: np.ndarray, weights: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return ``(dz, dq_params)``; see `DiagonalGaussian`.

        With eps = C^-1 (z - mu) and u = C^-T eps: d/dmu = u, d/dz = -u, d/dC = u eps^T, and
        d/dlog C_jj = C_jj u_j eps_j - 1.
        """
        mu, _, C = self._parts(q_params)
        w = weights[..., None]
        eps = self._whiten(z, mu, C)
        u = w * np.linalg.solve(np.swapaxes(C, 1, 2), eps[..., None])[..., 0]
        dC = np.einsum("lmi,lmj->mij", u, eps)
        return -u, self._stack(u.sum(axis=0), dC, C, -w.sum(axis=0))

    def moments(self, q_params: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean and the log variance of every latent, each (M, J)."""
        mu, _, C = self._parts(q_params)
        return mu.copy(), np.log(np.sum(C**2, axis=2))

    def cholesky(self, q_params: np.ndarray) -> np.ndarray:
        """Return C, (M, J, J), lower triangles."""
        return self._parts(q_params)[2]

    def _parts(self, q_params: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return mu, log of C's diagonal, and C."""
        J = _latents_of_full(q_params.shape[1])
        mu, log_diagonal = q_params[:, :J], q_params[:, J : 2 * J]
        C = np.zeros((len(q_params), J, J), q_params.dtype)
        i, j = np.tril_indices(J, -1)
        C[:, i, j] = q_params[:, 2 * J :]
        C[:, range(J), range(J)] = np.exp(log_diagonal)
        return mu, log_diagonal, C

    def _stack(
        self, dmu: np.ndarray, dC: np.ndarray, C: np.ndarray, dlog_determinant: np.ndarray | float
    ) -> np.ndarray:
        """Return dq_params, given the gradients with respect to mu, C and every log C_jj."""
        J = dmu.shape[1]
        diagonal = np.arange(J)
        dlog_diagonal = dC[:, diagonal, diagonal] * C[:, diagonal, diagonal] + dlog_determinant
        i, j = np.tril_indices(J, -1)
        return np.hstack([dmu, dlog_diagonal, dC[:, i, j]])

    def _whiten(self, z: np.ndarray, mu: np.ndarray, C: np.ndarray) -> np.ndarray:
        """Return eps, (L, M, J), that `sample` turns into z."""
        error = z - mu
        return np.linalg.solve(C, error[..., None])[..., 0]


def _latents_of_full(n_params: int) -> int:
    """Return J, given J + J (J + 1) / 2."""
    return int((np.sqrt(9 + 8 * n_params) - 3) / 2 + 0.5)
