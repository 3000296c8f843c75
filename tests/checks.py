"""The checks that are set on planted bugs: tests of this suite, each on one fixed example.

What a bug has to slip past is therefore what guards the library every day. A test that generates
its examples is run on a single one, without the search and the shrinking.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import test_convolution
import test_gaussian
import test_kernels
import test_known_answers
import test_likelihoods
import test_optimizers
import test_params
import test_recurrent
import test_sampling
import test_sentences
import test_skills
import test_training
import test_vae

from minivae import SGD, VAE, Adagrad, Adam, check_grad
from minivae.checks.catalogue import convolutions
from minivae.gaussian import log_density
from minivae.layers.convolution import Conv2D
from minivae.likelihoods import Bernoulli, FixedGaussian, Gaussian
from minivae.testing import check_layer


class Check(NamedTuple):
    """Something that raises AssertionError when it finds fault."""

    name: str
    run: Callable[[], None]


def suite(test, *example):
    """A test of this suite, on one example if it wants any."""
    inner = test.hypothesis.inner_test if hasattr(test, "hypothesis") else test
    return Check(f"{test.__module__}.{test.__name__}", lambda: inner(*example))


def problem(likelihood="bernoulli", activation="tanh", L=2, hidden=(3, 3)):
    """A small model with square layers, and a batch: ``(vae, params, x, noise)``."""
    rng = np.random.default_rng(0)
    vae = VAE(4, 2, hidden, likelihood, activation)
    params = vae.init_params(rng, std=0.5)
    params.vector[:] += 0.5 * rng.uniform(-1, 1, params.vector.size)
    return vae, params, rng.random((3, 4)), rng.standard_normal((L, 3, 2))


def gradient(likelihood="bernoulli", activation="tanh", L=2):
    """The gradient check of a whole model, made under the bug, too."""

    def run():
        vae, params, x, noise = problem(likelihood, activation, L)
        check_grad(
            lambda p: vae.elbo(p, x, noise), params, lambda p: vae.elbo_and_grad(p, x, noise)[1]
        )

    return Check(f"gradient check ({likelihood}, {activation}, L = {L})", run)


def on_problem(test, *more, **settings):
    """A test of `test_vae` on a model that is made under the bug, too."""
    run = test.hypothesis.inner_test
    return Check(f"{test.__module__}.{test.__name__}", lambda: run(problem(**settings), *more))


def _linear_gaussian():
    rng = np.random.default_rng(0)
    W = np.diag([1.5, 0.7]) @ np.linalg.qr(rng.normal(size=(4, 2)))[0].T
    return test_known_answers.LinearGaussian(W, rng.normal(size=4), 0.8, rng.normal(size=(5, 4)))


def _training_data():
    rng = np.random.default_rng(3)
    return VAE(12, 2, hidden=(8,)), rng.integers(0, 256, (300, 12), dtype=np.uint8)


# --- The bound: values that are known -------------------------------------------------------------

evidence = suite(
    test_known_answers.test_with_the_exact_posterior_the_bound_is_the_evidence, _linear_gaussian()
)
evidence_by_samples = suite(
    test_known_answers.test_with_the_exact_posterior_every_sample_says_the_evidence,
    _linear_gaussian(),
)
gap = suite(
    test_known_answers.test_the_gap_is_the_divergence_from_the_posterior, _linear_gaussian()
)
zero_parameters = suite(test_known_answers.test_with_all_parameters_zero, (3,))
kl_by_hand = suite(test_gaussian.test_kl_of_known_cases)

# --- The bound: facts about sums and means --------------------------------------------------------

datapoints_twice = on_problem(test_vae.test_the_same_datapoints_twice_change_nothing)
noise_twice = on_problem(test_vae.test_the_same_noise_twice_changes_nothing)
pixels_twice = on_problem(test_vae.test_every_pixel_twice_doubles_the_reconstruction_term_alone)
latents_twice = on_problem(test_vae.test_every_latent_twice_doubles_the_kl_term_alone)
samples_averaged = on_problem(test_vae.test_several_samples_give_the_mean_of_one)
two_parts = on_problem(test_vae.test_two_parts_average_to_the_whole, 1)

# --- The bound: use -------------------------------------------------------------------------------

memory_used_again = Check(
    "test_vae.test_memory_used_again_changes_nothing",
    lambda: test_vae.test_memory_used_again_changes_nothing.hypothesis.inner_test(
        problem(), problem("gaussian", "relu")
    ),
)
arguments_unchanged = on_problem(test_vae.test_nothing_that_is_passed_in_is_changed)
uint8_pixels = on_problem(test_vae.test_uint8_pixels_are_divided_by_255, np.float64)
encode_decode = on_problem(test_vae.test_encode_decode_reconstruct)

# --- The evidence by importance sampling ----------------------------------------------------------


def log_mean_over_samples(log_weights):
    """Log of the mean weight of every datapoint, from log weights (L, M)."""
    return np.logaddexp.reduce(log_weights, axis=0) - np.log(len(log_weights))


def _importance_sampling():
    """With q = p(z|x) all of a datapoint's weights are p(x), whatever the noise."""
    model = _linear_gaussian()
    vae, params = model.vae(), model.exact_params()
    noise = np.random.default_rng(0).standard_normal((6, len(model.x), len(model.W)))
    mu, log_var = vae.encode(params, model.x)
    z = mu + np.exp(log_var / 2) * noise
    log_px, _ = vae.elbo_terms(params, model.x, noise)
    log_weights = log_px + log_density(z) - log_density(z, mu, log_var)
    estimate = log_mean_over_samples(log_weights).mean()
    np.testing.assert_allclose(estimate, model.log_evidence().mean(), rtol=1e-10)


