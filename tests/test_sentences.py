"""Sentences from a continuous code: the data, the models, their training, and what they write."""

import gzip
import hashlib
import itertools
import signal
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from randomness import examples
from scipy.special import log_softmax, logsumexp
from scipy.stats import binom
from test_methods import assert_same

import minivae
from minivae import VAE, Adam, Params, check_grad, fit
from minivae.checks.catalogue.sentences import between, tokens_of
from minivae.data_stream import INIT, NOISE, Order, stream
from minivae.datasets.sentences import (
    END,
    PADDING,
    UNKNOWN,
    Corpus,
    Vocabulary,
    load_sentences,
    tokens,
)
from minivae.gaussian import log_density
from minivae.sentences import (
    LanguageModel,
    Noise,
    SentenceVAE,
    bound_terms,
    complete,
    fit_sentences,
    homotopy,
    load_model,
    log_likelihood,
    reconstruct,
    sample,
    save_model,
    write,
)
from minivae.sentences.categorical import categorical
from minivae.sentences.networks import Reading
from minivae.sentences.training import clip_norm, kl_weight
from minivae.sentences.writing import changes
from minivae.training.interruption import Interrupted
from minivae.training.reading import UnreadableModel

WORDS = Vocabulary(["a", "b", "c"])  # the numbers 2, 3, 4
SMALL = {"n_latent": 2, "n_hidden": 3, "n_embedding": 2}
MODELS = {
    "vae": partial(SentenceVAE, WORDS, **SMALL),
    "z everywhere": partial(SentenceVAE, WORDS, **SMALL, everywhere=True),
    "inputless": partial(SentenceVAE, WORDS, **SMALL, inputless=True),
    "language model": partial(LanguageModel, WORDS, n_hidden=3, n_embedding=2),
    "inputless language model": partial(
        LanguageModel, WORDS, n_hidden=3, n_embedding=2, inputless=True
    ),
}
every_model = pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
VAES = [make for name, make in MODELS.items() if "language" not in name]


def problem(make=MODELS["vae"], m=3, longest=4, seed=0, dropout=0.0):
    """A model, parameters away from zero, sentences and noise for them."""
    rng = np.random.default_rng(seed)
    model = make()
    params = model.init_params(rng)
    params.vector[:] += 0.5 * rng.standard_normal(params.vector.size)
    x = tokens_of(rng, m, longest, len(WORDS))
    return model, params, x, model.draw_noise(x, rng, np.float64, dropout)


# --- The data -------------------------------------------------------------------------------------


def test_the_file_is_the_one_its_page_describes():
    file = Path(minivae.__file__).parent / "data" / "sentences.txt.gz"
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert digest == "e0ba1c7961cf3885a2021394f1bd4adfd566b873a8944844cb8d41c2ebbe997e"


def test_every_sentence_is_in_one_part():
    corpus = load_sentences()
    parts = [[corpus.vocabulary.text(row) for row in part] for part in corpus[:3]]
    assert [len(part) for part in parts] == [11651, 686, 1370]
    file = Path(minivae.__file__).parent / "data" / "sentences.txt.gz"
    lines = gzip.decompress(file.read_bytes()).decode().splitlines()
    found = {text for part in parts for text in part if "<unknown>" not in text}
    assert found <= set(lines) and len(found) == len(lines) - 2 == 13705
    assert parts[0][:2] == lines[:2] and parts[1][0] == lines[4] and parts[2][:2] == lines[9:20:10]
    assert len(corpus.vocabulary.words) == 1995 and corpus.notes == [
        "2 times a word is unknown to the model"
    ]


def test_words_are_numbered_and_found_again():
    assert tokens("He said: “Don't!”") == ["he", "said", ":", "“", "don't", "!", "”"]
    rows = WORDS.read("A b", "c")
    np.testing.assert_array_equal(rows, [[2, 3], [4, PADDING]])
    assert [WORDS.text(row) for row in rows] == ["a b", "c"]
    assert WORDS.text([2, UNKNOWN, END, 3]) == "a <unknown>"
    np.testing.assert_array_equal(WORDS.rows([["a", "x"]]), [[2, UNKNOWN]])


