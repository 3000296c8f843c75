"""Estimators of the bound and of its gradient: eq. 6, eq. 7, their rivals and relatives.

`fit(..., estimator=...)` takes any of them. With z_l = g(eps_l, x), L samples for every datapoint,
and the learning signal f_l = log p(x, z_l) - log q(z_l|x):

    SGVBB               log p(x|z_l) averaged over l, minus the exact KL (estimator B, eq. 7, 10)
    SGVBA               f_l averaged over l, everything sampled (estimator A, eq. 6)
    ImportanceWeighted  log mean_l exp f_l, a tighter bound (Burda, Grosse, Salakhutdinov 2015);
                        with L = 1 it is SGVBA
    ScoreFunction       the bound of SGVBA, its phi-gradient without reparameterisation (sec. 2.2)
    Denoising           SGVBB for an encoder that sees a corrupted x (Vincent et al. 2008)

The contract. An estimator is a frozen set of settings with three methods:

    noise = estimator.draw_noise(vae, rng, L, m, dtype, new)       for m datapoints
    bound, parts = estimator.forward_backward(vae, params, x, noise, M, state, new)
    estimator.update(state, bound)                 after each step, with the minibatch's bound

`forward_backward` is as `VAE.forward_backward`: a deterministic function of its arguments, for some
datapoints of a minibatch of M. `state` is a dict of numbers that lasts from step to step, empty at
first and for most estimators always. `new` makes arrays as `numpy.empty` does.
"""

from minivae.estimators.base import Estimator, bound_and_grad
from minivae.estimators.denoising import Denoising
from minivae.estimators.score_function import BASELINES, ScoreFunction
from minivae.estimators.sgvb import SGVBA, SGVBB, ImportanceWeighted

__all__ = [
    "BASELINES",
    "SGVBA",
    "SGVBB",
    "Denoising",
    "Estimator",
    "ImportanceWeighted",
    "ScoreFunction",
    "bound_and_grad",
]
