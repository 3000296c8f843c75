"""Exercises of notebook 5: any two Gaussians, many draws, backward through estimator A."""

import numpy as np

from exercises import Exercise
from exercises.made_up import different


def gaussians_problem(rng):
    M, J = different(rng, 2)
    names = ("mu_q", "log_var_q", "mu_p", "log_var_p")
    return dict(zip(names, rng.standard_normal((4, M, J)), strict=True))


def gaussians_terms(mu_q, log_var_q, mu_p, log_var_p):
    def summed(term):
        return 0.5 * term.sum(axis=1)

    return {
        "the distance of the means": summed((mu_q - mu_p) ** 2 / np.exp(log_var_p)),
        "the quotient of the variances": summed(np.exp(log_var_q - log_var_p)),
        "log sigma_q^2": summed(-log_var_q),
        "log sigma_p^2": summed(log_var_p),
        "the -1 (half of it for every latent)": summed(-np.ones(mu_q.shape)),
    }


def kl(mu_q, log_var_q, mu_p, log_var_p):
    return sum(gaussians_terms(mu_q, log_var_q, mu_p, log_var_p).values())


def the_other_way_round(mu_q, log_var_q, mu_p, log_var_p):
    return kl(mu_p, log_var_p, mu_q, log_var_q)


def distance_not_divided(mu_q, log_var_q, mu_p, log_var_p):
    distance = (mu_q - mu_p) ** 2
    return kl(mu_p, log_var_q, mu_p, log_var_p) + 0.5 * distance.sum(axis=1)


def distance_divided_by_q(mu_q, log_var_q, mu_p, log_var_p):
    distance = (mu_q - mu_p) ** 2 / np.exp(log_var_q)
    return kl(mu_p, log_var_q, mu_p, log_var_p) + 0.5 * distance.sum(axis=1)


def to_the_standard_normal(mu_q, log_var_q, mu_p, log_var_p):
    return kl(mu_q, log_var_q, np.zeros_like(mu_p), np.zeros_like(log_var_p))


def draws_problem(rng):
    L, M, J = different(rng, 3)
    mu, log_var = rng.standard_normal((2, M, J))
    return {"log_px": -90 + 9 * rng.standard_normal((L, M)), "mu": mu, "log_var": log_var}


def draws_sizes(log_px, mu, log_var):
    return {"L": len(log_px), "M": len(mu), "J": mu.shape[1]}


def kl_entries(mu, log_var):
    return 0.5 * (mu**2 + np.exp(log_var) - 1 - log_var)


def draws_terms(log_px, mu, log_var):
    return {
        "the mean of log p(x|z)": log_px.mean(),
        "-KL": -kl_entries(mu, log_var).sum() / len(mu),
    }


def averaged_over_latents(log_px, mu, log_var):
    return log_px.mean() - kl_entries(mu, log_var).mean()


def summed_over_datapoints(log_px, mu, log_var):
    return log_px.mean() - kl_entries(mu, log_var).sum()


def everything_summed_over_datapoints(log_px, mu, log_var):
    return log_px.mean(axis=0).sum() - kl_entries(mu, log_var).sum()


def draws_summed(log_px, mu, log_var):
    return log_px.sum(axis=0).mean() - kl_entries(mu, log_var).sum() / len(mu)


def without_the_half(log_px, mu, log_var):
    return log_px.mean() - 2 * kl_entries(mu, log_var).sum() / len(mu)


def sigma_for_variance(log_px, mu, log_var):
    entries = 0.5 * (mu**2 + np.exp(log_var / 2) - 1 - log_var)
    return log_px.mean() - entries.sum() / len(mu)


def backward_problem(rng):
    M, J = different(rng, 2)
    names = ("dz", "mu", "log_var", "eps")
    return dict(zip(names, rng.standard_normal((4, M, J)), strict=True))


def backward_sizes(dz, **_):
    return {"M": len(dz), "J": dz.shape[1]}


def through_the_draw(dz, mu, log_var, eps, from_prior=1.0, entropy=0.5):
    sigma = np.exp(log_var / 2)
    df = dz - from_prior * (mu + sigma * eps)
    return df, df * sigma * eps / 2 + entropy


def of_estimator_b(dz, mu, log_var, eps):
    sigma = np.exp(log_var / 2)
    return dz - mu, dz * sigma * eps / 2 + (1 - sigma**2) / 2