def own_file(folder, text, name="own.txt"):
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


LINES = "".join(f"the {word} sat\n" for word in ("cat", "dog", "Cat", "hen", "dog") * 6)


@pytest.mark.parametrize(
    "how", [lambda b: b, lambda b: b"\xef\xbb\xbf" + b.replace(b"\n", b"\r\n")]
)
def test_a_file_of_one_s_own(tmp_path, how):
    text = LINES + "\n  \nxylophone " + "so " * 41 + "\n"
    corpus = load_sentences(own_file(tmp_path, how(text.encode())))
    assert corpus.name == "own" and [len(part) for part in corpus[:3]] == [25, 2, 3]
    assert set(corpus.vocabulary.words) == {"the", "sat", "cat", "dog", "hen"}
    assert corpus.vocabulary.words[:2] == ("the", "sat")
    assert corpus.notes == [
        "2 empty lines were left out",
        "1 sentences of more than 40 words were left out",
    ]
    packed = own_file(tmp_path, gzip.compress(LINES.encode()), "own.txt.gz")
    few = load_sentences(packed, max_words=2, max_length=3)
    assert few.vocabulary.words == ("the", "sat") and few.name == "own"
    assert few.notes == ["30 times a word is unknown to the model"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"good\nna\xefve\n", "not text in UTF-8: line 2 has the byte 0xef; save it as UTF-8"),
        (b"\xef\xbb\xbfgood\n\xffa\n", "not text in UTF-8: line 2 has the byte 0xff; save it"),
        ("a b\n" * 19, "has 19 sentences of at most 40 words, expected at least 20, one a line"),
        ("\n" * 50, "has 0 sentences"),
        ("", "has 0 sentences"),
        ("a\0b\n" * 30, "is not text: line 1 has a zero byte"),
        ("".join(f"w{k}\n" for k in range(40)), "has no word twice"),
    ],
)
def test_files_that_are_no_such_text_are_refused(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        load_sentences(own_file(tmp_path, text))


@pytest.mark.parametrize("number", [-2, 5])
def test_numbers_that_are_no_words_are_refused(number):
    with pytest.raises(ValueError, match=f"^row has {number}, expected numbers from 0 to 4"):
        Vocabulary(("a", "b", "c")).text([2, number])


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"data: there is no file .*nothing\.txt"):
        load_sentences(tmp_path / "nothing.txt")
    with pytest.raises(ValueError, match="is a folder, expected a text file"):
        load_sentences(tmp_path)
    with pytest.raises(ValueError, match="is no gzip file, or a damaged one"):
        load_sentences(own_file(tmp_path, "a b\n", "own.gz"))
    with pytest.raises(ValueError, match="is no gzip file, or a damaged one"):
        load_sentences(own_file(tmp_path, gzip.compress(LINES.encode())[:-9], "cut.gz"))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: WORDS.read("a bb"), "has the word 'bb', which is not among the model's 3; it"),
        (lambda: WORDS.read("a", "  "), "the sentence '  ' has no words"),
        (lambda: Vocabulary([]), "words are 0 and 0 different ones"),
        (lambda: Vocabulary(["a", "a"]), "words are 2 and 1 different ones"),
        (lambda: Vocabulary(["a b"]), "words have 'a b', expected words or marks in lower case"),
        (lambda: Vocabulary([3]), "words have 3, expected"),
        (lambda: load_sentences(max_words=0), "max_words is 0, expected a whole number"),
        (lambda: load_sentences(max_length=0), "max_length is 0, expected a whole number"),
    ],
)
def test_bad_words_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# --- Words' likelihood ----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_softmax_far_from_zero(dtype):
    logits = np.array([[0, 1e4, -1e4], [3, 3, 3], [-1e4, -1e4, -1e4 - 30]], dtype)
    for word in range(3):
        grad, log_p = logits.copy(), np.empty(3, dtype)
        categorical(grad, np.full(3, word), logits.max(axis=1), dtype(2), log_p)
        expected = log_softmax(logits.astype(np.float64), axis=1)
        np.testing.assert_allclose(log_p, expected[:, word], rtol=1e-6)
        onehot = np.eye(3)[word]
        np.testing.assert_allclose(grad, 2 * (onehot - np.exp(expected)), rtol=1e-5, atol=1e-6)


