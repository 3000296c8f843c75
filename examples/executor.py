"""The paper's figures on workers of your own: threads, processes, a Dask cluster, or MPI ranks.

`reproduce` hands its curves to anything with the `submit` of `concurrent.futures`. All workers must
see the folder. Whatever stops the script, start it again and it goes on.

    python examples/executor.py                                       # two local processes
    python examples/executor.py --dask tcp://scheduler:8786           # pip install distributed
    mpiexec -n 9 python -m mpi4py.futures examples/executor.py --mpi  # pip install mpi4py
"""

import argparse
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

from minivae.experiments import reproduce


def build_executor(dask, mpi):
    """Return the executor that was asked for."""
    if dask is not None:
        from distributed import Client

        return Client(dask).get_executor()
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
    parser.add_argument("--dask", metavar="ADDRESS")
    parser.add_argument("--mpi", action="store_true")
    arguments = parser.parse_args()
    with build_executor(arguments.dask, arguments.mpi) as executor:
        files = reproduce(
            arguments.figure, arguments.out, arguments.samples, executor=executor, skip_frey=True
        )
    print("\n".join(map(str, files)))


if __name__ == "__main__":  # workers import this file
    main()
