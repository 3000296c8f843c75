"""Wrong answers to the exercises of notebook 11, and what the checker must say to each."""

import numpy as np

RIGHT = {
    "A": "path",
    "B": "beta",
    "C": "noise",
    "D": "sampler",
    "E": "slope",
    "F": "axis",
    "G": "sign",
    "H": "epochs",
}


def draws(sample, mu, log_var, seed=0, n=10_000):
    eps = np.random.default_rng(seed).standard_normal((n, 3, 2))
    return sample(np.full((3, 2), mu), np.full((3, 2), log_var), eps)


def standard_normal_only(sample):
    z = draws(sample, 0.0, 0.0)
    return np.all(np.abs(z.mean(axis=0)) < 0.05) and np.all(np.abs(z.std(axis=0) - 1) < 0.05)


def width_only(sample):
    return np.all(np.abs(draws(sample, 0.0, -1.0).std(axis=0) - np.exp(-0.5)) < 0.05)


def each_row_alone(sample):
    z = draws(sample, 1.0, -1.0)
    mean_fits = np.all(np.abs(z.mean(axis=0) - 1) < 0.05)
    return mean_fits and np.all(np.abs(z.std(axis=0) - np.exp(-0.5)) < 0.05)


def without_tolerance(sample):
    return np.all(draws(sample, 1.0, -1.0).std(axis=0) == np.exp(-0.5))


def letters_only(sample):
    return "sound"


def latents_never_together(sample):
    """Good in all else: two datapoints of each latent, but no two latents."""
    rng = np.random.default_rng(3)
    mu, log_var = rng.uniform(1, 2, (3, 2)), rng.uniform(-2, -1, (3, 2))
    z = sample(mu, log_var, rng.standard_normal((5_000, 3, 2)))
    sigma = np.exp(log_var / 2)
    fits = np.all(np.abs(z.mean(0) - mu) < 0.08) and np.all(np.abs(z.std(0) / sigma - 1) < 0.08)
    apart = all(abs(np.corrcoef(z[:, :, j].T)[0, 1]) < 0.1 for j in range(2))
    return bool(fits and apart)


def unequal_rows(sample):
    rng = np.random.default_rng(4)
    mu, log_var = rng.uniform(1, 2, (3, 2)), rng.uniform(-2, -1, (3, 2))
    z = sample(mu, log_var, rng.standard_normal((5_000, 3, 2)))
    sigma = np.exp(log_var / 2)
    fits = np.all(np.abs(z.mean(0) - mu) < 0.08) and np.all(np.abs(z.std(0) / sigma - 1) < 0.08)
    unit = ((z - mu) / sigma).reshape(len(z), -1)
    pairs = [(a, b) for a in range(6) for b in range(a)]
    return bool(fits and not any(np.allclose(unit[:, a], unit[:, b]) for a, b in pairs))


def the_formula_itself(sample):
    rng = np.random.default_rng(5)
    mu, log_var = rng.standard_normal((2, 3, 2))
    eps = rng.standard_normal((100, 3, 2))
    return np.allclose(sample(mu, log_var, eps), mu + np.exp(log_var / 2) * eps)


def one_answer_for_each(sample):
    z = draws(sample, 1.0, -1.0)
    return np.abs(z.mean(axis=0) - 1) < 0.05


def too_strict(sample):
    z = draws(sample, 1.0, -1.0)
    return np.all(np.abs(z.mean(axis=0) - 1) < 1e-4)


def size_of_the_mean(sample):
    z = draws(sample, 1.0, -1.0)
    fits = np.all(np.abs(np.abs(z.mean(axis=0)) - 1) < 0.05)
    return fits and np.all(np.abs(z.std(axis=0) - np.exp(-0.5)) < 0.05)


WRONG = {
    "diagnosis": [
        ({**RIGHT, "C": "sampler", "D": "noise"}, "C: not sampler; called twice"),
        ({**RIGHT, "G": "beta", "B": "sign"}, "G: not beta; look at its known value"),
        ({letter: "axis" for letter in RIGHT}, "H: not axis; all that it computes is right"),
        ({k: v for k, v in RIGHT.items() if k != "D"}, "D: not filled in yet"),
        (list(RIGHT.values()), "of type list, expected a dict"),
        ({**RIGHT, "E": 5}, "E: 5 came, expected one of"),
        ({**RIGHT, "A": "slope", "E": "path"}, "A: not slope; its gradient is right in W4 and b4"),
        ({**RIGHT, "F": "decay"}, "F: not decay; its bound is right, its evidence is not"),
        ({**RIGHT, "B": "kl"}, "B: 'kl' came, expected one of axis, beta"),
        ({**RIGHT, "H": ...}, "H: not filled in yet"),
        ("path", "of type str, expected a dict"),
    ],
    "sampler_is_sound": [
        (letters_only, "it accepts a sampler"),
        (latents_never_together, "do you look at two latents together"),
        (unequal_rows, "unequal is not independent"),
        (the_formula_itself, "mu - sigma eps, as good as mu + sigma eps"),
        (one_answer_for_each, "it returns 6 answers, expected True or False"),
        (too_strict, "it refuses a sound sampler"),
        (size_of_the_mean, "whose mean is -mu"),
        (lambda sample, mu: True, "it raises TypeError"),
        (lambda sample: True, "it accepts a sampler whose standard deviation is exp(log_var)"),
        (lambda sample: False, "it refuses a sound sampler"),
        (standard_normal_only, "do you try a log_var that is not 0"),
        (width_only, "whose mean is 0: do you try a mu that is not 0"),
        (each_row_alone, "do you look at two rows together"),
        (without_tolerance, "allow five times that"),
    ],
    "hidden_beta": [
        (lambda D, J: 1 / (D * J), "not their product"),
        (lambda D, J: D * J, "both have to be brought over"),
        (lambda D, J: 1 / D - 1 / J, "divided, not subtracted"),
        (lambda D, J: 784 / 20, "whatever the arguments are"),
        (lambda D, J: D // J, "came, expected"),
        (lambda D, J: f"{D}/{J}", "of type str, expected one number"),
        (lambda D, J: J / D, "upside down"),
        (lambda D, J: D, "the KL is divided by J as well"),
        (lambda D, J: 2 * D / J, "is off by the factor 2"),
    ],
}