# --- The models -----------------------------------------------------------------------------------


@every_model
@examples(4)
@given(st.integers(1, 3), st.integers(1, 4), st.integers(0, 2**32 - 1), st.booleans())
def test_gradient_of_the_objective(make, m, longest, seed, free):
    model, params, x, noise = problem(make, m, longest, seed, dropout=0.4)
    nats = between(-model.terms(params, x, noise).minus_kl) if free else 0.0
    few = {"max_full": 1, "n_directions": 3}  # of every array; `minivae gradcheck` tries them all
    check_grad(lambda p: model.objective_and_grad(p, x, noise, 0.7, nats), params, **few)


@every_model
def test_what_stands_behind_a_sentence_and_beside_it_changes_nothing(make):
    model, params, x, noise = problem(make, m=5, dropout=0.3)
    terms = model.terms(params, x, noise)
    wider = np.full((5, 7), PADDING, np.int32)
    wider[:, :4] = x
    dropped = np.ones((5, 7), bool)
    dropped[:, :4] = noise.dropped
    for name, found in zip(
        terms._fields, model.terms(params, wider, Noise(noise.eps, dropped)), strict=True
    ):
        np.testing.assert_allclose(found, getattr(terms, name), rtol=1e-12, atol=1e-14)
    order = np.array([3, 0, 4, 1, 2])
    other = model.terms(params, x[order], Noise(noise.eps[order], noise.dropped[order]))
    np.testing.assert_allclose(other.elbo, terms.elbo[order], rtol=1e-12)
    alone = model.terms(params, x[2:3], Noise(noise.eps[2:3], noise.dropped[2:3]))
    np.testing.assert_allclose(alone.elbo, terms.elbo[2:3], rtol=1e-12)


def test_what_is_read_and_what_is_said():
    x = np.array([[2, 3], [4, PADDING]])
    reading = Reading(x, np.array([[False, True], [False, True]]))
    assert reading.steps.sequence.tolist() == [0, 1, 0, 1, 0]
    assert reading.read.tolist() == [END, END, 2, 4, UNKNOWN]  # the word that was dropped
    assert reading.said.tolist() == [2, 4, 3, END, END]


@every_model
def test_log_p_is_the_sum_over_words_given_those_before(make):
    """By the steps that write sentences, one word at a time, to the sentence's end."""
    model, params, x, noise = problem(make, m=4)
    z = np.empty((4, 0))
    if model.n_latent:
        mu, log_var = model.encode(params, x)
        z = mu + np.exp(log_var / 2) * noise.eps
    from minivae.sentences.writing import _Sayer

    log_px = np.zeros(4)
    for k in range(4):
        sayer, read = _Sayer(model, params, z[k : k + 1]), END
        for word in [*x[k][x[k] != PADDING], END]:
            log_px[k] += log_softmax(sayer.logits(np.array([read], np.int32))[0])[word]
            read = UNKNOWN if model.inputless else word
    np.testing.assert_allclose(model.terms(params, x, noise).log_px, log_px, rtol=1e-10)


def test_a_decoder_that_reads_nothing_is_one_whose_every_word_is_dropped():
    model, params, x, noise = problem(MODELS["inputless"])
    reader = MODELS["vae"]()
    all_dropped = Noise(noise.eps, np.ones(x.shape, bool))
    np.testing.assert_array_equal(
        model.terms(params, x, noise).elbo, reader.terms(params, x, all_dropped).elbo
    )
    assert not np.allclose(reader.terms(params, x, noise).elbo, model.terms(params, x, noise).elbo)


