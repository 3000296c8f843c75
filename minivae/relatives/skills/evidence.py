"""sd and eps by maximum evidence: how much skills differ, and how near a difference is a draw.

At EP's fixed point log Z_EP does not change, to first order, if the sites move (Minka 2001). So
only what depends on sd and eps directly counts:

    d log Z_EP / d log sd  = sum_k (E[s_k^2] / sd^2 - 1)
    d log Z_EP / d log eps = eps sum_i d log Z_i / d eps

with the means under EP's Gaussian, and with phi / Z at the ends of the interval of d, on the scale
sqrt(1 + w) of a match's noise and its cavity's variance:

    d log Z_i / d eps = (upper_i + lower_i) / sqrt(1 + w_i) for a draw, upper_i for an away win and
                        -lower_i for a home win.
"""

import contextlib
from dataclasses import replace

import numpy as np
from scipy.optimize import minimize

from minivae.relatives.skills.model import Gaussian, Skills
from minivae.relatives.skills.propagation import fixed_point


def log_evidence_and_grad(model: Skills) -> tuple[float, dict[str, np.ndarray]]:
    """Return log Z_EP in nats, and its gradient with respect to "log_sd" and "log_eps"."""
    belief, c, w = _damped_fixed_point(model)
    skills = slice(model.n_teams)
    squares = belief.mean[skills] ** 2 + belief.sd[skills] ** 2
    found = model.outcomes_given(c, w)
    # How the ends of d's interval move with eps, for away win, draw and home win.
    left, right = np.array([[0, -1, 1], [-1, 1, 0]])[:, model.outcome + 1]
    deps = (right * found.upper - left * found.lower) / np.sqrt(1 + w)
    return belief.log_evidence, {
        "log_sd": np.array(np.sum(squares / model.sd**2 - 1)),
        "log_eps": np.array(model.eps * deps.sum()),
    }


def _damped_fixed_point(model: Skills) -> tuple[Gaussian, np.ndarray, np.ndarray]:
    """Find EP's fixed point, more slowly where it oscillates: far from the maximum it may."""
    for damping in (1.0, 0.5, 0.25):
        with contextlib.suppress(RuntimeError):
            return fixed_point(model, damping=damping)
    return fixed_point(model, damping=0.125)


def maximum_evidence(model: Skills) -> Skills:
    """Return the model with the sd and eps that make its outcomes most probable, by EP's estimate.

    Both are sought between 0.01 and 10. The `home_sd` stays as it is: there is one home advantage,
    which cannot say how much it might vary.

    Raises
    ------
    RuntimeError
        If EP does not converge at some sd and eps on the way, however much it is damped.
    """

    def with_logs(logs: np.ndarray) -> Skills:
        sd, eps = np.exp(logs)
        return replace(model, sd=float(sd), eps=float(eps))

    def loss(logs: np.ndarray) -> tuple[float, np.ndarray]:
        value, grad = log_evidence_and_grad(with_logs(logs))
        return -value, -np.array([grad["log_sd"], grad["log_eps"]])

    start, bounds = np.log([model.sd, model.eps]), [(np.log(0.01), np.log(10))] * 2
    return with_logs(minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x)
