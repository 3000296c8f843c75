"""Mistakes that are easily made in a code such as this one."""

import checks
import numpy as np
from bugs import (
    bug,
    halves,
    in_activation,
    in_dense_backward,
    in_latent_block,
    in_likelihoods,
)
from checks import gradient
from scipy.special import expit

from minivae import data_stream, layers, likelihoods, model_inputs, optimizers, parts, vae
from minivae.engine import kernels, lockstep
from minivae.engine.arena import Arena
from minivae.gaussian import LOG_2PI
from minivae.likelihoods import Bernoulli, FixedGaussian, Gaussian
from minivae.params import Params

# --- The latent block -----------------------------------------------------------------------------


@bug(caught_by=[gradient()], missed_by=[checks.evidence, checks.kl_by_hand])
def sign_of_the_kl_gradient_flipped(patch):
    def backward(original, dz, q_params, noise, scale, dq_params):
        original(dz, q_params, noise, -scale, dq_params)

    in_latent_block(patch, backward=backward)


@bug(
    caught_by=[checks.kl_by_hand, checks.kl_of_samples, checks.evidence, checks.gap],
    missed_by=[gradient(), checks.latents_twice, checks.posterior_samples],
)
def kl_without_its_one_half(patch):
    def forward(original, q_params, noise, z, minus_kl):
        original(q_params, noise, z, minus_kl)
        minus_kl *= 2

    def backward(original, dz, q_params, noise, scale, dq_params):
        original(dz, q_params, noise, 2 * scale, dq_params)

    in_latent_block(patch, forward, backward)


@bug(
    caught_by=[checks.posterior_samples, checks.encoder_samples, checks.evidence],
    missed_by=[gradient(), checks.latents_twice],
)
def log_var_read_as_log_sigma_everywhere(patch):
    def doubled(q_params):
        mu, log_sigma = halves(q_params)
        return np.hstack([mu, 2 * log_sigma])

    def forward(original, q_params, *rest):
        original(doubled(q_params), *rest)

    def backward(original, dz, q_params, noise, scale, dq_params):
        original(dz, doubled(q_params), noise, scale, dq_params)
        halves(dq_params)[1][:] *= 2

    in_latent_block(patch, forward, backward)


@bug(caught_by=[gradient(L=2), checks.samples_averaged], missed_by=[gradient(L=1)])
def backward_takes_the_mean_over_samples_where_the_sum_belongs(patch):
    def backward(original, dz, q_params, noise, scale, dq_params):
        original(dz / len(noise), q_params, noise, scale, dq_params)

    in_latent_block(patch, backward=backward)


@bug(caught_by=[checks.two_parts, checks.own_noise], missed_by=[gradient(), checks.noise_twice])
def all_datapoints_share_the_noise_of_the_first(patch):
    def shared(q_params, noise):
        return np.repeat(noise[:, :1], len(q_params), axis=1)

    def forward(original, q_params, noise, z, minus_kl):
        original(q_params, shared(q_params, noise), z, minus_kl)

    def backward(original, dz, q_params, noise, scale, dq_params):
        original(dz, q_params, shared(q_params, noise), scale, dq_params)

    in_latent_block(patch, forward, backward)


@bug(
    caught_by=[checks.datapoints_twice, checks.two_parts, checks.evidence],
    missed_by=[gradient(), checks.latents_twice],
)
def kl_summed_over_the_batch(patch):
    def forward(original, q_params, noise, z, minus_kl):
        original(q_params, noise, z, minus_kl)
        minus_kl *= len(q_params)

    def backward(original, dz, q_params, noise, scale, dq_params):
        original(dz, q_params, noise, scale * len(q_params), dq_params)

    in_latent_block(patch, forward, backward)


# --- Likelihoods ----------------------------------------------------------------------------------


@bug(
    caught_by=[checks.noise_twice, checks.samples_averaged, checks.evidence],
    missed_by=[gradient(), checks.datapoints_twice],
)
def samples_summed_where_their_mean_belongs(patch):
    def log_prob(original, likelihood, out, x, scale, log_px):
        L = len(out)
        original(likelihood, out, x, scale * L, log_px)
        log_px *= L

    in_likelihoods(patch, log_prob)


@bug(caught_by=[checks.samples_averaged, checks.evidence], missed_by=[gradient(L=2)])
def samples_matched_with_the_wrong_datapoints(patch):
    def log_prob(original, likelihood, out, x, scale, log_px):
        L = len(out)  # row m L + l instead of l M + m
        rows = np.repeat(x, L, axis=0).reshape(L, *x.shape)
        for k in range(L):
            original(likelihood, out[k : k + 1], rows[k], scale, log_px[k : k + 1])

    in_likelihoods(patch, log_prob)


