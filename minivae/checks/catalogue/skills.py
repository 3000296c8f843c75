"""Gradients of the skills: of log p(s, outcomes), of the bound, of EP's evidence."""

from dataclasses import replace
from functools import partial

import numpy as np

from minivae.checks.catalogue import Make, Problem
from minivae.relatives.skills import variational
from minivae.relatives.skills.evidence import log_evidence_and_grad
from minivae.relatives.skills.model import Skills


def _model(rng: np.random.Generator) -> Skills:
    n, teams = (int(size) for size in rng.integers(2, 6, size=2))
    home = rng.integers(teams, size=n)
    away = (home + rng.integers(1, teams, size=n)) % teams
    sd, eps = rng.uniform(0.3, 2, 2)
    return Skills(home, away, rng.integers(-1, 2, n), teams, sd, eps)


def log_joint(rng: np.random.Generator) -> Problem:
    """Return ``(f, s)``: the sum of log p(s, outcomes) of two s."""
    model = _model(rng)

    def f(s: np.ndarray) -> tuple[float, np.ndarray]:
        log_p, grad = model.log_joint_and_grad(s)
        return log_p.sum(), grad

    return f, rng.standard_normal((2, len(model.prior_sd)))


def bound(family: str, rng: np.random.Generator) -> Problem:
    """Return ``(f, q_params)``: the bound with that noise as a function of q."""
    model, posterior = _model(rng), variational.FAMILIES[family]
    J = len(model.prior_sd)
    noise = rng.standard_normal((3, 1, J))
    q_params = 0.7 * rng.standard_normal((1, posterior.n_params(J)))
    return lambda q: variational.elbo_and_grad(model, posterior, q, noise), q_params


def expectation(rng: np.random.Generator) -> Problem:
    """Return ``(f, arrays)``: E log p(outcomes | u) as a function of u's means and variances."""
    model = _model(rng)
    arrays = {"m": rng.standard_normal(len(model.A)), "v": rng.uniform(0.3, 2, len(model.A))}

    def f(arrays: dict[str, np.ndarray]) -> tuple[float, dict[str, np.ndarray]]:
        found = variational.expected_log_likelihood(model, arrays["m"], arrays["v"])
        return found.value.sum(), {"m": found.slope, "v": found.curvature / 2}

    return f, arrays


def evidence(rng: np.random.Generator) -> Problem:
    """Return ``(f, logs)``: EP's log evidence as a function of log sd and log eps."""
    model = _model(rng)

    def f(logs: dict[str, np.ndarray]) -> tuple[float, dict[str, np.ndarray]]:
        sd, eps = (float(np.exp(logs[name])) for name in ("log_sd", "log_eps"))
        return log_evidence_and_grad(replace(model, sd=sd, eps=eps))

    return f, {"log_sd": np.array(np.log(model.sd)), "log_eps": np.array(np.log(model.eps))}


def catalogue() -> dict[str, Make]:
    """Return ``{name: make}``, where ``make(rng)`` gives the arguments of `check_grad`."""
    return {
        "log p(s, outcomes), skills": log_joint,
        "ELBO, skills, full covariance": partial(bound, "full-covariance"),
        "ELBO, skills, diagonal": partial(bound, "gaussian"),
        "E log p(outcomes|u), skills": expectation,
        "log evidence by EP, skills": evidence,
    }
