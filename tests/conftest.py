"""How the tests generate their examples.

The standard profile is derandomised: a commit gives the same answer on every machine and in every
run, so that a red test is about the change and not about luck, and nobody learns to press the
button again. New examples are looked for on purpose:

    pytest --hypothesis-profile=explore

draws others each time, and twenty times as many. There are no deadlines, because the first use of
a kernel compiles it.
"""

from hypothesis import settings

settings.register_profile("standard", derandomize=True, deadline=None, max_examples=50)
settings.register_profile("explore", derandomize=False, deadline=None, max_examples=1000)
settings.load_profile("standard")