def z_held_fixed(dz, mu, log_var, eps):
    dmu, dlog_var = through_the_draw(dz, mu, log_var, eps)
    return dmu - eps / np.exp(log_var / 2), dlog_var - eps**2 / 2


def without_the_prior(dz, mu, log_var, eps):
    return through_the_draw(dz, mu, log_var, eps, from_prior=0.0)


def without_the_entropy(dz, mu, log_var, eps):
    return through_the_draw(dz, mu, log_var, eps, entropy=0.0)


def entropy_of_the_wrong_sign(dz, mu, log_var, eps):
    return through_the_draw(dz, mu, log_var, eps, entropy=-0.5)


def variance_for_sigma(dz, mu, log_var, eps):
    return through_the_draw(dz, mu, 2 * log_var, eps)


def by_sigma(dz, mu, log_var, eps):
    dmu, dlog_var = through_the_draw(dz, mu, log_var, eps)
    return dmu, 2 * dlog_var / np.exp(log_var / 2)


def log_q_through_z_alone(dz, mu, log_var, eps):
    sigma = np.exp(log_var / 2)
    df = dz - (mu + sigma * eps) + eps / sigma
    return df, df * sigma * eps / 2


def prior_at_the_mean(dz, mu, log_var, eps):
    return dz - mu, (dz - mu) * np.exp(log_var / 2) * eps / 2 + 0.5


def slope_of_sigma(dz, mu, log_var, eps):
    df, _ = through_the_draw(dz, mu, log_var, eps)
    return df, df * np.exp(log_var / 2) * eps + 0.5


EXERCISES = [
    Exercise(
        "kl_of_gaussians",
        gaussians_problem,
        minutes=15,
        returns=("the KL",),
        sizes=lambda mu_q, **_: {"M": len(mu_q), "J": mu_q.shape[1]},
        terms=gaussians_terms,
        mistakes={
            "that is KL(p || q): the mean is to be taken under q": the_other_way_round,
            "the squared distance of the means is divided by sigma_p^2, as in log p": (
                distance_not_divided
            ),
            "the means' distance comes from log p, where sigma_p^2 divides, not sigma_q^2": (
                distance_divided_by_q
            ),
            "that is the KL to N(0, 1): p has a mean and a variance of its own": (
                to_the_standard_normal
            ),
        },
    ),
    Exercise(
        "mean_bound",
        draws_problem,
        returns=("the bound",),
        sizes=draws_sizes,
        terms=draws_terms,
        mistakes={
            "the KL is averaged over the latents: it is a sum over them": averaged_over_latents,
            "the KL is summed over the datapoints: log p(x|z) is averaged over them": (
                summed_over_datapoints
            ),
            "that is the bound of all datapoints together: it is wanted per datapoint": (
                everything_summed_over_datapoints
            ),
            "log p(x|z) is summed over the draws: it is averaged over them": draws_summed,
            "the KL is twice too large: is its 1/2 missing?": without_the_half,
            "sigma^2 is exp(log_var); exp(log_var / 2) is sigma": sigma_for_variance,
        },
    ),
    Exercise(
        "sgvb_a_backward",
        backward_problem,
        minutes=25,
        returns=("dmu", "dlog_var"),
        sizes=backward_sizes,
        mistakes={
            "that is the gradient of estimator B: here log p(z) and log q(z|x) are sampled": (
                of_estimator_b
            ),
            "-log q moves with z as well as with mu and log_var: the two ways of mu cancel": (
                z_held_fixed
            ),
            "that is the gradient with respect to sigma: log_var is log sigma^2": by_sigma,
            "log q contains mu and log_var by themselves, too, not only through z": (
                log_q_through_z_alone
            ),
            "log p(z) is taken at the draw, z = mu + sigma eps, not at mu": prior_at_the_mean,
            "log p(z) depends on z too: its gradient is -z": without_the_prior,
            "log q still contains -log_var / 2 when it is written in terms of eps": (
                without_the_entropy
            ),
            "log q is subtracted: its -log_var / 2 comes out with a plus": (
                entropy_of_the_wrong_sign
            ),
            "that takes exp(log_var) for sigma, which is its square": variance_for_sigma,
            "sigma = exp(log_var / 2): its slope is sigma / 2": slope_of_sigma,
        },
    ),
]
