"""`minivae gradcheck` and `minivae info`."""

import argparse

from minivae.app.system import BlasProbe, describe
from minivae.checks.selfcheck import run_checks
from minivae.datasets.download import cache_folder


def gradcheck(arguments: argparse.Namespace) -> int:
    """Print the table of gradient checks; the exit code is 1 if one fails."""
    print(f"{'gradient of':<42} {'cases':>5} {'parameters':>10} {'worst rel. error':>17}")
    failures = []
    n_parameters = n_rows = 0
    for row in run_checks(arguments.cases, arguments.seed):
        verdict = "ok" if row.passed else "FAILED"
        print(
            f"{row.name:<42} {row.cases:>5} {row.parameters:>10,} {row.max_rel_error:>17.1e}  "
            f"{verdict}",
            flush=True,
        )
        n_rows += 1
        n_parameters += row.parameters
        failures += [] if row.passed else [row]
    for row in failures:
        print(f"\n{row.name}:\n{row.text}")
    print(
        f"{n_rows} gradients, {n_parameters:,} partial derivatives checked in float64: "
        + (f"{len(failures)} FAILED" if failures else "all agree with finite differences")
    )
    return 1 if failures else 0


def info(arguments: argparse.Namespace) -> None:
    """Print what matters about this machine, and advice if its BLAS kernels are held back."""
    with BlasProbe() as probe:
        lines = [*describe(), ("data cache", str(cache_folder()))]
        for name, text in lines:
            print(f"{name:<14} {text}")
        print(probe.report())
