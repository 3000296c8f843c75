"""The model: skills, a home advantage, and three outcomes cut out of one difference.

    s_k ~ N(0, sd^2),    h ~ N(0, home_sd^2)
    d = s_home - s_away + h + N(0, 1),    home win if d > eps, draw if |d| <= eps, else away win

All unknowns stand in one vector s, the skills first and h last, and u = A s is the expected
difference of every match: a row of A has 1 at home, -1 away and 1 for h. An outcome says that d is
in an interval (l, r), so that

    p(outcome | s) = Phi(r - u) - Phi(l - u)

and the log joint density is concave: it has one maximum, but no conjugate prior.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from minivae.gaussian import log_density
from minivae.relatives.skills.intervals import Interval, interval
from minivae.validation import check_count, check_positive, check_rng

AWAY, DRAW, HOME = -1, 0, 1  # outcomes


@dataclass(frozen=True, eq=False)
class Gaussian:
    """What is believed of s, or an approximation of it.

    Attributes
    ----------
    mean : (J,) array
        Of the skills and, last, of the home advantage.
    covariance : (J, J) array
    log_evidence : float
        What the method says of log p(outcomes), in nats: an estimate, or a bound.
    """

    mean: np.ndarray
    covariance: np.ndarray
    log_evidence: float = np.nan

    @property
    def sd(self) -> np.ndarray:
        """The standard deviations, (J,)."""
        return np.sqrt(np.diag(self.covariance))

    def along(self, A: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and variance of A s, (n,) each, for A of shape (n, J)."""
        return A @ self.mean, np.einsum("ij,jk,ik->i", A, self.covariance, A)


