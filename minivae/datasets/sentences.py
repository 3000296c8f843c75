"""Sentences as rows of numbers: the embedded ones, or a text file with one sentence a line.

>>> corpus = load_sentences()
>>> corpus.train.shape, corpus.vocabulary.text(corpus.train[0])
((11651, 13), 'bless the lord of righteousness .')

A sentence is a row of word numbers, filled up with `PADDING` behind its last word. Of every twenty
lines two (the 10th and the 20th) are for the test, one (the 5th) for validation, and seventeen for
training: the order of a text does not matter.

The embedded file comes with the package; its README says where it is from.
"""

import gzip
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minivae.validation import check_count, expanded

END, UNKNOWN, PADDING = 0, 1, -1
"""No word: what a sentence begins after and ends with; a word that is not known; nothing."""

SHORTEST = 20  # sentences: with fewer, a part of the data would be almost empty
_MARKS = ("<end>", "<unknown>")
_FILE = Path(__file__).parents[1] / "data" / "sentences.txt.gz"
_TOKEN = re.compile(r"\w+(?:['\u2019-]\w+)*|[^\w\s]")


def tokens(line: str) -> list[str]:
    """Return words and marks of a line, in lower case.

    >>> tokens("He said: Don't!")
    ['he', 'said', ':', "don't", '!']
    """
    return _TOKEN.findall(line.lower())


class Vocabulary:
    """Words and their numbers.

    Parameters
    ----------
    words : sequence of str
        All different; the first one has the number 2, after `END` and `UNKNOWN`.

    Raises
    ------
    ValueError
        If there is none, one is twice there, or one is no word.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.words = tuple(words)
        for word in self.words:
            if not isinstance(word, str) or tokens(word) != [word]:
                raise ValueError(f"words have {word!r}, expected words or marks in lower case")
        self._numbers = {word: k for k, word in enumerate(self.words, len(_MARKS))}
        if not len(self.words) == len(self._numbers) > 0:
            raise ValueError(
                f"words are {len(self.words)} and {len(self._numbers)} different ones, expected at "
                "least one, and none twice"
            )

    def __len__(self) -> int:
        """Return how many numbers there are: of words, of `END` and of `UNKNOWN`."""
        return len(self.words) + len(_MARKS)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.words == other.words

    def __hash__(self) -> int:
        return hash(self.words)

    def __repr__(self) -> str:
        return f"<Vocabulary of {len(self.words):,} words>"

    def rows(self, sentences: Sequence[Sequence[str]]) -> np.ndarray:
        """Return sentences, given word by word, as rows of numbers; words may be unknown."""
        rows = np.full((len(sentences), max(map(len, sentences), default=0)), PADDING, np.int32)
        for row, sentence in zip(rows, sentences, strict=True):
            row[: len(sentence)] = [self._numbers.get(word, UNKNOWN) for word in sentence]
        return rows

    def read(self, *sentences: str) -> np.ndarray:
        """Return sentences, (n, T), whose words are all known.

        Raises
        ------
        ValueError
            If a word is not, or a sentence has none.
        """
        split = [tokens(sentence) for sentence in sentences]
        for sentence, words in zip(sentences, split, strict=True):
            if not words:
                raise ValueError(f"the sentence {sentence!r} has no words")
            for word in words:
                if word not in self._numbers:
                    raise ValueError(f"the sentence {sentence!r} has {self._unknown(word)}")
        return self.rows(split)

    def _unknown(self, word: str) -> str:
        near = get_close_matches(word, self.words, n=3)
        known = f"; it knows {', '.join(near)}" if near else ""
        return f"the word {word!r}, which is not among the model's {len(self.words):,}{known}"

    def text(self, row: Iterable[int]) -> str:
        """Return the words of one sentence, up to its end, with blanks between them."""
        words = []
        for number in row:
            if number in (END, PADDING):
                break
            if not 0 <= number < len(self):
                raise ValueError(f"row has {number}, expected numbers from 0 to {len(self) - 1}")
            words.append(_MARKS[number] if number < len(_MARKS) else self.words[number - 2])
        return " ".join(words)


class Corpus(NamedTuple):
    """Sentences in three parts, as rows of numbers.

    Attributes
    ----------
    train, validation, test : (n, T) int32 arrays
        A row has the numbers of a sentence's words, then `PADDING`.
    vocabulary : Vocabulary
    name : str
    notes : list of str
        What was left out of the file, in words.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    vocabulary: Vocabulary
    name: str
    notes: list[str]