@pytest.mark.parametrize("make", VAES)
def test_log_p_is_the_integral_over_codes(make):
    """By a grid of codes; and what the bound lacks is KL(q(z|x) || p(z|x))."""
    model, params, x, _ = problem(partial(make, n_latent=1))
    params["encoder.head.W"][:] *= 0.2
    params["encoder.head.b"][:] = 0.3, 0.5  # q is wider than the prior: weights are bounded
    z, width = np.linspace(-8, 8, 401, retstep=True)
    mu, log_var = model.encode(params, x)
    draws = 1000
    estimate = log_likelihood(model, params, x, draws=draws)
    bound = bound_terms(model, params, x, draws=draws)
    for k in range(len(x)):
        reading = model.reading(np.repeat(x[k : k + 1], len(z), axis=0), None)
        log_px_z, _ = model.decoder.forward(params, z[:, None], reading, 0.0)
        log_joint = log_px_z + log_density(z[:, None])
        log_q = log_density(z[:, None], mu[k], log_var[k])
        q, log_px = width * np.exp(log_q), logsumexp(log_joint) + np.log(width)
        weights = np.exp(log_joint - log_q - log_px)
        error = np.sqrt(np.sum(q * (weights - 1) ** 2) / draws)
        np.testing.assert_allclose(estimate[k], log_px, atol=6 * error + error**2)
        gap = np.sum(q * (log_q - log_joint + log_px))
        error = np.sqrt(np.sum(q * (log_px_z - np.sum(q * log_px_z)) ** 2) / draws)
        np.testing.assert_allclose(log_px - bound.elbo[k], gap, atol=6 * error)


def test_a_language_model_has_no_bound_but_the_likelihood():
    model, params, x, _ = problem(MODELS["language model"])
    terms = bound_terms(model, params, x)
    np.testing.assert_array_equal(terms.minus_kl, 0)
    np.testing.assert_array_equal(terms.log_px, log_likelihood(model, params, x))


def test_free_nats_and_weights_are_of_the_kl_alone():
    model, params, x, noise = problem(m=6)
    terms = model.terms(params, x, noise)
    kl = -terms.minus_kl
    np.testing.assert_allclose(terms.objective(1, 0), terms.log_px - kl)
    np.testing.assert_allclose(terms.objective(0.3, 0), terms.log_px - 0.3 * kl)
    nats = np.median(kl)
    expected = terms.log_px - np.where(kl > nats, kl, nats)
    np.testing.assert_allclose(terms.objective(1, nats), expected)
    value, _ = model.objective_and_grad(params, x, noise, 1, nats)
    np.testing.assert_allclose(value, expected.mean())
    # Where all is free, the code is pulled nowhere but by the words.
    _, free = model.objective_and_grad(params, x, noise, 1, kl.max() + 1)
    _, weightless = model.objective_and_grad(params, x, noise, 0)
    np.testing.assert_allclose(free.vector, weightless.vector)


