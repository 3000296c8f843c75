"""Predict, then run: questions inside the pages, with few answers or one number.

``predict("name", answer)`` answers in words, as the checker of the exercises does. An answer is a
string, one of those that the page offers, or a number.
"""

from numbers import Real

from exercises import questions_00_to_04, questions_05_to_09, questions_10_to_15
from exercises.checking import Verdict
from exercises.diagnosis import NOT_FILLED_IN

QUESTIONS = {
    **questions_00_to_04.QUESTIONS,
    **questions_05_to_09.QUESTIONS,
    **questions_10_to_15.QUESTIONS,
}


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
