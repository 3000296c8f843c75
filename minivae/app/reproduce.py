"""`minivae reproduce`: the paper's figures 2 to 5, and a table of another."""

import argparse
import sys
from pathlib import Path

from minivae.experiments import reproduce as reproduce_figures
from minivae.experiments.running import CurvesFailed
from minivae.training.interruption import Interrupted


def reproduce(arguments: argparse.Namespace) -> int:
    """Compute what is missing of a figure and draw it."""
    folder = arguments.out
    try:
        files = reproduce_figures(
            arguments.figure,
            folder,
            arguments.samples,
            dask=arguments.dask,
            workers=arguments.workers,
            only=arguments.only,
            datapoints=arguments.datapoints,
            stages=arguments.stages,
            k=arguments.k,
            batch_size=arguments.batch_size,
            biases=arguments.biases,
            seeds=arguments.seeds,
            data_path=arguments.data_path,
            skip_frey=arguments.skip_frey,
            progress=False if arguments.quiet else None,
        )
    except Interrupted as stop:
        print(
            f"Stopped by {stop.name}; what is done is kept in {folder}. To go on, give the same "
            "command again.",
            file=sys.stderr,
        )
        return 128 + stop.signum
    except CurvesFailed as error:
        print(
            f"minivae reproduce: error: {' '.join(str(error).split())} (the other curves are kept)",
            file=sys.stderr,
        )
        return 2
    if not arguments.quiet:
        for path in map(Path, files):
            if path.suffix == ".txt":  # a table, to be read at once
                print(path.read_text())
        print("\n".join(map(str, files)))
    return 0
