"""The first steps of training are what they were: every option of `fit`, to rounding.

The numbers were written by `snapshot/snapshot.py`, which compares much more where bits can be.
"""

import numpy as np
import pytest
from snapshot.snapshot import FILE, first_steps, settings


@pytest.fixture(scope="module")
def kept():
    with np.load(FILE) as file:
        return dict(file)


@pytest.mark.fixed_draw
@pytest.mark.parametrize("name", settings())
def test_the_first_steps_are_what_they_were(name, kept):
    before = kept[f"{name}, first steps"][1:]  # without the checksum: rounding may differ
    after = first_steps(name)[1:]
    np.testing.assert_allclose(after, before, rtol=1e-8, atol=1e-9)
