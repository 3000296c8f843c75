"""What the command line takes: ``minivae train``, ``evaluate``, ``sample``, and their options."""

import argparse
from typing import Any, NoReturn

import minivae
from minivae.app.readers import (
    place,
    positive,
    positive_or_zero,
    schedule,
    seed,
    seeds,
    share,
    whole,
    widths,
)
from minivae.app.streams import EXIT_ERROR, finish_output

# What the library has, said again: --help and a wrong argument need not wait for NumPy.
ACTIVATIONS = ("tanh", "relu", "softplus", "sigmoid", "gelu", "identity")
LIKELIHOODS = (
    "bernoulli", "gaussian", "gaussian-sigmoid", "gaussian-fixed", "gaussian-fixed-relu", "poisson",
)  # fmt: skip
NETWORKS = ("mlp", "conv")
OPTIMIZERS = ("adagrad", "sgd", "adam")
STARTS = ("normal", "glorot")
PAGE_DTYPES = ("float32", "float16")
BIASES = ("mean", "zero")


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the usage text around it."""

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_ERROR, f"{self.prog}: error: {message} (see {self.prog} --help)\n")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """Exit, after --help and --version with an error if they could not be written."""
        super().exit(finish_output() or status, message)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = _Parser(
        prog="minivae",
        description="Auto-Encoding Variational Bayes (Kingma and Welling, 2013) in plain NumPy.",
        epilog="Example: minivae train",
    )
    parser.set_defaults(parser=parser)
    parser.add_argument("--version", action="version", version=f"minivae {minivae.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    _add_train(commands)
    for name, summary, example in (
        ("evaluate", "the bound of a run's model, split into its two terms", "mnist-20"),
        ("sample", "a picture of fresh samples from a run's model", "mnist-20 --n 64 --seed 1"),
        ("reconstruct", "a picture of test images and their reconstructions", "mnist-20 --n 30"),
        (
            "manifold",
            "the 2-D latent space as a picture (models with two latents)",
            "mnist-2 --n 30",
        ),
        ("interpolate", "a picture of the way from one test image to another", "mnist-20 --n 8"),
        (
            "latents",
            "the bound split by latent, as a table and a picture: which are active",
            "mnist-20",
        ),
    ):
        _add_run_command(commands, name, summary, example)
    _add_explore(commands)
    _add_sentences(commands)
    _add_complete(commands)
    _add_reproduce(commands)
    _add_gradcheck(commands)
    _add_command(
        commands,
        "info",
        "this machine: CPU, BLAS and its kernel set, threads, Numba, versions, data",
        "minivae info",
    )
    return parser


def _add_command(
    commands: argparse._SubParsersAction, name: str, summary: str, example: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=f"Example: {example}",
    )  # fmt: skip
    parser.set_defaults(parser=parser)  # the one to complain of what is not understood
    return parser


def _add_train(commands: argparse._SubParsersAction) -> None:
    parser = _add_command(
        commands,
        "train",
        "train a VAE; with no arguments, the paper's on MNIST, in about a minute",
        "minivae train --latent 2 --samples 2e6 --out runs/two-latents",
    )
    # No defaults here: a resumed run takes all settings from its folder, and must be able to tell
    # what was asked for now. The defaults are in minivae.app.
    add = parser.add_argument
    model = parser.add_argument_group("model")
    add = model.add_argument
    add("--latent", type=whole(1), metavar="J", help="dimensions of z (20)")
    add(
        "--network",
        metavar="NAME",
        choices=NETWORKS,
        help="mlp, or conv: images halved by convolutions, doubled by transposed ones (mlp)",
    )
    add(
        "--channels",
        type=widths,
        metavar="WIDTHS",
        help="of each convolution, as 16,32 (16,32; for conv)",
    )
    add(
        "--hidden",
        type=widths,
        metavar="WIDTHS",
        help="hidden units, as 500 or 200,100 (500; conv: 128)",
    )
    add(
        "--activation",
        metavar="NAME",
        choices=ACTIVATIONS,
        help=f"{', '.join(ACTIVATIONS)} (tanh; conv: relu)",
    )
    add(
        "--start",
        choices=STARTS,
        help="weights from N(0, 0.01^2), or Glorot's uniform draws (normal; conv: glorot)",
    )
    add(
        "--likelihood",
        metavar="NAME",
        choices=LIKELIHOODS,
        help=f"{', '.join(LIKELIHOODS)} (by data)",
    )
    add("--sigma", type=positive, help="standard deviation for gaussian-fixed (1)")
    data = parser.add_argument_group("data")
    add = data.add_argument
    add("--data", help="mnist, fashion-mnist, frey, or an .npy, .npz or .mat file (mnist)")
    add("--data-path", type=place, metavar="PATH", help="where to look for a named data set first")
    add(
        "--binarize",
        choices=("static", "dynamic"),
        help="pixels become 0 or 1 at random, once or whenever they are seen (never: the paper's)",
    )
    training = parser.add_argument_group("training")
    add = training.add_argument
    add("--samples", type=whole(1), metavar="N", help="training samples to see (3e6)")
    add("--batch-size", type=whole(1), metavar="M", help="datapoints per step (100)")
    add("--noise-samples", type=whole(1), metavar="L", help="draws of z per datapoint (1)")
    add(
        "--optimizer", metavar="NAME", choices=OPTIMIZERS, help=f"{', '.join(OPTIMIZERS)} (adagrad)"
    )
    add("--step-size", type=positive, help="step size (adagrad: by a short trial)")
    add(
        "--schedule",
        type=schedule,
        metavar="CHANGES",
        help="from how many samples on it is times what, as 1e6:0.5,5e6:0.1 (always the same)",
    )
    add("--no-weight-prior", action="store_const", const=True, help="maximum likelihood, not MAP")
    add("--seed", type=seed, help="for parameters, order and noise (0)")
    add("--threads", type=whole(1), help="threads (the cores there are, fewer for small models)")
    add(
        "--dtype",
        metavar="NAME",
        choices=("float32", "float64"),
        help="float32 or float64 (float32)",
    )
    add("--evaluate-every", type=whole(1), metavar="N", help="samples between evaluations (1e5)")
    run = parser.add_argument_group("run folder")
    add = run.add_argument
    add("--out", type=place, metavar="RUN", help="folder for the run (a new one under runs/)")
    add(
        "--resume",
        type=place,
        metavar="RUN",
        help="go on with an interrupted run, or with more --samples",
    )
    add("--quiet", action="store_true", help="no progress bar and no messages")


def _add_run_command(
    commands: argparse._SubParsersAction, name: str, summary: str, example: str
) -> None:
    parser = _add_command(commands, name, summary, f"minivae {name} runs/{example}")
    parser.add_argument("run", type=place, metavar="RUN", help="a folder that minivae train made")
    if name != "manifold":  # nothing in it is random
        parser.add_argument("--seed", type=seed, default=0, help="for random choices (0)")
    if name == "evaluate":
        parser.add_argument(
            "--noise-samples", type=whole(1), default=1, metavar="L", help="draws of z (1)"
        )
        return
    n = {
        "sample": (100, "images"),
        "reconstruct": (20, "images"),
        "manifold": (20, "per side"),
        "interpolate": (10, "pairs"),
    }
    if name in n:
        parser.add_argument(
            "--n", type=whole(1), default=n[name][0], help=f"{n[name][1]} (%(default)s)"
        )
    parser.add_argument(
        "--out", type=place, metavar="PNG", help="the picture's file (in the run folder)"
    )


def _add_explore(commands: argparse._SubParsersAction) -> None:
    parser = _add_command(
        commands,
        "explore",
        "a page for the browser with a run's model in it: draw, move, and see the bound",
        "minivae explore runs/mnist-2",
    )
    add = parser.add_argument
    add("run", type=place, metavar="RUN", help="a folder that minivae train made")
    add(
        "--out", type=place, metavar="HTML", help="the page's file (explore.html in the run folder)"
    )
    add("--no-open", action="store_true", help="write it, and do not open it")
    add(
        "--dtype",
        metavar="NAME",
        choices=PAGE_DTYPES,
        help="float32 or float16, of the weights (float16 for pages that float32 makes too large)",
    )
    add(
        "--tutorials",
        type=place,
        metavar="URL",
        help="where the notebooks are, with {name} for a name, as ../tutorials/{name}.ipynb",
    )


def _add_sentences(commands: argparse._SubParsersAction) -> None:
    parser = _add_command(
        commands,
        "sentences",
        "train a VAE of sentences (Bowman et al. 2016), on those that come with the package or on "
        "a text of your own, one sentence a line",
        "minivae sentences --text own.txt --latent 8",
    )
    # As for train: no defaults here.
    add = parser.add_argument_group("model").add_argument
    switch: Any = {"action": "store_const", "const": True}
    add("--latent", type=whole(1), metavar="J", help="dimensions of z (16)")
    add("--hidden", type=whole(1), metavar="N", help="units of either LSTM (128)")
    add("--embedding", type=whole(1), metavar="N", help="numbers in a word's vector (64)")
    add("--inputless", **switch, help="the decoder never reads what it has said")
    add("--everywhere", **switch, help="z is part of every step's input, not of the start alone")
    add("--language-model", **switch, help="no z at all: a recurrent network, to compare with")
    add = parser.add_argument_group("data").add_argument
    add("--text", type=place, metavar="FILE", help="one sentence a line, in UTF-8 (those embedded)")
    add = parser.add_argument_group("training").add_argument
    add("--samples", type=whole(1), metavar="N", help="sentences to see (14 times all)")
    add("--anneal", type=whole(0), metavar="N", help="until the KL counts in full (5 times all)")
    add("--word-dropout", type=share, metavar="P", help="of words hidden from the decoder (0.4)")
    add("--free-nats", type=positive_or_zero, metavar="NATS", help="KL that costs nothing (0)")
    add("--batch-size", type=whole(1), metavar="M", help="sentences per step (64)")
    add("--step-size", type=positive, help="of Adam (0.002)")
    add("--seed", type=seed, help="for parameters, order and noise (0)")
    add("--evaluate-every", type=whole(1), metavar="N", help="sentences between (all)")
    add = parser.add_argument_group("run folder").add_argument
    add("--out", type=place, metavar="RUN", help="folder for the run (a new one under runs/)")
    add("--resume", type=place, metavar="RUN", help="go on with a run, or with more --samples")
    add("--quiet", action="store_true", help="no progress bar and no messages")


def _add_complete(commands: argparse._SubParsersAction) -> None:
    parser = _add_command(
        commands,
        "complete",
        "the last words of a sentence, by a model of minivae sentences",
        "minivae complete runs/sentences-16 'and he said'",
    )
    parser.add_argument("run", type=place, metavar="RUN", help="a folder of minivae sentences")
    parser.add_argument("beginning", metavar="WORDS", help="the first words, in quotes")


def _add_reproduce(commands: argparse._SubParsersAction) -> None:
    parser = _add_command(
        commands,
        "reproduce",
        "the paper's figures 2 to 5, as tables and pictures; ten minutes each, or as you like",
        "minivae reproduce figure2 --samples 1e7",
    )
    parser.add_argument(
        "figure",
        choices=("figure2", "figure3", "figure4", "figure5", "all", "table1"),
        metavar="FIGURE",
        help="figure2, figure3, figure4, figure5 or all of them; table1 of Burda, Grosse and "
        "Salakhutdinov",
    )
    add = parser.add_argument
    add("--samples", type=whole(1), metavar="N", help="of each curve (1e6, in figure 3 2e6)")
    add(
        "--out",
        type=place,
        metavar="FOLDER",
        default="runs/paper",
        help="for the results (%(default)s)",
    )
    add("--workers", type=whole(1), metavar="N", help="processes (the cores there are)")
    add(
        "--dask",
        type=place,
        metavar="ADDRESS",
        help="compute on the workers of a Dask scheduler, as tcp://host:8786; all see the folder",
    )
    add(
        "--only",
        metavar="PATTERN",
        default="*",
        help="compute only curves with such names, as mnist-h500-z20-*",
    )
    add(
        "--datapoints",
        type=whole(1),
        metavar="N",
        help="to estimate log p(x) on: in figure3, of each part (200; the paper's 1000); in "
        "table1, test digits (all)",
    )
    add(
        "--stages",
        type=whole(1),
        metavar="N",
        help="in table1, of 1, 3, 9, ... passes over the digits (2; the whole has 8)",
    )
    add("--k", type=widths, metavar="KS", help="in table1, samples of z to train with (1,5,50)")
    add("--batch-size", type=whole(1), metavar="M", help="in table1, datapoints per step (20)")
    add(
        "--biases",
        choices=BIASES,
        help="in table1, the last start at the log odds of the mean digit, or at zero (mean)",
    )
    add("--data-path", type=place, metavar="PATH", help="where to look for Frey Faces first")
    add("--skip-frey", action="store_true", help="leave out Frey Faces")
    add("--seeds", type=seeds, default=[0], help="for each curve, as 0,1,2; drawn as a range (0)")
    add("--quiet", action="store_true", help="no progress bar and no messages")


def _add_gradcheck(commands: argparse._SubParsersAction) -> None:
    parser = _add_command(
        commands,
        "gradcheck",
        "check every hand-derived gradient against finite differences; exit code 1 on failure",
        "minivae gradcheck --cases 20",
    )
    parser.add_argument("--cases", type=whole(1), default=5, help="random problems each (5)")
    parser.add_argument("--seed", type=seed, default=0, help="for the problems (0)")
