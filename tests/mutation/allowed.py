"""Mutants that may live: why no test has to notice them.

By module and by what `run.py` prints. A mutant that is equivalent computes the same as the original
for all that a caller can see.
"""

_ANY_NEGATIVE = "equivalent: NumPy takes any negative number for the length that is left open"
_TWO_AXES = "equivalent: the arrays have two axes"

ALLOWED = {
    "checkpoint": {
        "_umask: `0` -> `1`": "equivalent: the mask is read by setting any, and put back at once",
        "_checksum: `sorted(arrays)` -> `arrays`": "files are read in the order of writing",
    },
    "evaluation": {"module: `500` -> `501`": "a matter of speed, and of which noise is drawn"},
    "gaussian": {
        "sample_posterior: `1` -> `2`": _ANY_NEGATIVE,
        "sample_posterior_backward: `1` -> `2`": _ANY_NEGATIVE,
        "split_stats: `-1` -> `1`": _TWO_AXES,
    },
    "mlp": {"MLP.shapes: `True` -> `False`": "equivalent: layers and widths always agree"},
    "likelihoods": {
        "Bernoulli.sample: `rng.random(out.shape) < expit(out)` -> "
        "`rng.random(out.shape) <= expit(out)`": "they differ with a probability of 2^-53",
        "Gaussian.mean: `-1` -> `1`": _TWO_AXES,
        "Gaussian.sample: `-1` -> `1`": _TWO_AXES,
        "Gaussian.sample: `self.mean(out) + sigma * rng.standard_normal(sigma.shape, out.dtype)` "
        "-> `self.mean(out) - sigma * rng.standard_normal(sigma.shape, out.dtype)`": (
            "equivalent: the noise is as likely to be negative"
        ),
        "FixedGaussian.log_prob_and_grad: `1` -> `2`": _ANY_NEGATIVE,
    },
}