@bug(
    caught_by=[checks.evidence, checks.entropy, checks.zero_parameters],
    missed_by=[gradient("gaussian"), gradient("gaussian-fixed"), checks.pixels_twice],
)
def log_two_pi_forgotten(patch):
    def log_prob(original, likelihood, out, x, scale, log_px):
        original(likelihood, out, x, scale, log_px)
        if likelihood.name != "bernoulli":
            log_px += x.shape[1] * LOG_2PI / 2

    in_likelihoods(patch, log_prob)


@bug(caught_by=[checks.entropy], missed_by=[gradient("gaussian"), checks.zero_parameters])
def decoder_s_log_var_read_as_log_sigma_by_the_density(patch):
    original = likelihoods.gaussian

    def wrong(out, x, sigmoid_mean, scale, log_px):
        halves(out)[1][:] *= 2
        original(out, x, sigmoid_mean, scale, log_px)
        halves(out)[1][:] *= 2

    patch.setattr(likelihoods, "gaussian", wrong)


@bug(
    caught_by=[checks.extreme_variances],
    missed_by=[gradient("gaussian"), checks.entropy, checks.sigmoid_entropy],
)
def small_variances_followed_by_the_log_but_not_by_the_precision(patch):
    original = likelihoods.gaussian

    def wrong(out, x, sigmoid_mean, scale, log_px):
        log_var = halves(out)[1]
        floored = np.maximum(log_var, -6)
        missing = np.sum(floored - log_var, axis=-1)
        log_var[:] = floored
        original(out, x, sigmoid_mean, scale, log_px)
        log_px += missing / 2

    patch.setattr(likelihoods, "gaussian", wrong)


@bug(
    caught_by=[checks.pixel_samples, checks.entropy],
    missed_by=[gradient("gaussian"), checks.zero_parameters],
)
def pixels_sampled_with_the_variance_as_standard_deviation(patch):
    def wrong(self, out, rng):
        variance = np.exp(halves(out)[1])
        return self.mean(out) + variance * rng.standard_normal(variance.shape)

    patch.setattr(Gaussian, "sample", wrong)


@bug(
    caught_by=[checks.caller_s_generator],
    missed_by=[gradient(), checks.pixel_samples, checks.entropy, checks.model_samples],
)
def pixels_drawn_from_a_generator_of_their_own(patch):
    for likelihood in (Bernoulli, Gaussian, FixedGaussian):
        original = likelihood.sample

        def wrong(self, out, rng, original=original):
            return original(self, out, np.random.default_rng(99))

        patch.setattr(likelihood, "sample", wrong)


@bug(
    caught_by=[checks.bernoulli_mean, checks.encode_decode],
    missed_by=[gradient(), checks.zero_parameters],
)
def sigmoid_applied_twice_on_the_way_out(patch):
    patch.setattr(Bernoulli, "mean", lambda self, out: expit(expit(out)))


@bug(caught_by=[checks.zero_parameters], missed_by=[gradient(), checks.pixels_twice])
def sigmoid_applied_once_more_before_the_loss(patch):
    original = likelihoods.bernoulli

    def wrong(logits, x, scale, log_px):
        y = expit(logits)
        logits[:] = y
        original(logits, x, scale, log_px)
        logits *= y * (1 - y)

    patch.setattr(likelihoods, "bernoulli", wrong)


# --- Layers ---------------------------------------------------------------------------------------


@bug(caught_by=[gradient()], missed_by=[checks.evidence])
def transpose_missing_in_a_square_layer(patch):
    def wrong(dx, da, W):
        if W.shape[0] == W.shape[1]:
            np.matmul(da, W, out=dx)

    in_dense_backward(patch, wrong)


@bug(caught_by=[gradient()], missed_by=[checks.evidence])
def gradient_of_the_biases_dropped(patch):
    def wrong(dy, first, out):
        out[:] = 0

    patch.setattr(parts, "column_sums", wrong)


@bug(caught_by=[gradient(activation="tanh")], missed_by=[gradient(activation="softplus")])
def derivative_of_tanh_without_its_square(patch):
    def wrong(dh, h):
        dh *= 1 - h

    in_activation(patch, "tanh", wrong)


@bug(caught_by=[gradient(activation="relu")], missed_by=[gradient(activation="tanh")])
def relu_switches_on_the_sign_of_the_gradient(patch):
    def wrong(dh, h):
        dh *= dh > 0

    in_activation(patch, "relu", wrong)


@bug(caught_by=[gradient(activation="softplus")], missed_by=[gradient(activation="tanh")])
def derivative_of_softplus_taken_at_its_output(patch):
    def wrong(dh, h):
        dh *= expit(h)

    in_activation(patch, "softplus", wrong)


