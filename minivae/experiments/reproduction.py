"""`minivae reproduce`: the paper's figures and table 1, from nothing to CSV files and pictures."""

import contextlib
import csv
import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from fnmatch import fnmatchcase
from itertools import chain
from pathlib import Path
from typing import Any

from minivae import datasets, plots
from minivae.engine.team import available_cores
from minivae.experiments.cluster import Cluster
from minivae.experiments.curves import Curve, CurveFolder
from minivae.experiments.experiment import Experiment
from minivae.experiments.figure2 import FIGURE2
from minivae.experiments.figure3 import FIGURE3
from minivae.experiments.figure4 import FIGURE4
from minivae.experiments.figure5 import FIGURE5
from minivae.experiments.found import measured_curves
from minivae.experiments.running import run_curves
from minivae.experiments.table1 import TABLE1
from minivae.training.checkpoint import atomic_write
from minivae.validation import as_path, check_count, check_has, check_seed, expanded

_FIGURES = (FIGURE2, FIGURE3, FIGURE4, FIGURE5)
EXPERIMENTS = {experiment.name: experiment for experiment in (*_FIGURES, TABLE1)}


def reproduce(
    figure: str | Experiment,
    folder: str | Path,
    samples: int | None = None,
    *,
    executor: Any = None,
    dask: str | None = None,
    workers: int | None = None,
    threads: int | None = None,
    only: str = "*",
    datapoints: int | None = None,
    stages: int | None = None,
    k: Iterable[int] | None = None,
    batch_size: int | None = None,
    biases: str | None = None,
    seeds: int | Iterable[int] = 0,
    data_path: str | Path | None = None,
    skip_frey: bool = False,
    progress: bool | None = None,
) -> list[Path]:
    """Compute the curves of a figure, as far as they are not in the folder yet, and draw it.

    Whatever interrupts it, the same call goes on where it was: in the middle of a curve, too. A
    larger budget goes on from a smaller one, but for one below 100,000 samples, too few to choose
    the step size by. Figures share the curves they have in common.

    Worker processes import the program that calls it: in a script, call it under
    ``if __name__ == "__main__":``.

    Parameters
    ----------
    figure : str or Experiment
        "figure2", "figure3", "figure4", "figure5" or "all"; or "table1", which is that of another
        paper (`minivae.experiments.table1`).
    folder : str or path
        For ``figure2.csv``, ``figure2.png`` and so on, and for the curves.
    samples : int, optional
        The budget of each curve in training samples. Default: the experiment's own, for about ten
        minutes on two cores. The paper's is 1e8 (figure 2) and 6e7 (figure 3).
    executor : executor, optional
        Where to compute the curves: anything with ``submit(function, *arguments)`` that returns
        futures with ``done()`` and ``result()``, such as the executors of `concurrent.futures` or
        of mpi4py. Its workers must see `folder`. It is not shut down: after Ctrl-C, what it has
        begun goes on. Default: worker processes.
    dask : str, optional
        The address of a Dask scheduler, whose workers compute the curves and must see `folder`.
        What they have begun ends with this call.
    workers : int, optional
        How many worker processes. Default: as many as there are cores.
    threads : int, optional
        Of each worker. Default: one, or with a single worker as for `minivae.fit`.
    only : str
        Compute the curves with such names only, with ``*`` for any text; the figure shows of its
        curves what has been computed, by earlier calls, too.
    datapoints : int, optional
        Of the training and of the test set, on which figure 3 estimates log p(x). The paper's are
        1000; the default are 200. In table 1, of the test set alone: all by default.
    stages : int, optional
        In place of `samples` for table 1: how many of its eight stages. Default: two.
    k : iterable of int, optional
        In table 1, samples of z to train with: a model for each. Default: 1, 5 and 50.
    batch_size : int, optional
        In table 1. Default: 20, as published.
    biases : str, optional
        In table 1, where the decoder's last biases start: at the log odds of the mean training
        digit, "mean", or at "zero". Default: "mean", as published.
    seeds : int or iterable of int
        Each curve is computed with each of them; figures 2 and 3 show median and range, of the
        seeds of earlier calls, too.
    data_path : str or path, optional
        A file or folder with Frey Faces, as for `minivae.load`.
    skip_frey : bool
        Leave out Frey Faces, of the figure as well.
    progress : bool or None
        Whether to show a progress bar on stderr; None: if that is a terminal.

    Returns
    -------
    files : list of path
        What was written.

    Raises
    ------
    ValueError
        If an argument does not fit, or the folder holds curves with other settings.
    FileNotFoundError
        If Frey Faces are neither on this machine nor could be downloaded.
    OSError
        If the folder cannot be written, or no scheduler answers at `dask`.
    CurvesFailed
        If there was an error in a curve, after the others were computed.
    Interrupted
        A KeyboardInterrupt, after Ctrl-C or SIGTERM.
    """
    experiments, folder = _experiments(figure), as_path("folder", folder)
    each_seed, adjust = _checked(seeds), _adjuster(datapoints, data_path)
    if samples is not None:
        samples = check_count("samples", samples)
    if threads is not None:
        check_count("threads", threads)
    _check_executor(executor, dask, workers)
    given = {"stages": stages, "k": k, "batch_size": batch_size, "biases": biases}
    for name, value in given.items():
        _check_use(name, value, any(name in each.options for each in experiments))
    if samples is not None and stages is not None:
        raise ValueError(f"stages is {stages}, expected none beside samples, which are {samples}")
    curves_of = {each: _curves(each, samples, given) for each in experiments}
    whole = list(chain.from_iterable(curves_of.values()))
    _check_use("datapoints", datapoints, any(curve.log_px_datapoints for curve in whole))
    _check_use("data_path", data_path, any(curve.dataset == "frey" for curve in whole))
    _check_use("skip_frey", skip_frey, any(curve.dataset == "frey" for curve in whole))
    plan = {
        experiment: [
            adjust(curve, seed)
            for curve in of_it
            if not (skip_frey and curve.dataset == "frey")
            for seed in each_seed
        ]
        for experiment, of_it in curves_of.items()
    }
    curves = _chosen(_merged(plan), only)
    workers = available_cores() if workers is None else check_count("workers", workers)
    if threads is None and (executor is not None or dask is not None or workers > 1):
        threads = 1
    _check_data(curves)
    with contextlib.ExitStack() as stack:
        if dask is not None:  # first, as it may not answer
            executor = stack.enter_context(Cluster(dask))
        _check_folder(folder, curves, plan)
        run_curves(
            curves,
            folder,
            executor=executor,
            workers=workers,
            threads=threads,
            progress=progress,
        )
    files = []
    for experiment, parts in plan.items():
        places = measured_curves(parts, experiment.varying, folder)
        if places:
            files += _write(experiment, places, folder)
    return files


