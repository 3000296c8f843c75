"""Data sets: the embedded MNIST, and files of one's own, good and bad."""

import hashlib
import io
import pickle
import struct
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import scipy.io
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from randomness import examples

from minivae.datasets import load

RNG = np.random.default_rng(0)
GOOD = np.full((4, 6), 9, np.uint8)


def save(tmp_path, suffix=".npy", **arrays):
    file = tmp_path / f"own{suffix}"
    if suffix == ".npy":
        (array,) = arrays.values()
        np.save(file, array)
    elif suffix == ".npz":
        np.savez(file, **arrays)
    else:
        scipy.io.savemat(file, arrays)
    return file


def images(n=30, shape=(4, 3)):
    return RNG.integers(0, 256, (n, *shape), dtype=np.uint8)


# MNIST


def idx_bytes(array):
    head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return head + array.tobytes()


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
    array = array.reshape(-1, 28, 28) if array.ndim == 2 else array
    assert hashlib.md5(idx_bytes(array)).hexdigest() == md5


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
    with pytest.raises(ValueError, match=r"^data is 7, expected a path$"):
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
def stored_arrays(draw):
    shape = draw(st.lists(st.integers(1, 6), min_size=1, max_size=2))
    dtype = np.dtype(draw(DTYPES))
    elements = {"f": st.floats(-1e4, 1e4, width=16), "b": None}.get(dtype.kind, st.integers(0, 127))
    x = draw(hnp.arrays(dtype, (draw(st.integers(2, 40)), *shape), elements=elements))
    return np.asfortranarray(x) if draw(st.booleans()) else x


def as_loaded(x):
    if x.dtype.kind != "f" and x.max() == 1:
        return 255 * x.reshape(len(x), -1).astype(np.uint8)
    return x.reshape(len(x), -1).astype(np.float32 if x.dtype.kind == "f" else np.uint8)


