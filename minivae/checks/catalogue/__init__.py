"""The table of `minivae gradcheck`: random problems for every hand-derived gradient, by subject."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

Problem: TypeAlias = tuple[Callable[[Any], tuple[float, Any]], Any]
"""A function that returns a value and a gradient, and where to check it."""

Make: TypeAlias = Callable[[np.random.Generator], Problem]
"""Makes a random problem."""
