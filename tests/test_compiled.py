"""Machine code: it is made anew when any source has changed, and threads take turns around it."""

import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import minivae
from minivae.engine.mode import NUMPY_ONLY

pytestmark = pytest.mark.skipif(NUMPY_ONLY, reason="there are no kernels")

if not NUMPY_ONLY:
    from minivae.engine import kernels, turns
    from minivae.engine.compiled import kernel, part

SOFTPLUS = """
import numpy as np
from minivae.engine import kernels
h = np.zeros((1, 1))
kernels.softplus(h)
print(f"{h[0, 0]:.12f}", sum(kernels.softplus.stats.cache_hits.values()))
"""


@pytest.fixture
def run_a_copy(tmp_path):
    """Run code with a copy of the package, whose sources may be edited."""
    copy = tmp_path / "minivae"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(minivae.__file__).parent, copy, ignore=ignored)

    def run(code):
        result = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        return result.stdout.split()

    return copy, run


def test_an_edited_file_that_a_kernel_calls_into_is_compiled_anew(run_a_copy):
    copy, run = run_a_copy
    assert run(SOFTPLUS) == [f"{np.log(2):.12f}", "0"]
    assert run(SOFTPLUS) == [f"{np.log(2):.12f}", "1"]  # from the cache
    series = copy / "engine" / "vector_math.py"
    edited = series.read_text().replace("return two * s * total", "return s * total")
    assert edited != series.read_text()
    series.write_text(edited)
    assert run(SOFTPLUS) == [f"{np.log(2) / 2:.12f}", "0"]


# --- Turns ----------------------------------------------------------------------------------------


@pytest.fixture
def turn():
    """The number that says whether a thread has the turn, free before and after."""
    turns._TURN[0] = 0
    yield turns._TURN
    turns._TURN[0] = 0


@pytest.fixture(scope="module")
def waiting():
    """A compiled function that notes who has the turn while it runs."""

    def look(seen, turn):
        seen[0] = turn[0]

    return kernel(look)


def test_a_kernel_gives_up_its_turn_and_takes_it_when_it_returns(turn, waiting):
    seen = np.full(1, -1)
    for _ in range(2):  # the first time without having had one
        waiting(seen, turn)
        assert seen[0] == 0 and turn[0] == 1


def test_a_part_does_neither(turn):
    @part
    def look(seen, turn):
        seen[0] = turn[0]

    seen = np.full(1, -1)
    look(seen, turn)
    assert seen[0] == turn[0] == 0
    turn[0] = 1
    look(seen, turn)
    assert seen[0] == turn[0] == 1


def test_a_turn_is_waited_for_but_not_for_ever(turn):
    @part
    def compiled_enter():
        return turns.enter()

    assert compiled_enter() and turn[0] == 1
    for _ in range(3):
        assert not compiled_enter() and turn[0] == 1
    turn[0] = 0
    assert compiled_enter()


def test_a_turn_that_comes_free_is_taken(turn):
    """Whoever waits is in compiled code, so that this thread can run and free the turn."""

    @part
    def enter_at_last(tries, started):
        started[0] = 1
        for _ in range(tries):  # noqa: SIM110  (a generator cannot be compiled)
            if turns.enter():
                return True
        return False

    started = np.zeros(1, np.int64)
    enter_at_last(0, started)  # is compiled
    started[0], turn[0] = 0, 1
    got_it = []
    thread = threading.Thread(target=lambda: got_it.append(enter_at_last(100_000, started)))
    thread.start()
    while not started[0]:
        time.sleep(1e-4)
    assert not got_it
    turn[0] = 0
    thread.join()
    assert got_it == [True] and turn[0] == 1


def test_a_turn_that_is_never_given_up_does_not_stop_a_kernel(turn):
    h = np.ones((1, 1))
    kernels.tanh(h)
    turn[0] = 0
    results = []

    def other():  # kernels of this thread give up what they hold, and then somebody holds it again
        for _ in range(20):
            a = np.ones((1, 1))
            kernels.tanh(a)
            results.append(a[0, 0])
            turn[0] = 1

    started = time.monotonic()
    thread = threading.Thread(target=other)
    thread.start()
    thread.join(60)
    assert not thread.is_alive() and time.monotonic() - started < 60
    np.testing.assert_allclose(results, np.tanh(1), rtol=1e-14)
