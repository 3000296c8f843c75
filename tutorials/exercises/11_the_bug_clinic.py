"""Exercises of notebook 11: a test of samplers, eight diagnoses, a hidden beta."""

import numpy as np

from exercises import Exercise
from exercises.calling import Complaint, call
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
    if callable(came):
        came = call(came)
    if not isinstance(came, dict):
        return f"  it is of type {type(came).__name__}, expected a dict"
    call(lambda: tuple(came.values()))  # as it came, it is not filled in
    said = {str(letter).strip().upper(): _short(name) for letter, name in came.items()}
    lines = []
    for letter, disease in _right().items():
        name = said.get(letter, ...)
        if name is ...:
            lines.append(f"  {letter}: not filled in yet")
        elif name not in list(DISEASES):
            lines.append(f"  {letter}: {name!r} came, expected one of {', '.join(DISEASES)}")
        elif name != disease:
            lines.append(f"  {letter}: not {name}; {SYMPTOMS[letter]}")
        else:
            lines.append(f"  {letter}: right")
    return None if all(line.endswith(": right") for line in lines) else "\n".join(lines)


def _short(name):
    """A disease by its short name, if that is how, or almost how, it was written."""
    if not isinstance(name, str):
        return name
    described = {words.lower(): short for short, words in DISEASES.items()}
    name = name.strip().lower()
    return described.get(name, name)


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


def sampler(mean=1.0, sigma=lambda log_var: np.exp(log_var / 2), noise=lambda eps: eps):
    """Return a sampler; what is left out is right."""

    def sample(mu, log_var, eps):
        mu, log_var, eps = map(np.asarray, (mu, log_var, eps))
        return mean * mu + sigma(log_var) * noise(eps) + 0 * eps

    return sample


def correlated(eps, axis):
    """Noise of variance 1, of which all along an axis have a part in common with the first."""
    first, rest = np.split(eps, [1], axis)
    return np.concatenate([first, 0.8 * first + 0.6 * rest], axis)


# Each draws from the right distribution, in its own way.
SOUND = {
    "mu + sigma eps": sampler(),
    "mu - sigma eps, as good as mu + sigma eps": sampler(noise=lambda eps: -eps),
    "mu + sigma eps with the draws in another order": sampler(noise=lambda eps: eps[::-1]),
    "one that hands the noise of a datapoint to the next one": (
        sampler(noise=lambda eps: np.roll(eps, 1, axis=1))
    ),
}
BROKEN = {
    "whose standard deviation is exp(log_var): do you try a log_var that is not 0?": (
        sampler(sigma=np.exp)
    ),
    "whose standard deviation is 1: do you try a log_var that is not 0?": (
        sampler(sigma=np.ones_like)
    ),
    "whose mean is 0: do you try a mu that is not 0?": sampler(mean=0),
    "whose mean is -mu: do you compare with mu itself, not with its size?": sampler(mean=-1),
    "that takes the absolute value of the noise: do you look at the mean?": sampler(noise=np.abs),
    "that gives all datapoints the noise of the first: do you look at two rows together?": (
        sampler(noise=lambda eps: eps[:, :1])
    ),
    "that gives all latents the noise of the first: do you look at two latents together?": (
        sampler(noise=lambda eps: eps[..., :1])
    ),
    "whose datapoints share a part of their noise: unequal is not independent; do you look at "
    "correlations?": sampler(noise=lambda eps: correlated(eps, axis=1)),
    "whose latents share a part of their noise: unequal is not independent; do you look at "
    "correlations?": sampler(noise=lambda eps: correlated(eps, axis=2)),
}


def accepts(test, sample):
    """What a test says of a sampler."""
    said = call(test, sample)
    answers = 1
    if isinstance(said, np.ndarray):
        answers = said.size
    elif isinstance(said, list | tuple):  # of arrays of unequal shapes, perhaps
        answers = call(lambda: sum(map(np.size, said)))
    if answers != 1:
        raise Complaint(
            f"  it returns {answers} answers, expected True or False: np.all joins them"
        )
    return call(lambda: bool(said))


def judge_test(came):
    if not callable(came):
        return f"  it is of type {type(came).__name__}, expected a function"
    for name, sample in [*SOUND.items()] * 2:
        if not accepts(came, sample):
            return (
                f"  it refuses a sound sampler, {name}. The mean of n draws is off by about sigma "
                "/ sqrt(n) by chance, their standard deviation by sigma / sqrt(2 n): allow five "
                "times that"
            )
    for words, sample in BROKEN.items():
        if accepts(came, sample):
            return f"  it accepts a sampler {words}"
    return None


def beta_problem(rng):
    """More than two latents, and more pixels than their square: no two quotients are the same."""
    return {"D": int(rng.integers(400, 1000)), "J": int(rng.integers(3, 20))}


EXERCISES = [
    Exercise("sampler_is_sound", judge=judge_test, minutes=30),
    Exercise("diagnosis", judge=judge_diagnosis, minutes=30),
    Exercise(
        "hidden_beta",
        beta_problem,
        minutes=5,
        mistakes={
            "upside down: multiply by D, so that the reconstruction has the factor 1": (
                lambda D, J: J / D
            ),
            "with D for both factors, nothing is left of J": lambda D, J: 1.0,
            "the quotient of the factors, not their product: (1/J) / (1/D)": lambda D, J: (
                1 / (D * J)
            ),
            "the KL's factor is J's, the other's is D's: both have to be brought over": (
                lambda D, J: D * J
            ),
            "factors that multiply are divided, not subtracted": lambda D, J: 1 / D - 1 / J,
            "the KL is divided by J as well": lambda D, J: D,
            "the reconstruction is divided by D: bring that factor to 1 first": (
                lambda D, J: 1 / J
            ),
        },
    ),
]
