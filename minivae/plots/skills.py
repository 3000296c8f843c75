"""Pictures of skills: the league's table with error bars, and a calibration curve."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from minivae.plots.style import PALETTE, HouseFigure, house_style
from minivae.relatives.skills.forecasts import Calibration
from minivae.relatives.skills.model import Gaussian


def league_table(
    teams: Sequence[str], belief: Gaussian, points: np.ndarray | None = None
) -> Figure:
    """Draw every team's skill with its standard deviation, the most skilful on top.

    Parameters
    ----------
    teams : sequence of str
        Names, in the order of the skills in `belief`.
    belief : Gaussian
    points : (n_teams,) array, optional
        Written beside the names.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there are more teams than unknowns, or not a number of points for each team.
    """
    n = len(teams)
    if n > len(belief.mean):
        raise ValueError(f"teams has {n} names, expected at most {len(belief.mean)}")
    if points is not None and np.shape(points) != (n,):
        raise ValueError(f"points has shape {np.shape(points)}, expected ({n},)")
    order = np.argsort(belief.mean[:n])
    names = [teams[k] if points is None else f"{teams[k]}  {points[k]}" for k in order]
    with house_style():
        figure = HouseFigure(figsize=(6.4, 1.2 + 0.24 * n), layout="constrained")
        axes = figure.add_subplot(xlabel="skill, and its standard deviation (noise of a match)")
        axes.axvline(0, color="0.8", linewidth=1)
        axes.errorbar(
            belief.mean[order], np.arange(n), xerr=belief.sd[order], fmt="o", color=PALETTE[0]
        )
        axes.set_yticks(np.arange(n), names)
        axes.set_ylim(-0.7, n - 0.3)
        axes.grid(axis="x", color="0.92")
    return figure


def calibration_curve(curves: dict[str, Calibration]) -> Figure:
    """Draw how often forecasts came true against the probabilities they named.

    Parameters
    ----------
    curves : dict of str to Calibration
        By the name of the method; ten at most.

    Returns
    -------
    figure : matplotlib.figure.Figure
    """
    if len(curves) > len(PALETTE):
        raise ValueError(f"curves has {len(curves)} entries, expected at most {len(PALETTE)}")
    with house_style():
        figure = HouseFigure(figsize=(5, 4.6), layout="constrained")
        axes = figure.add_subplot(xlabel="probability forecast", ylabel="share that came true")
        axes.plot([0, 1], [0, 1], color="0.8", linewidth=1)
        for (name, c), color in zip(curves.items(), PALETTE, strict=False):
            axes.errorbar(c.said, c.came, yerr=c.error, fmt="o-", color=color, label=name)
        axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
        axes.legend()
    return figure
