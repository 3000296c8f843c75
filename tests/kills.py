"""Kill runs of every method at many moments, and see that they go on to the bit.

    python tests/kills.py                      # thirty moments each, on a machine as it is
    python tests/kills.py --moments 100
    python tests/kills.py --load 4             # beside four processes that take what they can get

`test_methods.py` does the same at three moments, in every run of the tests.
"""

import argparse
import contextlib
import os
import subprocess
import sys
from pathlib import Path

TEST = "test_methods.py::test_a_run_killed_at_any_moment_goes_on_to_the_bit"


@contextlib.contextmanager
def load(n):
    """Keep the machine busy with so many processes."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(n)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--moments", type=int, default=30)
    parser.add_argument("--load", type=int, default=0, metavar="N", help="busy processes beside")
    arguments = parser.parse_args()
    environment = {**os.environ, "MINIVAE_TEST_KILLS": str(arguments.moments)}
    folder = Path(__file__).parent
    with load(arguments.load):
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", TEST]
        return subprocess.run(command, cwd=folder, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