importance_sampling = Check("evidence by importance sampling", _importance_sampling)

# --- Distributions --------------------------------------------------------------------------------

posterior_samples = suite(
    test_sampling.test_z_has_mean_mu_and_standard_deviation_exp_of_half_log_var
)
own_noise = suite(test_sampling.test_every_datapoint_gets_its_own_noise)
encoder_samples = suite(test_sampling.test_a_model_samples_what_its_encoder_says)
kl_of_samples = suite(test_sampling.test_the_kl_term_is_what_the_samples_say)
pixel_samples = suite(test_sampling.test_gaussian_pixels, np.float64)
model_samples = suite(
    test_sampling.test_samples_of_a_linear_model_have_its_covariance,
    FixedGaussian(0.6),
    np.full(4, 0.36),
)
entropy = suite(test_sampling.test_log_prob_of_samples_is_minus_the_entropy, Gaussian())
sigmoid_entropy = suite(
    test_sampling.test_log_prob_of_samples_is_minus_the_entropy, Gaussian(sigmoid_mean=True)
)
caller_s_generator = suite(
    test_sampling.test_z_and_pixels_come_from_the_caller_s_generator, Gaussian()
)
extreme_variances = suite(
    test_likelihoods.test_gaussians_with_extreme_means_and_variances, Gaussian(), np.float64
)
bernoulli_mean = suite(
    test_likelihoods.test_mean_is_the_expectation_under_the_density,
    Bernoulli(),
    test_likelihoods.binary_log_pmf,
)

# --- Kernels, layers, parameters ------------------------------------------------------------------

gather_twin = suite(
    test_kernels.test_a_kernel_does_what_its_twin_does,
    "gather_pixels",
    test_kernels.gather_case,
    {"M": 3, "L": 1, "width": 9, "dtype": np.float64, "seed": 0},
)
softplus_far_out = suite(test_kernels.test_activations_far_from_zero, "softplus", np.float64)
copies_are_independent = suite(
    test_params.test_like_shares_the_given_memory_copy_and_astype_share_none
)

# --- Optimizers and training ----------------------------------------------------------------------

first_steps = suite(test_optimizers.test_first_steps)
adagrad_accumulates = suite(test_optimizers.test_adagrad_accumulates_squares)
adagrad_epsilon = suite(test_optimizers.test_adagrad_s_epsilon_is_outside_the_root)
adam_constant_gradient = suite(test_optimizers.test_adam_s_bias_correction_counts_steps)
decay_pulls = suite(test_optimizers.test_decay_alone_pulls_towards_zero, Adagrad(0.1))
two_slices = suite(
    test_optimizers.test_updating_two_slices_is_updating_the_whole,
    Adagrad(0.1),
    np.arange(1.0, 8),
    3,
)


def algorithm_1(optimizer):
    """Two epochs of `fit` against algorithm 1 written out."""
    return suite(
        test_training.test_equals_algorithm_1_written_out, _training_data(), optimizer, True
    )


algorithm_1_with_sgd = algorithm_1(SGD(0.01))
algorithm_1_with_adam = algorithm_1(Adam(0.01))
threads_average = suite(
    test_training.test_threads_average_their_parts_with_the_right_weights, _training_data(), 2
)

# --- Skills from matches --------------------------------------------------------------------------

interval_far_out = suite(test_skills.test_an_interval_far_out_has_all_its_digits, 30.0, 0.8)


def on_duel(test, *before, **options):
    """A test of `test_skills` on two teams' matches, made under the bug, too."""
    run = test.hypothesis.inner_test
    return Check(
        f"{test.__module__}.{test.__name__}", lambda: run(*before, test_skills.duel(**options))
    )


