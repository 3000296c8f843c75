"""Model files: exact, atomic, checksummed, and refused when anything is wrong with them."""

import errno
import os
import pickle
import stat
import time
import warnings
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pytest

from minivae import VAE, Params, load_model, save_model
from minivae.layers import Activation, Dense, Sequential
from minivae.likelihoods import Bernoulli, FixedGaussian
from minivae.training import checkpoint
from minivae.training.checkpoint import atomic_write, check_parent, read_archive, write_archive


@pytest.fixture
def saved(tmp_path):
    vae = VAE(6, 2, hidden=(5, 4), likelihood="gaussian-sigmoid", activation="relu")
    params = vae.init_params(np.random.default_rng(0), np.float32)
    path = tmp_path / "model.npz"
    save_model(path, vae, params)
    return path, vae, params


@pytest.mark.parametrize("use", [check_parent, lambda path: atomic_write(path).__enter__()])
def test_a_missing_folder_is_reported_with_the_path_that_was_asked_for(tmp_path, use):
    path = tmp_path / "absent" / "model.npz"
    with pytest.raises(FileNotFoundError) as error:
        use(path)
    # Not that of a temporary file, and without a word on a file that was never there.
    assert (error.value.filename, error.value.strerror) == (str(path), os.strerror(errno.ENOENT))


@pytest.mark.parametrize("start", ["normal", "glorot"])
def test_the_start_is_remembered(tmp_path, start):
    vae = VAE(6, 2, (3,), start=start)
    save_model(tmp_path / "model.npz", vae, vae.init_params(np.random.default_rng(0)))
    assert load_model(tmp_path / "model.npz")[0].start == start


def test_what_numpy_would_only_warn_of_is_refused(saved):
    """A header as Python 2 wrote them: NumPy reads it, but no file of ours has one."""
    path, _, params = saved
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    shape = b"(%d" % len(params.vector)
    assert shape + b",), } " in files["params.npy"]
    files["params.npy"] = files["params.npy"].replace(shape + b",), } ", shape + b"L,), }")
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    with warnings.catch_warnings(), pytest.raises(ValueError, match="is not a readable"):
        warnings.simplefilter("ignore")
        load_model(path)


def test_threads_that_read_at_once_leave_the_filters_of_warnings_alone(saved, monkeypatch):
    """Python restores them in whatever order readers end: each as it was when that one began."""
    path, *_ = saved
    seconds = iter([0.1, 0.3])  # who comes second ends last
    right = checkpoint._checksum

    def slow(arrays):
        time.sleep(next(seconds))
        return right(arrays)

    monkeypatch.setattr(checkpoint, "_checksum", slow)
    before = list(warnings.filters)
    with ThreadPoolExecutor(2) as executor:
        assert len(list(executor.map(load_model, [path] * 2))) == 2
    after, warnings.filters[:] = list(warnings.filters), before
    assert after == before


@pytest.mark.parametrize(("name", "age", "stays"), [
    (".model.npz.abc.partial", 3500, True),  # of a writer that may be alive
    (".model.npz.abc.partial", 3700, False),
    (".other.npz.abc.partial", 9999, True),
    (".model.npz.abc", 9999, True),
])  # fmt: skip
def test_what_killed_writers_left_is_removed_after_an_hour(tmp_path, name, age, stays):
    left = tmp_path / name
    left.touch()
    then = time.time() - age
    os.utime(left, (then, then))
    write_archive(tmp_path / "model.npz", {}, {})
    assert left.exists() == stays


def test_parameters_of_another_model_are_not_saved(saved, tmp_path):
    _, vae, _ = saved
    with pytest.raises(ValueError, match="params is Params"):
        save_model(tmp_path / "new.npz", vae, Params({"W": (3,)}))
    assert not (tmp_path / "new.npz").exists()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_parameters_that_are_not_finite_are_not_saved(saved, tmp_path, value):
    _, vae, params = saved
    params.vector[2] = value
    with pytest.raises(ValueError, match="params"):
        save_model(tmp_path / "new.npz", vae, params)
    assert not (tmp_path / "new.npz").exists()


@pytest.mark.parametrize("value", [{1, 2}, 1j, object()])
def test_a_header_of_what_json_cannot_hold_is_refused(tmp_path, value):
    path = tmp_path / "model.npz"
    with pytest.raises(TypeError, match=f"meta holds a {type(value).__name__}, expected what JSON"):
        write_archive(path, {"it": value}, {})
    assert not list(tmp_path.iterdir())


def test_round_trip(saved):
    path, vae, params = saved
    loaded_vae, loaded = load_model(path)
    assert repr(loaded_vae) == repr(vae)
    assert loaded.shapes == params.shapes
    assert loaded.dtype == params.dtype
    assert np.array_equal(loaded.vector, params.vector)


@pytest.mark.parametrize(
    "likelihood", ["bernoulli", "gaussian", "gaussian-sigmoid", FixedGaussian(0.25)]
)
def test_every_likelihood_comes_back(tmp_path, likelihood):
    vae = VAE(3, 1, hidden=(), likelihood=likelihood)
    save_model(tmp_path / "m.npz", vae, vae.init_params(np.random.default_rng(0)))
    assert load_model(tmp_path / "m.npz")[0].likelihood == vae.likelihood


