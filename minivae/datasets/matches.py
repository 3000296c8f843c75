"""Football matches of five leagues in four seasons: who met whom, and how it ended.

>>> season = load_matches("en", 2015)
>>> len(season.teams), len(season.home), season.teams[season.home[0]]
(20, 380, 'Manchester United')

The file comes with the package; its README says where it is from.
"""

import csv
import gzip
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

LEAGUES = {"at": "Austria", "de": "Germany", "en": "England", "es": "Spain", "it": "Italy"}
SEASONS = (2013, 2014, 2015, 2016)
"""By the year in which they began: 2015 is 2015/16."""

_FILE = Path(__file__).parents[1] / "data" / "matches.csv.gz"


class Matches(NamedTuple):
    """A league's season, in the order of the matches' dates.

    Attributes
    ----------
    teams : list of str
        In alphabetical order.
    home, away : (n,) arrays of int
        Numbers of teams.
    goals : (n, 2) array of int
        Of the home side, and of the visitors.
    dates : (n,) array of datetime64[D]
    """

    teams: list[str]
    home: np.ndarray
    away: np.ndarray
    goals: np.ndarray
    dates: np.ndarray

    @property
    def outcome(self) -> np.ndarray:
        """1 for a home win, 0 for a draw, -1 for an away win: (n,)."""
        return np.sign(self.goals[:, 0] - self.goals[:, 1])

    @property
    def points(self) -> np.ndarray:
        """Three for a win, one for a draw, by team: what the league's table goes by."""
        result = np.zeros(len(self.teams), int)
        np.add.at(result, self.home, np.array([1, 3, 0])[self.outcome])
        np.add.at(result, self.away, np.array([1, 0, 3])[self.outcome])
        return result


def load_matches(league: str = "en", season: int = 2015) -> Matches:
    """Return the matches of a league's season.

    Parameters
    ----------
    league : str
        One of `LEAGUES`: at, de, en, es, it.
    season : int
        The year in which it began, from 2013 to 2016.

    Returns
    -------
    Matches

    Raises
    ------
    ValueError
        If there is no such league or season.
    """
    if not isinstance(league, str) or league not in LEAGUES:
        raise ValueError(f"league is {league!r}, expected one of {', '.join(LEAGUES)}")
    if season not in SEASONS:
        raise ValueError(f"season is {season!r}, expected one of {', '.join(map(str, SEASONS))}")
    rows = [row for row in _all() if row["league"] == league and row["season"] == str(int(season))]
    rows.sort(key=lambda row: row["date"])  # stable: within a day, the order of the file
    teams = sorted({row["home"] for row in rows})
    home, away = (
        np.array([teams.index(row[side]) for row in rows], np.intp) for side in ("home", "away")
    )
    goals = np.array([[int(row["home_goals"]), int(row["away_goals"])] for row in rows])
    dates = np.array([row["date"] for row in rows], "datetime64[D]")
    return Matches(teams, home, away, goals, dates)


@cache
def _all() -> list[dict[str, str]]:
    with gzip.open(_FILE, "rt", encoding="utf-8") as file:
        return list(csv.DictReader(file))
