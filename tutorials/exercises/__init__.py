"""Exercises that check themselves: what the notebooks call after a cell of the reader's.

A notebook, its exercises, their answers and the answers that the tests try share one name:

    tutorials/04_backpropagation_by_hand.ipynb              the text
    tutorials/exercises/04_backpropagation_by_hand.py       EXERCISES, a list of `Exercise`
    tutorials/answers/04_backpropagation_by_hand.py         a function for each of them
    tests/wrong_answers/04_backpropagation_by_hand.py       WRONG, what readers get wrong
    tests/right_answers/04_backpropagation_by_hand.py       RIGHT, what they get right in other ways

The notebook says ``check = checker("04_backpropagation_by_hand")``, later ``check(my_function)``.
A cell that is still as it came, with ``...`` where the reader's lines will be, is no error.

`checking` runs a function and gives a verdict, `calling` calls it whatever it is, `comparing` looks
for what is wrong with each part of a result, `diagnosis` and `shapes` put that in words.
`predictions` answers in the same words to what `questions_*` ask between the exercises.
"""

from exercises.checking import Exercise, Verdict, checker, load
from exercises.diagnosis import Case, diagnose

__all__ = ["Case", "Exercise", "Verdict", "checker", "diagnose", "load"]
