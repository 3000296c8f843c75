"""`minivae sentences`: a model of sentences, trained in a run folder.

settings.json    what was asked for, written first
model.npz        the checkpoint: the best model so far, and all that is needed to go on
history.csv      bound and KL, evaluation by evaluation
samples.txt, homotopies.txt    written at the end
"""

import argparse
import contextlib
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from minivae.app.options import check_kind
from minivae.app.runs import Run, free_folder, new_run, open_run, resumed_run
from minivae.app.streams import complain, tell
from minivae.datasets.sentences import Corpus, load_sentences
from minivae.optimizers import Adam
from minivae.params import Params
from minivae.sentences import (
    LanguageModel,
    SentenceVAE,
    fit_sentences,
    homotopy,
    load_model,
    sample,
)
from minivae.sentences.model import SentenceModel
from minivae.sentences.training import check_share
from minivae.training.checkpoint import atomic_write
from minivae.training.interruption import Interrupted
from minivae.training.loop import FitResult
from minivae.validation import check_count, check_positive, check_seed, expanded

OF_VAES = ("latent", "everywhere", "anneal", "word_dropout", "free_nats")  # not language models
EPOCHS, ANNEALED = 14, 5  # of the training part: in all, and until the KL has its full weight
DEFAULTS: dict[str, Any] = {
    "text": None,  # the embedded sentences
    "language_model": False,
    "inputless": False,
    "everywhere": False,
    "latent": 16,
    "hidden": 128,
    "embedding": 64,
    "samples": None,  # by data
    "anneal": None,  # by data
    "word_dropout": 0.4,
    "free_nats": 0.0,
    "batch_size": 64,
    "step_size": 0.002,
    "seed": 0,
    "evaluate_every": None,  # by data
}


def sentences(arguments: argparse.Namespace) -> int:
    """Train a model of sentences, or go on training one, and have it write some."""
    say = (lambda message: None) if arguments.quiet else tell
    requested = {
        name: value for name in DEFAULTS if (value := getattr(arguments, name)) is not None
    }
    with contextlib.ExitStack() as stack:
        if arguments.resume is None:
            _check_kind(requested)
            settings = {**DEFAULTS, **requested, "kind": "sentences"}
            if settings["text"] is not None:
                settings["text"] = str(expanded("text", settings["text"]).resolve())
            corpus = load_sentences(settings["text"])
            _settle(settings, corpus)
            _fit(None, settings, corpus, samples=1, progress=False)  # which may refuse them
            folder = arguments.out
            if folder is None:
                folder = free_folder(f"{corpus.name}-{_stem(settings)}")
            run = stack.enter_context(new_run(folder, settings))
        else:
            run = resumed_run(open_sentences, requested, arguments, stack)
            corpus = load_sentences(run.settings["text"])
            if run.model_path.exists():
                check_vocabulary(run, load_model(run.model_path)[0], corpus)
                if not is_unchanged(run, corpus):
                    raise ValueError(f"run: the data have changed since {run.path} was begun")
        run.save_settings(run.settings)
        say(_title(run.settings, corpus))
        say(f"Run folder {run.path}")
        try:
            result = _fit(
                run,
                run.settings,
                corpus,
                progress=False if arguments.quiet else None,
                callback=lambda params, history: run.save_history(history),
            )
        except Interrupted as stop:
            complain(
                f"Stopped by {stop.name}; all is saved. To go on: "
                f"minivae sentences --resume {shlex.quote(str(run.path))}"
            )
            return 128 + stop.signum
        run.save_history(result.history)
        model = build(run.settings, corpus)
        _write_texts(run, model, result.params, corpus)
    _report(run, model, result, say)
    return 0


def _check_kind(requested: dict[str, Any]) -> None:
    """Raise ValueError for what a language model would have no use for."""
    unused = [name for name in OF_VAES if name in requested]
    if unused and "language_model" in requested:
        option = "--" + unused[0].replace("_", "-")
        raise ValueError(f"{option} is for a VAE, and --language-model asks for none")


def _settle(settings: dict[str, Any], corpus: Corpus) -> None:
    """Write down what follows from the data."""
    n = len(corpus.train)
    if settings["language_model"]:
        settings["anneal"] = 0
    for name, epochs in (("samples", EPOCHS), ("anneal", ANNEALED), ("evaluate_every", 1)):
        if settings[name] is None:
            settings[name] = epochs * n


def build(settings: dict[str, Any], corpus: Corpus) -> SentenceModel:
    """Return the model of a run."""
    sizes = settings["hidden"], settings["embedding"]
    if settings["language_model"]:
        return LanguageModel(corpus.vocabulary, *sizes, inputless=settings["inputless"])
    return SentenceVAE(
        corpus.vocabulary,
        settings["latent"],
        *sizes,
        inputless=settings["inputless"],
        everywhere=settings["everywhere"],
    )