@bug(caught_by=[checks.softplus_far_out], missed_by=[gradient(activation="softplus")])
def softplus_overflows(patch):
    def wrong(h):
        with np.errstate(over="ignore"):
            np.log1p(np.exp(h), out=h)

    patch.setattr(kernels, "softplus", wrong)
    right = layers.ACTIVATIONS["softplus"]
    own = layers.Activation("softplus", wrong, right.backward)
    patch.setitem(layers.ACTIVATIONS, "softplus", own)


# --- Memory ---------------------------------------------------------------------------------------


@bug(caught_by=[checks.memory_used_again, checks.threads_average], missed_by=[gradient()])
def arrays_of_equal_shape_share_memory(patch):
    original = Arena.__call__

    def wrong(self, shape, dtype=float):
        self._next = 0
        return original(self, shape, dtype)

    patch.setattr(Arena, "__call__", wrong)


@bug(caught_by=[checks.algorithm_1_with_sgd], missed_by=[gradient(), checks.memory_used_again])
def gradient_accumulated_over_steps(patch):
    original = parts.Product.write

    def accumulate(self, out, first=0):
        before = out.copy()
        original(self, out, first)
        out += before

    patch.setattr(parts.Product, "write", accumulate)


@bug(caught_by=[checks.arguments_unchanged])
def data_scaled_in_place(patch):
    original = model_inputs.as_pixels

    def wrong(x, dtype, name="x"):
        x = original(x, dtype, name)
        x *= 0.99
        return x

    patch.setattr(model_inputs, "as_pixels", wrong)


@bug(caught_by=[checks.copies_are_independent], missed_by=[gradient()])
def a_copy_of_the_parameters_that_is_none(patch):
    patch.setattr(Params, "copy", lambda self: self.like(self.vector))


@bug(caught_by=[checks.uint8_pixels], missed_by=[gradient(), checks.two_parts])
def pixels_divided_by_256(patch):
    original = model_inputs.as_pixels

    def wrong(x, dtype, name="x"):
        pixels = original(x, dtype, name)
        return pixels * 255 / 256 if np.asarray(x).dtype == np.uint8 else pixels

    patch.setattr(model_inputs, "as_pixels", wrong)


@bug(caught_by=[checks.gather_twin, checks.algorithm_1_with_sgd], missed_by=[checks.uint8_pixels])
def pixels_divided_by_256_in_training_only(patch):
    def wrong(data, rows, out):
        np.divide(data[rows], 256, out=out)

    patch.setattr(data_stream, "gather_pixels", wrong)
    patch.setattr(kernels, "gather_pixels", wrong)


# --- Optimizers and training ----------------------------------------------------------------------


@bug(caught_by=[checks.adagrad_accumulates], missed_by=[checks.first_steps, checks.two_slices])
def adagrad_forgets(patch):
    original = optimizers.adagrad

    def wrong(theta, grad, sum_of_squares, *scalars):
        sum_of_squares[:] = 0
        original(theta, grad, sum_of_squares, *scalars)

    patch.setattr(optimizers, "adagrad", wrong)


@bug(caught_by=[checks.adagrad_epsilon], missed_by=[checks.first_steps])
def epsilon_of_adagrad_under_the_root(patch):
    def wrong(theta, grad, sum_of_squares, step_size, decay, epsilon):
        g = grad - decay * theta
        sum_of_squares += g**2
        theta += step_size * g / np.sqrt(sum_of_squares + epsilon)

    patch.setattr(optimizers, "adagrad", wrong)


@bug(caught_by=[checks.decay_pulls], missed_by=[checks.first_steps, checks.adagrad_accumulates])
def weight_prior_pushes_away_from_zero(patch):
    original = optimizers.adagrad

    def wrong(theta, grad, sum_of_squares, step_size, decay, epsilon):
        original(theta, grad, sum_of_squares, step_size, -decay, epsilon)

    patch.setattr(optimizers, "adagrad", wrong)


@bug(caught_by=[checks.adam_constant_gradient], missed_by=[checks.two_slices])
def adam_without_bias_correction(patch):
    original = optimizers.adam

    def wrong(theta, grad, m, v, step_size, decay, rate1, rate2, epsilon):
        original(theta, grad, m, v, type(step_size)(0.1), decay, rate1, rate2, epsilon)

    patch.setattr(optimizers, "adam", wrong)


@bug(caught_by=[checks.threads_average], missed_by=[gradient(), checks.algorithm_1_with_sgd])
def parts_of_a_minibatch_averaged_without_their_sizes(patch):
    original = vae.VAE.forward_backward

    def wrong(self, params, x, noise, M, *rest):
        return original(self, params, x, noise, round(M / len(x)) * len(x), *rest)

    patch.setattr(vae.VAE, "forward_backward", wrong)


@bug(caught_by=[checks.threads_average], missed_by=[gradient(), checks.algorithm_1_with_sgd])
def threads_take_the_gradient_of_their_own_rows_alone(patch):
    patch.setattr(lockstep.Lockstep, "_whole", lambda self, k, part, fetching: ((), part))
