"""Mistakes that are easily made where skills are inferred from matches."""

import checks
import numpy as np
from bugs import bug
from scipy.stats import norm

from minivae.evaluation.hmc import HMC
from minivae.relatives.skills import judges, model, propagation, variational
from minivae.relatives.skills.intervals import Interval


@bug(
    caught_by=[checks.interval_far_out],
    missed_by=[checks.skills_gradient, checks.ep_fixed_point],
)
def a_difference_of_two_distribution_functions(patch):
    def naive(a, b):
        Z = norm.cdf(b) - norm.cdf(a)
        lower, upper = norm.pdf(a) / Z, norm.pdf(b) / Z
        ends = [np.where(np.isinf(end), 0, end) for end in (a, b)]
        lost = (lower - upper) ** 2 - ends[0] * lower + ends[1] * upper
        return Interval(np.log(Z), lower, upper, lost)

    patch.setattr(model, "interval", naive)
    patch.setattr(checks.test_skills, "interval", naive)


@bug(
    caught_by=[checks.skills_log_joint],
    missed_by=[checks.skills_gradient, checks.simulated_outcomes, checks.ep_fixed_point],
)
def the_visitors_get_the_home_advantage(patch):
    original = model.Skills.rows

    def wrong(self, home, away):
        A = original(self, home, away)
        A[:, self.n_teams :] *= -1
        return A

    patch.setattr(model.Skills, "rows", wrong)


@bug(
    caught_by=[checks.skills_log_joint],
    missed_by=[checks.skills_gradient, checks.bound_by_samples, checks.ep_of_one_match],
)
def a_draw_is_a_difference_within_eps_of_both_sides_together(patch):
    original = model.Skills.ends

    def wrong(self):
        left, right = original.fget(self)
        return left / 2, right / 2

    patch.setattr(model.Skills, "ends", property(wrong))


@bug(caught_by=[checks.ep_of_one_match], missed_by=[checks.ep_fixed_point])
def the_match_s_own_noise_forgotten_in_the_scale_of_the_moments(patch):
    original = propagation.tilt

    def wrong(skills, mean, variance):
        right = original(skills, mean, variance)
        return propagation.Moved(right.log_Z, right.g, right.k * (1 + variance))

    patch.setattr(propagation, "tilt", wrong)


@bug(caught_by=[checks.ep_of_one_match], missed_by=[checks.ep_fixed_point, checks.skills_gradient])
def evidence_without_the_scales_of_the_sites(patch):
    patch.setattr(propagation, "_F", lambda mean, variance: 0 * mean)


@bug(
    caught_by=[checks.bound_by_samples],
    missed_by=[checks.bound_gradient, checks.skills_log_joint],
)
def kl_of_skills_taken_for_that_of_their_units(patch):
    original = variational.elbo_and_grad

    def wrong(skills, posterior, q_params, noise):
        J = len(skills.prior_sd)
        moved = q_params.copy()
        moved[:, J : 2 * J] += 2 * np.log(skills.prior_sd)
        return original(skills, posterior, moved, noise)

    patch.setattr(variational, "elbo_and_grad", wrong)


@bug(caught_by=[checks.quarter_period], missed_by=[checks.skills_gradient])
def trajectories_of_half_a_period(patch):
    original = HMC.sample

    def wrong(self, target, chains, step, *rest):
        return original(self, target, chains, 2 * step, *rest)

    patch.setattr(judges.HMC, "sample", wrong)


@bug(caught_by=[checks.weights_against_the_grid], missed_by=[checks.hmc_against_the_grid])
def weights_without_the_determinant(patch):
    original = judges.in_coordinates_of

    def wrong(skills, belief):
        target = original(skills, belief)
        sizes = np.linalg.slogdet(belief.covariance)[1] / 2

        def moved(y):
            log_p, grad = target(y)
            return log_p - sizes, grad

        return moved

    patch.setattr(judges, "in_coordinates_of", wrong)