def test_the_gradient_is_the_mean_of_the_sentences_own_whether_their_nats_are_used_up_or_not():
    model, params, x, noise = problem(m=4, dropout=0.3)
    nats = np.median(-model.terms(params, x, noise).minus_kl)
    _, whole = model.objective_and_grad(params, x, noise, 0.7, nats)
    own = [
        model.objective_and_grad(
            params, x[[k]], Noise(noise.eps[[k]], noise.dropped[[k]]), 0.7, nats
        )[1].vector
        for k in range(4)
    ]
    np.testing.assert_allclose(whole.vector, np.mean(own, axis=0), rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_noise_is_normal_and_words_are_dropped_as_often_as_asked(dtype):
    model, x = MODELS["vae"](), np.full((500, 4), 2)
    eps, dropped = model.draw_noise(x, np.random.default_rng(0), dtype, 0.3)
    assert eps.dtype == dtype and abs(eps.mean()) < 5 / 1000**0.5
    assert abs(eps.var() - 1) < 5 * (2 / 1000) ** 0.5
    assert binom.cdf(dropped.sum(), 2000, 0.3) > 1e-6 and binom.sf(dropped.sum(), 2000, 0.3) > 1e-6
    assert model.draw_noise(x, np.random.default_rng(0), dtype).dropped is None


def bad(call):
    model, params, x, noise = problem()
    return lambda: call(model, params, x, noise)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (bad(lambda m, p, x, n: m.elbo_and_grad(p, x + 0.5, n)), "tokens is float64 of shape"),
        (bad(lambda m, p, x, n: m.elbo_and_grad(p, x[0], n)), r"shape \(4,\), expected numbers"),
        (bad(lambda m, p, x, n: m.elbo_and_grad(p, x[:0], n)), r"shape \(0, 4\), expected numbers"),
        (bad(lambda m, p, x, n: m.elbo_and_grad(p, x * 0 + 5, n)), "has the number 5, expected"),
        (bad(lambda m, p, x, n: m.elbo_and_grad(p, x * 0 - 2, n)), "has the number -2, expected"),
        (bad(lambda m, p, x, n: m.elbo_and_grad(p, x * 0, n)), "has the number 0, expected"),
        (bad(lambda m, p, x, n: m.elbo_and_grad(p, x * 0 - 1, n)), "a row with no word in the"),
        (
            bad(lambda m, p, x, n: m.elbo_and_grad(p, [[2, -1, 2]], Noise(n.eps[:1]))),
            "a row with no word in the front, or between others",
        ),
        (bad(lambda m, p, x, n: m.elbo_and_grad(p, x, Noise(n.eps[:1]))), r"noise.eps has shape"),
        (
            bad(lambda m, p, x, n: m.elbo_and_grad(p, x, Noise(n.eps, x))),
            "noise.dropped is int32 of shape",
        ),
        (
            bad(lambda m, p, x, n: m.elbo_and_grad(Params({"a": (2,)}), x, n)),
            "params is Params",
        ),
        (bad(lambda m, p, x, n: bound_terms(m, p, x, draws=0)), "draws is 0, expected"),
        (lambda: SentenceVAE(["a"]), r"vocabulary is \['a'\], expected a Vocabulary"),
        (lambda: SentenceVAE(WORDS, 0), "n_latent is 0, expected a whole number of at least 1"),
        (lambda: LanguageModel(WORDS, 1.5), "n_hidden is 1.5, expected a whole number"),
        (lambda: LanguageModel(WORDS, 3, 0), "n_embedding is 0, expected a whole number"),
        (bad(lambda m, p, x, n: write(m, p, n.eps[:, :1])), r"z has shape \(3, 1\), expected fin"),
        (bad(lambda m, p, x, n: write(m, p, n.eps * np.nan)), "z has shape"),
        (bad(lambda m, p, x, n: write(m, p, n.eps, 3)), "rng is int, expected a numpy.random.Gen"),
        (bad(lambda m, p, x, n: write(m, p, n.eps, temperature=0)), "temperature is 0, expected"),
        (bad(lambda m, p, x, n: write(m, p, n.eps, longest=0)), "longest is 0, expected a whole"),
        (bad(lambda m, p, x, n: write(m, p, n.eps, beginning=x[:1])), "beginning has 1 rows, exp"),
        (bad(lambda m, p, x, n: homotopy(m, p, x[0], x[1], 1)), "n is 1, expected a whole number"),
        (
            lambda: reconstruct(*problem(MODELS["language model"])[:3]),
            "model is a language model, which has no codes, expected a SentenceVAE",
        ),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# --- Training -------------------------------------------------------------------------------------

LESSONS = ["a b", "b", "c c c", "a c a b"]  # each as likely as the others


def lessons(n=200, seed=0):
    rows = WORDS.read(*LESSONS)
    chosen = rows[np.random.default_rng(seed).integers(0, 4, n)]
    return Corpus(chosen, rows.copy(), rows.copy(), WORDS, "lessons", [])


OPTIONS = {"batch_size": 20, "seed": 3, "evaluate_every": 100, "progress": False}
TUNED = {**OPTIONS, "anneal": 200, "word_dropout": 0.3, "free_nats": 0.1, "clip": 0.5}


def test_it_is_the_algorithm_written_out():
    corpus, model, optimizer = lessons(110), MODELS["vae"](), Adam(0.01)
    result = fit_sentences(  # which keeps its last parameters, as its validation bound rises
        model, corpus, 220, optimizer=optimizer, dtype=np.float64, **TUNED
    )  # fmt: skip
    params = model.init_params(stream(3, INIT))
    order, rng, moments = Order(110, 20, 3), stream(3, NOISE), optimizer.init(params.vector)
    for t in range(11):
        rows = order.rows(t)
        lengths = (corpus.train[rows] != PADDING).sum(axis=1)
        x = corpus.train[rows[np.argsort(-lengths, kind="stable")], : lengths.max()]
        eps = rng.standard_normal((20, 2))
        noise = Noise(eps, rng.random(x.shape) < 0.3)
        weight = 1 / (1 + np.exp(-10 * (20 * t / 200 - 0.5))) if 20 * t < 200 else 1.0
        _, grad = model.objective_and_grad(params, x, noise, weight, 0.1)
        norm = np.sqrt(np.sum(grad.vector**2))
        grad.vector[:] *= min(1, 0.5 / norm)
        optimizer.update(params.vector, grad.vector, moments, t + 1, 0.0)
    np.testing.assert_allclose(result.params.vector, params.vector, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", MODELS)
def test_it_learns_four_sentences_by_heart(name):
    """Then each has a probability of a quarter, and no model can do better."""
    corpus = lessons(400)
    model = MODELS[name]()
    model = type(model)(WORDS, **{**model_sizes(model), "n_hidden": 12, "n_embedding": 6})
    result = fit_sentences(
        model, corpus, 8000, optimizer=Adam(0.02), **{**OPTIONS, "evaluate_every": 2000}
    )
    log_px = log_likelihood(model, result.params, corpus.test, draws=200)
    # Each comes in about a quarter of 400 lessons: one in 1/4 +- 0.022, four times over.
    assert log_px.mean() < np.log(0.25) + 0.02
    # One that reads nothing and has no code guesses each word by itself.
    least = {"inputless": 0.6, "inputless language model": 4}.get(name, 0.15)
    assert log_px.mean() > np.log(0.25) - least
    assert result.history.columns == ("samples", "train_bound", "validation_bound", "kl", "seconds")
    assert result.history.samples == [2000, 4000, 6000, 8000]
    said = Counter(sample(model, result.params, 200, np.random.default_rng(0)))
    if "inputless" not in name:
        assert sum(said[text] for text in LESSONS) > 150


def model_sizes(model):
    described = model.described()
    return {k: v for k, v in described.items() if k not in ("sentences", "words")}


def test_the_best_parameters_are_kept():
    never_taught = WORDS.read("c b a b", "b b a")
    model, corpus = MODELS["language model"](), lessons(100)._replace(validation=never_taught)
    result = fit_sentences(model, corpus, 3000, optimizer=Adam(0.03), **OPTIONS)
    bounds = result.history.validation_bound
    assert bounds[-1] < max(bounds) - 1  # it learns that such sentences do not come
    kept = bound_terms(model, result.params, corpus.validation).elbo.mean()
    np.testing.assert_allclose(kept, max(bounds), rtol=1e-6)


def test_the_weight_of_the_kl_rises_along_a_sigmoid():
    weights = [kl_weight(seen, 1000) for seen in range(0, 1001, 100)]
    np.testing.assert_allclose(weights[:-1], 1 / (1 + np.exp(5 - np.arange(10))), rtol=1e-12)
    assert weights[-1] == kl_weight(5000, 1000) == kl_weight(0, 0) == 1


def test_a_long_gradient_is_shortened_and_no_other():
    grad = np.array([3.0, -4.0], np.float32)
    assert clip_norm(grad, 6) == 5 and grad.tolist() == [3, -4]
    assert clip_norm(grad, 1) == 5
    np.testing.assert_allclose(grad, [0.6, -0.8], rtol=1e-6)


@pytest.mark.parametrize("first", [20, 100, 260])
def test_a_run_in_two_parts_is_the_run_in_one(first, tmp_path):
    path, train = tmp_path / "run.npz", partial(fit_sentences, MODELS["vae"](), lessons(110))
    whole = train(400, **TUNED)
    train(first, checkpoint=path, **TUNED)
    resumed = train(400, checkpoint=path, resume=True, **TUNED)
    assert np.array_equal(resumed.params.vector, whole.params.vector)
    rows = [row[:-1] for row in resumed.history.rows() if row[0] % 100 == 0]
    assert rows == [row[:-1] for row in whole.history.rows()]


def test_a_run_stopped_by_a_signal_goes_on_to_the_bit(tmp_path):
    path, train = tmp_path / "run.npz", partial(fit_sentences, MODELS["vae"](), lessons(110))
    whole = train(500, **TUNED)

    def stop(params, history):
        if len(history) == 2:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Interrupted):
        train(500, checkpoint=path, callback=stop, **TUNED)
    assert_same(train(500, checkpoint=path, resume=True, **TUNED), whole)


def test_other_settings_data_and_words_are_not_resumed(tmp_path):
    path, model, corpus = tmp_path / "run.npz", MODELS["vae"](), lessons(110)
    fit_sentences(model, corpus, 100, checkpoint=path, **TUNED)
    go_on = partial(fit_sentences, samples=200, checkpoint=path, resume=True)
    other_words = Vocabulary(["a", "b", "d"])
    other = SentenceVAE(other_words, **SMALL)
    for message, call in (
        (r"^anneal is 100, but", lambda: go_on(model, corpus, **{**TUNED, "anneal": 100})),
        (r"^data: the data have changed", lambda: go_on(model, lessons(111), **TUNED)),
        (
            r"^words: the data have changed",
            lambda: go_on(other, corpus._replace(vocabulary=other_words), **TUNED),
        ),
        (r"^inputless is True, but", lambda: go_on(MODELS["inputless"](), corpus, **TUNED)),
        (
            r"is .* but .* was trained with",
            lambda: go_on(MODELS["language model"](), corpus, **TUNED),
        ),
    ):
        with pytest.raises(ValueError, match=message) as caught:
            call()
        assert len(str(caught.value)) < 300


def test_the_bar_shows_the_validation_part(capsys):
    fit_sentences(MODELS["vae"](), lessons(110), 200, **{**OPTIONS, "progress": True})
    shown = capsys.readouterr().err
    assert "200/200" in shown and "validation -" in shown


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"anneal": -1}, "anneal is -1, expected a whole number of at least 0"),
        ({"word_dropout": 1.5}, "word_dropout is 1.5, expected a number from 0 to 1"),
        ({"word_dropout": "much"}, "word_dropout is 'much', expected a number from 0 to 1"),
        ({"free_nats": -2}, "free_nats is -2, expected a positive number"),
        ({"clip": 0}, "clip is 0, expected a positive number"),
        ({"batch_size": 500}, "batch_size is 500, expected at most the 110 training datapoints"),
        ({"samples": 0}, "samples is 0, expected a whole number of at least 1"),
        ({"corpus": "abc"}, "corpus is 'abc', expected a Corpus"),
        ({"model": VAE(3, 2)}, "model is VAE.*, expected a SentenceVAE or a LanguageModel"),
        ({"model": LanguageModel(Vocabulary(["x"]))}, "model has .*, but corpus 'lessons' another"),
        ({"resume": True}, "resume is True, expected a checkpoint to resume from"),
    ],
)
def test_bad_settings_are_named(options, message):
    given = {"model": MODELS["vae"](), "corpus": lessons(110), "samples": 100, **OPTIONS}
    with pytest.raises(ValueError, match=message):
        fit_sentences(**{**given, **options})