def _check_executor(executor: Any, dask: str | None, workers: int | None) -> None:
    if dask is not None and (executor is not None or workers is not None):
        other = "executor" if executor is not None else "workers"
        raise ValueError(f"{other} cannot be given with dask: its cluster has workers of its own")
    if executor is not None:
        check_has("executor", executor, ("submit",))
    if executor is not None and workers is not None:
        raise ValueError(f"workers is {workers}, but the executor has workers of its own")


def _check_use(name: str, value: Any, is_used: bool) -> None:
    if value is not None and value is not False and not is_used:
        raise ValueError(f"{name} is {value!r}, but no curve of this figure makes use of it")


def _experiments(figure: str | Experiment) -> list[Experiment]:
    if isinstance(figure, Experiment):
        return [figure]
    if figure != "all" and figure not in list(EXPERIMENTS):
        raise ValueError(f"figure is {figure!r}, expected one of {', '.join(EXPERIMENTS)}, all")
    names = [each.name for each in _FIGURES] if figure == "all" else [figure]
    return [EXPERIMENTS[name] for name in names]


def _curves(experiment: Experiment, samples: int | None, given: dict[str, Any]) -> list[Curve]:
    """Return an experiment's curves, with what was given of its own options."""
    options = {name: given[name] for name in experiment.options if given[name] is not None}
    return experiment.curves(experiment.samples if samples is None else samples, **options)


