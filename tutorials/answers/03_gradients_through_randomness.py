"""Answers to the exercises of notebook 3; to be read after a try of your own."""

import numpy as np


def score_gradient(f, z, mu, log_var, b):
    """Differentiate log q = -1/2 (log 2 pi + log_var + (z - mu)^2 exp(-log_var)).

    With respect to mu: (z - mu) exp(-log_var). With respect to log_var: -1/2 from the second term,
    and half of the squared, scaled distance from the third.
    """
    eps_squared = (z - mu) ** 2 * np.exp(-log_var)
    dmu = np.mean((f - b) * (z - mu) * np.exp(-log_var))
    dlog_var = np.mean((f - b) * (eps_squared - 1) / 2)
    return dmu, dlog_var


def best_baselines(f, score):
    """Sum over all draws, and take each draw's own part off again, above and below."""
    weights = score**2
    weighted = f[:, None] * weights
    return (weighted.sum(axis=0) - weighted) / (weights.sum(axis=0) - weights)


def kumaraswamy(u, a, b):
    """Solve u = 1 - (1 - z^a)^b from the outside in: 1 - z^a = v = (1 - u)^(1/b), then for z.

    A power c^e has the slope c^e log c with respect to e, and e = 1/a the slope -1/a^2. For b the
    chain is b -> v -> z, with dv/db = -v log(1 - u) / b^2 and dz/dv = -z / (a (1 - v)).
    """
    v = (1 - u) ** (1 / b)
    z = (1 - v) ** (1 / a)
    dz_da = -z * np.log(1 - v) / a**2
    dv_db = -v * np.log(1 - u) / b**2
    dz_db = -z / (a * (1 - v)) * dv_db
    return z, dz_da, dz_db