@dataclass(frozen=True)
class Mine(Bernoulli):
    """A likelihood of the caller's own, with settings."""

    width: float = 2.0
    name = "mine"


def nothing(*arrays):
    """Change nothing."""


OWN = Activation("own", nothing, nothing)


def test_parts_of_the_callers_own_come_back_if_he_brings_them(tmp_path):
    path = tmp_path / "m.npz"
    vae = VAE(3, 1, hidden=(2,), likelihood=Mine(0.25), activation=OWN)
    params = vae.init_params(np.random.default_rng(0), std=1.0)
    save_model(path, vae, params)
    for mine in (Mine, Mine(0.25)):
        back, same = load_model(path, {"mine": mine, "own": OWN})
        assert back.likelihood == Mine(0.25) and back.activation is OWN
        np.testing.assert_array_equal(same.vector, params.vector)
    with pytest.raises(
        ValueError, match=r"^own\['mine'\] has 7.0 for width, but .* with 0.25; hand"
    ):
        load_model(path, {"mine": Mine(7.0), "own": OWN})


@pytest.mark.parametrize(
    ("own", "message"),
    [
        (
            None,
            r"^own lacks 'own': the model in .* has a part .activation. of that name which is",
        ),
        ({"own": OWN}, r"^own lacks 'mine': the model in .* load it with own={'mine': \.\.\.}"),
    ],
)
def test_what_the_caller_has_not_brought_is_named(tmp_path, own, message):
    vae = VAE(3, 1, hidden=(2,), likelihood=Mine(), activation=OWN)
    save_model(tmp_path / "m.npz", vae, vae.init_params(np.random.default_rng(0)))
    with pytest.raises(ValueError, match=message):
        load_model(tmp_path / "m.npz", own)


def test_a_likelihood_of_ones_own_is_not_taken_for_ours_of_the_same_name(tmp_path):
    class Same(Bernoulli):  # called "bernoulli", like ours
        sigma = 0.5

    vae = VAE(3, 1, hidden=(2,), likelihood=Same())
    save_model(tmp_path / "m.npz", vae, vae.init_params(np.random.default_rng(0)))
    with pytest.raises(ValueError, match="own lacks 'bernoulli'"):
        load_model(tmp_path / "m.npz")
    assert type(load_model(tmp_path / "m.npz", {"bernoulli": Same})[0].likelihood) is Same


def test_settings_that_a_file_cannot_hold_are_refused_before_anything_is_written(tmp_path):
    @dataclass(frozen=True)
    class Strange(Bernoulli):
        thing: object = None
        name = "strange"

    vae = VAE(3, 1, hidden=(2,), likelihood=Strange(object()))
    with pytest.raises(ValueError, match=r"^Strange\.thing is <object .*a file cannot hold it"):
        save_model(tmp_path / "m.npz", vae, vae.init_params(np.random.default_rng(0)))
    assert list(tmp_path.iterdir()) == []


def test_networks_come_back_layer_by_layer(tmp_path):
    inner = Sequential([Dense(4, 5, "relu"), Dense(5, 4, OWN)])
    vae = VAE(encoder=[Dense(3, 4, "tanh"), inner], decoder=[Dense(2, 3)])
    params = vae.init_params(np.random.default_rng(0), std=1.0)
    save_model(tmp_path / "m.npz", vae, params)
    back, same = load_model(tmp_path / "m.npz", {"own": OWN})
    assert repr(back) == repr(vae) and back.encoder == vae.encoder and back.decoder == vae.decoder
    np.testing.assert_array_equal(same.vector, params.vector)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no model file .*nothing\.npz"):
        load_model(tmp_path / "nothing.npz")


