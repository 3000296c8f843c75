"""Curves: the bound, or log p(x), against the training samples seen (figures 2 and 3)."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator, NullFormatter

from minivae.plots.style import PALETTE, HouseFigure, house_style
from minivae.training.history import History

METHODS = {  # the methods of the paper, and their colours
    "aevb": ("AEVB", PALETTE[0]),
    "wake-sleep": ("wake-sleep", PALETTE[1]),
    "mcem": ("MCEM", PALETTE[2]),
}
_STYLES = {"test": "-", "train": (0, (3, 1.5))}

Tables: TypeAlias = Mapping[str, Mapping[str, np.ndarray]]
Limits: TypeAlias = tuple[float, float] | None
Panel: TypeAlias = tuple[str, Tables, Limits]


def learning_curve(history: History) -> Figure:
    """Draw the bound against the training samples seen (figure 2).

    The vertical axis is chosen for the end of the curve: a steep beginning may leave it below.

    Parameters
    ----------
    history : History
        Of `minivae.fit`; the test bound may be NaN throughout.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no finite bound in `history`.
    """
    samples = np.asarray(history.samples, np.float64)
    curves = {}
    for name in ("train", "test"):
        bound = np.asarray(getattr(history, f"{name}_bound"), np.float64)
        shown = np.isfinite(bound) & (samples > 0)  # a log axis has no zero
        if shown.any():
            curves[name] = samples[shown], bound[shown]
    if not curves:
        raise ValueError("history has no finite bound, expected at least one evaluation")
    with house_style():
        figure = HouseFigure(figsize=(6.4, 4), layout="constrained")
        axes = figure.add_subplot(
            xscale="log", xlabel="training samples seen", ylabel="bound (nats per datapoint)"
        )
        for (name, curve), color in zip(curves.items(), PALETTE, strict=False):
            axes.plot(*curve, color=color, label=name, zorder=3)
        _label_last_values(axes)
        all_samples, all_bounds = map(np.concatenate, zip(*curves.values(), strict=True))
        decades = np.log10(all_samples)
        width = np.ptp(decades) or 1
        axes.set_xlim(10 ** (decades.max() - 1.05 * width), all_samples.max())
        axes.set_ylim(readable_limits(decades, all_bounds))
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if width < 2 else (1,)))
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))  # 10k, 100k, 1M
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_major_locator(MaxNLocator(8, steps=(1, 2, 5, 10), integer=True))
        axes.grid(axis="y", color="0.9")
    return figure


def _label_last_values(axes: Axes) -> None:
    """Mark the curves' ends and write names and last values beside them, the higher one above."""
    lines: list[Any] = sorted(axes.lines, key=_last_value, reverse=True)
    alignments = ("bottom", "top") if len(lines) == 2 else ("center",)
    for line, alignment in zip(lines, alignments, strict=True):
        end = line.get_xydata()[-1]
        axes.scatter(end[0], end[1], s=25, color=line.get_color(), zorder=4, clip_on=False)
        axes.annotate(
            f"{line.get_label()} {_number(end[1])}",
            end,
            xytext=(8, 0),
            textcoords="offset points",
            va=alignment,
            color=line.get_color(),
            annotation_clip=False,
        )


def _number(value: float) -> str:
    return f"{value:.1f}".replace("-", "\N{MINUS SIGN}")


def _last_value(line: Any) -> float:
    return line.get_ydata()[-1]


def readable_limits(decades: np.ndarray, bounds: np.ndarray) -> tuple[float, float]:
    """Return limits for the bound, given the decimal logarithm of the samples seen.

    Of a curve over a decade or more, the last three quarters of the log axis are shown whole, and
    the first as far as it stays within one and a half times their range.
    """
    end = bounds[decades >= decades.min() + np.ptp(decades) / 4]
    lowest, highest = bounds.min(), bounds.max()
    if np.ptp(decades) >= 1 and np.unique(decades).size > 3:
        lowest = max(lowest, highest - 1.5 * (highest - end.min()))
    margin = max(1, 0.08 * (highest - lowest))  # room for the names of the curves
    return lowest - margin, highest + margin


