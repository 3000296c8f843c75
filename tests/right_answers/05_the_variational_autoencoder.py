"""Right answers to the exercises of notebook 5, written in other ways."""

import numpy as np
from scipy.stats import norm


def of_standard_deviations(mu_q, log_var_q, mu_p, log_var_p):
    s_q, s_p = np.exp(log_var_q / 2), np.exp(log_var_p / 2)
    terms = np.log(s_p / s_q) + (s_q**2 + (mu_q - mu_p) ** 2) / (2 * s_p**2) - 1 / 2
    return terms.sum(axis=1)


def after_standardising(m1, l1, m2, l2):
    """An affine map leaves the KL alone: let p become the standard normal."""
    mean, log_var = (m1 - m2) * np.exp(-l2 / 2), l1 - l2
    return np.array(
        [np.sum(m**2 + np.expm1(v) - v) / 2 for m, v in zip(mean, log_var, strict=True)]
    )


def cross_entropy_less_entropy(mu_q, log_var_q, mu_p, log_var_p):
    s_p = np.exp(log_var_p / 2)
    cross = -norm.logpdf(mu_q, mu_p, s_p) + np.exp(log_var_q) / (2 * s_p**2)
    return (cross - norm(mu_q, np.exp(log_var_q / 2)).entropy()).sum(axis=-1)


def datapoint_by_datapoint(log_px, mu, log_var):
    bounds = []
    for k in range(len(mu)):
        minus_kl = 0.5 * (1 + log_var[k] - mu[k] ** 2 - np.exp(log_var[k])).sum()
        bounds.append(log_px[:, k].mean() + minus_kl)
    return sum(bounds) / len(bounds)


def all_added_up(log_px, mu, log_var):
    L, M = log_px.shape
    return log_px.sum() / (L * M) - np.sum(mu**2 + np.exp(log_var) - 1 - log_var) / (2 * M)


def broadcast(log_likelihoods, means, log_variances):
    minus_kl = np.sum(1 + log_variances - means**2 - np.exp(log_variances), axis=1) / 2
    return np.array((log_likelihoods + minus_kl).mean())


def term_by_term(dz, mu, log_var, eps):
    """Log q by its own mu and log_var, and all three densities through z."""
    sigma = np.exp(log_var / 2)
    z = mu + sigma * eps
    through_z = dz - z + (z - mu) / sigma**2
    dmu = through_z - eps / sigma
    dlog_var = through_z * sigma * eps / 2 - (eps**2 - 1) / 2
    return dmu, dlog_var


def by_rows(dz, mu, log_var, eps):
    dmu, dlog_var = np.empty_like(mu), np.empty_like(mu)
    for index in np.ndindex(mu.shape):
        s = np.sqrt(np.exp(log_var[index]))
        dmu[index] = dz[index] - mu[index] - s * eps[index]
        dlog_var[index] = (1 + dmu[index] * s * eps[index]) / 2
    return np.array([dmu, dlog_var])


def by_complex_steps(slope, m, lv, noise):
    def f(m, lv):
        z = m + np.exp(lv / 2) * noise
        return slope * z - z**2 / 2 + lv / 2

    h = 1e-20
    return f(m + 1j * h, lv).imag / h, f(m, lv + 1j * h).imag / h


RIGHT = {
    "kl_of_gaussians": [of_standard_deviations, after_standardising, cross_entropy_less_entropy],
    "mean_bound": [datapoint_by_datapoint, all_added_up, broadcast],
    "sgvb_a_backward": [term_by_term, by_rows, by_complex_steps],
}