@dataclass(frozen=True, eq=False)
class Skills:
    """The model and its matches.

    Parameters
    ----------
    home, away : (n,) arrays of int
        The teams of every match, from 0 to n_teams - 1.
    outcome : (n,) array of int
        1 if the home side has won, 0 for a draw, -1 if the visitors have won.
    n_teams : int
    sd : float
        Standard deviation of the skills; the unit is that of the noise of a match.
    eps : float
        Half the width of the differences that end in a draw.
    home_sd : float or None
        Standard deviation of the home advantage; None if there shall be none.

    Raises
    ------
    ValueError
        If an argument does not fit.
    """

    home: np.ndarray
    away: np.ndarray
    outcome: np.ndarray
    n_teams: int
    sd: float = 0.5
    eps: float = 0.4
    home_sd: float | None = 1.0

    def __post_init__(self) -> None:
        n_teams = check_count("n_teams", self.n_teams, minimum=2)
        object.__setattr__(self, "n_teams", n_teams)
        for name, low, high in (
            ("home", 0, self.n_teams - 1),
            ("away", 0, self.n_teams - 1),
            ("outcome", -1, 1),
        ):
            value = whole_numbers(name, getattr(self, name), low, high)
            if len(value) != len(self.home):
                raise ValueError(
                    f"{name} has {len(value)} matches, expected {len(self.home)} as home has"
                )
            object.__setattr__(self, name, value)
        if np.any(self.home == self.away):
            k = int(np.argmax(self.home == self.away))
            raise ValueError(f"match {k} is of team {self.home[k]} with itself, expected two teams")
        check_positive("sd", self.sd)
        check_positive("eps", self.eps)
        if self.home_sd is not None:
            check_positive("home_sd", self.home_sd)

    @property
    def prior_sd(self) -> np.ndarray:
        """The prior's standard deviations, (J,)."""
        home = [] if self.home_sd is None else [self.home_sd]
        return np.array([self.sd] * self.n_teams + home)

    @property
    def prior(self) -> Gaussian:
        """What is believed before the first match."""
        return Gaussian(np.zeros(len(self.prior_sd)), np.diag(self.prior_sd**2), 0.0)

    @cached_property
    def A(self) -> np.ndarray:
        """The matrix of the matches, (n, J): u = A s."""
        return self.rows(self.home, self.away)

    def rows(self, home: ArrayLike, away: ArrayLike) -> np.ndarray:
        """Return rows of A for matches of these teams."""
        home, away = (
            whole_numbers(name, value, 0, self.n_teams - 1)
            for name, value in (("home", home), ("away", away))
        )
        if len(away) != len(home):
            raise ValueError(f"away has {len(away)} matches, expected {len(home)} as home has")
        one = np.eye(self.n_teams)
        A = one[home] - one[away]
        return A if self.home_sd is None else np.column_stack([A, np.ones(len(A))])

    @property
    def ends(self) -> tuple[np.ndarray, np.ndarray]:
        """The interval (l, r) in which d is, for every match: two (n,) arrays."""
        return self._cuts[self.outcome + 1], self._cuts[self.outcome + 2]

    @property
    def _cuts(self) -> np.ndarray:
        """Where d is cut into three outcomes, (4,)."""
        return np.array([-np.inf, -self.eps, self.eps, np.inf])

    def outcomes_given(self, u: np.ndarray, variance: ArrayLike = 0.0) -> Interval:
        """Return log p(outcome), (..., n), and its derivatives.

        Parameters
        ----------
        u : (..., n) array
            Mean of the expected difference of every match.
        variance : (..., n) array
            Of the expected difference; the match's own noise adds 1 to it.
        """
        scale = np.sqrt(1 + np.asarray(variance))
        left, right = self.ends
        return interval((left - u) / scale, (right - u) / scale)

    def log_joint_and_grad(self, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return log p(s, outcomes) in nats, (m,), and its gradient, (m, J), for s of shape (m, J).

        The target of `minivae.evaluation.hmc`.
        """
        found = self.outcomes_given(s @ self.A.T)
        log_prior = log_density(s, 0.0, 2 * np.log(self.prior_sd))
        grad = (found.lower - found.upper) @ self.A - s / self.prior_sd**2
        return found.log_mass.sum(axis=-1) + log_prior, grad

    def predict(self, belief: Gaussian, home: ArrayLike, away: ArrayLike) -> np.ndarray:
        """Return the probabilities of away win, draw and home win, (m, 3), of matches to come.

        Exact under a Gaussian belief: d ~ N(m, 1 + v), where m and v are those of u.

        Parameters
        ----------
        belief : Gaussian
        home, away : (m,) arrays of int, or one team each
        """
        mean, variance = belief.along(self.rows(np.atleast_1d(home), np.atleast_1d(away)))
        ends = (self._cuts - mean[:, None]) / np.sqrt(1 + variance)[:, None]
        return np.exp(interval(ends[:, :-1], ends[:, 1:]).log_mass)

    def with_matches(self, chosen: np.ndarray | slice) -> "Skills":
        """Return the same model of some of the matches, in that order."""
        return replace(
            self, home=self.home[chosen], away=self.away[chosen], outcome=self.outcome[chosen]
        )

    def simulate(self, rng: np.random.Generator) -> tuple["Skills", np.ndarray]:
        """Draw skills and outcomes for these matches.

        Returns
        -------
        model : Skills
        s : (J,) array
            The skills, and the home advantage, behind the outcomes.
        """
        check_rng(rng)
        s = self.prior_sd * rng.standard_normal(len(self.prior_sd))
        d = self.A @ s + rng.standard_normal(len(self.A))
        outcome = np.where(np.abs(d) <= self.eps, DRAW, np.where(d > 0, HOME, AWAY))
        return replace(self, outcome=outcome), s


def probability_best(belief: Gaussian, n_teams: int, noise: np.ndarray) -> np.ndarray:
    """Return the probability that each team is the most skilful one, (n_teams,), by sampling.

    Parameters
    ----------
    belief : Gaussian
    n_teams : int
    noise : (L, J) array
        Standard normal.
    """
    s = belief.mean + noise @ np.linalg.cholesky(belief.covariance).T
    best = s[:, :n_teams].argmax(axis=1)
    return np.bincount(best, minlength=n_teams) / len(s)


def whole_numbers(name: str, value: Sequence | ArrayLike, low: int, high: int) -> np.ndarray:
    """Return a vector of whole numbers as indices, or say under `name` what is wrong with it."""
    array = np.asarray(value)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise ValueError(
            f"{name} has shape {array.shape} and dtype {array.dtype}, expected (n,) whole numbers"
        )
    array = array.astype(np.intp)
    if array.size and not low <= array.min() <= array.max() <= high:
        raise ValueError(
            f"{name} has numbers from {array.min()} to {array.max()}, expected {low} to {high}"
        )
    return array
