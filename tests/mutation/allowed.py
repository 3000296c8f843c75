"""Mutants that may live: why no test has to notice them.

By module and by what `run.py` prints. A mutant that is equivalent computes the same as the original
for all that a caller can see.
"""

_ANY_NEGATIVE = "equivalent: NumPy takes any negative number for the length that is left open"
_TWO_AXES = "equivalent: the arrays have two axes"
_EITHER_SIGN = "equivalent: the noise is as likely to be negative"
_BAR = "how often the bar is painted"
_START = "where EM starts is not promised, only that it climbs"
_LOOKS = "how many steps lie between two looks at the clock"
_COPY = "equivalent: a copy more"
_AS_MANY = "equivalent: there are as many of the one as of the other"
_ROUGH = "a margin, of which only the order of magnitude matters"
_MEET = "equivalent: where the two branches meet they are equal, to rounding"
_TIE = "the two sides of a rough bound are never equal"
_BY_A_THREAD = "a thread draws the epoch's order: the same one, unless two meet in it"
_ONLY_SPEED = "equivalent: it is computed and thrown away"
_NO_GRADIENT = "equivalent: the weight is of a gradient that nobody looks at"

ALLOWED = {
    "schedules": {
        "Scheduled._at: `object.__setattr__(self, '_last', (factor, optimizer))` -> `pass`": (
            "equivalent: an optimizer like the last one is made anew"
        ),
    },
    "parts": {
        "Product.write: `-1` -> `1`": _TWO_AXES,
        "Product.write: `1` -> `2` (2)": _ANY_NEGATIVE,
        "Sum.write: `1` -> `2`": _ANY_NEGATIVE,
        "sum_up: `1` -> `2`": _ANY_NEGATIVE,
    },
    "estimators/score_function": {
        "ScoreFunction.update: `self.memory_decay * state.get(name, 0.0) + value` -> "
        "`self.memory_decay * state.get(name, 0.0) - value`": (
            "equivalent: both of the sums change sign, and only their ratio counts"
        ),
        "_sums_of_others: `np.delete(terms, k, axis=0).sum(axis=0)` -> "
        "`np.delete(terms, k, axis=0).mean(axis=0)`": (
            "equivalent: of two such sums only the ratio counts"
        ),
    },
    "networks": {"take_networks: `True` -> `False`": _AS_MANY},
    "model_inputs": {
        "ModelInputs.check_data: `2` -> `3`": "equivalent: which line a warning points to",
    },
    "training/loop": {
        "_Run.run: `1` -> `2`": "equivalent: every method knows its number of threads by then",
        "_Run._advance: `False` -> `True`": "equivalent: the bar is drawn somewhat more often",
    },
    "training/minibatch_loop": {
        "MinibatchLoop.__init__: `0` -> `1` (2)": "equivalent: any noise will do for a trial",
        "MinibatchLoop.__init__: `1` -> `2` (3)": "equivalent: a trial with noise for two",
        "MinibatchLoop.run: `self._order.rows(step)` -> `pass`": _BY_A_THREAD,
        "MinibatchLoop.run: `self.steps_per_epoch - step % self.steps_per_epoch` -> "
        "`self.steps_per_epoch + step % self.steps_per_epoch`": _BY_A_THREAD,
    },
    "estimators/wake_sleep": {"WakeSleep._wake: `False` -> `True`": _ONLY_SPEED},
    "vae": {
        "VAE.terms: `1.0` -> `2.0`": _NO_GRADIENT,
        "VAE.recognition_backward: `False` -> `True`": _ONLY_SPEED,
        "VAE.generative: `1` -> `2`": _ANY_NEGATIVE,
        "VAE.generative: `1` -> `2` (2)": _ANY_NEGATIVE,
        "VAE.generative_backward: `1` -> `2`": _ANY_NEGATIVE,
        "VAE.generative_backward: `1` -> `2` (3)": _ANY_NEGATIVE,
    },
    "posteriors/full_covariance": {
        "_latents_of_full: `3` -> `4`": "equivalent: the root is whole as it is",
        "_latents_of_full: `9` -> `10`": (
            "equivalent: the root of (2 J + 3)^2 + 1 is rounded to 2 J + 3 all the same"
        ),
    },
    "evaluation/evidence": {
        "log_weights: `1.0` -> `2.0`": _NO_GRADIENT,
        "resample_prior: `1.0` -> `2.0`": _NO_GRADIENT,
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
    "checks/gradcheck": {
        "module: `1` -> `2`": "another irrational ratio does as well",
        "module: `5` -> `6`": "another irrational ratio does as well",
        "module: `8.0` -> `16.0`": _ROUGH,
        "GradReport.__str__: `True` -> `False`": "equivalent: every row has as many cells",
        "_measure_slope: `0.0` -> `1.0`": "equivalent: without any slope the error is infinite",
        "_measure_slope: `max(abs(right), abs(left))` -> `min(abs(right), abs(left))`": _ROUGH,
        "_measure_slope: `abs(right)` -> `right`": _ROUGH,
        "_measure_slope: `abs(left)` -> `left`": _ROUGH,
        "_measure_slope: `3` -> `4`": _ROUGH,
        "_measure_slope: `doubt < best[2]` -> `doubt <= best[2]`": (
            "of two slopes that are equally doubtful, either will do"
        ),
        "_measure_slope: `doubt <= max(0.1 * rtol * abs(slope), 2 * floor)` -> "
        "`doubt < max(0.1 * rtol * abs(slope), 2 * floor)`": "only speed, where there is no doubt",
        "_measure_slope: `0.1` -> `0.2`": _ROUGH,
        "_measure_slope: `2` -> `3` (6)": _ROUGH,
        "_rounding_noise: `max(abs(value), float(np.linalg.norm(gradient * objective.scale)))` -> "
        "`min(abs(value), float(np.linalg.norm(gradient * objective.scale)))`": _ROUGH,
        "_rounding_noise: `abs(value)` -> `value`": _ROUGH,
        "_rounding_noise: `gradient * objective.scale` -> `gradient / objective.scale`": _ROUGH,
        "_rounding_noise: `k * _RATIO` -> `k / _RATIO`": _ROUGH,
        "_rounding_noise: `22` -> `23`": _ROUGH,
        "_rounding_noise: `6` -> `7`": _ROUGH,
        "_rounding_noise: `6` -> `7` (2)": _ROUGH,
        "_rounding_noise: `6` -> `7` (3)": _ROUGH,
        "_rounding_noise: `1e-10` -> `2e-10`": _ROUGH,
        "_compare: `1e-300` -> `2e-300`": "equivalent: only keeps from 0 / 0",
        "_compare: `doubt > _ROUGH * size` -> `doubt >= _ROUGH * size`": _TIE,
        "_hint: `np.abs(analytic + numeric).max() < small` -> "
        "`np.abs(analytic + numeric).max() <= small`": _TIE,
        "_hint: `np.abs(transposed - numeric).max() < small` -> "
        "`np.abs(transposed - numeric).max() <= small`": _TIE,
        "_hint: `1e-300` -> `2e-300`": "equivalent: only keeps from 0 / 0",
        "_hint: `np.abs(analytic - factor * numeric).max() >= small` -> "
        "`np.abs(analytic - factor * numeric).max() > small`": _TIE,
        "_hint: `abs(factor) > 1` -> `abs(factor) >= 1`": (
            "equivalent: 1 is right and -1 a flipped sign, both dealt with above"
        ),
        "_Objective.value_and_gradient: `True` -> `False`": "equivalent: all three are pairs",
    },
    "relatives/clutter": {
        "Clutter.simulate: `np.zeros((check_count('n', n), np.size(theta)))` -> "
        "`np.ones((check_count('n', n), np.size(theta)))`": "equivalent: only its shape matters",
        "Clutter.simulate: `rng.random((n, 1)) < model.w` -> `rng.random((n, 1)) <= model.w`": (
            "they differ with a probability of 2^-53"
        ),
        "Clutter.simulate: `theta + noise` -> `theta - noise`": _EITHER_SIGN,
        "exact_by_quadrature: `8001` -> `8002`": _ROUGH,
        "exact_by_quadrature: `10` -> `11`": _ROUGH,
        "exact_by_quadrature: `10` -> `11` (2)": _ROUGH,
        "exact_by_quadrature: `10` -> `11` (3)": _ROUGH,
    },
    "training/state": {"_fill: `True` -> `False`": _AS_MANY},
    "layers/sequential": {
        "Sequential.init: `True` -> `False`": _AS_MANY,
        "Sequential.shapes: `True` -> `False`": _AS_MANY,
    },
    "training/mcem": {
        "MonteCarloEM._visit: `numbers[name] += value` -> `numbers[name] -= value`": (
            "equivalent: sums and their number change sign, and only their ratios count"
        ),
        "MCEMSettings.__post_init__: `self._set('weight_prior', bool(self.weight_prior))` -> "
        "`pass`": "equivalent: 1 is as good as True, in a file too",
    },
    "training/full_vb": {
        "FullVBSettings.__post_init__: `self._set('prior_std', check_positive('prior_std', "
        "self.prior_std))` -> `pass`": "equivalent: the model checks it, too",
        "FullVBSettings.__post_init__: `self._set('draws', check_count('draws', self.draws))` -> "
        "`pass`": "equivalent: it is checked where draws are made, too",
        "FullVariationalBayes.begin: `2` -> `3`": "a generator more, which nobody asks",
    },
    "training/bayesian_decoder": {
        "FullVB.mean_bound: `0` -> `1` (2)": "another stream of numbers does as well",
        "FullVB.mean_bound: `1` -> `2`": "another stream of numbers does as well",
    },
    "reparameterizations/base": {
        "as_floats: `1.0` -> `2.0`": "equivalent: only its type matters",
        "Reparameterization.draw_noise: `False` -> `True`": _COPY,
        "Reparameterization.sample: `False` -> `True`": _COPY,
        "Reparameterization.backward: `False` -> `True`": _COPY,
        "Reparameterization.log_density: `False` -> `True`": _COPY,
        "Reparameterization.backward: `True` -> `False`": _AS_MANY,
        "Reparameterization._check_params: `True` -> `False`": _AS_MANY,
        "Reparameterization._check_noise: `True` -> `False`": _AS_MANY,
    },
    "reparameterizations/densities": {
        "dirichlet: `np.abs(z.sum(axis=-1) - 1) > rounding` -> "
        "`np.abs(z.sum(axis=-1) - 1) >= rounding`": _TIE,
    },
    "reparameterizations/composition": {
        "Dirichlet._sample: `1` -> `2` (2)": "equivalent: proportions do not depend on the rate",
    },
    "reparameterizations/implicit": {
        "module: `40` -> `41`": "a margin: one node more than the accuracy asks for",
        "log_gamma_quantile: `small < -CUTOFF` -> `small <= -CUTOFF`": _MEET,
        "log_gamma_slope: `log_z > middle` -> `log_z >= middle`": _MEET,
        "log_gamma_slope: `1` -> `2` (4)": _ANY_NEGATIVE,
    },
    "reparameterizations/inverse_cdf": {"Cauchy._standard: `u < 0.5` -> `u <= 0.5`": _MEET},
    "reparameterizations/location_scale": {
        "Triangular._draw: `u < c` -> `u <= c`": _MEET,
    },
    "relatives/linear_gaussian": {
        "LinearGaussian._precision_factor: `True` -> `False`": (
            "equivalent: either factor is handed on with the word which one it is"
        ),
        "LinearGaussian.sample: `z @ self.W + self.b + noise` -> `z @ self.W + self.b - noise`": (
            _EITHER_SIGN
        ),
        "ppca: `0` -> `1` (2)": _ROUGH,
        "ppca_em: `x.var(axis=0).mean()` -> `x.var(axis=0).sum()`": _START,
        "ppca_em: `0` -> `1`": _START,
        "_start: `np.sqrt(variances / (2 * J)) * rng.standard_normal((J, x.shape[1]))` -> "
        "`np.sqrt(variances / (2 * J)) / rng.standard_normal((J, x.shape[1]))`": _START,
        "_start: `variances / (2 * J)` -> `variances * (2 * J)`": _START,
        "_start: `2 * J` -> `2 / J`": _START,
        "_start: `2` -> `3`": _START,
        "_start: `variances / 2` -> `variances * 2`": _START,
        "_start: `2` -> `3` (2)": _START,
        "_em: `history[-1] - history[-2] < tol` -> `history[-1] - history[-2] <= tol`": _TIE,
    },
    "relatives/mixture": {
        "coordinate_ascent: `1000` -> `1001`": "so many are never taken",
        "coordinate_ascent: `elbos[-1] - elbos[-2] < tol` -> `elbos[-1] - elbos[-2] <= tol`": _TIE,
        "gibbs: `rng.random(p.shape) < p` -> `rng.random(p.shape) <= p`": (
            "they differ with a probability of 2^-53"
        ),
        "exact_posterior: `2` -> `3` (2)": "equivalent: fewer nodes are exact already",
    },
    "training/settings": {
        "first_params: `model.check_params(params)` -> `pass`": (
            "equivalent: it is checked where it is used, too"
        ),
        "AEVBSettings.__post_init__: `self._set(name, bool(getattr(self, name)))` -> `pass`": (
            "equivalent: 1 is as good as True, in a file too"
        ),
    },
    "training/descriptions": {
        "_describe_numbers: `8` -> `9`": "equivalent: no number of NumPy's has nine bytes",
        "_settings: `2` -> `3`": "equivalent: the third protocol of copying says the same",
    },
    "training/checkpoint": {
        "module: `3600` -> `3601`": _ROUGH,
        "_remove_left_over: `time.time() - left.stat().st_mtime > _LEFT_OVER_SECONDS` -> "
        "`time.time() - left.stat().st_mtime >= _LEFT_OVER_SECONDS`": _TIE,
        "_umask: `0` -> `1`": "equivalent: the mask is read by setting any, and put back at once",
        "_checksum: `sorted(arrays)` -> `arrays`": "files are read in the order of writing",
    },
    "evaluation/joint": {
        "log_joint: `1.0` -> `2.0`": _NO_GRADIENT,
        "forward_backward_theta: `False` -> `True`": _ONLY_SPEED,
        "_check: `1` -> `2`": _ANY_NEGATIVE,
    },
    "likelihoods": {
        "Bernoulli.sample: `rng.random(out.shape) < expit(out)` -> "
        "`rng.random(out.shape) <= expit(out)`": "they differ with a probability of 2^-53",
        "Gaussian.mean: `-1` -> `1`": _TWO_AXES,
        "Gaussian.sample: `-1` -> `1`": _TWO_AXES,
        "Gaussian.sample: `self.mean(out) + sigma * rng.standard_normal(sigma.shape, out.dtype)` "
        "-> `self.mean(out) - sigma * rng.standard_normal(sigma.shape, out.dtype)`": _EITHER_SIGN,
    },
    "other_likelihoods": {
        "FixedGaussian.sample: `self.mean(out) + out.dtype.type(self.sigma) * noise` -> "
        "`self.mean(out) - out.dtype.type(self.sigma) * noise`": _EITHER_SIGN,
    },
}
