"""Frey Faces and Fashion-MNIST: the search on this machine, and the download.

The data are fabricated and their hashes put in place of the real ones. No test leaves this
machine: downloads come from a server on 127.0.0.1, and the cache folder is a temporary one.
"""

import functools
import gzip
import hashlib
import http.server
import io
import logging.handlers
import struct
import threading

import numpy as np
import pooch
import pytest
import scipy.io

from minivae.datasets import download as _download
from minivae.datasets import load, named

RNG = np.random.default_rng(0)
FACES = RNG.integers(8, 239, (1965, 28, 20), dtype=np.uint8)
DOWN = "http://127.0.0.1:9/"  # no server listens there
HELD_OUT_FIRST = [6, 9, 17, 18, 27]
HELD_OUT_SHA256 = "1e79fc92beb052f5660974af3bbbd0fbd10a0329b131117829dd49c9812fb436"


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
    new = getattr(named, source)._replace(mirrors=tuple(mirrors), **more)
    monkeypatch.setattr(named, source, new)


def save(file, array):
    """Write one array in the format that the suffix asks for."""
    if file.suffix == ".npy":
        np.save(file, array)
    elif file.suffix == ".npz":
        np.savez(file, faces=array)
    else:
        scipy.io.savemat(file, {"ff": array})
    return file


@functools.cache
def mat_bytes():
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, {"ff": FACES.reshape(1965, 560).T})
    return buffer.getvalue()


@functools.cache
def idx_files():
    sizes = ((50, 28, 28), (9, 28, 28), (50,), (9,))
    arrays = [RNG.integers(0, 10, size, dtype=np.uint8) for size in sizes]
    contents = (struct.pack(f">HBB{x.ndim}I", 0, 8, x.ndim, *x.shape) + x.tobytes() for x in arrays)
    return dict(zip(named.FASHION_MNIST.content, contents, strict=True))


def sha256(content):
    return hashlib.sha256(content).hexdigest()


@functools.cache
def gz_files():
    return {f"{name}.gz": gzip.compress(content) for name, content in idx_files().items()}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Put fabricated data in the place of the real ones; return the cache folder."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("MINIVAE_DATA", str(folder))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    use(monkeypatch, "FREY", [], content={"faces": sha256(FACES)})
    use(
        monkeypatch,
        "FASHION_MNIST",
        [],
        files={name: sha256(content) for name, content in gz_files().items()},
        content={name: sha256(content) for name, content in idx_files().items()},
        system_folders=(),
    )
    return folder


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


# Reading: content is known by its hash, whatever wraps it


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


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("frey_rawface.mat", FACES.reshape(1965, 560).T),
        ("frey_rawface.mat", FACES.reshape(1965, 560).T.astype(float)),
        ("freyfaces.npz", FACES),
        ("freyfaces.npy", FACES.reshape(1965, 560)),
        ("freyfaces.npy", np.asfortranarray(FACES.reshape(1965, 560))),
        ("freyfaces.npy", FACES.reshape(1965, 560).T),
    ],
)
def test_frey_is_known_by_its_pixels_in_any_file(tmp_path, name, array):
    file = save(tmp_path / name, array)
    assert_frey(load("frey", path=tmp_path))
    assert_frey(load("frey", path=str(file)))
    assert_frey(load("frey", path=file.rename(tmp_path / f"other{file.suffix}")))


def test_the_orientation_of_frey_rawface_is_known_without_its_name(tmp_path):
    data = load(save(tmp_path / "own.mat", FACES.reshape(1965, 560).T))
    np.testing.assert_array_equal(np.concatenate([data.train, data.test]), FACES.reshape(1965, -1))
    assert data.image_shape == (28, 20) and data.name == "own" and len(data.test) == 197


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (FACES[::-1], "the pixels of .* has sha256"),
        (FACES[:-1], r"has an array of shape \(1964, 28, 20\), expected \(1965, 28, 20\)"),
        (FACES / 255, "the pixels of .* has sha256"),
        (np.where(FACES == 99, np.nan, FACES), "not finite"),
        (FACES * 1e20, "the pixels of .* has sha256"),
        (FACES.astype(complex), "complex128"),
    ],
)
def test_what_is_not_frey_is_not_taken_for_it(tmp_path, array, reason):
    file = save(tmp_path / "own.npy", array)
    with pytest.raises(FileNotFoundError, match=f"  - {file}: .*{reason}"):
        load("frey", path=file)


