"""Mistakes that were found in public code for variational autoencoders."""

import checks
import numpy as np
from bugs import bug, halves, in_dense_backward, in_latent_block, in_likelihoods
from checks import gradient
from scipy.special import expit

from minivae import gaussian, likelihoods, vae
from minivae.posteriors import diagonal
from minivae.training import aevb
from minivae.training.minibatch_loop import MinibatchLoop


@bug(
    caught_by=[checks.posterior_samples, checks.encoder_samples, checks.evidence],
    missed_by=[gradient("bernoulli"), gradient("gaussian"), checks.kl_by_hand],
)
def sampler_scales_noise_by_exp_of_log_var_and_backward_agrees(patch):
    def forward(original, q_params, noise, z, minus_kl):
        original(q_params, noise, z, minus_kl)
        mu, log_var = halves(q_params)
        z[:] = mu + np.exp(log_var) * noise

    def backward(original, dz, q_params, noise, scale, dq_params):
        original(0 * dz, q_params, noise, scale, dq_params)
        _, log_var = halves(q_params)
        dq_params += np.hstack([dz.sum(axis=0), (dz * noise * np.exp(log_var)).sum(axis=0)])

    in_latent_block(patch, forward, backward)


@bug(caught_by=[gradient(), checks.evidence_by_samples], missed_by=[checks.posterior_samples])
def forward_draws_a_second_noise_vector(patch):
    def second_draw(q_params, noise, new):
        fresh = np.random.default_rng(1).standard_normal(noise.shape)
        return gaussian.sample_posterior(q_params, fresh, new)

    patch.setattr(diagonal, "sample_posterior", second_draw)


@bug(
    caught_by=[gradient("gaussian-sigmoid")],
    missed_by=[gradient("gaussian"), checks.sigmoid_entropy],
)
def stray_y_times_one_minus_y_in_the_gradient_of_the_log_variance(patch):
    original = likelihoods.gaussian

    def wrong(out, x, sigmoid_mean, scale, log_px):
        y = expit(halves(out)[0])
        original(out, x, sigmoid_mean, scale, log_px)
        if sigmoid_mean:
            halves(out)[1][:] *= y * (1 - y)

    patch.setattr(likelihoods, "gaussian", wrong)


@bug(caught_by=[gradient("gaussian")], missed_by=[gradient("bernoulli"), checks.entropy])
def log_variance_path_missing_from_the_decoder_s_hidden_layer(patch):
    def wrong(dx, da, W):
        if W.shape == (3, 8):  # four means and four log variances
            np.matmul(da[:, :4], W[:, :4].T, out=dx)

    in_dense_backward(patch, wrong)


@bug(
    caught_by=[checks.algorithm_1_with_sgd, checks.algorithm_1_with_adam],
    missed_by=[gradient(), checks.decay_pulls],
)
def weight_decay_lost_to_an_integer_division(patch):
    class IntegerDivision(MinibatchLoop):
        def __init__(self, vae, train, settings, *rest):
            super().__init__(vae, train, settings, *rest)
            self._decay = float(int(settings.weight_prior) // len(train))  # for 1 / N

    patch.setattr(aevb, "MinibatchLoop", IntegerDivision)


@bug(
    caught_by=[checks.evidence, checks.pixels_twice, checks.latents_twice, checks.zero_parameters],
    missed_by=[gradient("bernoulli"), gradient("gaussian"), gradient("gaussian-fixed")],
)
def kl_averaged_over_latents_and_reconstruction_over_pixels(patch):
    def forward(original, q_params, noise, z, minus_kl):
        original(q_params, noise, z, minus_kl)
        minus_kl /= noise.shape[-1]

    def backward(original, dz, q_params, noise, scale, dq_params):
        original(dz, q_params, noise, scale / noise.shape[-1], dq_params)

    def log_prob(original, likelihood, out, x, scale, log_px):
        original(likelihood, out, x, scale / x.shape[1], log_px)
        log_px /= x.shape[1]

    in_latent_block(patch, forward, backward)
    in_likelihoods(patch, log_prob)


@bug(caught_by=[gradient(), checks.evidence])
def bound_reported_with_the_wrong_sign(patch):
    original = vae.VAE.elbo
    patch.setattr(vae.VAE, "elbo", lambda *args: -original(*args))


@bug(caught_by=[checks.zero_parameters, checks.evidence], missed_by=[gradient()])
def loss_and_its_gradient_reported_as_bound_and_its_gradient(patch):
    elbo, elbo_and_grad = vae.VAE.elbo, vae.VAE.elbo_and_grad

    def negative(*args):
        value, grad = elbo_and_grad(*args)
        grad.vector[:] *= -1
        return -value, grad

    patch.setattr(vae.VAE, "elbo", lambda *args: -elbo(*args))
    patch.setattr(vae.VAE, "elbo_and_grad", negative)


@bug(
    caught_by=[checks.algorithm_1_with_adam],
    missed_by=[gradient(), checks.algorithm_1_with_sgd, checks.adam_constant_gradient],
)
def bias_correction_of_adam_counts_epochs(patch):
    original = MinibatchLoop._update

    def wrong(self, step, *rest):
        original(self, step // self.steps_per_epoch, *rest)

    patch.setattr(MinibatchLoop, "_update", wrong)


@bug(caught_by=[checks.importance_sampling], missed_by=[gradient(), checks.evidence_by_samples])
def logsumexp_over_the_batch(patch):
    def wrong(log_weights):
        return np.logaddexp.reduce(log_weights, axis=1) - np.log(log_weights.shape[1])

    patch.setattr(checks, "log_mean_over_samples", wrong)
