"""What the library computes today, kept so that a rebuilding can show that nothing has moved.

    python tests/snapshot/snapshot.py --write     # before: two minutes on two cores
    python tests/snapshot/snapshot.py             # after: says what is the same and what is not

It holds parameters after training steps, learning curves, log p(x) and the table of gradients, as
float64 numbers in ``snapshot.npz``: of a large vector its norm, its sum and a hundred entries, and
a digest of all its bits. Bits are the same only on the same machine with the same libraries, so
write the "before" there and then; after a thousand steps, other rounding may have grown to
anything. What `test_snapshot.py` compares on every machine are the first steps.
"""

import argparse
import sys
import zlib
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))  # also where a test imports this file

from tqdm import tqdm
from trainings import SMALL, settings, small_digits

from minivae import VAE, Adagrad, fit
from minivae.checks.selfcheck import catalogue
from minivae.evaluation import appendix_d, bound_terms, importance_sampling
from minivae.relatives.clutter import Clutter, fit_gaussian
from minivae.training.full_vb import fit_full_vb
from minivae.training.mcem import fit_mcem

FILE = Path(__file__).with_name("snapshot.npz")
FIRST_STEPS = 10  # few enough for rounding to stay rounding
STEPS = 1000
_ENTRIES = 100


def summary(array):
    """Norm, sum, up to a hundred entries, and a checksum of the bits: float64."""
    flat = np.ascontiguousarray(array).ravel()
    entries = flat[:: -(-flat.size // _ENTRIES)].astype(np.float64)
    total = flat.sum(dtype=np.float64)
    norm = np.sqrt(np.sum(flat.astype(np.float64) ** 2))
    return np.array([zlib.crc32(flat), norm, total, *entries])


def trained(name, steps, threads, dtype):
    """Return the summary of the parameters after so many steps, and the learning curve."""
    vae, data, options = settings()[name]
    data = data()
    options = {"batch_size": 100, **options}
    samples = steps * options["batch_size"]
    result = fit(
        vae, data, samples, threads=threads, dtype=dtype, seed=1, evaluate_every=samples,
        progress=False, **options,
    )  # fmt: skip
    history = np.array([row[:2] for row in result.history.rows()], np.float64)
    return summary(result.params.vector), history


def first_steps(name):
    """The part that is the same on every machine, to rounding: float64, one thread."""
    return trained(name, FIRST_STEPS, 1, np.float64)[0]


def other_methods():
    """Yield ``(name, array)``: Monte Carlo EM, full variational Bayes, the clutter problem."""
    small = small_digits()[:500]
    em = fit_mcem(VAE(*SMALL), small, 5000, optimizer=Adagrad(0.05), evaluate_every=2000,
                  seed=1, progress=False)  # fmt: skip
    yield "mcem, params", summary(em.params.vector)
    yield "mcem, chains", summary(em.z)
    yield "mcem, history", np.array([row[:4] for row in em.history.rows()])
    vb = fit_full_vb(VAE(*SMALL), small, 10_000, seed=1, progress=False)
    yield "full vb, params", summary(vb.params.vector)
    rng = np.random.default_rng(0)
    clutter = Clutter.simulate(np.array([1.0, 2.0]), 20, rng)
    result = fit_gaussian(clutter, rng.standard_normal((200, 2, 2)))
    yield "clutter, q", result.q.vector
    yield "clutter, bounds", result.bounds


def evaluations():
    """Yield ``(name, array)``: the bound and log p(x) of a model that has been trained a little."""
    small, vae = small_digits(), VAE(*SMALL)
    params = fit(vae, small, 10_000, seed=1, threads=1, progress=False).params.astype(np.float64)
    x = small[:1200]
    for threads in (1, 2):
        terms = bound_terms(vae, params, x, noise_samples=2, seed=3, threads=threads)
        yield f"bound terms, {threads} threads", summary(np.stack(terms))
        estimate = importance_sampling(vae, params, x[:200], draws=50, seed=3, threads=threads)
        yield f"importance sampling, {threads} threads", summary(estimate.values)
        estimate = appendix_d(vae, params, x[:100], draws=50, seed=3, threads=threads)
        yield f"appendix D, {threads} threads", summary(estimate.values)


def gradients():
    """Yield ``(name, array)``: of every entry of the catalogue, its value at one random problem."""
    for name, make in catalogue().items():
        f, x, *_ = make(np.random.default_rng(zlib.crc32(name.encode())))
        value = f(x)
        yield f"catalogue, {name}", np.atleast_1d(value[0] if isinstance(value, tuple) else value)


def snapshot():
    """Yield all of it, ``(name, array)``."""
    for name in tqdm(list(settings())):
        yield f"{name}, first steps", first_steps(name)
        for dtype in ("float32", "float64"):
            for threads in (1, 2):
                key = f"{name}, {dtype}, {threads} threads"
                params, history = trained(name, STEPS, threads, dtype)
                yield f"{key}, params", params
                yield f"{key}, history", history
    yield from other_methods()
    yield from evaluations()
    yield from gradients()


def difference(before, after):
    """Return the largest difference over the largest number, the checksum of summaries apart."""
    if before.shape != after.shape:
        return np.inf
    if before.ndim == 1 and len(before) > 3:
        before, after = before[1:], after[1:]
    scale = max(np.abs(before).max(), np.finfo(float).tiny)
    return float(np.abs(after - before).max() / scale)


def compare(before):
    """Print a line for everything that is no longer the same; return how many there are."""
    moved = same = 0
    for name, after in snapshot():
        if name in before and np.array_equal(before[name], after, equal_nan=True):
            same += 1
            continue
        moved += 1
        print(
            f"{name}: {difference(before[name], after):.1e}" if name in before else f"{name}: new"
        )
    print(f"{same} the same, bit for bit; {moved} not")
    return moved


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="keep what is computed now")
    parser.add_argument("--file", type=Path, default=FILE)
    arguments = parser.parse_args()
    if arguments.write:
        np.savez_compressed(arguments.file, **dict(snapshot()))
        return 0
    with np.load(arguments.file) as kept:
        return int(compare(dict(kept)) > 0)


if __name__ == "__main__":
    sys.exit(main())
