"""Skills from matches (TrueSkill; Herbrich, Minka and Graepel 2006), with a home advantage.

The example of inference that is intractable although the model is tiny: solved by updates that
somebody derived, then by the gradient of a bound, and judged by sampling.

intervals    log(Phi(b) - Phi(a)) and its derivatives, far in the tails as well
model        the model, its log joint density, and the next match
propagation  expectation propagation, TrueSkill's messages, one pass
evidence     sd and eps by maximum evidence
variational  a Gaussian q by gradients, with noise and without
judges       HMC, importance sampling, a dense grid for two teams
forecasts    log loss, calibration, frequencies, Elo
"""

from minivae.relatives.skills.evidence import maximum_evidence
from minivae.relatives.skills.model import Gaussian, Skills, probability_best
from minivae.relatives.skills.propagation import (
    assumed_density_filter,
    expectation_propagation,
    message_passing,
)
from minivae.relatives.skills.variational import fit_by_quadrature, fit_gaussian

__all__ = [
    "Gaussian",
    "Skills",
    "assumed_density_filter",
    "expectation_propagation",
    "fit_by_quadrature",
    "fit_gaussian",
    "maximum_evidence",
    "message_passing",
    "probability_best",
]
