"""Right answers to the exercises of notebook 13, written in other ways."""

import numpy as np
from scipy.special import ndtr
from scipy.stats import norm, truncnorm


def by_the_difference(c, w, eps):
    """Moments of d given the draw, and u as a regression on d."""
    scale = np.sqrt(1 + w)
    d = truncnorm((-eps - c) / scale, (eps - c) / scale, loc=c, scale=scale)
    share = w / (1 + w)
    return c + share * (d.mean() - c), w * (1 - share) + share**2 * d.var()


def on_a_grid(c, w, eps):
    moments = []
    for mean, variance in zip(c, w, strict=True):
        u = mean + np.sqrt(variance) * np.linspace(-12, 12, 4001)
        p = norm.pdf(u, mean, np.sqrt(variance)) * (ndtr(eps - u) - ndtr(-eps - u))
        p /= p.sum()
        m = p @ u
        moments.append((m, p @ (u - m) ** 2))
    return np.array(moments).T


def with_v_and_w(centre, spread, width):
    """TrueSkill's v and w of a draw."""
    scale = np.sqrt(1 + spread)
    t, e = centre / scale, width / scale
    Z = norm.cdf(e - t) - norm.cdf(-e - t)
    v = (norm.pdf(-e - t) - norm.pdf(e - t)) / Z
    k = v**2 + ((e - t) * norm.pdf(e - t) + (e + t) * norm.pdf(e + t)) / Z
    return [centre + spread / scale * v, spread * (1 - spread / scale**2 * k)]


def in_natural_parameters(m, v, pi, nu, tilted):
    precision, shift = 1 / v - pi, m / v - nu
    mean, variance = tilted(shift / precision, 1 / precision)
    return np.array([1 / variance - precision, mean / variance - shift])


def by_derivatives(m, v, pi, nu, tilted):
    """With g and k of the page: k / (1 - w k) and (g + c k) / (1 - w k)."""
    w = v / (1 - v * pi)
    c = w * (m / v - nu)
    mean, variance = tilted(c, w)
    g, k = (mean - c) / w, (w - variance) / w**2
    return k / (1 - w * k), (g + c * k) / (1 - w * k)


def as_a_change_of_belief(mean, variance, old_pi, old_nu, win):
    w = 1 / (1 / variance - old_pi)
    m_new, v_new = win(w * (mean / variance - old_nu), w)
    return old_pi + 1 / v_new - 1 / variance, old_nu + m_new / v_new - mean / variance


def match_by_match(A, mu, lam, eps, slope):
    sigma = np.exp(lam)
    dmu, dlam = -mu, 1 - sigma**2
    for row, d in zip(A, slope, strict=True):
        dmu = dmu + d * row
        dlam = dlam + d * row * sigma * eps
    return dmu, dlam


def with_einsum(A, mu, lam, eps, slope):
    ds = np.einsum("ij,i->j", A, slope)
    return np.stack([ds - mu, (ds * eps - np.exp(lam)) * np.exp(lam) + 1])


def by_complex_steps(design, m, log_sd, noise, d):
    def bound(m, log_sd):
        s = m + np.exp(log_sd) * noise
        return d @ (design @ s) + np.sum(log_sd - (m**2 + np.exp(2 * log_sd)) / 2)

    steps = 1e-20j * np.eye(len(m))
    return (
        [bound(m + step, log_sd).imag / 1e-20 for step in steps],
        [bound(m, log_sd + step).imag / 1e-20 for step in steps],
    )


RIGHT = {
    "after_a_draw": [by_the_difference, on_a_grid, with_v_and_w],
    "new_site": [in_natural_parameters, by_derivatives, as_a_change_of_belief],
    "elbo_gradient": [match_by_match, with_einsum, by_complex_steps],
}
