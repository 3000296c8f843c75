"""Sizes for made-up problems."""


def different(rng, count, low=3, high=10):
    """Return whole numbers of which no two are alike, from `low` up to `high` - 1."""
    return [int(size) for size in low + rng.permutation(high - low)[:count]]
