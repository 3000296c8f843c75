"""Would the tests notice? Known mistakes are planted, and the right checks have to fail.

The table itself is in `bugs_next_door` (found in public code), `bugs_at_home` and those named after
a room, such as `bugs_in_skills`; read it there.
Every check is seen to pass on the sound library first, in the same test. The checks named as blind
are seen to stay green under the bug, which is why there are others: what a gradient check cannot
see is a gradient that is right, of the wrong function.
"""

import bugs_at_home
import bugs_in_convolutions
import bugs_in_sentences
import bugs_in_skills
import bugs_next_door
import numpy as np
import pytest
from bugs import BUGS


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_is_caught(bug, monkeypatch):
    for check in bug.caught_by + bug.missed_by:
        check.run()

    bug.plant(monkeypatch)
    for check in bug.missed_by:
        check.run()
    for check in bug.caught_by:
        with np.errstate(all="ignore"):
            try:
                check.run()
            except AssertionError:
                continue
        pytest.fail(f"{check.name} has not noticed that {bug.name.replace('_', ' ')}")


def test_the_table_is_whole():
    names = [bug.name for bug in BUGS]
    assert len(set(names)) == len(names)
    for module, least in (
        (bugs_next_door, 9), (bugs_at_home, 12), (bugs_in_skills, 5), (bugs_in_convolutions, 5),
        (bugs_in_sentences, 10),
    ):  # fmt: skip
        assert sum(bug.plant.__module__ == module.__name__ for bug in BUGS) >= least
    assert all(bug.caught_by for bug in BUGS)


def test_the_gradient_check_alone_is_not_enough():
    blind = [bug for bug in BUGS if any("gradient check" in c.name for c in bug.missed_by)]
    assert len(blind) > len(BUGS) / 2
