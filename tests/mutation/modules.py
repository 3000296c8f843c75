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
        "bring_your_own",
        "checkpoint",
        "fit_options",
    ],
    "layers": ["layers", "mlp", "testing", "vae", "bring_your_own", "bad_inputs"],
    "parts": ["layers", "mlp", "lockstep"],
    "gaussian": ["gaussian", "vae", "sampling", "known_answers", "engines"],
    "likelihoods": ["likelihoods", "vae", "sampling", "known_answers", "bad_inputs", "engines"],
    "posteriors/deterministic": ["posteriors", "autoencoders", "one_step"],
    "posteriors/diagonal": ["posteriors", "gaussian", "vae", "sampling", "estimators", "one_step"],
    "posteriors/full_covariance": ["posteriors", "estimators", "one_step"],
    "posteriors/location_scale": ["posteriors", "estimators", "one_step"],
    "estimators/base": ["estimators", "one_step", "fit_promises"],
    "estimators/sgvb": ["estimators", "one_step", "fit_promises"],
    "estimators/score_function": ["estimators", "one_step", "fit_promises"],
    "estimators/denoising": ["estimators", "one_step", "autoencoders"],
    "estimators/wake_sleep": ["wake_sleep", "one_step"],
    "optimizers": ["optimizers", "training", "bad_inputs", "engines"],
    "data_stream": [*FIT, "wake_sleep", "mcem"],
    "training/minibatch_loop": FIT,
    "training/aevb": FIT,
    "training/loop": [*FIT, "methods"],
    "training/settings": [*FIT, "methods"],
    "training/state": [*FIT, "methods", "old_files"],
    "training/models": ["checkpoint", "bring_your_own", "posteriors"],
    "training/checkpoint": ["checkpoint", "fit_promises", "training", "posteriors"],
    "training/mcem": ["mcem", "methods"],
    "training/full_vb": ["full_vb", "methods"],
    "evaluation/bound": ["fit_promises", "training", "fit_options"],
    "evaluation/evidence": ["marginal", "joint"],
    "evaluation/joint": ["joint", "marginal", "mcem"],
    "evaluation/hmc": ["hmc", "mcem"],
    "relatives/clutter": ["clutter"],
    "relatives/linear_gaussian": ["linear_gaussian"],
    "relatives/mixture": ["mixture"],
    "reparameterizations/base": ["reparameterizations"],
    "reparameterizations/composition": ["reparameterizations"],
    "reparameterizations/densities": ["reparameterizations"],
    "reparameterizations/implicit": ["reparameterizations"],
    "reparameterizations/inverse_cdf": ["reparameterizations"],
    "reparameterizations/location_scale": ["reparameterizations"],
    "checks/gradcheck": ["gradcheck"],
}
