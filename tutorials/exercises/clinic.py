"""The patients of notebook 11: what is wrong with each. Do not read on before you have tried.

Each class takes the place of a few methods of the notebook's `SmallVAE`, and is the rest unchanged.
The mistakes were all found in public code. They are explained in answers/11_the_bug_clinic.py.
"""
# ruff: noqa: D102 (the methods are those of SmallVAE)

import numpy as np
from scipy.special import logsumexp


class MissingPath:
    """The hidden layer of the decoder hears of the mean alone, not of the log variance."""

    def hidden_backward(self, da, W4):
        D = W4.shape[1] // 2
        return da[..., :D] @ W4[:, :D].T


class HiddenBeta:
    """The KL is averaged over latents and the reconstruction over pixels."""

    def log_px(self, x, mean, lam):
        return super().log_px(x, mean, lam) / x.shape[-1]

    def log_px_backward(self, x, mean, lam):
        return [gradient / x.shape[-1] for gradient in super().log_px_backward(x, mean, lam)]

    def minus_kl(self, mu, log_var):
        return super().minus_kl(mu, log_var) / mu.shape[-1]

    def minus_kl_backward(self, mu, log_var):
        return [gradient / mu.shape[-1] for gradient in super().minus_kl_backward(mu, log_var)]


class SecondNoise:
    """Forward draws noise of its own; backward uses the noise that was passed in."""

    rng = np.random.default_rng(0)

    def draw(self, mu, log_var, eps):
        return super().draw(mu, log_var, self.rng.standard_normal(eps.shape))


class WideSampler:
    """Noise is scaled by exp(log_var), and backward is the derivative of that."""

    def draw(self, mu, log_var, eps):
        return mu + np.exp(log_var) * eps

    def draw_backward(self, dz, log_var, eps):
        return dz, dz * np.exp(log_var) * eps


class StraySlope:
    """The slope of the mean's sigmoid has got into the gradient of the log variance."""

    def log_px_backward(self, x, mean, lam):
        da, dlam = super().log_px_backward(x, mean, lam)
        return da, dlam * mean * (1 - mean)


class WrongAxis:
    """The weights are averaged over the batch in place of the samples."""

    def log_mean_weight(self, log_weights):
        return logsumexp(log_weights, axis=1) - np.log(log_weights.shape[1])


class WrongSign:
    """What is called the bound is a loss: minus the bound, with the gradient of that."""

    def elbo_terms(self, p, x, eps):
        log_px, minus_kl = super().elbo_terms(p, x, eps)
        return -log_px, -minus_kl

    def elbo_and_grad(self, p, x, eps):
        bound, grad = super().elbo_and_grad(p, x, eps)
        return -bound, {name: -gradient for name, gradient in grad.items()}


class CountsEpochs:
    """Adam's bias correction is told the epoch in place of the step."""

    def adam(self, theta, g, m, v, t):
        super().adam(theta, g, m, v, 1 + (t - 1) // self.steps_per_epoch)


PATIENTS = {
    "A": MissingPath,
    "B": HiddenBeta,
    "C": SecondNoise,
    "D": WideSampler,
    "E": StraySlope,
    "F": WrongAxis,
    "G": WrongSign,
    "H": CountsEpochs,
}

# Two more than there are patients.
DISEASES = {
    "axis": "the logsumexp of the importance weights runs over the batch",
    "beta": "the KL is averaged over latents, the reconstruction over pixels",
    "decay": "weight decay, 1 // N in place of 1 / N, is zero",
    "epochs": "Adam's bias correction counts epochs in place of steps",
    "noise": "forward draws a second noise vector, backward uses the first",
    "path": "the log variance sends no gradient to the decoder's hidden layer",
    "sampler": "noise is scaled by exp(log_var), and backward agrees",
    "sign": "minus the bound is called the bound, its gradient likewise",
    "slope": "a stray y (1 - y) in the gradient of the decoder's log variance",
    "transpose": "a transpose is missing in the backward rule of a layer",
}


def admit(Healthy):
    """Return the patients by letter, each a model like `Healthy` with something wrong.

    Parameters
    ----------
    Healthy : class
        The notebook's `SmallVAE`.
    """
    return {letter: type(letter, (wrong, Healthy), {})() for letter, wrong in PATIENTS.items()}
