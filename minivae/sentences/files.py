"""Models of sentences in files: the words with them, so that a file is all that one needs."""

from pathlib import Path

from minivae.datasets.sentences import Vocabulary
from minivae.params import Params
from minivae.sentences.model import LanguageModel, SentenceModel, SentenceVAE
from minivae.training.checkpoint import read_archive, write_archive
from minivae.training.reading import UnreadableModel, reading
from minivae.validation import check_dtype, check_finite

_KINDS = {kind.kind: kind for kind in (SentenceVAE, LanguageModel)}


def save_model(path: str | Path, model: SentenceModel, params: Params) -> None:
    """Write a model of sentences and its parameters.

    Raises
    ------
    ValueError
        If `params` is not laid out for the model or not finite.
    OSError
        If the file cannot be written; an earlier one is untouched.
    """
    model.check_params(params)
    check_finite("params", params.vector)
    write_archive(path, {"vae": model.described()}, {"params": params.vector})


def load_model(path: str | Path) -> tuple[SentenceModel, Params]:
    """Return ``(model, params)`` from a file that `save_model` or `fit_sentences` wrote.

    Raises
    ------
    FileNotFoundError, UnreadableModel
        As by `minivae.load_model`.
    """
    meta, arrays = read_archive(path)
    with reading(path):
        described = dict(meta["vae"])
        if "sentences" not in described:
            raise UnreadableModel(f"path: {path} holds a model of images, not of sentences")
        kind, words = described.pop("sentences"), described.pop("words")
        model = _KINDS[kind](Vocabulary(words), **described)
        check_dtype(arrays["params"].dtype)
        params = Params(model.param_shapes, arrays["params"])
        check_finite("params", params.vector)
    return model, params
