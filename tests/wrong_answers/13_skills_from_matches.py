"""Wrong answers to the exercises of notebook 13, and what the checker must say to each."""

import numpy as np
from scipy.stats import norm


def drawn(c, w, eps, scale=None, sign=1.0):
    scale = np.sqrt(1 + w) if scale is None else scale
    low, high = (-eps - c) / scale, (eps - c) / scale
    Z = norm.cdf(high) - norm.cdf(low)
    g = sign * (norm.pdf(low) - norm.pdf(high)) / (Z * scale)
    k = g**2 + (high * norm.pdf(high) - low * norm.pdf(low)) / (Z * scale**2)
    return c + w * g, w - w**2 * k


def precise(c, w, eps):
    return drawn(c, w, eps, scale=np.sqrt(w))


def scaled_by_variance(c, w, eps):
    return drawn(c, w, eps, scale=1 + w)


def uphill(c, w, eps):
    return drawn(c, w, eps, sign=-1.0)


def k_for_variance(c, w, eps):
    mean, variance = drawn(c, w, eps)
    return mean, (w - variance) / w**2


def divided(m, v, pi, nu, tilted, out=True):
    w = 1 / (1 / v - pi * out)
    c = w * (m / v - nu * out)
    mean, variance = tilted(c, w)
    return 1 / variance - 1 / w, mean / variance - c / w


def counted_twice(m, v, pi, nu, tilted):
    return divided(m, v, pi, nu, tilted, out=False)


def posterior(m, v, pi, nu, tilted):
    new_pi, new_nu = divided(m, v, pi, nu, tilted)
    return new_pi + 1 / v - pi, new_nu + m / v - nu


def only_mean(m, v, pi, nu, tilted):
    new_pi, new_nu = divided(m, v, pi, nu, tilted)
    return new_pi, new_nu / new_pi


def back(A, mu, lam, eps, slope):
    ds = A.T @ slope
    return ds - mu, ds * np.exp(lam) * eps + 1 - np.exp(2 * lam)


def minimised(A, mu, lam, eps, slope):
    dmu, dlam = back(A, mu, lam, eps, slope)
    return -dmu, -dlam


def likelihood_alone(A, mu, lam, eps, slope):
    ds = A.T @ slope
    return ds, ds * np.exp(lam) * eps


def with_respect_to_sigma(A, mu, lam, eps, slope):
    dmu, dlam = back(A, mu, lam, eps, slope)
    return dmu, dlam * np.exp(-lam)


def after_a_win(c, w, eps):
    scale = np.sqrt(1 + w)
    t = (c - eps) / scale
    ratio = norm.pdf(t) / norm.cdf(t)
    return c + w * ratio / scale, w - w**2 * ratio * (ratio + t) / scale**2


def without_z(c, w, eps):
    scale = np.sqrt(1 + w)
    low, high = (-eps - c) / scale, (eps - c) / scale
    g = (norm.pdf(low) - norm.pdf(high)) / scale
    k = g**2 + (high * norm.pdf(high) - low * norm.pdf(low)) / scale**2
    return c + w * g, w - w**2 * k


def standard_deviation(c, w, eps):
    mean, variance = drawn(c, w, eps)
    return mean, np.sqrt(variance)


def variance_first(c, w, eps):
    return drawn(c, w, eps)[::-1]


def tilted_moments(m, v, pi, nu, tilted):
    w = 1 / (1 / v - pi)
    return tilted(w * (m / v - nu), w)


def site_variance(m, v, pi, nu, tilted):
    new_pi, new_nu = divided(m, v, pi, nu, tilted)
    return 1 / new_pi, new_nu


def cavity_precision(m, v, pi, nu, tilted):
    w = 1 / v - pi
    c = (m / v - nu) / w
    mean, variance = tilted(c, w)
    return 1 / variance - w, mean / variance - c * w


def the_old_site(m, v, pi, nu, tilted):
    return pi, nu


def unchanged_cavity(m, v, pi, nu, tilted):
    return 1 / v - pi, m / v - nu


def kl_of_sigma(A, mu, lam, eps, slope):
    ds, sigma = A.T @ slope, np.exp(lam)
    return ds - mu, ds * sigma * eps + 1 - sigma


def of_log_variance(A, mu, lam, eps, slope):
    ds, sigma = A.T @ slope, np.exp(lam / 2)
    return ds - mu, (ds * sigma * eps + 1 - sigma**2) / 2


def raised_kl(A, mu, lam, eps, slope):
    ds, sigma = A.T @ slope, np.exp(lam)
    return ds + mu, ds * sigma * eps - 1 + sigma**2


def mean_match(A, mu, lam, eps, slope):
    return back(A, mu, lam, eps, slope / len(slope))


WRONG = {
    "after_a_draw": [
        (after_a_win, "that is after a win"),
        (without_z, "that of Z divided by Z"),
        (standard_deviation, "asked for is the variance"),
        (variance_first, "mean: that is variance; the order is mean, variance"),
        (precise, "d is u plus the noise of the match"),
        (scaled_by_variance, "not by its variance"),
        (uphill, "look at the sign of g"),
        (k_for_variance, "that is k, minus the second derivative"),
    ],
    "new_site": [
        (tilted_moments, "the moments after the match"),
        (site_variance, "a precision is wanted"),
        (cavity_precision, "tilted wants its variance"),
        (the_old_site, "new_pi is not"),
        (unchanged_cavity, "new_pi is not"),
        (counted_twice, "the match is counted twice"),
        (posterior, "that is the whole belief"),
        (only_mean, "asked for is precision times mean"),
    ],
    "elbo_gradient": [
        (kl_of_sigma, "whose slope is 2 sigma^2"),
        (of_log_variance, "here lambda is log sigma"),
        (raised_kl, "the KL is subtracted"),
        (mean_match, "no mean over them"),
        (lambda A, mu, lam, eps, slope: back(A, mu, lam, eps, slope)[0], "it returns one array"),
        (minimised, "has the wrong sign"),
        (likelihood_alone, "the KL has a gradient, too"),
        (with_respect_to_sigma, "that is the gradient by sigma"),
    ],
}
