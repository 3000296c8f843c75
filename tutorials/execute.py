"""Run notebooks from the top in a fresh kernel and keep their outputs.

    python tutorials/execute.py                                   all of them, outputs written back
    python tutorials/execute.py tutorials/04_*.ipynb              only these
    MINIVAE_TUTORIAL_BUDGET=small python tutorials/execute.py --check    outputs thrown away
    python tutorials/execute.py --seed 1    other random numbers, what they print kept in a file

The kernel is the Python that runs this file. Needs what ``pip install '.[tutorials]'`` brings.
"""

import argparse
import os
import sys
import time
from pathlib import Path

import nbformat
import second_run
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

FOLDER = Path(__file__).parent
LARGEST = 1_000_000  # bytes that a notebook may have, outputs included
_CELL_TIMEOUT = 600  # seconds


def execute(path, seed=0):
    """Return the notebook at `path` with fresh outputs, without the time or the machine.

    With a `seed` other than 0 its random numbers are others, and a cell at the top sees to that.
    """
    notebook = nbformat.read(path, as_version=4)
    if seed:
        for cell in notebook.cells:
            cell.source = second_run.prepared(cell.source)
        shift = nbformat.v4.new_code_cell(f"import second_run\n\nsecond_run.shift({seed})")
        notebook.cells.insert(0, shift)
    kernel = {"kernel_name": "python3", "timeout": _CELL_TIMEOUT, "record_timing": False}
    NotebookClient(notebook, resources={"metadata": {"path": str(FOLDER)}}, **kernel).execute()
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return notebook


def _processor_seconds():
    """What all kernels that have ended took of the machine's processors."""
    times = os.times()
    return times.children_user + times.children_system


def main():
    """Execute the notebooks of the command line; exit with 1 if one of them fails."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: all in this folder")
    parser.add_argument("--check", action="store_true", help="run them, but write nothing")
    parser.add_argument("--seed", type=int, default=0, help="keep numbers only: see second_run.py")
    arguments = parser.parse_args()
    if not arguments.check and os.environ.get("MINIVAE_TUTORIAL_BUDGET", "full") != "full":
        parser.error("MINIVAE_TUTORIAL_BUDGET is set, expected --check: outputs are full ones")
    failed = False
    for path in arguments.notebooks or sorted(FOLDER.glob("*.ipynb")):
        started, worked = time.perf_counter(), _processor_seconds()
        try:
            notebook = execute(path, arguments.seed)
        except CellExecutionError as error:
            print(f"{path.name}: {error}", file=sys.stderr)
            failed = True
            continue
        text = nbformat.writes(notebook) + "\n"
        seconds = time.perf_counter() - started
        work = _processor_seconds() - worked
        print(f"{path.name}: {seconds:.1f} s, {work:.1f} s of processors, ", end="")
        print(f"{len(text) / 1000:.0f} kB", flush=True)
        if len(text) > LARGEST:
            print(f"{path.name}: {len(text)} bytes, expected up to {LARGEST}", file=sys.stderr)
            failed = True
        if arguments.seed and not arguments.check:
            cells = nbformat.read(path, as_version=4).cells
            second_run.keep(path.stem, cells, notebook.cells)
        elif not arguments.check:
            path.write_text(text)
    sys.exit(failed)


if __name__ == "__main__":
    main()