def _fit(
    run: Run | None,
    settings: dict[str, Any],
    corpus: Corpus,
    samples: int | None = None,
    **options: Any,
) -> FitResult:
    return fit_sentences(
        build(settings, corpus),
        corpus,
        settings["samples"] if samples is None else samples,
        anneal=settings["anneal"],
        word_dropout=0.0 if settings["language_model"] else settings["word_dropout"],
        free_nats=settings["free_nats"],
        batch_size=settings["batch_size"],
        optimizer=Adam(settings["step_size"]),
        seed=settings["seed"],
        evaluate_every=settings["evaluate_every"],
        checkpoint=None if run is None else run.model_path,
        resume=run is not None and run.model_path.exists(),
        **options,
    )


def _stem(settings: dict[str, Any]) -> str:
    return "lm" if settings["language_model"] else str(settings["latent"])


def _title(settings: dict[str, Any], corpus: Corpus) -> str:
    what = "a language model" if settings["language_model"] else f"a VAE of {settings['latent']}"
    latents = "" if settings["language_model"] else " latents"
    notes = "".join(f"\nNote: {note}" for note in corpus.notes)
    return (
        f"Training {what}{latents} on {len(corpus.train):,} sentences of {corpus.name} "
        f"({len(corpus.vocabulary.words):,} words; {len(corpus.validation):,} more sentences "
        f"choose the model, {len(corpus.test):,} are for the test){notes}"
    )


def _write_texts(run: Run, model: SentenceModel, params: Params, corpus: Corpus) -> None:
    rng = np.random.default_rng(run.settings["seed"])
    texts = {"samples.txt": sample(model, params, 20, rng)}
    if isinstance(model, SentenceVAE):
        pairs = range(min(4, len(corpus.test) // 2))
        ways = [homotopy(model, params, *corpus.test[2 * k : 2 * k + 2]) for k in pairs]
        texts["homotopies.txt"] = "\n\n".join("\n".join(way) for way in ways).split("\n")
    for name, lines in texts.items():
        with atomic_write(run.path / name, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")


def _report(run: Run, model: SentenceModel, result: FitResult, say: Callable) -> None:
    history = result.history
    best = int(np.argmax(history.validation_bound))
    seconds = history.seconds[-1]
    folder = shlex.quote(str(run.path))
    kl = f", with a KL of {history.kl[best]:.2f}" if isinstance(model, SentenceVAE) else ""
    more = ["evaluate", "sample", "reconstruct", "interpolate"]
    if not isinstance(model, SentenceVAE):
        more = more[:2]
    say(
        f"{history.samples[-1]:,} sentences in {seconds:.0f} s of training "
        f"({history.samples[-1] / seconds:,.0f} sentences/s).\n"
        f"Best bound: {history.validation_bound[best]:.2f} nats per validation sentence{kl}, "
        f"after {history.samples[best]:,} sentences.\n"
        + "\n".join(
            f"{'Next:' if k == 0 else '     '} minivae {name} {folder}"
            for k, name in enumerate(more)
        )
        + f'\n      minivae complete {folder} "and he said"'
    )


def check_vocabulary(run: Run, model: SentenceModel, corpus: Corpus) -> None:
    """Raise ValueError if a run's text has other words now."""
    if corpus.vocabulary != model.vocabulary:
        raise ValueError(f"run: the text has changed since {run.path} was trained on it")


def is_unchanged(run: Run, corpus: Corpus) -> bool:
    """Return whether a run was trained on these sentences."""
    return run.saw(data=corpus.train, test_data=corpus.validation)


def open_sentences(folder: str | Path) -> Run:
    """Open an existing run folder of sentences."""
    run = open_run(folder, ())
    if run.settings.get("kind") != "sentences":
        raise ValueError(f"run: {folder} holds no model of sentences")
    try:
        for name, check in _CHECKS.items():
            check(name, run.settings.get(name))
    except ValueError as error:
        raise ValueError(f"run: {run.settings_path} is damaged ({error})") from error
    return run


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "text": check_kind(str | None, "text"),
    **dict.fromkeys(
        ("language_model", "inputless", "everywhere"), check_kind(bool, "true or false")
    ),
    **dict.fromkeys(
        ("latent", "hidden", "embedding", "samples", "batch_size", "evaluate_every"), check_count
    ),
    "anneal": lambda name, value: check_count(name, value, minimum=0),
    "word_dropout": check_share,
    "free_nats": lambda name, value: value == 0 or check_positive(name, value),
    "step_size": check_positive,
    "seed": check_seed,
}