# --- Files ----------------------------------------------------------------------------------------


@every_model
def test_a_model_in_a_file_is_the_one_that_was_saved(make, tmp_path):
    model, params, x, noise = problem(make)
    path = tmp_path / "model.npz"
    save_model(path, model, params)
    loaded, its_params = load_model(path)
    assert repr(loaded) == repr(model) and loaded.vocabulary == WORDS
    np.testing.assert_array_equal(its_params.vector, params.vector)
    np.testing.assert_array_equal(
        loaded.terms(its_params, x, noise).elbo, model.terms(params, x, noise).elbo
    )
    fit_sentences(model, lessons(110), 100, checkpoint=path, **OPTIONS)
    assert repr(load_model(path)[0]) == repr(model)


def test_files_of_another_kind_are_told_apart(tmp_path):
    path, other = tmp_path / "model.npz", tmp_path / "images.npz"
    save_model(path, *problem()[:2])
    with pytest.raises(UnreadableModel, match=r"holds a model of sentences, which minivae\.sent"):
        minivae.load_model(path)
    vae = VAE(3, 2, (2,))
    minivae.save_model(other, vae, vae.init_params(np.random.default_rng(0)))
    with pytest.raises(UnreadableModel, match="holds a model of images, not of sentences"):
        load_model(other)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UnreadableModel, match="is not a readable minivae model"):
        load_model(path)
    with pytest.raises(ValueError, match="params is Params"):
        save_model(path, MODELS["vae"](), Params({"a": (1,)}))
    bad_params = MODELS["vae"]().init_params(np.random.default_rng(0))
    bad_params.vector[3] = np.nan
    with pytest.raises(ValueError, match="params has 1 values that are NaN or infinite"):
        save_model(path, MODELS["vae"](), bad_params)


