"""Sentences from a continuous code (Bowman et al. 2016): a VAE whose two networks are recurrent.

categorical  log p(word) by a stable log-softmax
networks     words to q(z|x), and z to words
model        the VAE, and a language model to compare with
training     KL annealing, word dropout, free nats, clipped gradients
evaluation   the bound, and log p(x) by importance sampling
writing      samples, reconstructions, homotopies, missing words
files        saving and loading

The recurrent layer is `minivae.layers.recurrent`, the sentences are `minivae.datasets.sentences`.
"""

from minivae.sentences.evaluation import bound_terms, log_likelihood
from minivae.sentences.files import load_model, save_model
from minivae.sentences.model import LanguageModel, Noise, SentenceVAE
from minivae.sentences.training import fit_sentences
from minivae.sentences.writing import complete, homotopy, reconstruct, sample, write

__all__ = [
    "LanguageModel",
    "Noise",
    "SentenceVAE",
    "bound_terms",
    "complete",
    "fit_sentences",
    "homotopy",
    "load_model",
    "log_likelihood",
    "reconstruct",
    "sample",
    "save_model",
    "write",
]
