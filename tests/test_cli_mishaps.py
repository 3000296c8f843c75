"""The command line where things go wrong around it: streams, disks, folders, other processes."""

import errno
import json
import os
import re
import shlex
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import test_cli
from test_cli import (
    DOTS,
    LONG,
    PATIENCE,
    PICTURES,
    PINS,
    minivae,
    one_line_error,
    spawn,
    wait_for,
)

from minivae import VAE, fit, load_model, save_model
from minivae.app import commands, crowding, parser, readers
from minivae.app.runs import free_folder, new_run, open_run
from minivae.layers import ACTIVATIONS
from minivae.likelihoods import LIKELIHOODS
from minivae.optimizers import OPTIMIZERS
from minivae.training import run_folder
from minivae.training.run_folder import RunFolder
from minivae.validation import LARGEST

here = test_cli.here  # a fixture
SHORT = [*DOTS, "--latent", 2, "--samples", 400, "--step-size", 0.1]


@pytest.fixture
def run(here):
    """A run folder, and a working folder around it."""
    assert minivae("train", *SHORT, "--quiet", "--out", "run") == 0
    return here / "run"


def edit(run, **changes):
    settings = json.loads((run / "settings.json").read_text())
    (run / "settings.json").write_text(json.dumps({**settings, **changes}))


# --- Several processes ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words", [["--resume", "run", "--samples", 900], [*SHORT, "--out", "run"]], ids=str
)
def test_a_folder_in_use_is_left_alone(run, capsys, words):
    before = {file.name: file.read_bytes() for file in run.iterdir()}
    with RunFolder(run).locked():
        error = one_line_error(capsys, "train", "--quiet", *words)
    assert "run: another process is training in run" in error
    assert {file.name: file.read_bytes() for file in run.iterdir()} == before
    assert minivae("train", "--quiet", "--resume", "run") == 0


@pytest.mark.parametrize("how", ["no locks in the system", "none in the file system"])
def test_where_there_are_no_locks_nobody_is_kept_out(run, monkeypatch, how):
    def flock(handle, operation):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    fake = SimpleNamespace(flock=flock, LOCK_EX=2, LOCK_NB=4)
    locks = None if how == "no locks in the system" else fake
    monkeypatch.setattr(run_folder, "fcntl", locks)
    with RunFolder(run).locked(), RunFolder(run).locked():
        pass


def test_a_run_keeps_others_out_while_it_lives(here, capsys):
    process = spawn("train", *LONG, "--quiet", "--out", "run")
    wait_for(Path("run/settings.json").exists, process)
    assert "another process" in one_line_error(capsys, "train", "--resume", "run")
    process.kill()
    process.communicate()
    assert minivae("train", "--resume", "run", "--quiet") == 0


def test_of_several_that_want_a_folder_one_gets_it(tmp_path):
    together, at_work = threading.Barrier(8), threading.Barrier(8)

    def make(number):
        together.wait()
        try:
            with new_run(tmp_path / "run", {"number": number}):
                at_work.wait()
                return number
        except ValueError as error:
            at_work.wait()
            return str(error)

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(make, range(8)))
    (winner,) = [each for each in results if isinstance(each, int)]
    assert all("another process" in each for each in results if each != winner)
    assert open_run(tmp_path / "run", []).settings == {"number": winner}


def test_of_several_that_want_any_folder_each_gets_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        folders = set(pool.map(lambda _: free_folder("x"), range(24)))
    assert folders == {Path("runs/x"), *(Path(f"runs/x-{k}") for k in range(2, 25))}


# --- Names ----------------------------------------------------------------------------------------


def test_a_file_called_like_the_data_set_does_not_matter(here):
    Path("mnist").write_text("mine")
    words = ["--hidden", 3, "--latent", 2, "--samples", 200, "--step-size", 0.1]
    assert minivae("train", *words, "--quiet", "--out", "run") == 0
    assert open_run("run", []).settings["data"] == "mnist"
    assert minivae("train", "--resume", "run", "--samples", 300, "--quiet") == 0


@pytest.mark.parametrize(
    "words",
    [
        ["train", "--out", ""], ["train", "--resume", ""], ["train", "--data-path", ""],
        ["evaluate", ""], ["sample", "run", "--out", ""], ["reproduce", "figure2", "--out", ""],
    ],
    ids=" ".join,
)  # fmt: skip
def test_an_empty_name_is_no_folder(here, capsys, words):
    assert "it is empty, expected a name" in one_line_error(capsys, *words)


