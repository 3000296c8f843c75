"""Seeds and examples for all tests: see `randomness`."""

import pytest
from randomness import fix_draw, register_profiles, shift_seeds

register_profiles()
shift_seeds()  # before any test module is imported: some draw their data there


@pytest.fixture(autouse=True)
def _fixed_draw(request, monkeypatch):
    if request.node.get_closest_marker("fixed_draw"):
        fix_draw(monkeypatch)
