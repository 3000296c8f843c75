"""Sentences from a continuous code (Bowman et al. 2016): what holds the code in use, and its price.

    python examples/sentences.py [--only plain annealed ...] [--epochs 14] [--text own.txt]

Seven models of the embedded sentences, LSTMs with 128 units and 16 latents: a language model; a
plain VAE; with an annealed KL; with 40 % of the words dropped as well; with 8 free nats; and a
language model and a VAE that read nothing of what they have said. Of each the best of 14 epochs, by
the validation part, and then, once, the test part: bound, its KL, and log p(x) by importance
sampling; and what the model writes. A minute or two each.

The language model comes to -35.3 nats per test sentence, the plain VAE to -35.1 and the annealed
one to -35.0, both with an empty code (a KL below a tenth of a nat): what they have in advance is a
first state that is learned. With words dropped as well the KL is 2.4 nats, at a log p(x) of -36.0;
with 8 free nats it is 7.9, at -35.8 (and a bound of -37.4). Of the two that read nothing the
language model comes to -49.9, the VAE to -45.6 with a KL of 3.6: there the code is worth more than
four nats.
"""

import argparse

import numpy as np

from minivae.datasets.sentences import load_sentences
from minivae.sentences import (
    LanguageModel,
    SentenceVAE,
    bound_terms,
    complete,
    fit_sentences,
    homotopy,
    log_likelihood,
    reconstruct,
    sample,
)
from minivae.sentences.writing import changes

ANNEALED = 5  # epochs


def recipes(corpus):
    """Return ``{name: (model, options of fit_sentences)}``."""
    vocabulary, rising = corpus.vocabulary, {"anneal": ANNEALED * len(corpus.train)}
    return {
        "language model": (LanguageModel(vocabulary), {}),
        "plain": (SentenceVAE(vocabulary), {}),
        "annealed": (SentenceVAE(vocabulary), rising),
        "annealed, words dropped": (SentenceVAE(vocabulary), {**rising, "word_dropout": 0.4}),
        "8 free nats": (SentenceVAE(vocabulary), {"free_nats": 8.0}),
        "inputless language model": (LanguageModel(vocabulary, inputless=True), {}),
        "inputless, annealed": (SentenceVAE(vocabulary, inputless=True), rising),
    }


def show(model, params, corpus):
    """Print what a VAE writes."""
    rng = np.random.default_rng(0)
    print("  samples:")
    for text in sample(model, params, 4, rng):
        print(f"    {text}")
    print("  reconstructions:")
    for tokens in corpus.test[:4]:
        text = corpus.vocabulary.text(tokens)
        print(f"    {text}  ->  {reconstruct(model, params, tokens[None])[0]}")
    print("  homotopies:")
    for k in range(4):
        way = homotopy(model, params, corpus.test[2 * k], corpus.test[2 * k + 1], 9)
        print("    " + "\n    ".join(dict.fromkeys(way)) + f"\n    ({changes(way)} changes)")


def main(argv=None):
    """Train the models and print what they are worth."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", metavar="NAME", help="of the models")
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--draws", type=int, default=100, help="of z, for log p(x)")
    parser.add_argument("--text", help="a file of your own, one sentence a line")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    corpus = load_sentences(arguments.text)
    models, of_language = recipes(corpus), None
    for name in set(arguments.only or []) - set(models):
        parser.error(f"--only has {name!r}, expected some of {', '.join(map(repr, models))}")
    for name, (model, options) in models.items():
        if arguments.only and name not in arguments.only:
            continue
        samples = arguments.epochs * len(corpus.train)
        fitted = fit_sentences(model, corpus, samples, seed=arguments.seed, **options)
        params, history = fitted
        terms = bound_terms(model, params, corpus.test)
        log_px = log_likelihood(model, params, corpus.test, draws=arguments.draws)
        best = history.samples[int(np.argmax(history.validation_bound))] / len(corpus.train)
        print(
            f"{name}: bound {terms.elbo.mean():.2f}, KL {abs(terms.minus_kl.mean()):.2f}, log p(x) "
            f"{log_px.mean():.2f} nats per test sentence; epoch {best:.0f}; "
            f"{history.seconds[-1] / arguments.epochs:.1f} s per epoch"
        )
        if isinstance(model, LanguageModel):
            of_language = log_px  # of the same kind as the VAEs that follow
            beginning = corpus.test[0, :3]
            text = corpus.vocabulary.text(beginning)
            print(f"  {text} ...: {complete(model, params, beginning)}")
            continue
        if of_language is not None:
            better = log_px - of_language
            error = better.std() / len(better) ** 0.5
            print(f"  {better.mean():+.2f} ({error:.2f}) beside the language model")
        show(model, params, corpus)


if __name__ == "__main__":
    main()
