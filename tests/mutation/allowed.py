"""Mutants that may live: why no test has to notice them.

By module and by what `run.py` prints. A mutant that is equivalent computes the same as the original
for all that a caller can see.
"""

ALLOWED = {}