def _checked(seeds: int | Iterable[int]) -> list[int]:
    """Return the seeds as a list, each once."""
    several = list(seeds) if isinstance(seeds, Iterable) else [seeds]
    if not several:
        raise ValueError("seeds is empty, expected at least one number")
    return list(dict.fromkeys(check_seed("seeds", seed) for seed in several))


def _adjuster(
    datapoints: int | None, data_path: str | Path | None
) -> Callable[[Curve, int], Curve]:
    """Return a function that gives a curve what was asked for, and a seed."""
    if datapoints is not None:
        datapoints = check_count("datapoints", datapoints)
    if data_path is not None:
        data_path = str(expanded("data_path", data_path).resolve())

    def adjust(curve: Curve, seed: int) -> Curve:
        changes: dict[str, Any] = {"seed": seed}
        if curve.log_px_datapoints and datapoints is not None:
            changes["log_px_datapoints"] = datapoints
        if curve.dataset == "frey":
            changes["data_path"] = data_path
        return replace(curve, **changes)

    return adjust


def _merged(plan: dict[Experiment, list[Curve]]) -> list[Curve]:
    """Return the curves of all figures, each once."""
    curves: dict[str, Curve] = {}
    for curve in (curve for parts in plan.values() for curve in parts):
        known = curves.get(curve.name)
        curves[curve.name] = curve if known is None else known.merged_with(curve)
    return list(curves.values())


def _chosen(curves: list[Curve], only: str) -> list[Curve]:
    is_pattern = isinstance(only, str)
    chosen = [curve for curve in curves if fnmatchcase(curve.name, only)] if is_pattern else []
    if not chosen:
        names = ", ".join(curve.name for curve in curves)
        raise ValueError(f"only is {only!r}, expected a pattern of one of {names}")
    return chosen


def _check_data(curves: list[Curve]) -> None:
    """Find every data set before the work starts, and download it once if need be."""
    for dataset, path in {(curve.dataset, curve.data_path) for curve in curves}:
        try:
            datasets.load(dataset, path)
        except FileNotFoundError as error:
            first_line = str(error).partition("\n")[0]
            raise FileNotFoundError(f"{first_line}; or leave it out (--skip-frey)") from error


def _check_folder(folder: Path, curves: list[Curve], plan: dict[Experiment, list[Curve]]) -> None:
    """Make the folders of all curves, or say what is in the way, before the work starts."""
    folder.mkdir(parents=True, exist_ok=True)
    for curve in curves:
        CurveFolder(curve, folder).settings()
    for experiment, parts in plan.items():
        for place in measured_curves(parts, experiment.varying, folder):
            place.settings()
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"folder: {folder} cannot be written")


def _write(experiment: Experiment, places: list[CurveFolder], folder: Path) -> list[Path]:
    """Write the table of all that was measured, and the picture or the text; return their paths."""
    table, picture, text = (
        folder / f"{experiment.name}.{suffix}" for suffix in ("csv", "png", "txt")
    )
    with atomic_write(table, "w", newline="") as file:
        writer = csv.writer(file)
        curve = places[0].curve
        writer.writerow((*curve.heading, *curve.columns))
        for place in places:
            settings = place.settings()
            settings["n_train"] = settings["n_train"] or "all"
            head = [settings[name] for name in curve.heading]
            for row in place.rows():
                writer.writerow([*head, *(row[name] for name in curve.columns)])
    drawn = experiment.draw(places)
    if not isinstance(drawn, str):
        plots.save(drawn, picture)
        return [table, picture]
    with atomic_write(text, "w") as file:
        file.write(f"{drawn}\n")
    return [table, text]
