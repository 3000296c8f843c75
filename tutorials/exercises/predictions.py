"""Predict, then run: questions inside the pages, with few answers or one number.

``predict("name", answer)`` answers in words, as the checker of the exercises does. An answer is a
string, one of those that the page offers, or a number.
"""

import math
from dataclasses import dataclass, field
from numbers import Real

from exercises.checking import Verdict
from exercises.diagnosis import NOT_FILLED_IN


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


QUESTIONS = {
    # 0
    "fair_coins": Question(
        -784 * math.log(2),
        "each of 784 pixels costs log 2 nats",
        {
            784 * math.log(2): "the size is right; the logarithm of a probability is negative",
            -784: "that is in bits: a nat is a factor of e, and a coin has log 2 of them",
            -math.log(2): "that is a single pixel, and there are 784",
        },
    ),
    # 1
    "one_more_dimension": Question(
        "a factor",
        "a draw has to be right in every dimension, and these chances multiply",
        {
            "an amount": "a draw has to be right in every dimension: do chances add or multiply?",
            "nothing": "the error falls as one over the root of the number of draws in any "
            "dimension, but what stands before that root?",
        },
    ),
    "draws_above": Question(
        "some",
        "only their mean is bounded",
        {"none": "what is bounded is a mean, and a mean says little about a single number"},
    ),
    # 2
    "more_rolls": Question(
        "it stays",
        "every new roll brings its own doubt about its oven",
        {
            "it goes to 1": "each new roll also brings a new unknown, its oven, and the product "
            "treats a guess at it as knowledge",
            "it goes to 0": "both deviations shrink as one over the root of n",
        },
    ),
    # 3
    "a_hundred_more": Question(
        30 + 8 * 100 + 100**2,
        "30 + 2 c E[z^2 eps^2] + c^2, and E[z^2 eps^2] is 4",
        {
            30: "a constant does not change the mean of the estimates; look at their square",
            30 + 100**2: "the square has a mixed term, too: 2 c E[z^2 eps^2]",
            4: "that is the reparameterised one, which does not notice",
        },
    ),
    # 4
    "half_the_step": Question(
        4,
        "its remainder goes as the square of h",
        {
            2: "that is so for one-sided differences; here the term in h drops out",
            8: "the remainder is h^3 f''' / 6 in the numerator, and that is divided by h",
            1 / 4: "it gets smaller: give the factor by which it is divided",
        },
    ),
    # 5
    "half_the_width": Question(
        math.log(2),
        "-log sigma rises by log 2; the square of a small sigma hardly counts",
        {
            1.0: "that is in bits",
            2 * math.log(2): "- log sigma^2 has a factor of one half before it",
        },
    ),
    # 6
    "silenced": Question(
        "worse",
        "noise is not ignorance: the decoder takes it for a message",
        {
            "the same": "somebody who knows nothing may say the average digit; does the decoder "
            "know that it knows nothing?",
            "better": "look at what the decoder is handed in place of a code",
        },
    ),
    # 7
    "a_quarter_of_the_step": Question(
        16,
        "the error goes as the square of the step",
        {
            4: "that would be a method of first order; the leapfrog is symmetric in time",
            64: "a single step's error goes as the cube, but there are more of them",
        },
    ),
    "the_side_of_appendix_d": Question(
        "high",
        "Jensen's inequality with a minus sign in front of the logarithm",
        {
            "low": "that is importance sampling; here the logarithm has a minus sign before it",
            "neither": "the mean of the quotients is right, but we take its logarithm",
        },
    ),
    # 8
    "after_sleep": Question(
        "falls",
        "sleep climbs another function, on other digits",
        {
            "rises": "which function does sleep climb, and on which digits?",
            "stays": "the encoder changes, and the bound of real digits depends on it",
        },
    ),
    # 9
    "pca_or_posterior": Question(
        "the posterior mean",
        "the prior pulls it towards the middle",
        {
            "the projection": "the prior has a say, too, and where is it highest?",
            "both the same": "they agree only if there is no noise",
        },
    ),
    # 10
    "best_on_new_digits": Question(
        "map",
        "full VB overfits least, but underfits: it gives most of its hidden units back",
        {
            "ml": "with 200 digits and ten thousand weights it learns them by heart",
            "full vb": "it has the smallest gap between old and new digits; is that all one wants?",
        },
    ),
    # 11
    "found_by_gradient_check": Question(
        3,
        "two whose backward is wrong, and one that it refuses to check",
        {8: "would it see a bound that is the wrong function, and rightly differentiated?"},
        within=0,
    ),
    # 12
    "one_row": Question(
        0.5,
        "a weight of four bytes is used for one multiplication and one addition",
        {
            2: "that is bytes per FLOP",
            0.25: "an addition is an operation, too",
        },
    ),
    # 13
    "too_sure": Question(
        "too small",
        "skills go up and down together, and a product cannot say so",
        {
            "too large": "what a posterior couples, a product believes too firmly (notebook 2)",
            "right": "think of all skills going up by the same amount",
        },
    ),
}  # fmt: skip


def predict(name, came):
    """Return a `Verdict` on an answer; dots mean that there is none yet."""
    if name not in QUESTIONS:
        raise ValueError(f"name is {name!r}, expected one of {', '.join(QUESTIONS)}")
    question = QUESTIONS[name]
    if came is ...:
        return Verdict(name, NOT_FILLED_IN)
    wanted = Real if question.is_number() else str
    if not isinstance(came, wanted) or isinstance(came, bool):
        kind = "a number" if wanted is Real else "one of the answers, in quotes"
        return Verdict(name, "not yet right", f"  {came!r} came, expected {kind}")
    if question.meets(came, question.answer):
        return Verdict(name, "right", f"  {question.because}")
    for answer, words in question.instead.items():
        if question.meets(came, answer):
            return Verdict(name, "not yet right", f"  {words}")
    if question.is_number():
        return Verdict(name, "not yet right", "  run on, and see why")
    offered = ", ".join(sorted(f'"{a}"' for a in (question.answer, *question.instead)))
    return Verdict(name, "not yet right", f"  {came!r} came, expected one of {offered}")
