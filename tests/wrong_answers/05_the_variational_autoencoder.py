"""Wrong answers to the exercises of notebook 5, and what the checker must say to each."""

import numpy as np


def kl_of_gaussians(mu_q, log_var_q, mu_p, log_var_p, half=0.5, minus=1.0, quotient=1.0):
    squared = quotient * np.exp(log_var_q) + (mu_q - mu_p) ** 2
    return half * np.sum(log_var_p - log_var_q - minus + squared / np.exp(log_var_p), axis=1)


def reversed_kl(mu_q, log_var_q, mu_p, log_var_p):
    return kl_of_gaussians(mu_p, log_var_p, mu_q, log_var_q)


def negative(mu_q, log_var_q, mu_p, log_var_p):
    return -kl_of_gaussians(mu_q, log_var_q, mu_p, log_var_p)


def one_for_all_datapoints(mu_q, log_var_q, mu_p, log_var_p):
    return kl_of_gaussians(mu_q, log_var_q, mu_p, log_var_p).sum()


def not_summed(mu_q, log_var_q, mu_p, log_var_p):
    columns = [
        kl_of_gaussians(*(a[:, j : j + 1] for a in (mu_q, log_var_q, mu_p, log_var_p)))
        for j in range(mu_q.shape[1])
    ]
    return np.stack(columns, axis=1)


def kl_rows(mu, log_var):
    return 0.5 * np.sum(mu**2 + np.exp(log_var) - 1 - log_var, axis=1)


def one_for_each_datapoint(log_px, mu, log_var):
    return log_px.mean(axis=0) - kl_rows(mu, log_var)


def hidden_beta(log_px, mu, log_var):
    return np.mean(log_px) - np.mean(kl_rows(mu, log_var)) / mu.shape[1]


def kl_added(log_px, mu, log_var):
    return np.mean(log_px) + np.mean(kl_rows(mu, log_var))


def no_kl(log_px, mu, log_var):
    return np.mean(log_px)


def without_log_ratio(dz, mu, log_var, eps):
    return dz, dz * np.exp(log_var / 2) * eps / 2


def variance_for_sigma(dz, mu, log_var, eps):
    sigma = np.exp(log_var)
    df = dz - (mu + sigma * eps)
    return df, df * sigma * eps / 2 + 0.5


def analytic(dz, mu, log_var, eps):
    sigma = np.exp(log_var / 2)
    return dz - mu, (dz * sigma * eps + 1 - sigma**2) / 2


def descending(dz, mu, log_var, eps):
    sigma = np.exp(log_var / 2)
    df = mu + sigma * eps - dz
    return df, df * sigma * eps / 2 - 0.5


def mean_over_latents(mu_q, log_var_q, mu_p, log_var_p):
    return kl_of_gaussians(mu_q, log_var_q, mu_p, log_var_p) / mu_q.shape[1]


def standard_prior(mu_q, log_var_q, mu_p, log_var_p):
    return kl_of_gaussians(mu_q, log_var_q, 0 * mu_p, 0 * log_var_p)


def sampled(mu_q, log_var_q, mu_p, log_var_p):
    z = mu_q + np.exp(log_var_q / 2) * np.random.default_rng(0).standard_normal(mu_q.shape)
    log_q = -0.5 * (log_var_q + (z - mu_q) ** 2 / np.exp(log_var_q))
    log_p = -0.5 * (log_var_p + (z - mu_p) ** 2 / np.exp(log_var_p))
    return np.sum(log_q - log_p, axis=1)


def draws_summed(log_px, mu, log_var):
    return np.mean(log_px.sum(axis=0)) - np.mean(kl_rows(mu, log_var))


def the_loss(log_px, mu, log_var):
    return np.mean(kl_rows(mu, log_var)) - np.mean(log_px)


def two_numbers(log_px, mu, log_var):
    return np.mean(log_px), -np.mean(kl_rows(mu, log_var))


def best_draw(log_px, mu, log_var):
    return np.mean(log_px.max(axis=0)) - np.mean(kl_rows(mu, log_var))


def averaged(dz, mu, log_var, eps):
    sigma = np.exp(log_var / 2)
    df = dz - (mu + sigma * eps)
    return df / len(dz), (df * sigma * eps / 2 + 0.5) / len(dz)


def with_respect_to_sigma(dz, mu, log_var, eps):
    sigma = np.exp(log_var / 2)
    df = dz - (mu + sigma * eps)
    return df, df * eps + 1 / sigma


def through_z_alone(dz, mu, log_var, eps):
    sigma = np.exp(log_var / 2)
    df = dz - (mu + sigma * eps) + eps / sigma
    return df, df * sigma * eps / 2


def prior_at_mu(dz, mu, log_var, eps):
    sigma = np.exp(log_var / 2)
    df = dz - mu
    return df, df * sigma * eps / 2 + 0.5


WRONG = {
    "kl_of_gaussians": [
        (mean_over_latents, "too small by the factor J = "),
        (standard_prior, "that is the KL to N(0, 1)"),
        (sampled, "came at index"),
        (reversed_kl, "that is KL(p || q)"),
        (negative, "the shape of the KL is right; its value has the wrong sign"),
        (one_for_all_datapoints, "a sum over axis 0 is one too many"),
        (not_summed, "a sum over axis 1 is missing"),
        (lambda **a: kl_of_gaussians(**a, half=1.0), "is a 1/2 missing"),
        (lambda **a: kl_of_gaussians(**a, minus=0.0), "the -1 (half of it for every latent) is"),
        (lambda **a: kl_of_gaussians(**a, quotient=0.0), "the quotient of the variances is miss"),
    ],
    "mean_bound": [
        (draws_summed, "log p(x|z) is summed over the draws"),
        (the_loss, "has the wrong sign"),
        (two_numbers, "a tuple of 2, expected one number"),
        (best_draw, "the bound is not"),
        (lambda log_px, mu, log_var: log_px.sum() - kl_rows(mu, log_var).sum(), "the bound is not"),
        (hidden_beta, "the KL is averaged over the latents"),
        (kl_added, "-KL has the wrong sign"),
        (no_kl, "-KL is missing"),
        (one_for_each_datapoint, "a mean over axis 0 is missing"),
    ],
    "sgvb_a_backward": [
        (averaged, "too small by the factor M = "),
        (with_respect_to_sigma, "that is the gradient with respect to sigma"),
        (through_z_alone, "log q contains mu and log_var by themselves, too"),
        (prior_at_mu, "log p(z) is taken at the draw"),
        (analytic, "that is the gradient of estimator B"),
        (descending, "has the wrong sign"),
        (without_log_ratio, "log p(z) depends on z too"),
        (variance_for_sigma, "that takes exp(log_var) for sigma"),
    ],
}
