"""Data sets: the embedded MNIST, files of one's own, and the search for those not embedded.

No test leaves this machine: downloads come from a server on 127.0.0.1, and the cache folder is a
temporary one.
"""

import functools
import gzip
import hashlib
import http.server
import io
import pickle
import struct
import subprocess
import sys
import threading
import zipfile

import numpy as np
import pooch
import pytest
import scipy.io
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minivae import _download, datasets
from minivae.datasets import load

RNG = np.random.default_rng(0)
GOOD = np.full((4, 6), 9, np.uint8)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Point the cache folder at a temporary one, and all mirrors at nothing."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("MINIVAE_DATA", str(folder))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for source in ("FREY", "FASHION_MNIST"):
        local = getattr(datasets, source)._replace(mirrors=(), system_folders=())
        monkeypatch.setattr(datasets, source, local)
    return folder


def save(tmp_path, suffix=".npy", **arrays):
    file = tmp_path / f"own{suffix}"
    if suffix == ".npy":
        (array,) = arrays.values()
        np.save(file, array, allow_pickle=True)
    elif suffix == ".npz":
        np.savez(file, allow_pickle=True, **arrays)
    else:
        scipy.io.savemat(file, arrays)
    return file


def images(n=30, shape=(4, 3)):
    return RNG.integers(0, 256, (n, *shape), dtype=np.uint8)


# MNIST


@pytest.fixture(scope="module")
def mnist():
    return load()


def test_mnist_has_the_shapes_of_the_paper(mnist):
    assert mnist.train.shape == (60000, 784) and mnist.test.shape == (10000, 784)
    assert mnist.train.dtype == mnist.test.dtype == np.uint8
    assert mnist.train.flags.c_contiguous and mnist.test.flags.c_contiguous
    assert mnist.name == "mnist" and mnist.image_shape == (28, 28)


@pytest.mark.parametrize(
    ("field", "md5"),
    [
        ("train", "6bbc9ace898e44ae57da46a324031adb"),
        ("train_labels", "a25bea736e30d166cdddb491f175f624"),
        ("test", "2646ac647ad5339dbf082846283269ea"),
        ("test_labels", "27ae3e4e09519cfbb04c329615203637"),
    ],
)
def test_mnist_is_the_original_byte_for_byte(mnist, field, md5):
    array = getattr(mnist, field)
    assert (
        hashlib.md5(idx_bytes(array.reshape(-1, 28, 28) if array.ndim == 2 else array)).hexdigest()
        == md5
    )


def test_mnist_takes_no_path(tmp_path):
    with pytest.raises(ValueError, match="path must be None for 'mnist'"):
        load("mnist", path=tmp_path)


