"""A question of "predict, then run": its answer, and what is said to whoever gives another one."""

import math
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Question:
    """A question, and what is said to whoever answers it.

    Attributes
    ----------
    answer : str or float
    because : str
        Said to a right answer.
    instead : dict
        What is said to wrong ones. A question in words has all its other answers here, a question
        for a number the likely ones.
    within : float
        By how much a number may be off, relative to the answer.
    """

    answer: str | float
    because: str
    instead: dict = field(default_factory=dict)
    within: float = 0.02

    def is_number(self):
        """Whether a number is asked for."""
        return not isinstance(self.answer, str)

    def meets(self, came, answer):
        """Whether `came` is that answer."""
        if self.is_number():
            return math.isclose(came, answer, rel_tol=self.within)
        return came.strip().casefold() == answer
