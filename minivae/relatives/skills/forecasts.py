"""Forecasts of matches to come, and how good they are: log loss, calibration, and two rivals.

A forecast is a row of three probabilities: of away win, draw and home win. Its log loss is minus
the log of the one that came true, in nats.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from minivae.relatives.skills.model import Skills, whole_numbers
from minivae.validation import check_count


def log_losses(probabilities: np.ndarray, outcome: np.ndarray) -> np.ndarray:
    """Return the log loss of every match in nats, (m,), of forecasts (m, 3).

    Raises
    ------
    ValueError
        If outcomes are not -1, 0 and 1, or forecasts are not as many.
    """
    outcome = whole_numbers("outcome", outcome, -1, 1)
    if np.shape(probabilities) != (len(outcome), 3):
        raise ValueError(
            f"probabilities has shape {np.shape(probabilities)}, expected ({len(outcome)}, 3)"
        )
    return -np.log(np.asarray(probabilities)[np.arange(len(outcome)), outcome + 1])


def frequencies(outcome: np.ndarray) -> np.ndarray:
    """Return how often each outcome came, (3,), with one match of each added (Laplace's rule)."""
    counts = np.bincount(whole_numbers("outcome", outcome, -1, 1) + 1, minlength=3) + 1
    return counts / counts.sum()


class Calibration(NamedTuple):
    """Forecast probabilities in groups, beside what happened.

    Attributes
    ----------
    said, came, error : (groups,) arrays
        Mean forecast, share that came true, and the standard error of that share if the forecasts
        were right.
    size : (groups,) array of int
        Forecasts in each.
    """

    said: np.ndarray
    came: np.ndarray
    error: np.ndarray
    size: np.ndarray


def calibration(probabilities: np.ndarray, outcome: np.ndarray, groups: int = 10) -> Calibration:
    """Compare all forecast probabilities, of all three outcomes, with how often they came true."""
    groups = check_count("groups", groups)
    log_losses(probabilities, outcome)  # checks them
    said = np.asarray(probabilities).ravel()
    if groups > said.size:
        raise ValueError(f"groups is {groups}, expected at most the {said.size} probabilities")
    came = (np.asarray(outcome)[:, None] + 1 == np.arange(3)).ravel()
    parts = np.array_split(np.argsort(said, kind="stable"), groups)
    rows = [
        (said[k].mean(), came[k].mean(), np.sqrt(np.sum(said[k] * (1 - said[k]))) / len(k), len(k))
        for k in parts
    ]
    return Calibration(*(np.array(column) for column in zip(*rows, strict=True)))


class Elo(NamedTuple):
    """Elo's ratings with a home advantage, and draws by an ordered logit.

    Attributes
    ----------
    ratings : (n_teams,) array
        In units of the logistic's scale; chess multiplies them by 400 / log 10 = 174.
    gain : float
        How far a rating moves with a surprise: the K of chess.
    home, draw : float
        What is added for the home side, and half the width of a draw.
    """

    ratings: np.ndarray
    gain: float
    home: float
    draw: float

    def predict(self, home: np.ndarray, away: np.ndarray) -> np.ndarray:
        """Return the probabilities of away win, draw and home win, (m, 3)."""
        u = self.ratings[home] - self.ratings[away] + self.home
        win, loss = expit(u - self.draw), expit(-u - self.draw)
        return np.stack([loss, 1 - win - loss, win], axis=-1)


def elo_pass(model: Skills, gain: float, home: float, draw: float) -> tuple[Elo, np.ndarray]:
    """Go through the matches once; return the ratings at the end, and all forecasts on the way.

    The home side's rating moves by gain * (score - expected score), the visitors' by as much the
    other way; a draw scores a half.
    """
    elo = Elo(np.zeros(model.n_teams), gain, home, draw)
    forecasts = np.empty((len(model.outcome), 3))
    for i, (h, a, outcome) in enumerate(zip(model.home, model.away, model.outcome, strict=True)):
        forecasts[i] = elo.predict(h, a)
        surprise = gain * ((1 + outcome) / 2 - forecasts[i] @ [0, 0.5, 1])
        elo.ratings[h] += surprise
        elo.ratings[a] -= surprise
    return elo, forecasts


def fit_elo(model: Skills) -> Elo:
    """Choose gain, home and draw by the forecasts on the way; return the ratings at the end."""

    def loss(logs: np.ndarray) -> float:
        gain, draw = np.exp(logs[[0, 2]])
        _, forecasts = elo_pass(model, gain, logs[1], draw)
        return float(log_losses(forecasts, model.outcome).sum())

    gain, home, draw = minimize(loss, np.array([-2.0, 0.3, -0.5]), method="Nelder-Mead").x
    return elo_pass(model, float(np.exp(gain)), float(home), float(np.exp(draw)))[0]
