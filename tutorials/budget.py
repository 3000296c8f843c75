"""How much a notebook may compute: all it was written for, or just enough to see that it runs.

``MINIVAE_TUTORIAL_BUDGET=small`` makes every cell run with less training and fewer samples. The
committed outputs are those of the full budget.
"""

import os

_VARIABLE = "MINIVAE_TUTORIAL_BUDGET"
_came = os.environ.get(_VARIABLE, "full")
if _came not in ("full", "small"):
    raise ValueError(f"{_VARIABLE} is {_came!r}, expected 'full' or 'small'")

FULL = _came == "full"


def budget(full, small):
    """Return `full`, or `small` where the environment asks for it."""
    return full if FULL else small
