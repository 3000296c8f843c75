"""Which tests belong to which module: those that have to notice when it is wrong.

The tests that notice most quickly stand first. Tests of the command line, the pictures and the
tutorials are left out: they run the library in other processes, or look at something else.
"""

FIT = ["fit_options", "fit_promises", "training", "one_step", "bad_inputs", "checkpoint"]

TESTS = {
    "vae": [
        "vae",
        "known_answers",
        "one_step",
        "sampling",
        "bad_inputs",
        "checkpoint",
        "fit_options",
    ],
    "layers": ["layers", "mlp", "testing", "vae", "bad_inputs"],
    "mlp": ["mlp", "vae", "testing"],
    "gaussian": ["gaussian", "vae", "sampling", "known_answers"],
    "likelihoods": ["likelihoods", "vae", "sampling", "known_answers", "bad_inputs"],
    "posteriors/deterministic": ["posteriors", "autoencoders", "one_step"],
    "posteriors/diagonal": ["posteriors", "gaussian", "vae", "sampling", "estimators", "one_step"],
    "posteriors/full_covariance": ["posteriors", "estimators", "one_step"],
    "posteriors/location_scale": ["posteriors", "estimators", "one_step"],
    "posteriors/rows": ["posteriors", "one_step"],
    "estimators": ["estimators", "one_step", "autoencoders", "fit_promises"],
    "optimizers": ["optimizers", "training", "bad_inputs"],
    "minibatches": [*FIT, "wake_sleep", "mcem"],
    "training": FIT,
    "state": FIT,
    "checkpoint": ["checkpoint", "fit_promises", "training", "posteriors"],
    "evaluation": ["fit_promises", "training", "fit_options"],
    "marginal": ["marginal", "joint"],
    "hmc": ["hmc", "mcem"],
    "baselines/mcem": ["mcem"],
    "baselines/wake_sleep": ["wake_sleep", "one_step"],
    "extensions/clutter": ["clutter"],
    "extensions/full_vb": ["full_vb"],
    "extensions/linear_gaussian": ["linear_gaussian"],
    "extensions/mixture": ["mixture"],
    "extensions/reparameterizations/base": ["reparameterizations"],
    "extensions/reparameterizations/composition": ["reparameterizations"],
    "extensions/reparameterizations/densities": ["reparameterizations"],
    "extensions/reparameterizations/implicit": ["reparameterizations"],
    "extensions/reparameterizations/inverse_cdf": ["reparameterizations"],
    "extensions/reparameterizations/location_scale": ["reparameterizations"],
    "gradcheck": ["gradcheck"],
}
