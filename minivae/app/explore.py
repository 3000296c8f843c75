"""`minivae explore`: a run's model as a page of its own, in the browser."""

import argparse
import webbrowser
from pathlib import Path

from minivae.app.options import open_run
from minivae.app.show import data_to_show
from minivae.app.streams import complain
from minivae.explorer import build_page
from minivae.training.checkpoint import atomic_write, check_parent


def explore(arguments: argparse.Namespace) -> None:
    """Write the page, say where it is, and open it."""
    run = open_run(arguments.run)
    path = Path(arguments.out) if arguments.out else run.path / "explore.html"
    _check_path(path)
    vae, params = run.load_model()
    data = data_to_show(run, vae)
    page = build_page(vae, params, data, dtype=arguments.dtype, tutorials=arguments.tutorials)
    with atomic_write(path, "w", encoding="utf-8") as file:
        file.write(page)
    print(path, flush=True)
    if not arguments.no_open and not webbrowser.open(path.resolve().as_uri()):
        complain("Note: there is no browser to open it in; open the file in one")


def _check_path(path: Path) -> None:
    """Raise ValueError or FileNotFoundError if a page cannot be written there."""
    if path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"out is {str(path)!r}, expected a name that ends in .html")
    check_parent(path)
