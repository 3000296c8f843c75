"""The table of planted bugs: what a row is, and tools for planting.

A row is a function that plants the mistake with pytest's monkeypatch, under the checks that must
catch it and those that cannot see it:

    @bug(caught_by=[...], missed_by=[...])
    def what_is_wrong(patch):
        patch.setattr(...)

`bugs_next_door` holds those that were found in public code, `bugs_at_home` others that are easily
made. A bug in an equation is meant as a mistake in the thought, made in its kernel as well, so that
comparing the two would not show it.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from minivae import gaussian, layers
from minivae.likelihoods import Bernoulli, FixedGaussian, Gaussian


class Bug(NamedTuple):
    """A mistake, how to plant it, and who notices."""

    name: str
    plant: Callable
    caught_by: list
    missed_by: list


BUGS = []


def bug(caught_by, missed_by=()):
    """Add the function below to the table."""

    def add(plant):
        BUGS.append(Bug(plant.__name__, plant, list(caught_by), list(missed_by)))
        return plant

    return add


def unchanged(original, *args):
    """For a part that is to stay as it is."""
    return original(*args)


def in_latent_block(patch, forward=unchanged, backward=unchanged):
    """Replace the latent equations; each replacement gets the original as its first argument."""
    originals = gaussian.reparameterize, gaussian.reparameterize_backward
    patch.setattr(gaussian, "reparameterize", lambda *a: forward(originals[0], *a))
    patch.setattr(gaussian, "reparameterize_backward", lambda *a: backward(originals[1], *a))


def in_likelihoods(patch, log_prob):
    """Replace log p(x|z) of all likelihoods; the original is the first argument."""
    for likelihood in (Bernoulli, Gaussian, FixedGaussian):
        original = likelihood.log_prob_and_grad
        patch.setattr(
            likelihood, "log_prob_and_grad", lambda *a, original=original: log_prob(original, *a)
        )


def in_dense_backward(patch, backward):
    """Replace `Dense.backward`'s dx: ``backward(dx, da, W)`` may change it."""
    original = layers.Dense.backward

    def wrong(self, params, saved, dh, *rest):
        dx, parts = original(self, params, saved, dh, *rest)
        if dx is not None:
            backward(dx, dh, params["W"])
        return dx, parts

    patch.setattr(layers.Dense, "backward", wrong)


def in_activation(patch, name, backward):
    """Replace the derivative of an activation."""
    right = layers.ACTIVATIONS[name]
    patch.setitem(layers.ACTIVATIONS, name, layers.Activation(name, right.forward, backward))


def halves(a):
    """Mean or mu on the left, log variance on the right."""
    return np.split(a, 2, axis=-1)
