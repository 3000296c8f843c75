"""How good is the model? The bound over a whole data set, log p(x), and which latents are used.

bound      the two terms of the ELBO
evidence   log p(x): importance sampling, and appendix D
joint      log p(x, z) and its gradients
hmc        Hamiltonian Monte Carlo
densities  what appendix D fits to samples
latents    the KL by latent dimension
"""

from minivae.evaluation.bound import bound_terms, bound_terms_with, mean_bound
from minivae.evaluation.evidence import (
    HMCEvidence,
    LogEvidence,
    appendix_d,
    importance_sampling,
    resample_prior,
)

__all__ = [
    "HMCEvidence",
    "LogEvidence",
    "appendix_d",
    "bound_terms",
    "bound_terms_with",
    "importance_sampling",
    "mean_bound",
    "resample_prior",
]
