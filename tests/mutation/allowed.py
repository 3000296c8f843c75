"""Mutants that may live: why no test has to notice them.

By module and by what `run.py` prints. A mutant that is equivalent computes the same as the original
for all that a caller can see.
"""

_ANY_NEGATIVE = "equivalent: NumPy takes any negative number for the length that is left open"
_TWO_AXES = "equivalent: the arrays have two axes"
_EITHER_SIGN = "equivalent: the noise is as likely to be negative"
_BAR = "how often the bar is painted"
_ONLY_SPEED = "equivalent: it is computed and thrown away"

ALLOWED = {
    "estimators": {
        "_Sampled.propagate: `1` -> `2`": _ANY_NEGATIVE,
        "_Sampled.propagate: `False` -> `True`": _ONLY_SPEED,
        "ScoreFunction.remember: `self.memory_decay * memory.get(name, 0.0) + value` -> "
        "`self.memory_decay * memory.get(name, 0.0) - value`": (
            "equivalent: total and weight change their signs together, and their ratio stays"
        ),
        "ScoreFunction._dstats: `1` -> `2`": _ANY_NEGATIVE,
        "_sums_of_others: `np.delete(terms, k, axis=0).sum(axis=0)` -> "
        "`np.delete(terms, k, axis=0).mean(axis=0)`": (
            "equivalent: a ratio of two such sums is taken"
        ),
    },
    "posteriors/full_covariance": {
        "FullCovarianceGaussian.log_density: `1` -> `2` (4)": _ANY_NEGATIVE,
        "FullCovarianceGaussian._whiten: `1` -> `2`": _ANY_NEGATIVE,
        "_latents_of_full: `3` -> `4`": "equivalent: the root is whole as it is",
        "_latents_of_full: `9` -> `10`": (
            "equivalent: the root of (2 J + 3)^2 + 1 is rounded to 2 J + 3 all the same"
        ),
    },
    "posteriors/diagonal": {"DiagonalGaussian.log_density: `1` -> `2`": _ANY_NEGATIVE},
    "posteriors/location_scale": {"LocationScale.log_density: `1` -> `2` (2)": _ANY_NEGATIVE},
    "posteriors/rows": {
        "samples: `1` -> `2`": _ANY_NEGATIVE,
        "samples: `-1` -> `1` (2)": _TWO_AXES,
    },
    "marginal": {
        "module: `500` -> `501`": "a matter of speed, and of which noise is drawn",
        "module: `100` -> `101`": "a matter of speed, and of which noise is drawn",
        "module: `250` -> `251`": "a matter of speed, and of which noise is drawn",
        "RunningLogMean.__init__: `np.zeros((2, n))` -> `np.ones((2, n))`": (
            "equivalent: before the first terms they are multiplied by exp(-1.8e308) = 0"
        ),
        "batch_means_error: `v.reshape(count, length, -1).mean(axis=1)` -> "
        "`v.reshape(count, length, -1).sum(axis=1)`": (
            "equivalent: an error is relative to the mean, which is as much larger"
        ),
        "batch_means_error: `1` -> `2`": _ANY_NEGATIVE,
        "resample_prior: `1` -> `2`": "another stream of numbers does as well",
        "resample_prior: `True` -> `False`": "equivalent: there is a row of keys for each z",
    },
    "baselines/mcem": {"_EM.run: `False` -> `True`": _BAR},
    "baselines/wake_sleep": {
        "WakeSleep._wake: `False` -> `True`": _ONLY_SPEED,
        "WakeSleep._sleep: `False` -> `True`": _ONLY_SPEED,
    },
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
        "-> `self.mean(out) - sigma * rng.standard_normal(sigma.shape, out.dtype)`": _EITHER_SIGN,
        "FixedGaussian.log_prob_and_grad: `1` -> `2`": _ANY_NEGATIVE,
        "FixedGaussian.sample: `self.mean(out) + out.dtype.type(self.sigma) * noise` -> "
        "`self.mean(out) - out.dtype.type(self.sigma) * noise`": _EITHER_SIGN,
        "Poisson.log_prob_and_grad: `1` -> `2`": _ANY_NEGATIVE,
    },
}
