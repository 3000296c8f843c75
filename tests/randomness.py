"""Where the tests' random numbers come from: fixed as a rule, others when one asks for them.

Seeds. Every generator of the tests and of the library is made by ``numpy.random.default_rng`` from
a given seed, so that a run repeats the run before. A test may fix a seed, but not live on its luck:

    MINIVAE_TEST_SEED=1 pytest -n auto

gives every generator of this process another stream of numbers, and all tests still have to pass.
Zero, the default, changes nothing. A test that compares with numbers of one known draw has the mark
``fixed_draw`` and keeps its seed.

Examples. Hypothesis' standard profile is derandomised: a commit gives the same answer in every run,
so that a red test is about the change and nobody learns to press the button again. New examples,
twenty times as many, are looked for on purpose:

    pytest --hypothesis-profile=explore

A fifth of them is enough where the same tests have just passed in other arithmetic:

    python tests/arithmetic.py haswell --hypothesis-profile=again

There are no deadlines: the first use of a kernel compiles it, and machines are slow.
"""

import os

import numpy as np
from hypothesis import HealthCheck, Phase, settings

SHIFT = int(os.environ.get("MINIVAE_TEST_SEED", "0"))
USUAL = 50  # examples
EXPLORE = 20  # times as many
AGAIN = 5  # times fewer

default_rng = np.random.default_rng


def shifted_rng(seed=None):
    """``numpy.random.default_rng``, with another stream of numbers for a seed than it has."""
    if isinstance(seed, np.random.SeedSequence):
        entropy = np.atleast_1d(np.asarray(seed.entropy, dtype=object)).tolist()
        return default_rng(np.random.SeedSequence([SHIFT, *entropy], spawn_key=seed.spawn_key))
    if isinstance(seed, (int, np.integer)):
        return default_rng([SHIFT, int(seed)])
    if isinstance(seed, (list, tuple, np.ndarray)):
        return default_rng([SHIFT, *map(int, seed)])
    return default_rng(seed)  # a generator, or none that could be repeated


def shift_seeds():
    """Shift the seeds of this process, if the environment asks for it."""
    if SHIFT:
        np.random.default_rng = shifted_rng


def fix_draw(monkeypatch):
    """Leave the seeds as they are, for one test."""
    monkeypatch.setattr(np.random, "default_rng", default_rng)


def register_profiles():
    """Make the profiles known to Hypothesis."""
    common = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
    settings.register_profile("standard", derandomize=True, max_examples=USUAL, **common)
    settings.register_profile("explore", derandomize=False, max_examples=USUAL * EXPLORE, **common)
    # For a second run, with other arithmetic: the first has been through the shapes.
    settings.register_profile("again", derandomize=True, max_examples=USUAL // AGAIN, **common)
    # For `mutation`: whether a test fails is all that matters, not the smallest example.
    hasty = {"derandomize": True, "max_examples": 5, "phases": [Phase.explicit, Phase.generate]}
    settings.register_profile("impatient", **hasty, **common)
    settings.load_profile("standard")


def examples(count):
    """For a test whose examples are dear: so many in the standard profile, else in proportion."""

    def decorate(test):
        return settings(max_examples=max(1, count * settings.default.max_examples // USUAL))(test)

    return decorate
