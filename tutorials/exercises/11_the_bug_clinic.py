"""Exercises of notebook 11: eight diagnoses, a test of samplers, a hidden beta."""

import numpy as np

from exercises import Exercise
from exercises.checking import call
from exercises.clinic import DISEASES, PATIENTS

# What each patient's symptoms rule in or out, without saying what it is.
SYMPTOMS = {
    "A": "its gradient is right in W4 and b4 and wrong in all that comes before: which step lies "
    "between them?",
    "B": "its gradient is right, its known value is too small by a factor: what is that factor?",
    "C": "called twice with the same arguments it gave two values: what in it can be random?",
    "D": "compare the standard deviations that it says with those of its draws",
    "E": "of W4 only the columns that belong to lambda are wrong: which message is it?",
    "F": "its bound is right, its evidence is not, nor is a batch the mean of its datapoints",
    "G": "look at its known value, and at what was expected",
    "H": "all that it computes is right, except for the length of its steps",
}


def judge_diagnosis(came):
    if not isinstance(came, dict):
        came = call(came) if callable(came) else came
        return f"  it is of type {type(came).__name__}, expected a dict"
    call(lambda: tuple(came.values()))  # as it came, it is not filled in
    lines = []
    for letter, disease in _right().items():
        said = came.get(letter, ...)
        if said is ...:
            lines.append(f"  {letter}: not filled in yet")
        elif said not in list(DISEASES):
            lines.append(f"  {letter}: {said!r} came, expected one of {', '.join(DISEASES)}")
        elif said != disease:
            lines.append(f"  {letter}: not {said}; {SYMPTOMS[letter]}")
        else:
            lines.append(f"  {letter}: right")
    return None if all(line.endswith(": right") for line in lines) else "\n".join(lines)


def _right():
    """The disease of each patient; those that nobody has are left over."""
    diseases = dict(
        MissingPath="path",
        HiddenBeta="beta",
        SecondNoise="noise",
        WideSampler="sampler",
        StraySlope="slope",
        WrongAxis="axis",
        WrongSign="sign",
        CountsEpochs="epochs",
    )
    return {letter: diseases[patient.__name__] for letter, patient in PATIENTS.items()}


def sound(mu, log_var, eps):
    return mu + np.exp(log_var / 2) * eps


SAMPLERS = {
    "whose standard deviation is exp(log_var): do you try a log_var that is not 0?": (
        lambda mu, log_var, eps: mu + np.exp(log_var) * eps
    ),
    "whose standard deviation is 1: do you try a log_var that is not 0?": (
        lambda mu, log_var, eps: mu + eps
    ),
    "whose mean is 0: do you try a mu that is not 0?": (
        lambda mu, log_var, eps: 0 * mu + np.exp(log_var / 2) * eps
    ),
    "that takes the absolute value of the noise: do you look at the mean?": (
        lambda mu, log_var, eps: mu + np.exp(log_var / 2) * np.abs(eps)
    ),
    "that gives all datapoints the noise of the first: do you look at two rows together?": (
        lambda mu, log_var, eps: mu + np.exp(log_var / 2) * eps[:, :1] + 0 * eps
    ),
}


def judge_test(came):
    if not callable(came):
        return f"  it is of type {type(came).__name__}, expected a function"
    for _ in range(5):
        if not call(came, sound):
            return (
                "  it refuses a sound sampler: the mean of n draws is off by about sigma / sqrt(n) "
                "by chance, their standard deviation by sigma / sqrt(2 n); allow five times that"
            )
    for words, sampler in SAMPLERS.items():
        if call(came, sampler):
            return f"  it accepts a sampler {words}"
    return None


def beta_problem(rng):
    """More than two latents, and more pixels than their square: no two quotients are the same."""
    return {"D": int(rng.integers(400, 1000)), "J": int(rng.integers(3, 20))}


EXERCISES = [
    Exercise("diagnosis", judge=judge_diagnosis),
    Exercise("sampler_is_sound", judge=judge_test),
    Exercise(
        "hidden_beta",
        beta_problem,
        mistakes={
            "upside down: multiply by D, so that the reconstruction has the factor 1": (
                lambda D, J: J / D
            ),
            "the KL is divided by J as well": lambda D, J: D,
            "the reconstruction is divided by D: bring that factor to 1 first": (
                lambda D, J: 1 / J
            ),
        },
    ),
]