def test_a_folder_with_a_space_is_quoted_where_it_is_to_be_typed(here, capsys):
    assert minivae("train", *SHORT, "--out", "my run") == 0
    hints = capsys.readouterr().out.partition("Next:")[2].splitlines()
    assert [shlex.split(hint) for hint in hints] == [
        ["minivae", "evaluate", "my run"],
        ["minivae", "sample", "my run"],
        ["minivae", "explore", "my run"],
        ["minivae", "train", "--resume", "my run", "--samples", "800"],
    ]
    error = one_line_error(capsys, "train", *SHORT, "--out", "my run")
    assert "--resume 'my run'," in error


# --- Numbers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seed"),
    [
        ("12345678901234567", 12345678901234567), ("12345678901234568", 12345678901234568),
        (str(2**64), 2**64), (str(2**200 + 1), 2**200 + 1), ("1e30", 10**30), ("1_000", 1000),
        ("2.5e3", 2500), ("0", 0),
    ],
)  # fmt: skip
def test_seeds_are_read_to_the_last_digit(text, seed):
    read = parser.build_parser().parse_args
    for command in (["train"], ["sample", "run"], ["gradcheck"]):
        arguments = read([*command, "--seed", text])
        assert arguments.seed == seed and type(arguments.seed) is int
    assert read(["reproduce", "figure2", "--seeds", f"{text},1"]).seeds == [seed, 1]