@examples(60)
@given(x=stored_arrays(), suffix=st.sampled_from([".npy", ".npz", ".mat"]))
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
    for train, test in ((GOOD, GOOD // 9), (GOOD // 9, GOOD)):
        data = load(save(tmp_path, ".npz", train=train, test=test))
        assert data.train.max() == train.max() and data.test.max() == test.max()


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
    "complex": ({"x": np.ones((5, 2), complex)}, "has dtype complex128, expected floats, bool or"),
    "text": ({"x": np.full((5, 2), "a")}, "train in .* has dtype <U1, expected floats"),
    "times": ({"x": np.zeros((5, 2), "M8[s]")}, r"has dtype datetime64\[s\]"),
    "fields": ({"x": np.zeros((5, 2), [("a", int)])}, "train in .* has dtype"),
    "negative": ({"x": GOOD.astype(int) - 10}, "has int64 values from -1 to -1, expected 0 to 255"),
    "16 bit": ({"x": GOOD.astype(np.uint16) * 100}, "has uint16 values from 900 to 900"),
    "features": ({"train": GOOD, "test": GOOD[:, 1:]}, "test in .* has 5 features, train has 6"),
    "dtypes": ({"x_train": GOOD, "x_test": GOOD / 255}, "test in .* is float32, train is uint8"),
    "bool": ({"x_train": GOOD, "x_test": GOOD > 9}, "test in .* is bool, train is uint8"),
    "images": (
        {"x_train": GOOD.reshape(4, 2, 3), "x_test": GOOD.reshape(4, 3, 2)},
        r"test in .* has images of \(3, 2\), train of \(2, 3\)",
    ),
    "test nan": ({"train": GOOD / 1.0, "test": NAN}, "test in .* has 2 values .* not finite"),
    "labels": ({"x_train": GOOD, "y_train": np.arange(3)}, r"has shape \(3,\), expected \(4,\)"),
    "one-hot": ({"x_train": GOOD, "y_train": np.eye(4)}, r"train_labels in .* has shape \(4, 4\)"),
    "test labels": (
        {"x_train": GOOD, "x_test": GOOD, "y_test": np.arange(5)},
        r"test_labels in .* has shape \(5,\), expected \(4,\)",
    ),
    "half labels": (
        {"x_train": GOOD, "y_train": np.ones(4) / 2},
        "has 0.5 among them, expected",
    ),
    "no examples": ({"x_train": GOOD, "y_test": np.arange(4)}, "test_labels in .* come without"),
    "endless labels": (
        {"x_train": GOOD, "y_train": np.array([0, 1, np.inf, 2])},
        "train_labels in .* has inf among them, expected whole numbers of classes",
    ),
    "labels that are none": (
        {"x_train": GOOD, "y_train": np.array([0, 1, np.nan, 2])},
        "has nan among them, expected",
    ),
    "absurd labels": (
        {"x_train": GOOD, "y_train": np.array([0, 1, 1e300, 2])},
        r"has 1e\+300 among them",
    ),
    "labels like times": (
        {"x_train": GOOD, "y_train": np.array([0, 1, 2**63, 2], np.uint64)},
        "has 9223372036854775808 among them",
    ),
    "nothing but a test": ({"x_test": GOOD}, "it holds x_test, expected x_train"),
    "nothing but labels": ({"train_labels": GOOD}, "it holds train_labels, expected x_train"),
    "unknown arrays": ({"a": GOOD, "b": GOOD}, "it holds a, b, expected x_train"),
    "only a test": ({"x_test": GOOD, "y_test": np.arange(4)}, "it holds x_test, y_test, expected"),
    "no arrays": ({}, "it holds no arrays, expected"),
    "objects": ({"x": np.array([[{}]], object)}, "it holds pickled Python objects, which are"),
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
    with pytest.raises(ValueError, match=BAD_ARRAYS[case][1]):
        load(save(tmp_path, ".npy", **BAD_ARRAYS[case][0]))


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


@pytest.mark.parametrize(
    ("suffix", "damage", "message"),
    [
        (".npy", lambda _: b"", "does not begin like a .npy file"),
        (".npy", lambda _: pickle.dumps([1, 2]), "does not begin like a .npy file"),
        (".npy", lambda _: b"<html>404</html>", "does not begin like a .npy file"),
        (".npy", lambda content: content[:-1], ""),
        (".npy", lambda content: content[:40], ""),
        (".npy", lambda _: b"\x93NUMPY\x01\x00" + b"\x77" * 40000, "[Hh]eader"),  # two lines
        (".npy", lambda _: file_bytes(".npz"), "does not begin like a .npy file"),
        (".npz", lambda content: content[:-30], ""),
        (".npz", flip, ""),
        (".npz", lambda _: file_bytes(".npy"), "does not begin like a .npz file"),
        (".mat", lambda _: b"", ""),
        (".mat", lambda _: b"<html>404</html>" * 20, ""),
        (".mat", lambda content: content[:-30], ""),
        (".mat", flip, ""),
        (".mat", lambda _: b"MATLAB 7.3".ljust(124) + b"\x00\x02IM" + bytes(99), "v7.3"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, suffix, damage, message):
    file = tmp_path / f"own{suffix}"
    file.write_bytes(file_bytes(suffix))
    load(file)
    file.write_bytes(damage(file_bytes(suffix)))
    with pytest.raises(ValueError, match=f"own{suffix} cannot be read: .*{message}") as error:
        load(file)
    assert "\n" not in str(error.value) and not str(error.value).endswith(": ")


@pytest.mark.parametrize("suffix", [".npz", ".mat"])
def test_a_small_file_that_would_be_enormous_is_refused(tmp_path, monkeypatch, suffix):
    x, file = np.zeros((1000, 3000), np.uint8), tmp_path / f"own{suffix}"
    if suffix == ".npz":
        np.savez_compressed(file, x=x)
    else:
        scipy.io.savemat(file, {"x": x}, do_compression=True)
    assert load(file).train.shape == (900, 3000)
    monkeypatch.setenv("MINIVAE_LIMIT", "1e6")
    message = r"bytes would become 3,000,\d+, more than 1,000,000; the env.* MINIVAE_LIMIT sets"
    with pytest.raises(ValueError, match=message):
        load(file)
    x[:] = RNG.integers(0, 256, x.shape)  # not much smaller in the file: no trap
    if suffix == ".npz":
        np.savez_compressed(file, x=x)
        assert load(file).train.shape == (900, 3000)


@pytest.mark.parametrize("limit", ["much", "nan", "-5"])
def test_a_limit_that_is_no_number_is_named(tmp_path, monkeypatch, limit):
    file = save(tmp_path, ".npz", x_train=images())
    monkeypatch.setenv("MINIVAE_LIMIT", limit)
    message = f"the environment variable MINIVAE_LIMIT is '{limit}', expected a number of bytes"
    with pytest.raises(ValueError, match=message):
        load(file)


def test_a_claim_to_be_enormous_is_enough(tmp_path):
    content = bytearray(file_bytes(".npz"))
    size = content.index(b"PK\x01\x02") + 24  # in the archive's directory
    content[size : size + 4] = struct.pack("<I", 1_000_000_001)
    (tmp_path / "own.npz").write_bytes(content)
    with pytest.raises(ValueError, match="would become 1,000,000,001, more than 1,000,000,000"):
        load(tmp_path / "own.npz")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x_train": 1, "test": 1}, "it holds test beside x_train, expected x_test"),
        ({"x_train": 1, "X_test": 1}, "it holds X_test beside x_train, expected x_test"),
        ({"train": 1, "y_train": 0}, "it holds y_train beside train, expected train_labels"),
    ],
)
def test_an_array_is_not_left_out_for_the_spelling_of_its_name(tmp_path, arrays, message):
    file = save(tmp_path, ".npz", **{k: images() if v else range(30) for k, v in arrays.items()})
    with pytest.raises(ValueError, match=message):
        load(file)


def test_a_member_that_is_no_array_is_refused(tmp_path):
    file = tmp_path / "own.npz"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x.npy", b"some text")
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
        ("absent", "does not exist"),
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
