"""What a figure or a table is: its curves, and how it is made from their folders."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure

from minivae.experiments.curves import START_STD, Curve, CurveFolder
from minivae.validation import check_count


class Model(NamedTuple):
    """A model of the paper; one hidden layer in encoder and decoder.

    Figure 2 has it once for each of the standard deviations `starts` that its weights may have in
    the beginning.
    """

    dataset: str
    n_latent: int
    hidden: int
    likelihood: str = "bernoulli"
    starts: tuple[float, ...] = (START_STD,)


MNIST = tuple(Model("mnist", n_latent, 500) for n_latent in (2, 3, 5, 10, 20, 200))
# Both readings of "N(0, 0.01)", on which Frey Faces depend: standard deviation, variance.
_STARTS = (START_STD, 0.1)
FREY = tuple(
    Model("frey", n_latent, 200, "gaussian-sigmoid", _STARTS) for n_latent in (2, 5, 10, 20)
)


@dataclass(frozen=True)
class Experiment:
    """A figure of the paper, or a table of another one.

    Attributes
    ----------
    name : str
        "figure2", ...
    samples : int or None
        The default budget of every curve, in training samples: minutes on two cores. None: that of
        `curves`.
    curves : callable
        ``curves(samples)`` returns a list of `Curve`.
    draw : callable
        ``draw(places)`` returns the figure, or the text of a table, for a list of `CurveFolder` in
        which something has been measured.
    options : tuple of str
        What else `curves` takes, by name.
    varying : tuple of str
        Curves that differ from these in such settings only belong to it as well, if the folder
        holds them.
    """

    name: str
    samples: int | None
    curves: Callable[..., list[Curve]]
    draw: Callable[[list[CurveFolder]], Figure | str]
    options: tuple[str, ...] = ()
    varying: tuple[str, ...] = ()


def log_spaced(samples: int) -> tuple[int, ...]:
    """Return round numbers of samples from 10,000 on, five in a decade, that end with `samples`.

    The others do not depend on `samples`, so that a curve can go on to a larger budget.
    """
    samples = check_count("samples", samples)
    points, power = [], 10_000
    while power < samples:
        points += [power * part // 10 for part in (10, 16, 25, 40, 63)]
        power *= 10
    return (*(point for point in points if point < samples), samples)


def title(curve: Curve) -> str:
    """Return what the paper calls a model, such as "MNIST, $N_z$ = 3"."""
    return f"{dataset_title(curve.dataset)}, $N_z$ = {curve.n_latent}"


def dataset_title(dataset: str) -> str:
    """Return what the paper calls a data set; of a file, the name."""
    return {"mnist": "MNIST", "frey": "Frey Faces"}.get(dataset, Path(dataset).stem)
