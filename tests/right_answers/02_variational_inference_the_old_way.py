"""Right answers to the exercises of notebook 2, written in other ways."""

import numpy as np
from scipy.special import digamma, expit, logsumexp
from scipy.stats import norm


def normalised_by_hand(log_px, alpha, gamma):
    weight = np.exp(log_px) * np.exp(digamma(gamma) - digamma(np.sum(gamma)))
    q = weight / weight.sum(axis=1, keepdims=True)
    return q, alpha + q.sum(axis=0)


def roll_by_roll(log_densities, prior, old):
    q = []
    new = prior.copy()
    for row in log_densities:
        logits = row + digamma(old)
        q.append(np.exp(logits - logsumexp(logits)))
        new += q[-1]
    return q, new


def stable(log_px, alpha, gamma):
    logits = log_px + digamma(gamma)
    logits -= logits.max(axis=1, keepdims=True)
    q = np.exp(logits)
    q /= q.sum(axis=1)[:, None]
    return [q, np.einsum("nk->k", q) + alpha]


def weighted_average(x, q, log_rubbish, v):
    s2 = 1 / (1 / v + sum(q))
    mu = s2 * np.dot(x, q)
    return mu, s2, norm.logpdf(x, mu, 1) - s2 / 2 - log_rubbish


def written_out(x, q, log_rubbish, v):
    total = 1.0 + v * q.sum()
    mu, s2 = v * (q * x).sum() / total, v / total
    second_moment = x**2 - 2 * x * mu + mu**2 + s2
    return mu, s2, -(np.log(2 * np.pi) + second_moment) / 2 - log_rubbish


def of_probabilities(x, r, log_other, variance):
    mu, s2, logits = written_out(x, r, log_other, variance)
    p = expit(logits)
    return np.float64(mu), np.array(s2), np.log(p / (1 - p))


def draw_by_draw(theta, x, nu, v):
    slopes = []
    for t in theta:
        d = x - t
        slopes.append(((nu + 1) * d / (nu + d * d)).sum() - t / v)
    return np.array(slopes)


def data_first(theta, x, nu, v):
    d = x[:, None] - theta[None, :]
    return np.sum((nu + 1) / nu * d / (1 + d**2 / nu), axis=0) - theta / v


def by_differences(theta, x, nu, v):
    def log_joint(t):
        tail = -(nu + 1) / 2 * np.log1p((x[:, None] - t) ** 2 / nu)
        return tail.sum(axis=0) - t**2 / (2 * v)

    return (log_joint(theta + 1e-5) - log_joint(theta - 1e-5)) / 2e-5


RIGHT = {
    "sweep": [normalised_by_hand, roll_by_roll, stable],
    "clutter_sweep": [weighted_average, written_out, of_probabilities],
    "heavy_tail_slope": [draw_by_draw, data_first, by_differences],
}
