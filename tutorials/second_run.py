"""A run of every page with other random numbers, to hold the numbers in its text against.

What a text quotes has to be true of another run as well. ``python tutorials/execute.py --seed 1``
runs pages with all their random numbers shifted, those of the library included, and keeps the
numbers that they print in `KEPT`; tests/test_tutorials.py compares. A line with the comment
``# the same in every run`` makes data that the text is about, and is not shifted.
"""

import hashlib
import json
import re
from pathlib import Path

import numpy as np

KEPT = Path(__file__).with_name("second_run.json")
_UNSHIFTED = "# the same in every run"
_NUMBER = re.compile(r"(?<![\w.,^_-])[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?(?![\w^])")
unshifted = np.random.default_rng


def shift(seed):
    """Let `numpy.random.default_rng` give other generators, for the same arguments."""

    def shifted(given=None):
        if isinstance(given, np.random.SeedSequence):
            words = np.ravel([given.entropy]).tolist()
            given = np.random.SeedSequence([*words, seed], spawn_key=given.spawn_key)
        elif isinstance(given, int | np.integer | list | tuple):
            given = [*np.ravel(given).tolist(), seed]
        return unshifted(given)

    np.random.default_rng = shifted


def prepared(source):
    """Return a cell for the second run: data that the text is about stay what they are."""
    keep = "__import__('second_run').unshifted("
    return "\n".join(
        line.replace("np.random.default_rng(", keep) if _UNSHIFTED in line else line
        for line in source.split("\n")
    )


def numbers(text):
    """Return the numbers in a text, as they are written."""
    text = text.replace("\N{MINUS SIGN}", "-")
    return {match.rstrip(",").lstrip("+") for match in _NUMBER.findall(text)}


def printed(cells):
    """Return all text in the outputs of a notebook's cells."""
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    texts = [o.get("text") or o.get("data", {}).get("text/plain") or [] for o in outputs]
    return "\n".join("".join(text) for text in texts)


def fingerprint(cells):
    """Return what changes if a page computes something else; cells to fill in are left out."""
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    own = [s for s in sources if not s.startswith(("# Your turn", "# Replace the dots"))]
    return hashlib.sha256("\n\n".join(own).encode()).hexdigest()[:16]


def kept():
    """Return what second runs have printed, by page."""
    return json.loads(KEPT.read_text()) if KEPT.exists() else {}


def keep(stem, cells, outcome):
    """Keep the numbers of `outcome`, the cells of a second run of the page with these `cells`."""
    shown = sorted(numbers(printed(outcome)))
    pages = {**kept(), stem: {"fingerprint": fingerprint(cells), "numbers": " ".join(shown)}}
    KEPT.write_text(json.dumps(pages, indent=1, sort_keys=True) + "\n")


def agrees(quoted, shown, units):
    """Whether one of the numbers `shown` is within so many units of the last place of `quoted`."""
    plain = quoted.replace(",", "")
    mantissa, _, exponent = plain.partition("e")
    places = len(mantissa.partition(".")[2])
    unit = 10.0 ** (int(exponent or 0) - places)
    values = (float(other.replace(",", "")) for other in shown)
    return any(abs(value - float(plain)) <= 1.0001 * units * unit for value in values)