skills_log_joint = on_duel(test_skills.test_log_joint_is_written_out)
skills_gradient = on_duel(test_skills.test_gradient_of_the_log_joint)
simulated_outcomes = suite(
    test_skills.test_simulated_outcomes_come_as_often_as_their_probabilities_say
)
ep_of_one_match = suite(test_skills.test_of_one_match_ep_gives_the_exact_moments, 1, 0.7)
ep_fixed_point = on_duel(test_skills.test_at_ep_s_fixed_point_every_factor_agrees_with_its_site)
bound_gradient = on_duel(test_skills.test_gradient_of_the_bound, "gaussian", sd=0.8, home_sd=0.6)
bound_by_samples = suite(test_skills.test_the_bound_by_samples_is_that_by_quadrature, "gaussian")
quarter_period = suite(test_skills.test_a_trajectory_lasts_a_quarter_of_a_period)
hmc_against_the_grid = suite(
    test_skills.test_judges_agree_with_the_grid, test_skills.by_hmc_in_short
)
weights_against_the_grid = suite(
    test_skills.test_judges_agree_with_the_grid, test_skills.by_weights_in_short
)

# --- Convolutions ---------------------------------------------------------------------------------

ONE_CHANNEL = Conv2D((5, 4, 1), 2, kernel=(3, 2), stride=(1, 2), padding=(0, 1))
APART = Conv2D((4, 6, 2), 3, kernel=(2, 3), stride=(2, 3))


def by_scipy(layer):
    """A layer against `scipy.signal`."""
    return suite(test_convolution.test_a_layer_computes_what_scipy_does, layer)


def gradient_of_layer(layer, activation="tanh"):
    """The gradient check of a convolution."""
    layer = replace(layer, activation=activation)
    return Check(
        f"gradient check ({layer})",
        lambda: check_layer(layer, *test_convolution.problem(layer, n=2)),
    )


def glorot_of(name):
    """Where the weights of a layer start."""
    return suite(test_convolution.test_glorot_s_start_is_uniform, name)


convolution_by_scipy = by_scipy(test_convolution.WIDE)
transpose_by_scipy = by_scipy(test_convolution.WIDE_TRANSPOSE)
one_channel_by_scipy = by_scipy(ONE_CHANNEL)
convolution_gradient = gradient_of_layer(test_convolution.WIDE)
transpose_gradient = gradient_of_layer(test_convolution.WIDE_TRANSPOSE)
gradient_of_patches_apart = gradient_of_layer(APART)
gradient_with_gelu = gradient_of_layer(test_convolution.WIDE, "gelu")
adjoint = suite(test_convolution.test_the_transpose_is_the_adjoint, test_convolution.WIDE)
channel_by_channel = suite(
    test_convolution.test_several_numbers_for_a_pixel_come_channel_by_channel
)
gradient_of_gaussian_images = Check(
    "gradient check (convolutions, gaussian)",
    lambda: check_grad(*convolutions.whole_model("gaussian", np.random.default_rng(0))),
)


# --- Sentences from a code ------------------------------------------------------------------------

lstm_gradient = suite(
    test_recurrent.test_gradient_through_time_under_any_mask, test_recurrent.HOLES[:2]
)
masked_steps = suite(test_recurrent.test_a_masked_step_changes_nothing, test_recurrent.HOLES)
lstm_formula = suite(test_recurrent.test_the_cells_are_those_of_the_formula)
words_added_up = suite(test_recurrent.test_every_place_of_a_word_counts, [2, 0, 2], 0, 2)
words_looked_up = suite(test_recurrent.test_words_are_looked_up)
softmax_far_out = suite(test_sentences.test_the_softmax_far_from_zero, np.float64)
sentences_gradient = suite(
    test_sentences.test_gradient_of_the_objective, test_sentences.MODELS["vae"], 2, 3, 0, False
)
sentence_by_sentence = suite(
    test_sentences.test_the_gradient_is_the_mean_of_the_sentences_own_whether_their_nats_are_used_up_or_not
)
words_given_those_before = suite(
    test_sentences.test_log_p_is_the_sum_over_words_given_those_before,
    test_sentences.MODELS["vae"],
)
read_and_said = suite(test_sentences.test_what_is_read_and_what_is_said)
integral_over_codes = suite(
    test_sentences.test_log_p_is_the_integral_over_codes, test_sentences.MODELS["vae"]
)
free_nats = suite(test_sentences.test_free_nats_and_weights_are_of_the_kl_alone)
annealing = suite(test_sentences.test_the_weight_of_the_kl_rises_along_a_sigmoid)
clipping = suite(test_sentences.test_a_long_gradient_is_shortened_and_no_other)
sentences_written_out = suite(test_sentences.test_it_is_the_algorithm_written_out)
four_sentences = suite(test_sentences.test_it_learns_four_sentences_by_heart, "vae")
