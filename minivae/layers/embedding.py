"""Words as vectors: a table with a row for each, looked up and, backward, added up.

forward     x = E[word]
gradient    dE[word] = the sum of dx over all places where the word stands
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from minivae.engine.mode import has_kernel
from minivae.protocols import Arrays, New, Parts
from minivae.validation import check_count


@has_kernel
def add_rows(words: np.ndarray, dx: np.ndarray, first: int, out: np.ndarray) -> None:
    """Set out <- for each of some words, the sum of its rows of dx.

    Parameters
    ----------
    words : (N,) array of int
    dx : (N, n) array
    first : int
        The first of these words.
    out : (q, n) array
        Overwritten, with a row for each of q words.
    """
    out[:] = 0
    here = (words >= first) & (words < first + len(out))
    np.add.at(out, words[here] - first, dx[here])


class Scatter(NamedTuple):
    """dE: every row of dx is added to that of its word.

    Attributes
    ----------
    words : (N,) array of int
    dx : (N, n) array
    """

    words: np.ndarray
    dx: np.ndarray

    def write(self, out: np.ndarray, first: int = 0) -> None:
        """Overwrite `out`, a vector, with entries of dE: from `first` on, where a row starts."""
        width = self.dx.shape[1]
        add_rows(self.words, self.dx, first // width, out.reshape(-1, width))


@dataclass(frozen=True)
class Embedding:
    """A table of vectors, one for each word.

    Parameters
    ----------
    n_words : int
    n_out : int
        Numbers in a vector.
    """

    n_words: int
    n_out: int

    def __post_init__(self) -> None:
        for name in ("n_words", "n_out"):
            object.__setattr__(self, name, check_count(name, getattr(self, name)))

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """E is (n_words, n_out)."""
        return {"E": (self.n_words, self.n_out)}

    def init(self, params: Arrays, rng: np.random.Generator, std: float) -> None:
        """Draw the vectors from N(0, std^2)."""
        params["E"][:] = std * rng.standard_normal(params["E"].shape)

    def forward(
        self, params: Arrays, words: np.ndarray, new: New = np.empty
    ) -> tuple[np.ndarray, Any]:
        """Return the vectors of words, (N, n_out), and what `backward` needs.

        Parameters
        ----------
        params : dict of str to array
        words : (N,) array of int
            Below n_words: this is not looked at.
        new : callable
        """
        x = new((len(words), self.n_out), params["E"].dtype)
        np.take(params["E"], words, axis=0, out=x, mode="clip")  # clip: no copy in between
        return x, words

    def backward(self, saved: Any, dx: np.ndarray) -> Parts:
        """Return what the gradient of E is made of; dx, (N, n_out), is kept in it."""
        return {"E": Scatter(saved, dx)}
