"""Right answers to the exercises of notebook 11, written in other ways."""

from fractions import Fraction

import numpy as np
from exercises.clinic import DISEASES
from scipy.stats import kstest, norm

NAMES = ["path", "beta", "noise", "sampler", "slope", "axis", "sign", "epochs"]


def standardised(sample, n, M, J, seed=None):
    rng = np.random.default_rng(seed)
    mu, log_var = rng.uniform(0.5, 2, (M, J)), rng.uniform(-2, -0.5, (M, J))
    z = sample(mu, log_var, rng.standard_normal((n, M, J)))
    return ((z - mu) / np.exp(log_var / 2)).reshape(n, M * J)


def by_covariance(sample):
    """Mean and covariance of standardised draws."""
    u = standardised(sample, 20_000, 2, 3, seed=1)
    covariance = u.T @ u / len(u)
    return np.allclose(u.mean(axis=0), 0, atol=0.05) and np.allclose(
        covariance, np.eye(6), atol=0.08
    )


def by_kolmogorov_and_sums(sample):
    """The sum and difference of any two have the variance 2, and each is normal."""
    u = standardised(sample, 3_000, 2, 2, seed=2).T
    pairs = [(a, b) for k, a in enumerate(u) for b in u[:k]]
    for a, b in pairs:
        if kstest((a + b) / np.sqrt(2), norm.cdf).pvalue < 1e-6:
            return False
    return all(kstest(a, norm.cdf).pvalue > 1e-6 for a in u)


def one_direction_at_a_time(sample):
    u = standardised(sample, 5_000, 3, 2, seed=3)
    directions = np.random.default_rng(4).standard_normal((60, u.shape[1]))
    seen = u @ (directions / np.linalg.norm(directions, axis=1)[:, None]).T
    return max(abs(seen.mean(0)).max(), abs(seen.std(0) - 1).max()) < 6 / np.sqrt(len(u))


RIGHT = {
    "diagnosis": [
        dict(reversed(list(zip("ABCDEFGH", NAMES, strict=True)))),
        {
            letter.lower(): f" {name.title()} "
            for letter, name in zip("ABCDEFGH", NAMES, strict=True)
        },
        {letter: DISEASES[name] for letter, name in zip("ABCDEFGH", NAMES, strict=True)},
        lambda: dict(zip("ABCDEFGH", NAMES, strict=True)),
    ],
    "sampler_is_sound": [by_covariance, by_kolmogorov_and_sums, one_direction_at_a_time],
    "hidden_beta": [
        lambda pixels, latents: (1 / latents) / (1 / pixels),
        lambda D, J: Fraction(D, J),
        lambda D, J: np.array(D) * np.float64(J) ** -1,
        lambda D, J: np.exp(np.log(D) - np.log(J)),
    ],
}
