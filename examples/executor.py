"""The paper's figures on workers of your own: threads, processes, or MPI ranks.

`reproduce` hands its curves to anything with the `submit` of `concurrent.futures`. All workers must
see the folder. Whatever stops the script, start it again and it goes on. For a Dask cluster
`minivae reproduce --dask ADDRESS` does more: see docs/cluster.md.

    python examples/executor.py                                       # two local processes
    mpiexec -n 9 python -m mpi4py.futures examples/executor.py --mpi  # pip install mpi4py
"""

import argparse
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

from minivae.experiments import reproduce


def build_executor(mpi):
    """Return the executor that was asked for."""
    if mpi:
        from mpi4py.futures import MPIPoolExecutor

        return MPIPoolExecutor()
    return ProcessPoolExecutor(2, multiprocessing.get_context("spawn"))


def main():
    """Draw a figure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--figure", default="figure5")
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--out", default="runs/paper")
    parser.add_argument("--mpi", action="store_true")
    parser.add_argument("--skip-frey", action="store_true")
    arguments = parser.parse_args()
    with build_executor(arguments.mpi) as executor:
        files = reproduce(
            arguments.figure,
            arguments.out,
            arguments.samples,
            executor=executor,
            skip_frey=arguments.skip_frey,
        )
    print("\n".join(map(str, files)))


if __name__ == "__main__":  # workers import this file
    main()
