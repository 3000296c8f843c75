"""What can be done with a run of `minivae sentences`: numbers, and sentences."""

import argparse
from typing import Any

import numpy as np

from minivae.app.runs import Run
from minivae.app.sentences import check_vocabulary, is_unchanged, open_sentences
from minivae.app.streams import complain
from minivae.datasets.sentences import Corpus, load_sentences
from minivae.params import Params
from minivae.sentences import SentenceVAE, bound_terms, load_model, log_likelihood, writing
from minivae.sentences.model import SentenceModel

DRAWS = 100  # of z, to estimate log p(x) with


def _opened(arguments: argparse.Namespace, codes: bool = True) -> tuple[Run, Any, Params]:
    """A run, its model and its parameters; refused if it is to have codes and has none."""
    run = open_sentences(arguments.run)
    if getattr(arguments, "out", None) is not None:
        raise ValueError("--out is for pictures, and these are sentences")
    model, params = load_model(run.model_path)
    if codes and not isinstance(model, SentenceVAE):
        raise ValueError(
            f"run: {arguments.run} holds a language model, which has no codes to "
            f"{arguments.command}"
        )
    return run, model, params


def evaluate(arguments: argparse.Namespace) -> None:
    """Print the bound on the test part, its two terms, and log p(x) by importance sampling."""
    run, model, params = _opened(arguments, codes=False)
    corpus = load_sentences(run.settings["text"])
    _note_changes(run, model, corpus)
    header = ("nats per sentence", "bound (std. error)", "log p(x|z)", "KL", "log p(x)")
    print("{:<20} {:>18} {:>12} {:>8} {:>10}".format(*header))
    for name, tokens in (("test", corpus.test), ("validation", corpus.validation)):
        options = {"seed": arguments.seed}
        terms = bound_terms(model, params, tokens, draws=arguments.noise_samples, **options)
        log_px = log_likelihood(model, params, tokens, draws=DRAWS, **options).mean()
        error = terms.elbo.std() / len(tokens) ** 0.5
        bound = f"{terms.elbo.mean():.2f} ({error:.2f})"
        print(
            f"{name:<20} {bound:>18} {terms.log_px.mean():>12.2f} "
            f"{abs(terms.minus_kl.mean()):>8.2f} {log_px:>10.2f}"
        )
    if isinstance(model, SentenceVAE):
        print(f"log p(x) is by importance sampling with {DRAWS} draws of z for each sentence.")


def _note_changes(run: Run, model: SentenceModel, corpus: Corpus) -> None:
    check_vocabulary(run, model, corpus)
    if not is_unchanged(run, corpus):
        complain("Note: the data have changed since the model was trained on them")


def sample(arguments: argparse.Namespace) -> None:
    """Print fresh sentences."""
    _, model, params = _opened(arguments, codes=False)
    rng = np.random.default_rng(arguments.seed)
    print("\n".join(writing.sample(model, params, arguments.n, rng)))


def reconstruct(arguments: argparse.Namespace) -> None:
    """Print test sentences, and what the model makes of the mean of each one's code."""
    run, model, params = _opened(arguments)
    for tokens in _test_sentences(run, model, arguments, arguments.n):
        (made,) = writing.reconstruct(model, params, tokens[None])
        print(f"{model.vocabulary.text(tokens)}\n    {made}")


def interpolate(arguments: argparse.Namespace) -> None:
    """Print the way from one test sentence to another, through the codes."""
    run, model, params = _opened(arguments)
    chosen = _test_sentences(run, model, arguments, 2 * arguments.n)
    for start, end in zip(chosen[::2], chosen[1::2], strict=False):
        print(f"{model.vocabulary.text(start)}  ->  {model.vocabulary.text(end)}")
        print("".join(f"    {text}\n" for text in writing.homotopy(model, params, start, end)))


def complete(arguments: argparse.Namespace) -> None:
    """Print a sentence that begins as asked, its last words filled in."""
    _, model, params = _opened(arguments, codes=False)
    (beginning,) = model.vocabulary.read(arguments.beginning)
    print(writing.complete(model, params, beginning))


def _test_sentences(
    run: Run, model: SentenceModel, arguments: argparse.Namespace, n: int
) -> np.ndarray:
    corpus = load_sentences(run.settings["text"])
    _note_changes(run, model, corpus)
    test = corpus.test
    if n > len(test):
        complain(f"Note: {n:,} test sentences were asked for, there are {len(test):,}")
    return test[np.random.default_rng(arguments.seed).permutation(len(test))[:n]]
