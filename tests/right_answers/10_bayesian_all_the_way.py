"""Right answers to the exercises of notebook 10, written in other ways."""

import numpy as np
from scipy.stats import norm


def of_standard_deviations(mu, log_var, s):
    sigma = np.exp(log_var / 2)
    return -np.sum(np.log(s / sigma) + (sigma**2 + mu**2) / (2 * s**2) - 0.5)


def weight_by_weight(means, log_variances, prior):
    total = 0.0
    for m, lv in zip(means.ravel(), log_variances.ravel(), strict=True):
        total += 1 + lv - 2 * np.log(prior) - (m * m + np.exp(lv)) / prior / prior
    return total / 2


def scaled_to_the_standard_prior(mu, log_var, s):
    m, lv = mu / s, log_var - np.log(s * s)
    return 0.5 * (m.size + lv.sum() - np.vdot(m, m) - np.exp(lv).sum())


def entropy_less_cross_entropy(mu, log_var, s):
    entropy = norm(mu, np.exp(log_var / 2)).entropy()
    return np.sum(entropy + norm.logpdf(mu, 0, s) - np.exp(log_var) / (2 * s**2))


def by_complex_steps(g, mu, log_var, zeta, N, s):
    def bound(mu, log_var):
        """Linear in theta, as far as a gradient sees."""
        kl = (log_var - (mu**2 + np.exp(log_var)) / s**2) / 2
        return g * (mu + np.exp(log_var / 2) * zeta) + kl / N

    h = 1e-20
    return bound(mu + 1j * h, log_var).imag / h, bound(mu, log_var + 1j * h).imag / h


def through_sigma(g, mu, log_var, zeta, N, s):
    sigma = np.sqrt(np.exp(log_var))
    dsigma = g * zeta + (1 / sigma - sigma / s**2) / N
    return g - mu / s**2 / N, dsigma * sigma / 2


def one_by_one(slope, m, lv, noise, count, prior):
    pairs = []
    for d, a, b, e in zip(slope, m, lv, noise, strict=True):
        kl = -a / prior**2, 0.5 - np.exp(b) / (2 * prior**2)
        pairs.append((d + kl[0] / count, d * np.exp(b / 2) * e / 2 + kl[1] / count))
    return np.array(pairs).T


def with_einsum(h, mu, log_var, eps):
    variance = np.einsum("mi,io,mi->mo", h, np.exp(log_var), h)
    return np.einsum("mi,io->mo", h, mu) + variance**0.5 * eps


def row_by_row(h, mu, log_var, eps):
    rows = []
    for x, e in zip(h, eps, strict=True):
        contributions = x[:, None] * np.exp(log_var / 2)
        rows.append(x @ mu + np.linalg.norm(contributions, axis=0) * e)
    return rows


def standardised(inputs, means, log_variances, noise):
    M, n_out = len(inputs), means.shape[1]
    a = np.empty((M, n_out))
    for m in range(M):
        for j in range(n_out):
            sd = np.sqrt(np.sum(inputs[m] ** 2 * np.exp(log_variances[:, j])))
            a[m, j] = inputs[m] @ means[:, j] + sd * noise[m, j]
    return a


def minus_eps(h, mu, log_var, eps):
    return np.matmul(h, mu) - np.sqrt(np.square(h) @ np.exp(log_var)) * eps


RIGHT = {
    "minus_kl_theta": [
        of_standard_deviations,
        weight_by_weight,
        scaled_to_the_standard_prior,
        entropy_less_cross_entropy,
    ],
    "theta_gradient": [by_complex_steps, through_sigma, one_by_one],
    "local_sample": [minus_eps, with_einsum, row_by_row, standardised],
}