def load_sentences(
    path: str | Path | None = None, *, max_words: int = 10_000, max_length: int = 40
) -> Corpus:
    """Return the embedded sentences, or those of a text file with one sentence a line.

    Parameters
    ----------
    path : path, optional
        UTF-8; it may be compressed, if it ends in .gz. Empty lines are left out.
    max_words : int
        Known are the most frequent words of the training part; of a file of your own, those that
        are there twice, so that the model sees what unknown words look like.
    max_length : int
        Sentences with more words are left out.

    Returns
    -------
    Corpus

    Raises
    ------
    FileNotFoundError, OSError
        If there is no such file, or it cannot be read.
    ValueError
        If it is not such a text, or has fewer than twenty sentences.
    """
    max_words = check_count("max_words", max_words)
    max_length = check_count("max_length", max_length)
    file = _FILE if path is None else expanded("text", path)
    lines = _read(file).split("\n")
    sentences = [words for line in lines if (words := tokens(line))]
    short = [words for words in sentences if len(words) <= max_length]
    if len(short) < SHORTEST:
        raise ValueError(
            f"data: {file} has {len(short)} sentences of at most {max_length} words, expected at "
            f"least {SHORTEST}, one a line"
        )
    place = np.arange(1, len(short) + 1) % 20
    held_out = np.isin(place, (0, 10)), place == 5
    train, validation, test = (
        [short[k] for k in np.flatnonzero(here)]
        for here in (~(held_out[0] | held_out[1]), held_out[1], held_out[0])
    )
    counts = Counter(word for words in train for word in words)
    known = [word for word, n in counts.most_common(max_words) if n > 1 or path is None]
    if not known:
        raise ValueError(f"data: {file} has no word twice, expected sentences of common words")
    vocabulary = Vocabulary(known)
    empty = len(lines) - len(sentences) - (lines[-1] == "")
    notes = [
        f"{n:,} {what}"
        for n, what in (
            (empty, "empty lines were left out"),
            (
                len(sentences) - len(short),
                f"sentences of more than {max_length} words were left out",
            ),
            (
                _unknown(train + validation + test, set(known)),
                "times a word is unknown to the model",
            ),
        )
        if n
    ]
    name = "sentences" if path is None else file.name.removesuffix(".gz").removesuffix(".txt")
    parts = [vocabulary.rows(part) for part in (train, validation, test)]
    return Corpus(parts[0], parts[1], parts[2], vocabulary, name, notes)


def _unknown(sentences: list[list[str]], known: set[str]) -> int:
    return sum(word not in known for words in sentences for word in words)


def _read(file: Path) -> str:
    """Return the text of a file, or say what it is instead."""
    if not file.exists():
        raise FileNotFoundError(f"data: there is no file {file}")
    if file.is_dir():
        raise ValueError(f"data: {file} is a folder, expected a text file with one sentence a line")
    raw = file.read_bytes()
    if file.suffix == ".gz":
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(f"data: {file} is no gzip file, or a damaged one ({error})") from error
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1  # a mark at the beginning is not in it
        raise ValueError(
            f"data: {file} is not text in UTF-8: line {line} has the byte "
            f"0x{error.object[error.start]:02x}; save it as UTF-8"
        ) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise ValueError(f"data: {file} is not text: line {line} has a zero byte")
    return text.replace("\r\n", "\n").replace("\r", "\n")
