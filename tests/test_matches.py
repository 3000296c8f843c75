"""The embedded football matches, and forecasts of them."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

import minivae
from minivae.datasets.matches import LEAGUES, SEASONS, load_matches
from minivae.relatives.skills import Skills
from minivae.relatives.skills.forecasts import (
    calibration,
    elo_pass,
    fit_elo,
    frequencies,
    log_losses,
)


def test_the_file_is_the_one_its_page_describes():
    file = Path(minivae.__file__).parent / "data" / "matches.csv.gz"
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert digest == "eec1c0a08429645c97b84c219000d99480570eda3f7f4ebd6c24c8517fd460fc"


def test_everybody_meets_everybody_twice_at_home_and_away():
    n = 0
    for league in LEAGUES:
        for season in SEASONS:
            data = load_matches(league, season)
            teams = len(data.teams)
            pairs = np.zeros((teams, teams), int)
            np.add.at(pairs, (data.home, data.away), 1)
            times = 2 if league == "at" else 1  # in Austria ten teams meet four times
            np.testing.assert_array_equal(pairs, times * (1 - np.eye(teams, dtype=int)))
            assert np.all(np.diff(data.dates) >= np.timedelta64(0))
            assert data.teams == sorted(data.teams)
            n += len(data.home)
    assert n == 6504


def test_points_are_those_of_the_league_s_table():
    data = load_matches("en", 2015)
    table = dict(zip(data.teams, data.points.tolist(), strict=True))
    assert table["Leicester City"] == 81 and table["Arsenal"] == 71 and table["Aston Villa"] == 17
    assert set(np.unique(data.outcome)) == {-1, 0, 1}


def test_a_whole_float_is_a_year():
    assert len(load_matches("en", 2015.0).home) == len(load_matches("en", 2015).home) == 380


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: load_matches("fr"), "league is 'fr', expected one of at, de, en, es, it"),
        (lambda: load_matches(["en"]), r"league is \['en'\], expected one of at"),
        (lambda: load_matches("en", 2017), "season is 2017, expected one of 2013, 2014"),
        (lambda: log_losses(np.ones((2, 2)), [1, 0]), r"shape \(2, 2\), expected \(2, 3\)"),
        (lambda: calibration(np.ones((1, 3)), [1], 0), "groups is 0, expected a whole number"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# --- Forecasts ------------------------------------------------------------------------------------


def test_log_loss_by_hand():
    p = np.array([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]])
    np.testing.assert_allclose(log_losses(p, [1, -1]), -np.log([0.5, 0.6]))
    np.testing.assert_allclose(log_losses(p, [0, 0]), -np.log([0.3, 0.3]))


def test_frequencies_by_hand():
    np.testing.assert_allclose(frequencies([1, 1, 1, 0, -1]), np.array([2, 2, 4]) / 8)


def test_right_forecasts_are_calibrated_and_wrong_ones_are_not():
    rng, n = np.random.default_rng(0), 4000
    p = rng.dirichlet([2, 2, 2], n)
    outcome = (rng.random((n, 1)) > p.cumsum(axis=1)).sum(axis=1) - 1
    found = calibration(p, outcome)
    assert found.size.sum() == 3 * n and np.all(np.diff(found.said) > 0)
    np.testing.assert_array_less(np.abs(found.came - found.said), 6 * found.error)
    turned = calibration(p[:, ::-1], outcome)
    assert np.max(np.abs(turned.came - turned.said) / turned.error) > 20


def test_elo_by_hand():
    model = Skills([0, 1], [1, 0], [1, 0], 2)
    elo, forecasts = elo_pass(model, gain=0.5, home=0.3, draw=0.4)

    def sigmoid(t):
        return 1 / (1 + np.exp(-t))

    win, loss = sigmoid(0.3 - 0.4), sigmoid(-0.3 - 0.4)
    np.testing.assert_allclose(forecasts[0], [loss, 1 - win - loss, win])
    first = 0.5 * (1 - (win + (1 - win - loss) / 2))
    u = -2 * first + 0.3
    win, loss = sigmoid(u - 0.4), sigmoid(-u - 0.4)
    np.testing.assert_allclose(forecasts[1], [loss, 1 - win - loss, win])
    second = 0.5 * (0.5 - (win + (1 - win - loss) / 2))
    np.testing.assert_allclose(elo.ratings, [first - second, second - first])
    np.testing.assert_allclose(elo.predict(0, 1).sum(), 1)


def test_elo_s_constants_forecast_best():
    data = load_matches("at", 2013)
    model = Skills(data.home, data.away, data.outcome, len(data.teams))
    best = fit_elo(model)

    def loss(gain, home, draw):
        return log_losses(elo_pass(model, gain, home, draw)[1], model.outcome).sum()

    lowest = loss(*best[1:])
    for factors in ((1.1, 1, 1), (0.9, 1, 1), (1, 1.1, 1), (1, 0.9, 1), (1, 1, 1.1), (1, 1, 0.9)):
        assert loss(*np.multiply(best[1:], factors)) > lowest
