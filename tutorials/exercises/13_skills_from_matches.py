"""Exercises of notebook 13: the moments after a draw, a site of EP, the bound's gradient."""

import numpy as np
from scipy.stats import norm

from exercises import Exercise
from exercises.made_up import different


def draw_problem(rng):
    n = int(rng.integers(3, 8))
    return {"c": rng.normal(0, 1, n), "w": rng.uniform(0.3, 2, n), "eps": rng.uniform(0.4, 1.2)}


def draw(c, w, eps, scale=None, power=2, squares=1):
    scale = np.sqrt(1 + w) if scale is None else scale
    ends = (-eps - c) / scale, (eps - c) / scale
    Z = norm.cdf(ends[1]) - norm.cdf(ends[0])
    g = (norm.pdf(ends[0]) - norm.pdf(ends[1])) / Z / scale
    k = (ends[1] * norm.pdf(ends[1]) - ends[0] * norm.pdf(ends[0])) / Z / scale**2
    return c + w * g, w - w**power * (k + squares * g**2)


def with_the_variance(c, w, eps):
    return draw(c, w, eps, scale=1 + w)


def without_own_noise(c, w, eps):
    return draw(c, w, eps, scale=np.sqrt(w))


def noise_of_the_match_alone(c, w, eps):
    return draw(c, w, eps, scale=np.ones_like(w))


def w_once(c, w, eps):
    return draw(c, w, eps, power=1)


def of_z_itself(c, w, eps):
    return draw(c, w, eps, squares=0)


def win_in_place_of_draw(c, w, eps):
    scale = np.sqrt(1 + w)
    t = (c - eps) / scale
    hazard = norm.pdf(t) / norm.cdf(t)
    return c + w * hazard / scale, w - w**2 * hazard * (hazard + t) / scale**2


def one_end_alone(c, w, eps):
    scale = np.sqrt(1 + w)
    beta = (eps - c) / scale
    ratio = norm.pdf(beta) / norm.cdf(beta)
    return c - w * ratio / scale, w - w**2 * ratio * (ratio + beta) / scale**2


def not_divided_by_z(c, w, eps):
    scale = np.sqrt(1 + w)
    alpha, beta = (-eps - c) / scale, (eps - c) / scale
    g = (norm.pdf(alpha) - norm.pdf(beta)) / scale
    k = g**2 + (beta * norm.pdf(beta) - alpha * norm.pdf(alpha)) / scale**2
    return c + w * g, w - w**2 * k


def curvature_alone(c, w, eps):
    mean, variance = draw(c, w, eps)
    return mean, (w - variance) / w**2


def deviation(c, w, eps):
    mean, variance = draw(c, w, eps)
    return mean, np.sqrt(variance)


def backwards(c, w, eps):
    mean, variance = draw(c, w, eps)
    return 2 * c - mean, variance


def site_problem(rng):
    noise = rng.uniform(0.5, 1.5)

    def tilted(c, w):
        scale = np.sqrt(noise + w)
        t = c / scale
        hazard = norm.pdf(t) / norm.cdf(t)
        return c + w * hazard / scale, w - w**2 * hazard * (hazard + t) / scale**2

    v = rng.uniform(0.3, 1)
    return {"m": rng.normal(), "v": v, "pi": 0.6 / v, "nu": rng.normal(), "tilted": tilted}


def site(m, v, pi, nu, tilted, *, cavity=True):
    w = 1 / (1 / v - cavity * pi)
    c = w * (m / v - cavity * nu)
    mean, variance = tilted(c, w)
    return 1 / variance - 1 / w, mean / variance - c / w


def without_cavity(m, v, pi, nu, tilted):
    return site(m, v, pi, nu, tilted, cavity=False)


def whole_belief(m, v, pi, nu, tilted):
    w = 1 / (1 / v - pi)
    mean, variance = tilted(w * (m / v - nu), w)
    return 1 / variance, mean / variance


def added_to_the_old_site(m, v, pi, nu, tilted):
    new_pi, new_nu = site(m, v, pi, nu, tilted)
    return pi + new_pi, nu + new_nu


def tilted_moments(m, v, pi, nu, tilted):
    w = 1 / (1 / v - pi)
    return tilted(w * (m / v - nu), w)


def site_variance(m, v, pi, nu, tilted):
    new_pi, new_nu = site(m, v, pi, nu, tilted)
    return 1 / new_pi, new_nu


def cavity_mean_not_divided(m, v, pi, nu, tilted):
    w = 1 / (1 / v - pi)
    mean, variance = tilted(m - nu, w)
    return 1 / variance - 1 / w, mean / variance - (m - nu) / w


def precision_for_variance(m, v, pi, nu, tilted):
    w = 1 / v - pi
    c = (m / v - nu) / w
    mean, variance = tilted(c, w)
    return 1 / variance - w, mean / variance - c * w


def site_added_to_the_belief(m, v, pi, nu, tilted):
    w = 1 / (1 / v + pi)
    c = w * (m / v + nu)
    mean, variance = tilted(c, w)
    return 1 / variance - 1 / w, mean / variance - c / w


def mean_of_the_site(m, v, pi, nu, tilted):
    new_pi, new_nu = site(m, v, pi, nu, tilted)
    return new_pi, new_nu / new_pi