@pytest.mark.parametrize("text", ["1e19", str(2**63), str(2**64), "1e308", "1" + "0" * 300])
@pytest.mark.parametrize(
    "words",
    [
        ["train", "--samples"], ["train", "--latent"], ["train", "--batch-size"],
        ["train", "--threads"], ["sample", "run", "--n"], ["evaluate", "run", "--noise-samples"],
        ["gradcheck", "--cases"], ["train", "--hidden"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_sizes_beyond_all_reason(capsys, words, text):
    assert f"{text!r} is not a whole number below 2^63" in one_line_error(capsys, *words, text)


@pytest.mark.parametrize("option", ["--latent", "--hidden", "--noise-samples"])
@pytest.mark.parametrize("size", [10**13, LARGEST])
def test_sizes_that_no_memory_holds_leave_no_folder(here, capsys, option, size):
    one_line_error(capsys, "train", *SHORT, option, size, "--quiet")
    assert not Path("runs").exists()


def test_a_run_of_a_long_seed_is_repeated_evaluated_and_resumed(here, capsys):
    seeds = [2**128 + 1, 2**128 + 2, 2**128 + 1]
    for k, seed in enumerate(seeds):
        words = [*DOTS, "--samples", 200, "--step-size", 0.1, "--quiet", "--seed", seed]
        assert minivae("train", *words, "--out", f"run{k}") == 0
    first, second, third = (load_model(f"run{k}/model.npz")[1].vector for k in range(3))
    assert np.array_equal(first, third) and not np.array_equal(first, second)
    assert minivae("train", "--resume", "run0", "--samples", 240, "--quiet") == 0
    assert minivae("sample", "run0", "--n", 2, "--seed", 2**128) == 0


# --- Streams --------------------------------------------------------------------------------------


def test_a_run_that_is_asked_for_finishes_whoever_listens(here):
    words = " ".join(map(str, ["train", *SHORT, "--out"]))
    command = f"{sys.executable} -m minivae {words}"
    environment = {name: value for name, value in os.environ.items() if name not in PINS}
    processes = {
        f"run{k}": subprocess.Popen(
            ["bash", "-c", f"set -o pipefail; {command} run{k} {ending}"],
            env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        for k, ending in enumerate(("2>&- >&-", "2>/dev/full >/dev/full", "| true"))
    }  # fmt: skip
    for name, process in processes.items():
        assert process.wait(timeout=PATIENCE) == 0, name
        assert {*PICTURES, "history.csv"} <= {file.name for file in Path(name).iterdir()}
        assert open_run(name, []).history().samples == [400]


@pytest.mark.parametrize("ending", ["2>&-", "2>/dev/full"])
def test_an_error_that_cannot_be_said_still_has_its_exit_code(here, ending):
    command = f"{sys.executable} -m minivae evaluate nowhere {ending}"
    assert subprocess.run(["bash", "-c", command], check=False).returncode == 2


@pytest.mark.parametrize("buffered", [True, False])
def test_a_table_that_cannot_be_written_is_an_error(run, monkeypatch, buffered):
    monkeypatch.setenv("PYTHONUNBUFFERED", "" if buffered else "1")  # empty is as good as not set
    command = f"{sys.executable} -m minivae evaluate run >/dev/full"
    done = subprocess.run(["bash", "-c", command], stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "minivae evaluate: error: No space left on device\n"


@pytest.mark.parametrize("words", ["", "--help", "--version", "train --help"])
@pytest.mark.parametrize(
    ("ending", "said"),
    [(">/dev/full", "minivae: error: No space left on device\n"), ("| true", "")],
)
def test_so_is_help_that_cannot_be_written(monkeypatch, words, ending, said):
    monkeypatch.setenv("PYTHONUNBUFFERED", "")  # else argparse does not look
    # It begins to write when nobody can read any more.
    command = f"set -o pipefail; (sleep 0.1; exec {sys.executable} -m minivae {words}) {ending}"
    done = subprocess.run(["bash", "-c", command], stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, said)


def test_a_warning_is_one_line_as_well(capsys, monkeypatch):
    monkeypatch.setattr(commands, "run", lambda arguments: warnings.warn("beware", stacklevel=1))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert minivae("info") == 0
    assert capsys.readouterr().err == "minivae info: warning: beware\n"


def test_no_bar_is_drawn_where_nobody_watches(here, capsys):
    assert minivae("train", *SHORT, "--out", "run") == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", ["rün", os.fsdecode(b"r\xff")], ids=["umlaut", "no text"])
@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_a_name_that_cannot_be_written_does_not_stop_training(here, monkeypatch, name, encoding):
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    command = [sys.executable, "-m", "minivae", "train", *map(str, SHORT), "--out", name]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0 and done.stderr == b""
    assert {*PICTURES, "history.csv"} <= {file.name for file in Path(name).iterdir()}


# --- Disks and folders ----------------------------------------------------------------------------


def test_runs_that_is_no_folder_is_one_line(here, capsys):
    """A link to a disk that is not there: nothing can be made in it, under whatever name."""
    (here / "runs").symlink_to(here / "nowhere" / "runs")
    assert "File exists: 'runs'" in one_line_error(capsys, "train", *SHORT)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["train", "--data", "~nobody-of-that-name/x.npz"], "data"),
        (["sentences", "--text", "~nobody-of-that-name/x.txt"], "text"),
        (["train", "--data", "frey", "--data-path", "~nobody-of-that-name/x"], "data_path"),
        (["reproduce", "figure4", "--data-path", "~nobody-of-that-name/x"], "data_path"),
    ],
)
def test_a_home_that_is_not_known_is_one_line(here, capsys, words, name):
    assert f"{name} is '~nobody-of-that-name/x" in one_line_error(capsys, *words)


def test_a_full_disk_is_named_with_the_file_and_the_fate_of_the_old_one(run, capsys, monkeypatch):
    def no_space(descriptor):
        raise OSError(28, "No space left on device")

    before = (run / "model.npz").read_bytes()
    monkeypatch.setattr(os, "fsync", no_space)
    error = one_line_error(capsys, "train", "--resume", "run", "--samples", 900, "--quiet")
    assert error.endswith(
        "error: No space left on device (the file is as it was before): 'run/settings.json'\n"
    )
    error = one_line_error(capsys, "sample", "run", "--out", "new.png")
    assert error.endswith("error: No space left on device: 'new.png'\n")
    assert (run / "model.npz").read_bytes() == before


def test_what_a_killed_writer_has_left_is_removed_by_the_next(run, capsys):
    names = "1234abcd.partial", "abcd1234.partial", "original"
    old, live, other = (run / f".samples.png.{name}" for name in names)
    for file in (old, live, other):
        file.write_text("half a picture")
        if file is not live:
            os.utime(file, (time.time() - 5000,) * 2)
    assert minivae("sample", "run", "--n", 2) == 0
    assert not old.exists() and live.exists() and other.exists()


@pytest.mark.parametrize(
    ("out", "expected"),
    [
        ("x.jpg", "expected a name that ends in .png"),
        ("nowhere/x.png", "No such file or directory"),
    ],
)
@pytest.mark.parametrize("command", ["sample", "latents"])
def test_a_picture_that_cannot_be_is_refused_before_the_work(run, capsys, command, out, expected):
    (run / "model.npz").unlink()  # which the work would need
    assert expected in one_line_error(capsys, command, "run", "--out", out)


def test_pictures_of_the_model_alone_need_no_data(run, capsys):
    Path("dots.npz").unlink()
    for command in ("sample", "manifold"):
        assert minivae(command, "run", "--n", 3) == 0
    assert "dots.npz" in one_line_error(capsys, "reconstruct", "run")


def test_runs_that_do_not_know_their_image_shape_can_be_shown(run):
    before = open_run("run", []).settings["image_shape"]
    edit(run, image_shape=None)
    assert before == [4, 4] and minivae("sample", "run", "--n", 3) == 0


def test_evaluate_prints_nothing_before_it_fails(run, capsys):
    np.save("dots.npy", np.zeros((20, 5)))
    edit(run, data=str(Path("dots.npy").resolve()))
    assert minivae("evaluate", "run") == 2
    out, error = capsys.readouterr()
    assert out == "" and "has 5 features, the model expects 16" in error


@pytest.mark.parametrize("part", ["x_train", "x_test"])
def test_changed_data_are_not_scored_silently(run, capsys, part):
    with np.load("dots.npz") as file:
        arrays = dict(file)
    arrays[part] = 1 - arrays[part]
    assert minivae("evaluate", "run") == 0
    assert capsys.readouterr().err == ""
    np.savez("dots.npz", **arrays)
    for command in ("evaluate", "latents", "reconstruct", "interpolate"):
        assert minivae(command, "run") == 0
        note, *_ = capsys.readouterr().err.splitlines()
        assert note == "Note: the data have changed since the model was trained on them"
    error = one_line_error(capsys, "train", "--resume", "run", "--samples", 900)
    assert "data have changed since run/model.npz was trained on them" in error


def test_a_file_in_the_place_of_a_folder(here, capsys):
    Path("file").write_text("")
    error = one_line_error(capsys, "train", *SHORT, "--out", "file")
    assert error == "minivae train: error: File exists: 'file'\n"


# --- What is said ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "command"),
    [(["manifold", "run", "--seed", "3"], "minivae manifold"), (["train", "x"], "minivae train"),
     (["--latent"], "minivae")],
)  # fmt: skip
def test_what_is_not_understood_points_to_the_right_help(capsys, words, command):
    error = one_line_error(capsys, *words)
    assert f"(see {command} --help)" in error and words[-1] in error


@pytest.mark.parametrize(
    ("option", "library"),
    [("activation", ACTIVATIONS), ("likelihood", LIKELIHOODS), ("optimizer", OPTIMIZERS)],
)
def test_the_command_line_knows_the_names_of_the_library(capsys, option, library):
    for name in library:
        arguments = parser.build_parser().parse_args(["train", f"--{option}", name])
        assert getattr(arguments, option) == name
    minivae("train", "--help")
    said = capsys.readouterr().out.rpartition(f"--{option} NAME")[2].partition("(")[0]
    assert sorted(re.findall(r"[\w-]+", re.sub(r"-\s+", "-", said))) == sorted(library)
    assert readers.LARGEST == LARGEST


def test_fewer_images_than_were_asked_for_are_said(run, capsys):
    for command, asked in (("reconstruct", 500), ("interpolate", 1000)):
        assert minivae(command, "run", "--n", 500) == 0
        note = f"Note: {asked:,} test images were asked for, there are 100\n"
        assert capsys.readouterr().err == note


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["figure2", "--datapoints", "5"],
            "datapoints is 5, but no curve of this figure makes",
        ),
        (["figure3", "--skip-frey"], "skip_frey is True, but no curve of this figure"),
        (["figure5", "--data-path", "x"], "data_path is 'x', but no curve of this figure"),
    ],
)
def test_options_without_a_use_are_refused(here, capsys, words, message):
    assert message in one_line_error(capsys, "reproduce", *words)


