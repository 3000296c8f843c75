"""What the commands of the command line do; each takes the parsed arguments."""

import argparse
from importlib import import_module

_HOMES = {
    "train": "train",
    "evaluate": "show",
    "sample": "show",
    "reconstruct": "show",
    "manifold": "show",
    "interpolate": "show",
    "latents": "show",
    "explore": "explore",
    "reproduce": "reproduce",
    "gradcheck": "tools",
    "info": "tools",
}


def run(arguments: argparse.Namespace) -> int | None:
    """Run the command that was asked for, and return its exit code; None means 0."""
    home = import_module(f"minivae.app.{_HOMES[arguments.command]}")
    return getattr(home, arguments.command)(arguments)
