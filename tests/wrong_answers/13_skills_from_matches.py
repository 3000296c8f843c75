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


WRONG = {
    "after_a_draw": [
        (precise, "d is u plus the noise of the match"),
        (scaled_by_variance, "not by its variance"),
        (uphill, "look at the sign of g"),
        (k_for_variance, "variance"),
    ],
    "new_site": [
        (counted_twice, "the match is counted twice"),
        (posterior, "that is the whole belief"),
        (only_mean, "asked for is precision times mean"),
    ],
    "elbo_gradient": [
        (minimised, "has the wrong sign"),
        (likelihood_alone, "the KL has a gradient, too"),
        (with_respect_to_sigma, "that is the gradient by sigma"),
    ],
}
