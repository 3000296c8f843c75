"""Table 1 of Burda, Grosse and Salakhutdinov (2015), its part with one stochastic layer of MNIST.

-log p(x) of the test digits under models that were trained with k = 1, 5 and 50 samples of z, and
how many latents they use. It is a table that was published; the paper prints curves.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from minivae.experiments.curves import Curve, CurveFolder
from minivae.experiments.experiment import Experiment
from minivae.experiments.importance_weighted import STAGES, ImportanceWeightedCurve, passes_after
from minivae.validation import check_count

_MODEL = ImportanceWeightedCurve("mnist", "iwae", 50, 200, (1,))
_DEFAULT_STAGES = 2

PUBLISHED = {  # k: -log p(x) and active latents as published; -log p(x) of github.com/nbip/IWAE
    1: ("86.76", "19", "87.75"),
    5: ("85.54", "22", "85.50"),
    50: ("84.78", "25", "84.65"),
}
_COLUMNS = (
    "k", "minibatch", "biases", "seed", "passes", "digits", "-log p(x)", "error", "active",
    "published", "active", "nbip/IWAE",
)  # fmt: skip
_NOTES = (
    "-log p(x) in nats per test digit, its standard error as a mean over so many, and how many",
    f"latents are active. Published: after {passes_after(STAGES)} passes, with minibatches of 20,",
    "of all 10,000 digits.",
)


def curves(
    samples: int | None = None,
    stages: int | None = None,
    k: Iterable[int] = tuple(PUBLISHED),
    batch_size: int = 20,
    biases: str = _MODEL.biases,
    model: ImportanceWeightedCurve = _MODEL,
) -> list[Curve]:
    """Return the table's models, as curves that are measured at the end of every stage.

    Parameters
    ----------
    samples : int, optional
        Their budget, unless `stages` is given.
    stages : int, optional
        How much of the schedule: that many stages, of 1, 3, 9, ... passes; the whole has eight.
        Default: two, if no budget is given.
    k : iterable of int
    batch_size : int
    biases : str
        As for `ImportanceWeightedCurve`.
    model : ImportanceWeightedCurve
        All else.

    Raises
    ------
    ValueError
        If one of them cannot be.
    """
    model = replace(model, batch_size=check_count("batch_size", batch_size), biases=biases)
    if stages is not None and check_count("stages", stages) > STAGES:
        raise ValueError(f"stages is {stages}, expected at most {STAGES}")
    if isinstance(k, str) or not np.iterable(k):
        raise ValueError(f"k is {k!r}, expected whole numbers in a tuple")
    ks = dict.fromkeys(check_count("k", each) for each in k)
    if not ks:
        raise ValueError("k is empty, expected at least one number")
    ends = [passes_after(i) * model.samples_per_pass for i in range(1, STAGES + 1)]
    if samples is None or stages is not None:
        samples = ends[(_DEFAULT_STAGES if stages is None else stages) - 1]
    points = (*(end for end in ends if end < samples), samples)
    return [replace(model, k=each, points=points) for each in ks]


def draw(places: Sequence[CurveFolder]) -> str:
    """Return the table as text: of each model what it came to last, and what was published."""
    rows = [_COLUMNS]
    for place in places:
        curve, last = place.curve, place.rows()[-1]
        assert isinstance(curve, ImportanceWeightedCurve)
        published, active, another = PUBLISHED.get(curve.k, ("", "", ""))
        rows.append(
            (
                str(curve.k),
                str(curve.batch_size),
                curve.biases,
                str(curve.seed),
                f"{last['passes']:.4g}",
                str(last["test_log_px_datapoints"]),
                f"{-last['test_log_px']:.2f}",
                f"{last['test_log_px_error']:.2f}",
                str(last["active_latents"]),
                published,
                active,
                another,
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.rjust, row, widths)) for row in rows]
    return "\n".join([*lines, "", *_NOTES])


TABLE1 = Experiment(
    "table1",
    None,
    curves,
    draw,
    options=("stages", "k", "batch_size", "biases"),
    varying=("biases", "batch_size", "k", "seed", "log_px_datapoints"),
)
