"""What the commands of the command line do; each takes the parsed arguments."""

import argparse
import json
from importlib import import_module
from pathlib import Path

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
    "sentences": "sentences",
    "complete": "sentences_show",
    "gradcheck": "tools",
    "info": "tools",
}


def run(arguments: argparse.Namespace) -> int | None:
    """Run the command that was asked for, and return its exit code; None means 0."""
    home = _HOMES[arguments.command]
    if home == "show" and _is_of_sentences(arguments.run):
        home = "sentences_show"
    command = getattr(import_module(f"minivae.app.{home}"), arguments.command, None)
    if command is None:
        raise ValueError(f"run: {arguments.run} holds a model of sentences, which has no pictures")
    return command(arguments)


def _is_of_sentences(folder: str) -> bool:
    """Whether a run's settings say so; what cannot be read is for others to complain of."""
    try:
        settings = json.loads((Path(folder) / "settings.json").read_text())
        return settings["kind"] == "sentences"
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return False