@pytest.mark.parametrize("data", ["mnist", "dots.npz"])
def test_a_place_for_data_that_are_not_looked_for(here, capsys, data):
    error = one_line_error(capsys, "train", "--data", data, "--data-path", "there")
    assert f"--data-path is for frey and fashion-mnist, the data are {data}" in error


def test_a_misspelt_data_set_is_named_as_it_was_typed(here, capsys):
    error = one_line_error(capsys, "train", "--data", "mnits")
    assert "error: 'mnits' is neither a data set (mnist, " in error


def test_faces_that_are_not_there_are_one_short_line(here, capsys, monkeypatch):
    def fail(*arguments):
        raise OSError("no network " + 100 * "here ")

    monkeypatch.setattr("minivae.datasets.download._fetch_all", fail)
    monkeypatch.setenv("MINIVAE_DATA", str(here / "cache"))
    monkeypatch.setattr("minivae.datasets.download._places", lambda source, path: [])
    assert minivae("train", "--data", "frey") == 2
    *tried, error = capsys.readouterr().err.splitlines()
    assert all(line.startswith("minivae: downloading frey from ") for line in tried)
    assert error.startswith("minivae train: error: data set 'frey' was not found")
    assert "--data-path" in error and len(error.replace(str(here), "")) < 200


def test_floats_that_may_be_pixels_are_said(here, capsys):
    x = np.random.default_rng(0).integers(0, 256, (60, 4)).astype(float)
    x[0, :2] = 0, 255
    np.save("own.npy", x)
    words = ["--data", "own.npy", "--samples", 100, "--hidden", 2, "--latent", 1]
    assert minivae("train", *words, "--batch-size", 20, "--step-size", 0.1, "--out", "run") == 0
    note, *_ = capsys.readouterr().out.splitlines()
    assert note.startswith("Note: the data are floats from 0 to 255, so the likelihood is gaussian")


