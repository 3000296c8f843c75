"""Answers to the exercises of notebook 11; to be read after a try of your own."""

import numpy as np


def sampler_is_sound(sample):
    """Mean, standard deviation and correlations of many draws, each with room for chance.

    Means and log variances are in general position: with mu = 0 or log_var = 0 some broken samplers
    are right. The correlations of n independent draws are off by about 1 / sqrt(n).
    """
    n, M, J = 20_000, 3, 2
    rng = np.random.default_rng(0)
    mu, log_var = rng.uniform(1, 2, (M, J)), rng.uniform(-2, -1, (M, J))
    z = sample(mu, log_var, rng.standard_normal((n, M, J)))
    sigma = np.exp(log_var / 2)
    mean_fits = np.all(np.abs(z.mean(axis=0) - mu) < 5 * sigma / np.sqrt(n))
    width_fits = np.all(np.abs(z.std(axis=0) - sigma) < 5 * sigma / np.sqrt(2 * n))
    correlations = np.corrcoef(z.reshape(n, M * J), rowvar=False) - np.eye(M * J)
    return bool(mean_fits and width_fits and np.all(np.abs(correlations) < 5 / np.sqrt(n)))


# A  Messages run backward. W4 is right, W3 is wrong, so the message was damaged in between, where
#    da W4^T has lost the columns of lambda. The gradient check sees it and says where. The bound
#    itself is right, so nothing that looks at values can.
# B  At zero parameters the bound is too small by the factor 3 = D, and at others it lies above the
#    evidence. Its gradient is the gradient of what it computes, so the gradient check is content.
#    Training raises log p(x|z) - beta KL with beta = D / J.
# C  Backward uses eps, forward does not. The gradient check refuses to begin, since the bound is no
#    function of its arguments. Draws are N(mu, sigma^2) all the same, so the sampling test sees
#    nothing. What it does in training: noise and message are independent, so the encoder's log
#    variance hears of the KL alone, and sigma drifts to 1.
# D  Worked out in the text: sigma^2 where sigma belongs, forward and backward. No gradient check
#    can see it, and no known value at log_var = 0. The sampling test and the two integrals do.
# E  The message to lambda carries the slope y (1 - y) of the other output's sigmoid. Only columns
#    of lambda are wrong in W4, and everything before it. The bound is right.
# F  The mean of the weights is taken over datapoints. For one datapoint at a time there is nothing
#    to sum over and the log of each weight is averaged: that is why batch and single ones disagree.
#    No gradient comes near, so no gradient check either.
# G  A loss is minimised, a bound is maximised, and somebody has mixed the two. Value and gradient
#    agree with each other. One known value, or the ceiling of the evidence, tells.
# H  Bounds, gradients and draws are right. Only a step with a known gradient shows that t counts
#    epochs: within an epoch the correction stays, while the running means go on growing.
diagnosis = {
    "A": "path",
    "B": "beta",
    "C": "noise",
    "D": "sampler",
    "E": "slope",
    "F": "axis",
    "G": "sign",
    "H": "epochs",
}


def hidden_beta(D, J):
    """Multiply by D: log p(x|z) - (D / J) KL.

    With the 784 pixels of a digit and 20 latents the price of z is nearly forty times too high, and
    most latents fall silent. It looks like a training problem.
    """
    return D / J