# --- Writing --------------------------------------------------------------------------------------


@every_model
def test_words_are_drawn_as_often_as_their_probabilities_say(make):
    model, params, _, _ = problem(make)
    z = np.repeat(np.random.default_rng(1).standard_normal((1, model.n_latent)), 4000, axis=0)
    said = write(model, params, z, np.random.default_rng(0), longest=2)
    every = [[], *([w] for w in range(1, 5)), *map(list, itertools.product(range(1, 5), repeat=2))]
    for sentence in every:
        if sentence:
            x = np.array([sentence])
            log_px, _ = model.decoder.forward(
                params, z[:1] if model.n_latent else None, model.reading(x, None), 0.0
            )
            p_of_end = 1.0
            if len(sentence) == 2:  # the rest may be anything
                from minivae.sentences.writing import _Sayer

                sayer = _Sayer(model, params, z[:1])
                for read in (END, *([UNKNOWN] * 2 if model.inputless else sentence)):
                    logits = sayer.logits(np.array([read], np.int32))
                p_of_end = np.exp(log_softmax(logits[0])[END])
            p = np.exp(log_px[0]) / p_of_end
            padded = [*sentence, PADDING][:2]
            count = int((said == padded).all(axis=1).sum())
            assert binom.cdf(count, 4000, p) > 1e-7 and binom.sf(count - 1, 4000, p) > 1e-7