def gradient_problem(rng):
    n, J = different(rng, 2)
    return {
        "A": rng.standard_normal((n, J)),
        "mu": rng.standard_normal(J),
        "lam": 0.5 * rng.standard_normal(J),
        "eps": rng.standard_normal(J),
        "slope": rng.standard_normal(n),
    }


def gradient(A, mu, lam, eps, slope, *, kl=1.0, entropy=1.0, scale=None):
    sigma = np.exp(lam)
    ds = slope @ A
    through = sigma * eps if scale is None else scale
    return ds - kl * mu, ds * through + entropy - kl * sigma**2


def no_kl(A, mu, lam, eps, slope):
    return gradient(A, mu, lam, eps, slope, kl=0, entropy=0)


def no_entropy(A, mu, lam, eps, slope):
    return gradient(A, mu, lam, eps, slope, entropy=0)


def by_sigma(A, mu, lam, eps, slope):
    dmu, dlam = gradient(A, mu, lam, eps, slope)
    return dmu, dlam / np.exp(lam)


def sigma_for_variance(A, mu, lam, eps, slope):
    dmu, _ = gradient(A, mu, lam, eps, slope)
    sigma = np.exp(lam)
    return dmu, (slope @ A) * sigma * eps + 1 - sigma


def lam_as_log_variance(A, mu, lam, eps, slope):
    dmu, _ = gradient(A, mu, lam, eps, slope)
    sigma = np.exp(lam / 2)
    return dmu, ((slope @ A) * sigma * eps + 1 - sigma**2) / 2


def kl_added(A, mu, lam, eps, slope):
    ds = slope @ A
    return ds + mu, ds * np.exp(lam) * eps - 1 + np.exp(2 * lam)


def averaged_over_matches(A, mu, lam, eps, slope):
    return gradient(A, mu, lam, eps, slope / len(slope))


def prior_at_the_draw(A, mu, lam, eps, slope):
    """Not wrong on average: -KL was to be used in closed form."""
    ds = slope @ A - mu - np.exp(lam) * eps
    return ds, ds * np.exp(lam) * eps + 1


def sigma_forgotten(A, mu, lam, eps, slope):
    return gradient(A, mu, lam, eps, slope, scale=eps)


EXERCISES = [
    Exercise(
        "after_a_draw",
        draw_problem,
        minutes=25,
        returns=("mean", "variance"),
        mistakes={
            "the ends are divided by the standard deviation of d, sqrt(1 + w), not by its "
            "variance": with_the_variance,
            "d is u plus the noise of the match: its variance is 1 + w": without_own_noise,
            "u is uncertain too: the variance of d is 1 + w, not 1": noise_of_the_match_alone,
            "the variance is w - w^2 k: w comes in twice": w_once,
            "that is the second derivative of Z over Z; the one of log Z has g^2 taken off": (
                of_z_itself
            ),
            "that is after a win: in a draw d lies between -eps and eps": win_in_place_of_draw,
            "d has a lower end too: in a draw it lies between -eps and eps": one_end_alone,
            "the slope of log Z is that of Z divided by Z": not_divided_by_z,
            "that is k, minus the second derivative: the variance is w - w^2 k": curvature_alone,
            "that is the standard deviation: asked for is the variance": deviation,
            "a draw pulls u towards zero, this pushes it away: look at the sign of g": backwards,
        },
    ),
    Exercise(
        "new_site",
        site_problem,
        minutes=20,
        returns=("new_pi", "new_nu"),
        mistakes={
            "the match is counted twice: its old site is still in the belief that the factor acts "
            "on": without_cavity,
            "that is the whole belief after the match; the site is what is left when the cavity is "
            "taken out of it": whole_belief,
            "the new site replaces the old one, it is not added to it": added_to_the_old_site,
            "those are the moments after the match: divide the cavity out of them": tilted_moments,
            "that is the site's variance, a precision is wanted": site_variance,
            "the cavity's mean comes from c / w = m / v - nu: divide and multiply": (
                cavity_mean_not_divided
            ),
            "1/v - pi is the cavity's precision; tilted wants its variance w": (
                precision_for_variance
            ),
            "the site is taken out of the belief: subtract its precision, do not add it": (
                site_added_to_the_belief
            ),
            "that is the site's mean; asked for is precision times mean": mean_of_the_site,
        },
    ),
    Exercise(
        "elbo_gradient",
        gradient_problem,
        minutes=15,
        returns=("dmu", "dlam"),
        sizes=lambda A, **_: {"n": len(A), "J": A.shape[1]},
        mistakes={
            "the KL has a gradient, too": no_kl,
            "the entropy of q is missing: lambda_j itself is in -KL": no_entropy,
            "that is the gradient by sigma; by lambda = log sigma it is sigma times that": by_sigma,
            "-KL contains sigma^2 = exp(2 lambda), whose slope is 2 sigma^2": sigma_for_variance,
            "here lambda is log sigma, not log sigma^2": lam_as_log_variance,
            "the KL is subtracted in the bound": kl_added,
            "log p of the matches is a sum: no mean over them": averaged_over_matches,
            "that samples the prior at s; -KL is known in closed form, use it": prior_at_the_draw,
            "ds/dlambda is sigma eps, since sigma = exp(lambda)": sigma_forgotten,
        },
    ),
]