def bounds_of_methods(rows: Sequence[Sequence[Panel]]) -> Figure:
    """Draw the bound of several methods for several models, train and test (figure 2).

    A curve that ends beyond the limits has a note in its panel that says where.

    Parameters
    ----------
    rows : list of list of tuple
        The panels ``(title, tables, limits)``, row by row: a title; for each method ("aevb",
        "wake-sleep") the columns "samples", "train_bound" and "test_bound" as arrays, and if there
        are several seeds "train_bound_range" and "test_bound_range", (2, n), which are shaded; the
        limits of the vertical axis, which all panels of a row share, or None.

    Returns
    -------
    figure : matplotlib.figure.Figure
    """
    columns = max(map(len, rows))
    with house_style():
        size = (max(2.5 * columns, 5), 2.5 * len(rows) + 0.6)
        figure = HouseFigure(figsize=size, layout="constrained")
        grid = figure.add_gridspec(len(rows), columns)
        for i, row in enumerate(rows):
            first = None
            for j, (title, tables, limits) in enumerate(row):
                axes = figure.add_subplot(grid[i, j], sharey=first, xscale="log")
                axes.set_title(title, fontsize=11)
                _draw_methods(axes, tables, "bound", limits)
                _samples_axis(axes, row)
                axes.tick_params(labelleft=first is None)
                if first is None:
                    axes.set_ylabel("bound (nats per datapoint)")
                first = first or axes
        figure.supxlabel("training samples seen", fontsize=11)
        _legend(figure, rows)
    return figure


def _samples_axis(axes: Axes, row: Sequence[Panel]) -> None:
    """Set the horizontal axis, the same for a row of panels: from 1e5 on, if it has a decade."""
    samples = [table["samples"] for _, tables, _ in row for table in tables.values()]
    start, end = min(map(min, samples)), max(map(max, samples))
    axes.set_xlim(max(start, min(1e5, end / 10)), max(end, start + 1))
    axes.xaxis.set_major_locator(LogLocator(numticks=12))  # every decade, in small panels too
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.xaxis.set_minor_formatter(NullFormatter())


def log_likelihoods_of_methods(panels: Sequence[Panel]) -> Figure:
    """Draw estimates of log p(x) of several methods, train and test, with errors (figure 3).

    Parameters
    ----------
    panels : list of tuple
        ``(title, tables, limits)`` as for `bounds_of_methods`, with the columns "samples",
        "train_log_px", "train_log_px_error", "test_log_px", "test_log_px_error", and perhaps
        "train_log_px_range" and "test_log_px_range".

    Returns
    -------
    figure : matplotlib.figure.Figure
    """
    with house_style():
        figure = HouseFigure(figsize=(4.2 * len(panels) + 0.4, 4.4), layout="constrained")
        for k, (title, tables, limits) in enumerate(panels):
            axes = figure.add_subplot(1, len(panels), k + 1)
            axes.set_title(title, fontsize=11)
            _draw_methods(axes, tables, "log_px", limits)
            axes.xaxis.set_major_formatter(EngFormatter(sep=""))
            axes.set_xlim(left=0)
            if k == 0:
                axes.set_ylabel("log p(x) (nats per datapoint)")
        figure.supxlabel("training samples seen", fontsize=11)
        _legend(figure, [panels])
    return figure


def _draw_methods(axes: Axes, tables: Tables, quantity: str, limits: Limits) -> None:
    for method, table in tables.items():
        for part, style in _STYLES.items():
            values = table[f"{part}_{quantity}"]
            color = METHODS[method][1]
            errors = table.get(f"{part}_{quantity}_error")
            axes.errorbar(
                table["samples"], values, errors, color=color, ls=style, lw=1.6, elinewidth=1
            )
            if f"{part}_{quantity}_range" in table:
                lowest, highest = table[f"{part}_{quantity}_range"]
                axes.fill_between(table["samples"], lowest, highest, color=color, alpha=0.2, lw=0)
    axes.grid(axis="y", color="0.9")
    if limits is not None:
        axes.set_ylim(limits)
        _note_ends_beyond(axes, {m: table[f"test_{quantity}"][-1] for m, table in tables.items()})


def _note_ends_beyond(axes: Axes, ends: dict[str, float]) -> None:
    """Say where those curves end, given by their methods, whose ends are not to be seen."""
    lowest, highest = axes.get_ylim()
    beyond = {method: end for method, end in ends.items() if not lowest <= end <= highest}
    for k, (method, end) in enumerate(beyond.items()):
        name, color = METHODS[method]
        text = f"{name} ends at {_number(end)}"
        axes.annotate(
            text, (0.97, 0.03 + 0.09 * k), xycoords="axes fraction", ha="right", color=color,
            fontsize=8,
        )  # fmt: skip


def _legend(figure: Figure, rows: Sequence[Sequence[Panel]]) -> None:
    """Name the methods above the panels, and below each other the two parts of the data."""
    shown = {method for row in rows for _, tables, _ in row for method in tables}
    handles = [
        Line2D([], [], color=color, ls=style, label=f"{name} ({part})")
        for method, (name, color) in METHODS.items()
        if method in shown
        for part, style in _STYLES.items()
    ]
    figure.legend(
        handles=handles,
        loc="outside upper center",
        ncols=len(shown),
        handlelength=2.2,
        handletextpad=0.5,
    )