@pytest.mark.parametrize("zipped", [True, False])
def test_fashion_mnist_is_read_packed_or_not(tmp_path, zipped):
    put(tmp_path, gz_files() if zipped else idx_files())
    assert_fashion(load("fashion-mnist", path=tmp_path))


def test_fashion_mnist_may_be_compressed_in_another_way(tmp_path):
    anew = {name: gzip.compress(gzip.decompress(x), 1, mtime=1) for name, x in gz_files().items()}
    assert anew != gz_files()
    assert_fashion(load("fashion-mnist", path=put(tmp_path, anew)))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda x: x[:-20], "t10k-images-idx3-ubyte.gz is damaged"),
        (lambda x: b"hello", "t10k-images-idx3-ubyte.gz is damaged"),
        (lambda x: x[:40] + b"1234" + x[44:], "t10k-images-idx3-ubyte.gz is damaged"),
        (lambda x: gzip.compress(b"!" * len(x)), "t10k-images-idx3-ubyte.gz has sha256"),
        (None, "there is no t10k-images-idx3-ubyte.gz or t10k-images-idx3-ubyte"),
    ],
)
def test_what_is_not_fashion_mnist_is_not_taken_for_it(tmp_path, damage, reason):
    files = dict(gz_files())
    original = files.pop("t10k-images-idx3-ubyte.gz")
    if damage is not None:
        files["t10k-images-idx3-ubyte.gz"] = damage(original)
    with pytest.raises(FileNotFoundError, match=reason):
        load("fashion-mnist", path=put(tmp_path / "folder", files))


# The order of the search


def test_the_search_goes_path_cache_system_mirrors(tmp_path, monkeypatch, cache, mirror):
    system, own = tmp_path / "system", tmp_path / "own"
    use(monkeypatch, "FASHION_MNIST", [mirror(gz_files())], system_folders=(str(system),))
    read = []

    def recording(folder):
        named._read_fashion(folder)  # raises where the data set is not
        read.append(folder)

    def place():
        read.clear()
        _download.obtain(named.FASHION_MNIST, recording, own if own.exists() else None)
        return read[0]

    assert place().name.startswith(".partial-")  # the mirror, which fills the cache
    for file in (cache / "fashion-mnist").iterdir():
        file.unlink()
    put(system, gz_files())
    assert place() == system
    put(cache, gz_files())
    assert place() == cache
    put(cache / "fashion-mnist", gz_files())
    assert place() == cache / "fashion-mnist"
    put(own, gz_files())
    assert place() == own


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
    use(monkeypatch, "FASHION_MNIST", [mirror({}), DOWN], system_folders=("/nowhere",))
    with pytest.raises(FileNotFoundError) as error:
        load("fashion-mnist", path=tmp_path / "mine")
    first, *rest = str(error.value).splitlines()
    assert "'fashion-mnist'" in first and str(cache / "fashion-mnist") in first
    assert all(name in first for name in named.FASHION_MNIST.files) and "path=" in first
    tried = [line for line in rest if line.startswith("  - ")]
    places = [str(tmp_path / "mine"), str(cache / "fashion-mnist"), str(cache), "/nowhere"]
    for line, place in zip(tried, [*places, "http://127.0.0.1", DOWN], strict=True):
        assert line.startswith(f"  - {place}") and len(line) > len(place) + 10
    assert "404" in tried[-2] and "refused" in tried[-1]
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


def left_in(cache):
    return sorted(x.name for x in cache.rglob("*") if x.name not in ("frey", "fashion-mnist"))