# --- Saving by hand -------------------------------------------------------------------------------


def test_what_could_not_be_loaded_is_not_saved(tmp_path):
    vae, rng = VAE(4, 2, (3,)), np.random.default_rng(0)
    params = vae.init_params(rng)
    with pytest.raises(ValueError, match=r"^params is Params.*, expected Params"):
        save_model(tmp_path / "m.npz", vae, VAE(4, 1, (3,)).init_params(rng))
    params.vector[3] = np.nan
    with pytest.raises(ValueError, match=r"^params has 1 values that are NaN or infinite"):
        save_model(tmp_path / "m.npz", vae, params)
    assert list(tmp_path.iterdir()) == []


def test_a_long_seed_is_kept_by_a_checkpoint(tmp_path):
    x, seed = np.random.default_rng(0).random((40, 4)), 2**200 + 1
    options = {"batch_size": 10, "evaluate_every": None, "progress": False, "threads": 1}
    whole = fit(VAE(4, 2, (3,)), x, 80, seed=seed, **options).params.vector
    options["checkpoint"] = tmp_path / "m.npz"
    fit(VAE(4, 2, (3,)), x, 40, seed=seed, **options)
    with pytest.raises(ValueError, match=r"^seed is "):
        fit(VAE(4, 2, (3,)), x, 80, seed=seed + 1, resume=True, **options)
    resumed = fit(VAE(4, 2, (3,)), x, 80, seed=seed, resume=True, **options)
    assert np.array_equal(resumed.params.vector, whole)


class Clock:
    """In place of the module `time`: goes forward a minute at a look, of which `share` is work."""

    def __init__(self, share):
        self.share, self.looks = share, 0

    def perf_counter(self):
        self.looks += 1
        return 60.0 * self.looks

    def process_time(self):
        return 60.0 * self.looks * self.share


@pytest.mark.parametrize(
    ("threads", "share", "told"), [(2, 0.5, 1), (2, 1.9, 0), (1, 0.5, 0), (4, 0.1, 1)]
)
def test_a_busy_machine_is_told_once(here, capsys, monkeypatch, threads, share, told):
    """A share of 1 is all of one core's time."""
    monkeypatch.setattr(crowding, "time", Clock(share))
    monkeypatch.setattr(crowding, "available_cores", lambda: 2)
    options = ["--samples", 3000, "--step-size", 0.1, "--threads", threads]
    assert minivae("train", *DOTS, *options) == 0
    assert capsys.readouterr().out.count(f"{100 * share / 2:.0f} % of their cores' time") == told


def test_a_short_time_is_no_reason_to_call_a_machine_busy(monkeypatch):
    said, clock = [], Clock(0.1)
    watch = crowding.CrowdWatch(2, said.append)
    monkeypatch.setattr(crowding, "time", clock)
    clock.perf_counter = lambda: watch._seconds + 4.9
    watch.look()
    assert not said


@pytest.mark.parametrize("slow", [True, False])
def test_compilation_is_announced_if_it_takes_long(here, capsys, monkeypatch, slow):
    class Timer(threading.Timer):
        def start(self):
            if slow:
                self.function()

    monkeypatch.setattr(threading, "Timer", Timer)
    assert minivae("train", *SHORT) == 0
    assert ("Compiling the kernels" in capsys.readouterr().out) == slow