def test_importing_datasets_is_cheap():
    code = (
        "import sys, minivae.datasets as d; d.load(); "
        "heavy = {'scipy', 'pooch', 'requests', 'tqdm', 'numba', 'matplotlib'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# Names and paths


@pytest.mark.parametrize(
    ("name", "guess"),
    [("mnits", "mnist"), ("MNIST", "mnist"), ("Fashion_MNIST", "fashion-mnist"), ("freya", "frey")],
)
def test_a_misspelt_name_is_corrected(name, guess):
    with pytest.raises(ValueError, match="mnist, frey, fashion-mnist") as error:
        load(name)
    assert str(error.value).endswith(f"did you mean '{guess}'?") and name in str(error.value)


@pytest.mark.parametrize("name", ["", "cifar"])
def test_an_unknown_name_says_that_a_path_works_too(name):
    with pytest.raises(ValueError, match=r"nor the path of a \.npy, \.npz or \.mat file$"):
        load(name)


def test_a_number_is_no_path():
    with pytest.raises(TypeError, match="int"):
        load(7)


def test_a_file_called_like_a_data_set_can_be_reached(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mnist").write_bytes(b"")
    with pytest.raises(ValueError, match=r"has the suffix '', expected \.npy, \.npz or \.mat"):
        load(tmp_path / "mnist")
    with pytest.raises(ValueError, match="mnist has the suffix"):
        load(str(tmp_path / "mnist"))
    assert load("mnist").name == "mnist"


def test_path_goes_with_named_data_sets_only(tmp_path):
    file = save(tmp_path, x=images())
    with pytest.raises(ValueError, match="path goes with 'frey' or 'fashion-mnist' only"):
        load(file, path=tmp_path)


def test_home_folder_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    save(tmp_path, x=images())
    assert load("~/own.npy").train.shape == (27, 12)


# Files of one's own: what is accepted

DTYPES = st.sampled_from(
    [np.uint8, np.float32, np.float64, np.float16, np.int64, np.int8, np.bool_]
)


@st.composite
def examples(draw):
    shape = draw(
        st.one_of(
            st.tuples(*[st.integers(2, 40), st.integers(1, 9)]),
            st.tuples(st.integers(2, 40), st.integers(1, 5), st.integers(1, 5)),
        )
    )
    dtype = np.dtype(draw(DTYPES))
    if dtype.kind in "iu":
        elements = st.integers(0, 127)
    elif dtype.kind == "f":
        elements = st.floats(-1e4, 1e4, width=16)
    else:
        elements = None
    x = draw(hnp.arrays(dtype, shape, elements=elements))
    return np.asfortranarray(x) if draw(st.booleans()) else x


def as_loaded(x):
    if x.dtype.kind != "f" and x.max() == 1:
        return 255 * x.reshape(len(x), -1).astype(np.uint8)
    return x.reshape(len(x), -1).astype(np.uint8 if x.dtype.kind in "iu" else np.float32)


@settings(max_examples=60, deadline=None)
@given(x=examples(), suffix=st.sampled_from([".npy", ".npz", ".mat"]))
def test_one_array_comes_back_with_its_last_tenth_held_out(tmp_path_factory, x, suffix):
    if suffix == ".mat" and x.dtype == np.float16:
        x = x.astype(np.float32)  # MATLAB has no half precision
    data = load(save(tmp_path_factory.mktemp("own"), suffix, pixels=x))
    n_test = max(1, int(len(x) / 10 + 0.5))
    assert len(data.test) == n_test and len(data.train) == len(x) - n_test
    np.testing.assert_array_equal(np.concatenate([data.train, data.test]), as_loaded(x))
    assert data.train.dtype == data.test.dtype == as_loaded(x).dtype
    assert data.train.flags.c_contiguous and data.test.flags.c_contiguous
    assert np.prod(data.image_shape) == data.train.shape[1]
    assert x.ndim == 2 or data.image_shape == x.shape[1:]
    assert data.name == "own" and data.train_labels is data.test_labels is None


@pytest.mark.parametrize("suffix", [".npz", ".mat"])
@pytest.mark.parametrize(
    "names",
    [("x_train", "x_test", "y_train", "y_test"), ("train", "test", "train_labels", "test_labels")],
)
def test_four_arrays_are_matched_by_name(tmp_path, suffix, names):
    x, x_test, y, y_test = images(20), images(6), np.arange(20), np.arange(6)
    extra = {"comment": np.array([1.0, 2.0])}
    arrays = dict(zip(names, (x, x_test, y, y_test), strict=True))
    data = load(save(tmp_path, suffix, **arrays, **extra))
    np.testing.assert_array_equal(data.train, x.reshape(20, 12))
    np.testing.assert_array_equal(data.test, x_test.reshape(6, 12))
    np.testing.assert_array_equal(data.train_labels, y)
    np.testing.assert_array_equal(data.test_labels, y_test)
    assert data.train_labels.shape == (20,) and data.image_shape == (4, 3)


def test_labels_are_split_with_their_rows(tmp_path):
    x = np.arange(2, 52, dtype=np.uint8).reshape(25, 2)
    data = load(save(tmp_path, ".npz", x_train=x, y_train=x[:, 0]))
    assert len(data.test) == 3
    np.testing.assert_array_equal(data.train_labels, data.train[:, 0])
    np.testing.assert_array_equal(data.test_labels, data.test[:, 0])


def test_matlab_double_labels_become_integers(tmp_path):
    data = load(save(tmp_path, ".mat", x_train=images(20), y_train=np.arange(20.0)))
    assert data.train_labels.dtype == np.int64 and data.train_labels[3] == 3


@pytest.mark.parametrize(("features", "shape"), [(784, (28, 28)), (560, (1, 560)), (1, (1, 1))])
def test_flat_rows_are_square_images_or_one_line(tmp_path, features, shape):
    assert load(save(tmp_path, x=np.zeros((3, features)))).image_shape == shape


def test_image_shape_may_come_from_the_test_part(tmp_path):
    data = load(save(tmp_path, ".npz", train=images(9).reshape(9, -1), test=images(2)))
    assert data.image_shape == (4, 3)


@pytest.mark.parametrize("suffix", [".npz", ".mat"])
@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64])
def test_binary_data_become_black_and_white(tmp_path, suffix, dtype):
    x = RNG.integers(0, 2, (30, 12)).astype(dtype)
    dark = np.zeros((3, 12), dtype)
    for parts in ({"x": x}, {"x_train": x, "x_test": dark}, {"x_train": dark, "x_test": x}):
        data = load(save(tmp_path, suffix, **parts))
        expected = 255 * np.concatenate(list(parts.values())).astype(int)
        np.testing.assert_array_equal(np.concatenate([data.train, data.test]), expected)
        assert data.train.dtype == data.test.dtype == np.uint8