def test_truncated_at_any_point(saved):
    path = saved[0]
    whole = path.read_bytes()
    for length in [*range(0, len(whole), max(1, len(whole) // 60)), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="not a readable minivae model"):
            load_model(path)


def test_any_altered_byte_of_the_contents_is_noticed(saved):
    path, _, params = saved
    whole = path.read_bytes()
    start = whole.index(params.vector.tobytes()[:16])
    for offset in range(start, start + 40, 7):
        altered = bytearray(whole)
        altered[offset] ^= 1
        path.write_bytes(bytes(altered))
        with pytest.raises(ValueError, match=r"not a readable|altered"):
            load_model(path)


def _one_byte_changed(name):
    def alter(arrays):
        arrays[name].view(np.uint8)[-3] ^= 1

    return alter


def _another_shape(arrays):
    arrays["params"] = arrays["params"][None]


def _another_dtype(arrays):
    arrays["params"] = arrays["params"].view(np.int32)


def _another_name(arrays):
    arrays["parameters"] = arrays.pop("params")


def _one_more(arrays):
    arrays["more"] = np.zeros(0)


@pytest.mark.parametrize(
    "alter",
    [
        _one_byte_changed("params"),
        _one_byte_changed("meta"),
        _one_byte_changed("sum_of_squares"),
        _another_shape,
        _another_dtype,
        _another_name,
        _one_more,
    ],
)
def test_checksum_guards_what_the_container_does_not(saved, alter):
    """A file repacked with something changed, as valid an .npz as the first."""
    path, vae, params = saved
    save_model(path, vae, params, arrays={"sum_of_squares": np.arange(3.0)})
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **arrays)
    assert np.array_equal(load_model(path)[1].vector, params.vector)
    alter(arrays)
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match="altered"):
        load_model(path)


def test_what_the_caller_adds_comes_back(saved):
    path, vae, params = saved
    mine = {"m": np.arange(3, dtype=np.float32), "strided": np.arange(12.0).reshape(3, 4)[:, ::2]}
    save_model(path, vae, params, {"mine": [1, {"a": None}]}, mine)
    meta, arrays = read_archive(path)
    assert meta["mine"] == [1, {"a": None}]
    assert set(arrays) == {"params", *mine}
    for name, array in mine.items():
        assert arrays[name].dtype == array.dtype
        assert np.array_equal(arrays[name], array)


@pytest.mark.parametrize("name", ["params", "meta", "checksum", "file", "allow_pickle"])
def test_what_the_caller_adds_must_not_replace_what_the_file_needs(saved, name):
    path, vae, params = saved
    before = path.read_bytes()
    with pytest.raises(ValueError, match=f"arrays has the name '{name}', which is taken"):
        save_model(path, vae, params, arrays={name: np.zeros(3)})
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["vae", "format"])
def test_nor_must_its_document(saved, name):
    with pytest.raises(ValueError, match=f"meta has the name '{name}', which is taken"):
        save_model(*saved, {name: 1})


def test_objects_are_not_written(saved):
    path, vae, params = saved
    with pytest.raises(ValueError, match=r"arrays\['mine'\] has dtype object, expected no objects"):
        save_model(path, vae, params, arrays={"mine": np.array([None])})
    assert np.array_equal(load_model(path)[1].vector, params.vector)


def test_a_path_and_a_dict_are_asked_for(saved):
    path, vae, params = saved
    with pytest.raises(ValueError, match="path is None, expected a path"):
        load_model(None)
    with pytest.raises(ValueError, match="path is 5, expected a path"):
        save_model(5, vae, params)
    with pytest.raises(ValueError, match="own is 5, expected a dict from names to parts"):
        load_model(path, own=5)


def test_other_kinds_of_files_are_refused(tmp_path):
    path = tmp_path / "m.npz"
    for content in (b"", b"hello", b"PK\x03\x04", pickle.dumps({"params": 1})):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="not a readable minivae model"):
            load_model(path)
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(ValueError, match="not a readable minivae model"):
        load_model(path)
    np.savez(path, x=np.zeros(3))
    with pytest.raises(ValueError, match="not a readable minivae model"):
        load_model(path)
    with pytest.raises(ValueError, match="not a readable minivae model"):
        load_model(tmp_path)


def test_pickled_objects_are_never_loaded(tmp_path):
    class Trap:
        def __reduce__(self):
            return os._exit, (1,)

    np.savez(tmp_path / "m.npz", params=np.array([Trap()], dtype=object))
    with pytest.raises(ValueError, match="not a readable minivae model"):
        load_model(tmp_path / "m.npz")


def test_another_format_is_named(tmp_path):
    write_archive(tmp_path / "m.npz", {"format": "minivae 99"}, {})
    with pytest.raises(ValueError, match=r"format 'minivae 99', expected 'minivae \d+'"):
        read_archive(tmp_path / "m.npz")


# --- Atomic writing -------------------------------------------------------------------------------


def test_failed_write_keeps_the_old_file_and_leaves_nothing_behind(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    class Stopped(BaseException):
        pass

    with pytest.raises(Stopped), atomic_write(path) as file:
        file.write(b"half of the new")
        raise Stopped
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_full_disk(saved, monkeypatch):
    path, vae, params = saved
    before = path.read_bytes()

    def no_space(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space left"):
        save_model(path, vae, params)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["model.npz"]


def test_a_file_gets_its_name_when_all_of_it_is_on_the_disk(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    on_disk = []

    def fsync(descriptor):
        # A file can only take another's place in one step if it is on the same disk.
        neighbours = [file.stat() for file in tmp_path.iterdir() if file != path]
        assert [file.st_ino for file in neighbours] == [os.fstat(descriptor).st_ino]
        on_disk.append((neighbours[0].st_size, path.read_bytes()))

    monkeypatch.setattr(os, "fsync", fsync)
    with atomic_write(path) as file:
        file.write(b"the new")
    assert on_disk == [(7, b"old")]
    assert path.read_bytes() == b"the new"


@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077])
def test_files_get_ordinary_permissions(tmp_path, mask):
    before = os.umask(mask)
    try:
        with atomic_write(tmp_path / "file") as file:
            file.write(b"mine")
    finally:
        left = os.umask(before)
    assert left == mask
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o666 & ~mask