def test_the_most_probable_words_are_written_where_none_are_drawn():
    model, params, _, noise = problem()
    said = write(model, params, noise.eps, longest=5)
    cold = write(model, params, noise.eps, np.random.default_rng(0), temperature=1e-9, longest=5)
    np.testing.assert_array_equal(said, cold)
    assert said.shape == (3, 5) and said.dtype == np.int32


def test_a_sentence_begins_as_it_is_asked_to():
    model, params, _, noise = problem()
    beginning = WORDS.read("c a b", "b", "a a")
    said = write(model, params, noise.eps, beginning=beginning, longest=4)
    known = beginning != PADDING
    np.testing.assert_array_equal(said[:, :3][known], beginning[known])
    for make in (MODELS["vae"], MODELS["language model"]):
        model, params, _, _ = problem(make)
        assert complete(model, params, WORDS.read("c a")[0]).startswith("c a")


def test_a_way_begins_and_ends_at_the_reconstructions():
    model, params, x, _ = problem()
    way = homotopy(model, params, x[0], x[1], 5)
    assert len(way) == 5 and [way[0], way[-1]] == reconstruct(model, params, x[:2])
    assert changes(["a", "a", "b", "a"]) == 2 and changes(["a"]) == 0


def test_a_collapsed_model_writes_one_sentence_for_every_code():
    model, params, _, _ = problem()
    params["decoder.start.W"][:] = 0
    z = 3 * np.random.default_rng(0).standard_normal((20, 2))
    assert len(set(map(tuple, write(model, params, z)))) == 1


def test_other_models_are_not_taken_for_sentences(tmp_path):
    path = tmp_path / "run.npz"
    images = np.zeros((40, 4), np.uint8)
    fit(VAE(4, 2, (3,)), images, 20, batch_size=20, checkpoint=path, progress=False, threads=1)
    with pytest.raises(ValueError, match="was trained with"):
        fit_sentences(MODELS["vae"](), lessons(), 20, checkpoint=path, resume=True, **OPTIONS)