def test_dark_pixels_beside_bright_ones_are_not_binary_data(tmp_path):
    data = load(save(tmp_path, ".npz", train=GOOD, test=GOOD // 9))
    assert data.train.max() == 9 and data.test.max() == 1


def test_floats_of_0_and_1_stay_as_they_are(tmp_path):
    assert load(save(tmp_path, x=np.eye(12))).train.max() == 1


def test_byte_order_does_not_matter(tmp_path):
    data = load(save(tmp_path, x=np.full((4, 2), 0.25, ">f8")))
    assert data.train.dtype == np.float32 and data.train.dtype.isnative and data.train[0, 0] == 0.25


# Files of one's own: what is refused. Every message is one line and names the file.

NAN = np.array([[0, 1], [2, np.nan], [np.inf, 3]])

BAD_ARRAYS = {
    "no rows": ({"x": np.zeros((0, 5))}, r"train in .* is empty, its shape is \(0, 5\)"),
    "no features": ({"x": np.zeros((5, 0))}, r"train in .* is empty, its shape is \(5, 0\)"),
    "one row": ({"x": np.zeros((1, 5))}, "train in .* has 1 row, a test set needs at least 2"),
    "1-D": ({"x": np.zeros(5)}, r"shape \(5,\), expected \(n, features\) or \(n, h, w\)"),
    "4-D": ({"x": np.zeros((5, 1, 2, 2))}, r"train in .* has shape \(5, 1, 2, 2\), expected"),
    "nan": ({"x": NAN}, r"has 2 values that are not finite .* first is nan at index \(1, 1\)"),
    "too large": ({"x": np.full((3, 2), 1e39)}, r"6 values .* in float32, .* 1e\+39 at index"),
    "complex": (
        {"x": np.ones((5, 2), complex)},
        "train in .* has dtype complex128, expected floats",
    ),
    "text": ({"x": np.full((5, 2), "a")}, "train in .* has dtype <U1, expected floats"),
    "times": ({"x": np.zeros((5, 2), "M8[s]")}, r"has dtype datetime64\[s\]"),
    "fields": ({"x": np.zeros((5, 2), [("a", int)])}, "train in .* has dtype"),
    "negative": ({"x": GOOD.astype(int) - 10}, "has int64 values from -1 to -1, expected 0 to 255"),
    "16 bit": ({"x": GOOD.astype(np.uint16) * 100}, "has uint16 values from 900 to 900"),
    "features": (
        {"x_train": GOOD, "x_test": GOOD[:, 1:]},
        "test in .* has 5 features, train has 6",
    ),
    "dtypes": ({"x_train": GOOD, "x_test": GOOD / 255}, "test in .* is float32, train is uint8"),
    "bool": ({"x_train": GOOD, "x_test": GOOD > 9}, "test in .* is bool, train is uint8"),
    "images": (
        {"x_train": GOOD.reshape(4, 2, 3), "x_test": GOOD.reshape(4, 3, 2)},
        r"test in .* has images of \(3, 2\), train of \(2, 3\)",
    ),
    "test nan": (
        {"x_train": GOOD / 1.0, "x_test": NAN},
        "test in .* has 2 values that are not finite",
    ),
    "labels": ({"x_train": GOOD, "y_train": np.arange(3)}, r"has shape \(3,\), expected \(4,\)"),
    "one-hot": ({"x_train": GOOD, "y_train": np.eye(4)}, r"train_labels in .* has shape \(4, 4\)"),
    "test labels": (
        {"x_train": GOOD, "x_test": GOOD, "y_test": np.arange(5)},
        r"test_labels in .* has shape \(5,\), expected \(4,\)",
    ),
    "half labels": ({"x_train": GOOD, "y_train": np.ones(4) / 2}, "dtype float64, expected whole"),
    "no examples": ({"x_train": GOOD, "y_test": np.arange(4)}, "test_labels in .* come without"),
    "unknown arrays": ({"a": GOOD, "b": GOOD}, "it holds a, b, expected x_train"),
    "only a test": ({"x_test": GOOD, "y_test": np.arange(4)}, "it holds x_test, y_test, expected"),
    "no arrays": ({}, "it holds no arrays, expected"),
    "objects": (
        {"x": np.array([[{}]], object)},
        "it holds pickled Python objects, which are never",
    ),
}


@pytest.mark.parametrize("case", BAD_ARRAYS)
def test_bad_arrays_are_refused(tmp_path, case):
    arrays, message = BAD_ARRAYS[case]
    file = save(tmp_path, ".npz", **arrays)
    with pytest.raises(ValueError, match=message) as error:
        load(file)
    assert str(file) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("case", ["nan", "4-D", "negative", "objects", "text"])
def test_npy_is_checked_like_npz(tmp_path, case):
    arrays, message = BAD_ARRAYS[case]
    with pytest.raises(ValueError, match=message):
        load(save(tmp_path, ".npy", **arrays))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.array([[{"a": 1}]], object)}, "train in .* has dtype object"),
        ({"x": scipy.sparse.csc_array(np.eye(3))}, "expected a dense array"),
        ({"x": NAN}, r"not finite .* at index \(1, 1\)"),
        ({"a": GOOD, "b": GOOD}, "it holds a, b, expected x_train"),
        ({}, "it holds no arrays"),
    ],
)
def test_mat_is_checked_like_npz(tmp_path, arrays, message):
    with pytest.raises(ValueError, match=message):
        load(save(tmp_path, ".mat", **arrays))


