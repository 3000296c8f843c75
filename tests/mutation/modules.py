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
    "estimators": ["estimators", "one_step", "autoencoders", "fit_promises"],
    "optimizers": ["optimizers", "training", "bad_inputs"],
    "minibatches": [*FIT, "wake_sleep", "mcem"],
    "training": FIT,
    "state": FIT,
    "checkpoint": ["checkpoint", "fit_promises", "training", "posteriors"],
    "evaluation": ["fit_promises", "training", "fit_options"],
    "marginal": ["marginal", "joint"],
    "hmc": ["hmc", "mcem"],
    "training/mcem": ["mcem"],
    "estimators/wake_sleep": ["wake_sleep", "one_step"],
    "relatives/clutter": ["clutter"],
    "training/full_vb": ["full_vb"],
    "relatives/linear_gaussian": ["linear_gaussian"],
    "relatives/mixture": ["mixture"],
    "reparameterizations/base": ["reparameterizations"],
    "reparameterizations/composition": ["reparameterizations"],
    "reparameterizations/densities": ["reparameterizations"],
    "reparameterizations/implicit": ["reparameterizations"],
    "reparameterizations/inverse_cdf": ["reparameterizations"],
    "reparameterizations/location_scale": ["reparameterizations"],
    "gradcheck": ["gradcheck", "testing"],
}