def test_a_download_fills_the_cache_and_happens_once(monkeypatch, cache, mirror, capsys):
    use(monkeypatch, "FREY", [mirror({"frey_rawface.mat": mat_bytes()})])
    chatter = logging.handlers.BufferingHandler(capacity=99)
    monkeypatch.setattr(pooch.get_logger(), "handlers", [chatter])
    monkeypatch.setattr(pooch.get_logger(), "level", logging.INFO)
    assert_frey(load("frey"))
    assert not chatter.buffer and pooch.get_logger().level == logging.INFO
    out, err = capsys.readouterr()
    assert out == "" and "downloading frey from http://127.0.0.1" in err
    assert "100%" in err, "a progress bar"
    assert (cache / "frey" / "frey_rawface.mat").read_bytes() == mat_bytes()
    assert left_in(cache) == ["frey_rawface.mat"]
    use(monkeypatch, "FREY", [])
    assert_frey(load("frey"))
    assert capsys.readouterr() == ("", "")


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
    assert left_in(cache) == []
    use(monkeypatch, "FREY", [bad, good])
    assert_frey(load("frey"))
    assert left_in(cache) == ["frey_rawface.mat"]


def test_a_file_with_the_wrong_hash_is_refused(monkeypatch, cache, mirror):
    last = "t10k-labels-idx1-ubyte.gz"
    bad = mirror({**gz_files(), last: gz_files()[last] + b"!"})
    use(monkeypatch, "FASHION_MNIST", [bad])
    with pytest.raises(FileNotFoundError, match=f"  - {bad}: ValueError: SHA256 hash of .*{last}"):
        load("fashion-mnist")
    assert left_in(cache) == [], "three good files and a bad one are not a data set"
    use(monkeypatch, "FASHION_MNIST", [bad, mirror(gz_files())])
    assert_fashion(load("fashion-mnist"))
    cached = {file.name: file.read_bytes() for file in (cache / "fashion-mnist").iterdir()}
    assert cached == gz_files()


@pytest.mark.parametrize("name", ["frey", "fashion-mnist"])
def test_a_broken_transfer_leaves_nothing_behind(monkeypatch, cache, mirror, name):
    source = name.replace("-", "_").upper()
    files = gz_files() if name == "fashion-mnist" else {"frey_rawface.mat": mat_bytes()}
    broken = mirror(files, truncate=True)
    use(monkeypatch, source, [broken])
    with pytest.raises(FileNotFoundError, match=f"  - {broken}: .*(IncompleteRead|[Bb]roken)"):
        load(name)
    assert left_in(cache) == []
    use(monkeypatch, source, [broken, mirror(files)])
    assert len(load(name).train) > 0


def test_an_interrupt_leaves_nothing_behind(monkeypatch, cache, mirror):
    use(monkeypatch, "FREY", [mirror({"frey_rawface.mat": mat_bytes()})])

    def interrupted(place):
        assert (place / "frey_rawface.mat").exists() and place.parent == cache / "frey"
        raise KeyboardInterrupt

    cache.mkdir()
    with pytest.raises(KeyboardInterrupt):
        _download._download(named.FREY, interrupted, [])
    assert left_in(cache) == []


def test_a_damaged_cache_is_repaired(monkeypatch, cache, mirror):
    use(monkeypatch, "FREY", [mirror({"frey_rawface.mat": mat_bytes()})])
    put(cache / "frey", {"frey_rawface.mat": mat_bytes()[:1000]})
    assert_frey(load("frey"))
    assert (cache / "frey" / "frey_rawface.mat").read_bytes() == mat_bytes()


def test_a_cache_that_cannot_be_written_is_named(monkeypatch, cache, mirror):
    cache.write_text("a file where the folder should be")
    use(monkeypatch, "FREY", [mirror({"frey_rawface.mat": mat_bytes()})])
    with pytest.raises(FileNotFoundError, match=rf"\n  - http.*: NotADirectoryError: .*{cache}"):
        load("frey")
