"""Model files that are damaged, and files that somebody has made up, checksum and all.

They are refused in one line that names the file, or read as if nothing had happened; never is
anything else read, raised, or shown to a kernel.
"""

import copy
import itertools
import json
import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from randomness import examples

from minivae import VAE, Adam, fit, load_model, save_model
from minivae.app import cli
from minivae.estimators import ScoreFunction
from minivae.layers import Dense, Sequential
from minivae.likelihoods import FixedGaussian
from minivae.training.checkpoint import read_archive, write_archive
from minivae.training.mcem import fit_mcem
from minivae.training.state import read_training

DATA = np.random.default_rng(0).random((30, 3))
OPTIONS = {"batch_size": 10, "evaluate_every": 20, "progress": False}
MODEL = VAE(
    encoder=[Dense(3, 2, "tanh"), Sequential([Dense(2, 2)])],
    decoder=[Dense(1, 3)],
    likelihood=FixedGaussian(0.5),
)
WAYS = {
    "aevb": lambda path, samples, **more: fit(
        MODEL, DATA, samples, checkpoint=path, optimizer=Adam(), estimator=ScoreFunction("running"),
        threads=2, **OPTIONS, **more,
    ),
    "mcem": lambda path, samples, **more: fit_mcem(
        VAE(3, 1, (2,), FixedGaussian(0.5)), DATA, samples, checkpoint=path, **OPTIONS, **more
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """A checkpoint of each way to train, after two steps."""
    folder = tmp_path_factory.mktemp("checkpoints")
    for name, train in WAYS.items():
        train(folder / f"{name}.npz", 20)
    return folder


def read(path):
    """What a file holds, in a form that can be compared; or None if it is refused as it should."""
    try:
        meta, arrays = read_archive(path)
    except ValueError as error:
        message = str(error)
        assert re.match(rf"path: {re.escape(str(path))} (is not a readable|was altered)", message)
        assert "\n" not in message
        return None
    return json.dumps(meta), {name: (x.dtype, x.shape, x.tobytes()) for name, x in arrays.items()}


def test_a_file_with_any_one_byte_changed_is_refused_or_the_same(checkpoints, tmp_path):
    path = tmp_path / "model.npz"
    save_model(path, MODEL, MODEL.init_params(np.random.default_rng(0)))
    good, whole, refused = read(path), path.read_bytes(), 0
    assert good is not None
    for offset in range(len(whole)):
        byte = b"(" if whole[offset] != ord("(") else b")"
        path.write_bytes(whole[:offset] + byte + whole[offset + 1 :])
        came = read(path)
        refused += came is None
        assert came in (None, good), offset
    assert refused > len(whole) / 2  # the others are dates and the like


@st.composite
def damages(draw):
    """What happens to a file: some of it is overwritten, inserted, cut out or repeated."""
    place = draw(st.floats(0, 1))
    length = draw(st.integers(0, 20) | st.integers(0, 3000))
    return place, length, draw(st.binary(max_size=20)), draw(st.booleans())


@examples(200)
@given(st.lists(damages(), min_size=1, max_size=3))
def test_a_file_that_is_damaged_in_many_ways_is_refused_or_the_same(checkpoints, changes):
    good, damaged = read(checkpoints / "mcem.npz"), (checkpoints / "mcem.npz").read_bytes()
    for place, length, new, twice in changes:
        start = round(place * len(damaged))
        cut = damaged[start : start + length]
        damaged = damaged[:start] + new + (2 * cut if twice else b"") + damaged[start + length :]
    path = checkpoints / "damaged.npz"
    path.write_bytes(damaged)
    assert read(path) in (None, good)


# --- Made up, with a good checksum ----------------------------------------------------------------

numbers = st.integers(-3, 3) | st.integers() | st.floats() | st.just(10**400)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=3) | st.just("tanh"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


def places(value, way=()):
    """The ways to everything in a JSON document."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield (*way, key)
            yield from places(value[key], (*way, key))


def put(document, way, new):
    """Replace, or with None for `new` leave out, what is at a place of a JSON document."""
    *outer, last = way
    for key in outer:
        document = document[key]
    if new is None:
        del document[last]
    else:
        document[last] = new[0]


def made_up(folder, meta, arrays):
    """Write a file with these contents and a good checksum; return its path."""
    path = folder / "made-up.npz"
    write_archive(path, meta, arrays)
    return path


def use(train, path):
    """Load a model and train on; whatever is refused has a line that names the file."""
    for call in (lambda: load_model(path), lambda: train(path, 30, resume=True)):
        try:
            call()
        except ValueError as error:
            assert str(path) in str(error) and "\n" not in str(error)


@pytest.mark.parametrize("name", WAYS)
@examples(150)
@given(st.data())
def test_made_up_settings_and_states_are_refused_or_go_on(checkpoints, name, data):
    meta, arrays = read_archive(checkpoints / f"{name}.npz")
    for _ in range(data.draw(st.integers(1, 2))):
        way = data.draw(st.sampled_from(list(places(meta))))
        put(meta, way, data.draw(st.none() | st.tuples(json_values)))
    path = made_up(checkpoints, meta, arrays)
    use(WAYS[name], path)


COUNTS = [("settings", "batch_size"), ("step",)]
NO_COUNTS = [None, "ten", 2.5, [1], -1]
NO_SECONDS = [
    pytest.param(("seconds",), 10**400, id="too large for a float"),
    *((("seconds",), value) for value in (-1.0, math.nan, math.inf, "ten")),
]


@pytest.mark.parametrize(("entry", "value"), [*itertools.product(COUNTS, NO_COUNTS), *NO_SECONDS])
def test_the_reader_refuses_numbers_that_are_none(checkpoints, entry, value):
    """Before anything is built from them: the command line shows and uses some."""
    meta, arrays = read_archive(checkpoints / "aevb.npz")
    put(meta["training"], entry, (value,))
    path = made_up(checkpoints, meta, arrays)
    with pytest.raises(ValueError, match=f"^path: {re.escape(str(path))} is not a readable"):
        read_training(path)


def longer(x):
    return np.concatenate([x, x])


CHANGES = {
    "longer": longer,
    "shorter": lambda x: x[:1],
    "empty": lambda x: x[:0],
    "a matrix": lambda x: x[None],
    "a number": lambda x: x.ravel()[0],
    "float64": lambda x: x.astype(np.float64),
    "float16": lambda x: x.astype(np.float16),
    "whole": lambda x: x.astype(np.int32),
    "text": lambda x: x.astype("U8"),
    "a NaN": lambda x: np.append(x.ravel()[1:], x.dtype.type(np.nan)).reshape(x.shape),
    "gone": None,
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    ("name", "array"),
    [("aevb", "params"), ("aevb", "m"), ("aevb", "v"), ("mcem", "sum_of_squares"),
     ("mcem", "state.z")],
)  # fmt: skip
def test_made_up_arrays_never_reach_a_kernel(checkpoints, name, array, change):
    meta, arrays = read_archive(checkpoints / f"{name}.npz")
    if CHANGES[change] is None:
        del arrays[array]
    else:
        arrays[array] = CHANGES[change](arrays[array])
    path = made_up(checkpoints, meta, arrays)
    calls = [lambda: WAYS[name](path, 30, resume=True)]
    if array == "params" and change != "float64":
        calls.append(lambda: load_model(path))
    for call in calls:
        with pytest.raises(ValueError, match=f"^path: {re.escape(str(path))} is not a readable"):
            call()


@pytest.mark.parametrize("sign", [-1, 1])
def test_infinite_parameters_are_refused(checkpoints, sign):
    """An optimizer's sums of squares may have overflowed; parameters may not."""
    meta, arrays = read_archive(checkpoints / "aevb.npz")
    arrays["params"][-1] = sign * np.inf
    path = made_up(checkpoints, meta, arrays)
    with pytest.raises(ValueError, match=r"is not a readable.*params"):
        WAYS["aevb"](path, 30, resume=True)


def test_generators_are_as_many_as_before(checkpoints):
    meta, arrays = read_archive(checkpoints / "aevb.npz")
    n = len(meta["training"]["rngs"])
    meta["training"]["rngs"] *= 2
    path = made_up(checkpoints, meta, arrays)
    with pytest.raises(ValueError, match=f"rngs are {2 * n}, expected {n}"):
        WAYS["aevb"](path, 30, resume=True)


def test_one_more_array_is_refused(checkpoints):
    meta, arrays = read_archive(checkpoints / "aevb.npz")
    for more in ("more", "state.more"):
        path = made_up(checkpoints, meta, {**arrays, more: np.zeros(3)})
        with pytest.raises(
            ValueError, match=r"it has float64 of shape \(3,\) for more, expected n"
        ):
            WAYS["aevb"](path, 30, resume=True)


@pytest.mark.parametrize("what", ["a file", "an archive"])
def test_claims_of_an_enormous_size_are_refused_at_once(checkpoints, tmp_path, what):
    """Of an array's header, and of a model's."""
    path = tmp_path / "model.npz"
    meta, arrays = read_archive(checkpoints / "mcem.npz")
    if what == "an archive":
        meta["vae"]["n_features"] = 10**12
        write_archive(path, meta, arrays)
    else:
        whole = (checkpoints / "mcem.npz").read_bytes()
        shape = f"({arrays['params'].size},), }}".encode()
        assert whole.count(shape) >= 1
        path.write_bytes(whole.replace(shape, b"(10**12,), }"[: len(shape)].ljust(len(shape))))
    with pytest.raises(ValueError, match=r"model\.npz is not a readable minivae model"):
        load_model(path)


# --- settings.json, edited by hand ----------------------------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of the command line, and its settings."""
    folder = tmp_path_factory.mktemp("run")
    np.save(folder / "own.npy", DATA)
    words = ["train", "--data", folder / "own.npy", "--hidden", 2, "--latent", 2, "--samples", 20]
    words += ["--batch-size", 10, "--step-size", 0.1, "--quiet", "--out", folder / "run"]
    assert cli.main(list(map(str, words))) == 0
    return folder / "run", json.loads((folder / "run" / "settings.json").read_text())


@pytest.mark.parametrize(
    "text",
    ["", "null", "3", "[]", '"run"', "[" * 100_000, '{"data": "\\ud800"', b"\xff\xfe{}", "{}"],
)
def test_settings_that_are_no_settings(run, capsys, text):
    folder, _ = run
    (folder / "settings.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    for words in (["evaluate"], ["sample"], ["train", "--quiet", "--resume"]):
        assert cli.main([*words, str(folder)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert f"error: run: {folder / 'settings.json'} is damaged" in line


@examples(40)
@given(st.data())
def test_settings_edited_by_hand(run, data):
    folder, settings = run
    settings = copy.deepcopy(settings)
    name = data.draw(st.sampled_from(sorted(settings)))
    put(settings, (name,), data.draw(st.none() | st.tuples(json_values)))
    (folder / "settings.json").write_text(json.dumps(settings))
    for words in (["evaluate"], ["train", "--quiet", "--resume"]):
        assert cli.main([*words, str(folder)]) in (0, 2)