def file_bytes(suffix):
    buffer = io.BytesIO()
    x = images(50)
    if suffix == ".npy":
        np.save(buffer, x)
    elif suffix == ".npz":
        np.savez_compressed(buffer, x=x)
    else:
        scipy.io.savemat(buffer, {"x": x}, do_compression=True)
    return buffer.getvalue()


def flip(content):
    """Change one byte in the middle, where compressed data lie."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :]


def mislabelled_zip(content):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("x.npy", content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("suffix", "damage", "message"),
    [
        (".npy", lambda _: b"", "does not begin like a .npy file"),
        (".npy", lambda _: pickle.dumps([1, 2]), "does not begin like a .npy file"),
        (".npy", lambda _: b"<html>404</html>", "does not begin like a .npy file"),
        (".npy", lambda content: content[:-1], "Failed to read all data"),
        (".npy", lambda content: content[:40], "EOF"),
        (".npy", lambda _: file_bytes(".npz"), "does not begin like a .npy file"),
        (".npz", lambda _: b"", "does not begin like a .npz file"),
        (".npz", lambda _: pickle.dumps([1, 2]), "does not begin like a .npz file"),
        (".npz", lambda content: content[:-30], "not a zip file"),
        (".npz", flip, "Bad CRC-32|invalid|Error"),
        (".npz", lambda _: file_bytes(".npy"), "does not begin like a .npz file"),
        (".mat", lambda _: b"", "truncated"),
        (".mat", lambda _: b"<html>404</html>" * 20, "Unknown mat file type"),
        (".mat", lambda content: content[:-30], "incomplete|truncated|could not read"),
        (".mat", flip, "Error|invalid|incorrect"),
        (".mat", lambda _: b"MATLAB 7.3".ljust(124) + b"\x00\x02IM" + bytes(99), "v7.3"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, suffix, damage, message):
    file = tmp_path / f"own{suffix}"
    file.write_bytes(file_bytes(suffix))
    load(file)
    file.write_bytes(damage(file_bytes(suffix)))
    with pytest.raises(ValueError, match=f"own{suffix} cannot be read: .*({message})") as error:
        load(file)
    assert "\n" not in str(error.value)


def test_a_member_that_is_no_array_is_refused(tmp_path):
    file = tmp_path / "own.npz"
    file.write_bytes(mislabelled_zip(b"some text"))
    with pytest.raises(ValueError, match=r"train in .*own\.npz is a bytes, expected a dense array"):
        load(file)


def test_pickled_extras_do_not_matter_and_are_not_loaded(tmp_path):
    file = save(tmp_path, ".npz", x_train=images(), comment=np.array([{}], object))
    assert load(file).train.shape == (27, 12)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("absent.npy", "does not exist, expected a .npy, .npz or .mat file"),
        ("absent.csv", "does not exist"),
        ("folder.npy", "is not a file, expected a .npy, .npz or .mat file"),
        ("folder", "is not a file"),
        ("table.csv", "has the suffix '.csv', expected .npy, .npz or .mat"),
    ],
)
def test_what_is_no_such_file_is_refused(tmp_path, path, message):
    (tmp_path / "folder.npy").mkdir()
    (tmp_path / "folder").mkdir()
    (tmp_path / "table.csv").write_text("1,2")
    for given_path in (tmp_path / path, str(tmp_path / path)):
        with pytest.raises(ValueError, match=message) as error:
            load(given_path)
        assert str(tmp_path / path) in str(error.value)


# Data sets that are not embedded: fabricated ones under the real names

HELD_OUT_FIRST = [6, 9, 17, 18, 27]
HELD_OUT_SHA256 = "1e79fc92beb052f5660974af3bbbd0fbd10a0329b131117829dd49c9812fb436"


def idx_bytes(array):
    head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return head + array.tobytes()


FACES = RNG.integers(8, 239, (1965, 28, 20), dtype=np.uint8)


@functools.cache
def mat_bytes():
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, {"ff": FACES.reshape(1965, 560).T})
    return buffer.getvalue()


@functools.cache
def idx_files():
    arrays = (images(50, (28, 28)), images(9, (28, 28)), images(50, ()) % 10, images(9, ()) % 10)
    return {
        name: idx_bytes(array)
        for name, array in zip(datasets.FASHION_MNIST.content, arrays, strict=True)
    }


def sha256(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def frey(monkeypatch):
    source = datasets.FREY._replace(content={"faces": sha256(FACES)})
    monkeypatch.setattr(datasets, "FREY", source)


@pytest.fixture
def fashion(monkeypatch):
    zipped = {f"{name}.gz": gzip.compress(content) for name, content in idx_files().items()}
    source = datasets.FASHION_MNIST._replace(
        files={name: sha256(content) for name, content in zipped.items()},
        content={name: sha256(content) for name, content in idx_files().items()},
    )
    monkeypatch.setattr(datasets, "FASHION_MNIST", source)
    return zipped


def assert_frey(data):
    together = np.concatenate([data.train, data.test])
    assert data.name == "frey" and data.image_shape == (28, 20) and data.train_labels is None
    assert data.train.shape == (1765, 560) and data.test.shape == (200, 560)
    assert sorted(map(bytes, together)) == sorted(map(bytes, FACES))
    assert data.train.flags.c_contiguous and data.train.dtype == np.uint8


def assert_fashion(data):
    images, test_images, labels, test_labels = idx_files().values()
    assert data.name == "fashion-mnist" and data.image_shape == (28, 28)
    assert data.train.tobytes() == images[16:] and data.test.tobytes() == test_images[16:]
    assert data.train_labels.tobytes() == labels[8:] and data.train.flags.writeable
    assert data.test_labels.tobytes() == test_labels[8:]


def put(folder, files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.usefixtures("frey")
def test_frey_holds_out_the_same_frames_everywhere(tmp_path):
    put(tmp_path, {"frey_rawface.mat": mat_bytes()})
    data = load("frey", path=tmp_path)
    assert_frey(data)
    index = {bytes(face): i for i, face in enumerate(FACES)}
    held_out = np.array([index[bytes(face)] for face in data.test])
    in_order = [index[bytes(face)] for face in data.train]
    assert in_order == sorted(in_order), "the training frames keep the order of the video"
    assert held_out[:5].tolist() == HELD_OUT_FIRST
    assert sha256(held_out.astype("<i8")) == HELD_OUT_SHA256


@pytest.mark.usefixtures("frey")
@pytest.mark.parametrize(
    ("suffix", "array"),
    [
        (".mat", FACES.reshape(1965, 560).T),
        (".mat", FACES.reshape(1965, 560).T.astype(float)),
        (".npy", FACES),
        (".npy", FACES.reshape(1965, 560)),
        (".npy", np.asfortranarray(FACES.reshape(1965, 560))),
        (".npy", FACES.reshape(1965, 560).T),
        (".npz", FACES),
    ],
)
def test_frey_is_known_by_its_pixels_in_any_file(tmp_path, suffix, array):
    file = save(tmp_path, suffix, ff=array)
    assert_frey(load("frey", path=file))
    assert_frey(load("frey", path=str(file)))


@pytest.mark.usefixtures("frey")
@pytest.mark.parametrize("name", ["frey_rawface.mat", "freyfaces.npz", "freyfaces.npy"])
def test_frey_is_found_in_a_folder(tmp_path, name):
    suffix = name[-4:]
    array = FACES.reshape(1965, 560).T if suffix == ".mat" else FACES
    put(tmp_path / "folder", {name: save(tmp_path, suffix, ff=array).read_bytes()})
    assert_frey(load("frey", path=tmp_path / "folder"))


def test_the_orientation_of_frey_rawface_is_known_without_its_name(tmp_path):
    data = load(save(tmp_path, ".mat", ff=FACES.reshape(1965, 560).T))
    np.testing.assert_array_equal(np.concatenate([data.train, data.test]), FACES.reshape(1965, -1))
    assert data.image_shape == (28, 20) and data.name == "own" and len(data.test) == 197


@pytest.mark.usefixtures("frey")
@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (FACES[::-1], "the pixels of .* has sha256"),
        (FACES[:-1], r"has an array of shape \(1964, 28, 20\), expected \(1965, 28, 20\)"),
        (FACES / 255, "the pixels of .* has sha256"),
        (np.where(FACES == 99, np.nan, FACES), "not finite"),
        (FACES * 300.0, "the pixels of .* has sha256"),
        (FACES.astype(complex), "complex128"),
    ],
)
def test_what_is_not_frey_is_not_taken_for_it(tmp_path, array, reason):
    file = save(tmp_path, x=array)
    with pytest.raises(FileNotFoundError, match=f"  - {file}: .*{reason}"):
        load("frey", path=file)


@pytest.mark.parametrize("zipped", [True, False])
def test_fashion_mnist_is_read_packed_or_not(tmp_path, fashion, zipped):
    put(tmp_path, fashion if zipped else idx_files())
    assert_fashion(load("fashion-mnist", path=tmp_path))


def test_fashion_mnist_may_be_compressed_in_another_way(tmp_path, fashion):
    anew = {name: gzip.compress(gzip.decompress(x), 1, mtime=1) for name, x in fashion.items()}
    assert anew != fashion
    assert_fashion(load("fashion-mnist", path=put(tmp_path, anew)))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda x: x[:-20], "t10k-images-idx3-ubyte.gz is damaged"),
        (lambda x: b"hello", "t10k-images-idx3-ubyte.gz is damaged"),
        (lambda x: x[:40] + b"1234" + x[44:], "t10k-images-idx3-ubyte.gz is damaged"),
        (
            lambda x: gzip.compress(gzip.decompress(x) + b"!"),
            "t10k-images-idx3-ubyte.gz has sha256",
        ),
        (None, "there is no t10k-images-idx3-ubyte.gz or t10k-images-idx3-ubyte"),
    ],
)
def test_what_is_not_fashion_mnist_is_not_taken_for_it(tmp_path, fashion, damage, reason):
    files = dict(fashion)
    original = files.pop("t10k-images-idx3-ubyte.gz")
    if damage is not None:
        files["t10k-images-idx3-ubyte.gz"] = damage(original)
    with pytest.raises(FileNotFoundError, match=reason):
        load("fashion-mnist", path=put(tmp_path / "folder", files))


# The order of the search


def test_the_search_goes_path_cache_system_mirrors(tmp_path, monkeypatch, fashion, cache, mirror):
    system, own = tmp_path / "system", tmp_path / "own"
    use(monkeypatch, "FASHION_MNIST", [mirror(fashion)], system_folders=(str(system),))
    read = []

    def recording(folder):
        data = datasets._read_fashion(folder)
        read.append(folder)
        return data

    def place():
        read.clear()
        data = _download.obtain(datasets.FASHION_MNIST, recording, own if own.exists() else None)
        assert set(data) == set(datasets._FIELDS)
        return read[0]

    assert place().name.startswith(".partial-")  # the mirror, which fills the cache
    for file in (cache / "fashion-mnist").iterdir():
        file.unlink()
    put(system, fashion)
    assert place() == system
    put(cache, fashion)
    assert place() == cache
    put(cache / "fashion-mnist", fashion)
    assert place() == cache / "fashion-mnist"
    put(own, fashion)
    assert place() == own


@pytest.mark.usefixtures("frey")
def test_a_useless_path_is_reported_and_the_search_goes_on(tmp_path, cache):
    put(cache / "frey", {"frey_rawface.mat": mat_bytes()})
    with pytest.warns(UserWarning, match="path was of no use: .*absent: does not exist") as record:
        assert_frey(load("frey", path=tmp_path / "absent"))
    assert record[0].filename == __file__


def test_without_the_variable_the_platform_chooses_the_cache(tmp_path, monkeypatch):
    monkeypatch.delenv("MINIVAE_DATA")
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / project)
    assert _download.cache_folder() == tmp_path / "minivae"
    monkeypatch.setenv("MINIVAE_DATA", "~/data")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert _download.cache_folder() == tmp_path / "data"


def test_the_error_lists_all_that_was_tried(tmp_path, monkeypatch, cache, mirror):
    use(monkeypatch, "FASHION_MNIST", [mirror({})], system_folders=("/nowhere",))
    with pytest.raises(FileNotFoundError) as error:
        load("fashion-mnist", path=tmp_path / "mine")
    first, *rest = str(error.value).splitlines()
    assert "'fashion-mnist'" in first and str(cache / "fashion-mnist") in first
    assert all(name in first for name in datasets.FASHION_MNIST.files) and "path=" in first
    tried = [line for line in rest if line.startswith("  - ")]
    places = [str(tmp_path / "mine"), str(cache / "fashion-mnist"), str(cache), "/nowhere"]
    for line, place in zip(tried, [*places, "http://127.0.0.1"], strict=True):
        assert line.startswith(f"  - {place}") and len(line) > len(place) + 10
    assert "404" in tried[-1]
    assert "MINIVAE_DATA" in rest[-2] and "dataset-fashion-mnist" in rest[-1]


def test_the_real_sources_are_well_formed():
    for source in (_download.FREY, _download.FASHION_MNIST):
        assert len(source.mirrors) >= 3 and all(url.endswith("/") for url in source.mirrors)
        assert not any(name.endswith((".pkl", ".pickle")) for name in source.files)
        for hash_ in [*source.content.values(), *filter(None, source.files.values())]:
            assert len(hash_) == 64 and int(hash_, 16)
    contents = [f"{name}.gz" for name in _download.FASHION_MNIST.content]
    assert contents == list(_download.FASHION_MNIST.files)


# Downloads, from a server on this machine


@pytest.fixture
def mirror():
    """Serve ``{file name: bytes}``; a value may be an int, the status to answer with."""
    servers = []

    def start(files, truncate=False):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                content = files.get(self.path.rpartition("/")[2], 404)
                if isinstance(content, int):
                    self.send_error(content)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[: len(content) // 2] if truncate else content)

            def log_message(self, *args):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}/data/"

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


def use(monkeypatch, source, mirrors, **more):
    new = getattr(datasets, source)._replace(mirrors=tuple(mirrors), **more)
    monkeypatch.setattr(datasets, source, new)


def files_under(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def nothing_is_left(cache):
    return all(path.name in ("frey", "fashion-mnist") for path in cache.rglob("*"))


@pytest.mark.usefixtures("frey")
def test_a_download_fills_the_cache_and_happens_once(monkeypatch, cache, mirror, capsys):
    use(monkeypatch, "FREY", [mirror({"frey_rawface.mat": mat_bytes()})])
    level = pooch.get_logger().level
    assert_frey(load("frey"))
    out, err = capsys.readouterr()
    assert out == "" and "downloading frey from http://127.0.0.1" in err
    assert "100%" in err, "a progress bar"
    assert "SHA256" not in err and pooch.get_logger().level == level, "pooch is quiet, for us only"
    assert (cache / "frey" / "frey_rawface.mat").read_bytes() == mat_bytes()
    assert files_under(cache) == ["frey_rawface.mat"]
    use(monkeypatch, "FREY", [])
    assert_frey(load("frey"))
    assert capsys.readouterr() == ("", "")


def test_all_files_of_fashion_mnist_are_downloaded(monkeypatch, cache, mirror, fashion):
    use(monkeypatch, "FASHION_MNIST", [mirror(fashion)])
    assert_fashion(load("fashion-mnist"))
    assert files_under(cache) == sorted(fashion)
    for name, content in fashion.items():
        assert (cache / "fashion-mnist" / name).read_bytes() == content


@pytest.mark.usefixtures("frey")
@pytest.mark.parametrize(
    ("first", "reason"),
    [
        ({}, "404"),
        ({"frey_rawface.mat": 403}, "403"),
        ({"frey_rawface.mat": b"<html>moved</html>" * 99}, "cannot be read"),
        ({"frey_rawface.mat": mat_bytes()[:-8] + b"12345678"}, "sha256"),
        ({"frey_rawface.mat": b""}, "cannot be read"),
    ],
)
def test_the_next_mirror_helps_out(monkeypatch, cache, mirror, first, reason):
    bad, good = mirror(first), mirror({"frey_rawface.mat": mat_bytes()})
    use(monkeypatch, "FREY", [bad])
    with pytest.raises(FileNotFoundError, match=f"  - {bad}: .*{reason}"):
        load("frey")
    assert nothing_is_left(cache)
    use(monkeypatch, "FREY", [bad, good])
    assert_frey(load("frey"))
    assert files_under(cache) == ["frey_rawface.mat"]


def test_a_file_with_the_wrong_hash_is_refused(monkeypatch, cache, mirror, fashion):
    last = "t10k-labels-idx1-ubyte.gz"
    bad = mirror({**fashion, last: fashion[last] + b"!"})
    use(monkeypatch, "FASHION_MNIST", [bad])
    with pytest.raises(FileNotFoundError, match=f"  - {bad}: ValueError: SHA256 hash of .*{last}"):
        load("fashion-mnist")
    assert nothing_is_left(cache), "three good files and a bad one are not a data set"
    use(monkeypatch, "FASHION_MNIST", [bad, mirror(fashion)])
    assert_fashion(load("fashion-mnist"))


@pytest.mark.parametrize("name", ["frey", "fashion-mnist"])
def test_a_broken_transfer_leaves_nothing_behind(monkeypatch, cache, mirror, fashion, frey, name):
    source = name.replace("-", "_").upper()
    files = fashion if name == "fashion-mnist" else {"frey_rawface.mat": mat_bytes()}
    broken = mirror(files, truncate=True)
    use(monkeypatch, source, [broken])
    with pytest.raises(FileNotFoundError, match=f"  - {broken}: .*(IncompleteRead|[Bb]roken)"):
        load(name)
    assert nothing_is_left(cache)
    use(monkeypatch, source, [broken, mirror(files)])
    assert len(load(name).train) > 0


@pytest.mark.usefixtures("frey")
def test_an_interrupt_leaves_nothing_behind(monkeypatch, cache, mirror):
    use(monkeypatch, "FREY", [mirror({"frey_rawface.mat": mat_bytes()})])

    def interrupted(place):
        assert (place / "frey_rawface.mat").exists()
        raise KeyboardInterrupt

    cache.mkdir()
    with pytest.raises(KeyboardInterrupt):
        _download._download(datasets.FREY, interrupted, [])
    assert nothing_is_left(cache)


@pytest.mark.usefixtures("frey")
def test_a_damaged_cache_is_repaired(monkeypatch, cache, mirror):
    use(monkeypatch, "FREY", [mirror({"frey_rawface.mat": mat_bytes()})])
    put(cache / "frey", {"frey_rawface.mat": mat_bytes()[:1000]})
    assert_frey(load("frey"))
    assert (cache / "frey" / "frey_rawface.mat").read_bytes() == mat_bytes()


@pytest.mark.usefixtures("frey")
def test_a_cache_that_cannot_be_written_is_named(monkeypatch, cache, mirror):
    cache.write_text("a file where the folder should be")
    use(monkeypatch, "FREY", [mirror({"frey_rawface.mat": mat_bytes()})])
    with pytest.raises(FileNotFoundError, match=rf"\n  - http.*: NotADirectoryError: .*{cache}"):
        load("frey")


@pytest.mark.usefixtures("frey")
def test_a_server_that_is_down_is_named(monkeypatch, mirror):
    use(monkeypatch, "FREY", ["http://127.0.0.1:9/"])
    with pytest.raises(
        FileNotFoundError, match=r"  - http://127.0.0.1:9/: ConnectionError: .*refused"
    ):
        load("frey")
