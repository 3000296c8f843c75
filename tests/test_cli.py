"""The command line, end to end, in a temporary folder."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from minivae import VAE, Adagrad, Adam, fit, load, load_model
from minivae.app import cli, parser
from minivae.app.options import NETWORKS
from minivae.app.runs import free_folder, new_run, open_run
from minivae.app.system import PINS
from minivae.layers import convnet
from minivae.schedules import Scheduled, Stepwise
from minivae.training.history import History

PICTURES = ("learning_curve.png", "samples.png", "reconstructions.png")
TWO_LATENT_PICTURES = ("manifold.png", "latent_space.png")
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PATIENCE = 600  # seconds for what takes a few: machines are slow, and busy with other tests


def write_dots(folder):
    rng = np.random.default_rng(0)
    x = (rng.random((500, 4, 4)) < rng.random((500, 1, 1))).astype(np.float32)
    y = x[:400, 0, 0].astype(int)
    np.savez(folder / "dots.npz", x_train=x[:400], x_test=x[400:], y_train=y)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A temporary working folder with a small data set in it."""
    monkeypatch.chdir(tmp_path)
    for pin in PINS:
        monkeypatch.delenv(pin, raising=False)  # no probe: it would cost each test half a second
    write_dots(tmp_path)
    return tmp_path


DOTS = ["--data", "dots.npz", "--hidden", "8", "--evaluate-every", "1000", "--batch-size", "20"]


def minivae(*arguments):
    """Run the command line in this process; return its exit code."""
    try:
        return cli.main([str(argument) for argument in arguments])
    except SystemExit as stop:
        return stop.code


def one_line_error(capsys, *arguments):
    """Run what must fail: exit code 2 and one line on stderr, which is returned."""
    assert minivae(*arguments) == 2
    error = capsys.readouterr().err
    assert error.endswith("\n")
    assert len(error.splitlines()) == 1
    assert "error: " in error
    assert "Traceback" not in error
    return error


def spawn(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "minivae", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if name not in PINS},
        **options,
    )


# --- The main job ---------------------------------------------------------------------------------


def test_train_on_digits_leaves_a_complete_run_folder(here, capsys):
    code = minivae("train", "--samples", "2e4", "--evaluate-every", "1e4", "--hidden", 50)
    out = capsys.readouterr()
    assert code == 0
    run = here / "runs" / "mnist-20"
    names = {file.name for file in run.iterdir()}
    assert names == {"settings.json", "model.npz", "history.csv", *PICTURES}
    for picture in PICTURES:
        assert (run / picture).read_bytes().startswith(PNG_SIGNATURE)
    vae, params = load_model(run / "model.npz")
    assert [layer.n_out for layer in vae.encoder.layers] == [50, 40]
    assert params.dtype == np.float32
    header, *rows = (run / "history.csv").read_text().splitlines()
    assert header == "samples,train_bound,test_bound,seconds"
    assert [row.split(",")[0] for row in rows] == ["10000", "20000"]
    test_bound = float(rows[-1].split(",")[2])
    assert -230 < test_bound < -180
    # The step size is one of the paper's three, and the user is told the bound and what to do next.
    assert json.loads((run / "settings.json").read_text())["step_size"] in (0.01, 0.02, 0.1)
    assert "Step size 0." in out.out
    assert f"{test_bound:.2f} nats per test datapoint" in out.out
    assert "minivae sample runs/mnist-20" in out.out
    assert "samples/s" in out.out
    assert out.err == ""  # no terminal, no bar


def test_two_latents_get_two_more_pictures(here):
    assert minivae("train", *DOTS, "--latent", 2, "--samples", 400, "--quiet", "--out", "run") == 0
    for picture in (*PICTURES, *TWO_LATENT_PICTURES):
        assert (here / "run" / picture).read_bytes().startswith(PNG_SIGNATURE)


def test_quiet_says_nothing(here, capsys):
    assert minivae("train", *DOTS, "--samples", 400, "--quiet") == 0
    assert capsys.readouterr() == ("", "")


def test_every_option_reaches_the_run(here):
    options = {
        "latent": 3, "activation": "relu", "likelihood": "gaussian-fixed", "sigma": 0.5,
        "batch-size": 10, "noise-samples": 2, "optimizer": "adam", "step-size": 0.002, "seed": 7,
        "threads": 2, "dtype": "float64", "evaluate-every": 100, "samples": 200,
    }  # fmt: skip
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    words += ["--data", "dots.npz", "--hidden", "7,5", "--no-weight-prior", "--quiet"]
    assert minivae("train", *words, "--out", "run") == 0
    settings = open_run("run", []).settings
    for name, value in options.items():
        assert settings[name.replace("-", "_")] == value
    vae, params = load_model("run/model.npz")
    assert [layer.n_out for layer in vae.encoder.layers] == [7, 5, 6]
    assert vae.likelihood.sigma == 0.5
    assert vae.activation.name == "relu"
    assert params.dtype == np.float64
    with np.load("run/model.npz") as file:
        training = json.loads(file["meta"].tobytes())["training"]
    assert training["settings"]["optimizer"]["name"] == "adam"
    assert training["settings"]["optimizer"]["step_size"] == 0.002
    assert training["settings"]["weight_prior"] is False
    assert training["settings"]["noise_samples"] == 2
    assert training["settings"]["threads"] == 2
    assert training["step"] == 20


def test_likelihood_follows_the_data(here):
    np.save("real.npy", np.random.default_rng(0).normal(5, 2, (200, 6)).astype(np.float32))
    common = ["--samples", 200, "--hidden", 4, "--latent", 1, "--quiet", "--step-size", 0.01]
    assert minivae("train", "--data", "real.npy", *common, "--out", "real") == 0
    assert minivae("train", "--data", "dots.npz", *common, "--out", "dots") == 0
    assert open_run("real", []).settings["likelihood"] == "gaussian"
    assert open_run("dots", []).settings["likelihood"] == "bernoulli"


def test_new_runs_get_new_folders(here):
    assert free_folder("x") == Path("runs/x")
    assert free_folder("x") == Path("runs/x-2")
    assert Path("runs/x-2").is_dir()


# --- Using a run ----------------------------------------------------------------------------------


@pytest.fixture
def run(here):
    assert minivae("train", *DOTS, "--latent", 2, "--samples", 2000, "--quiet", "--out", "run") == 0
    return here / "run"


def test_evaluate(run, capsys):
    assert minivae("evaluate", "run") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["nats", "test", "train"]
    _, bound, _, log_px, kl, n = lines[1].split()
    assert float(bound) == pytest.approx(float(log_px) - float(kl), abs=0.011)
    assert n == "100"
    history = open_run("run", []).history()
    assert float(bound) == pytest.approx(history.test_bound[-1], abs=0.006)


def test_tables_have_no_negative_zeros(run, capsys, monkeypatch):
    # A KL of zero may come out a little below it.
    from minivae.app import show

    right, usage = show.bound_terms, show.latent_usage

    def almost_the_prior(*arguments, **options):
        log_px, minus_kl = right(*arguments, **options)
        return log_px, np.full_like(minus_kl, 1e-9)

    def of_no_latent(*arguments, **options):
        found = usage(*arguments, **options)
        return found._replace(kl=np.full_like(found.kl, -1e-9))

    monkeypatch.setattr(show, "bound_terms", almost_the_prior)
    monkeypatch.setattr(show, "latent_usage", of_no_latent)
    for command in ("evaluate", "latents"):
        assert minivae(command, "run") == 0
        assert "-0.0" not in capsys.readouterr().out


def test_pictures_on_request(run, capsys):
    for command in ("sample", "reconstruct", "manifold"):
        assert minivae(command, "run", "--n", 5, "--out", f"{command}.png") == 0
        assert capsys.readouterr().out == f"{command}.png\n"
        assert Path(f"{command}.png").read_bytes().startswith(PNG_SIGNATURE)
    before = (run / "samples.png").read_bytes()
    assert minivae("sample", "run", "--seed", 8) == 0
    assert (run / "samples.png").read_bytes() != before


def test_interpolate(run, capsys):
    assert minivae("interpolate", "run", "--n", 500) == 0  # more pairs than there are test images
    assert capsys.readouterr().out == f"run{os.sep}interpolation.png\n"
    assert (run / "interpolation.png").read_bytes().startswith(PNG_SIGNATURE)


def test_latents(run, capsys):
    assert minivae("latents", "run") == 0
    header, *rows, bound, active, picture = capsys.readouterr().out.splitlines()
    assert header.split()[:2] == ["latent", "KL"]
    assert {row.split()[0] for row in rows} == {"z_1", "z_2"}
    kl = [float(row.split()[1]) for row in rows]
    assert kl == sorted(kl, reverse=True)
    n_active = sum(row.endswith(" active") for row in rows)
    assert active.startswith(f"{n_active} of 2 latents are active")
    minivae("evaluate", "run")
    _, total, _, log_px, all_kl, _ = capsys.readouterr().out.splitlines()[1].split()
    assert bound.startswith(f"Bound {total} = log p(x|z) {log_px} - KL {all_kl}, in nats")
    assert float(all_kl) == pytest.approx(sum(kl), abs=0.007)
    assert Path(picture).read_bytes().startswith(PNG_SIGNATURE)


@pytest.fixture
def greys(here):
    rng = np.random.default_rng(0)
    x = rng.integers([0, 0, 0, 150, 150, 150], [100, 100, 100, 256, 256, 256], (300, 6), np.uint8)
    np.savez("greys.npz", x_train=x[:200], x_test=x[200:])
    common = ["--data", "greys.npz", "--hidden", 4, "--latent", 2, "--samples", 400]
    return ["train", *common, "--batch-size", 20, "--step-size", 0.1]


def test_binarised_training(greys, capsys):
    """Dynamic pixels are drawn by training; a run keeps to what it was begun with."""
    histories = {}
    for how in ("static", "dynamic"):
        assert minivae(*greys, "--binarize", how, "--out", how) == 0
        out = capsys.readouterr().out
        assert f"on greys, {how}ally binarised" in out
        assert "never compare" in out
        assert minivae("evaluate", how) == 0
        note, _, test, _ = capsys.readouterr().out.splitlines()
        assert note.startswith(f"{how.title()}ally binarised pixels. Scores on grey, ")
        histories[how] = open_run(how, []).history()
        assert float(test.split()[1]) == pytest.approx(histories[how].test_bound[-1], abs=0.006)
        assert minivae("train", "--resume", how, "--samples", 500, "--quiet") == 0
    assert histories["static"].train_bound != histories["dynamic"].train_bound
    with np.load("dynamic/model.npz") as file:
        assert json.loads(file["meta"].tobytes())["training"]["settings"]["binarize"] is True


def test_grey_training_says_nothing_of_binarisation(greys, capsys):
    assert minivae(*greys, "--out", "grey") == 0
    minivae("evaluate", "grey")
    assert "binaris" not in capsys.readouterr().out


def test_runs_from_before_binarisation_can_be_used(run):
    settings = json.loads((run / "settings.json").read_text())
    del settings["binarize"]
    (run / "settings.json").write_text(json.dumps(settings))
    assert minivae("evaluate", "run") == 0
    assert minivae("train", "--resume", "run", "--samples", 2100, "--quiet") == 0


# --- Convolutional networks -----------------------------------------------------------------------

IMAGES = {f"minivae.layers.{name}" for name in ("images", "convolution", "channels", "convnet")}
IMAGES |= {"minivae.engine.patches"}
CONV = ["--network", "conv", "--channels", "2,3", "--optimizer", "adam", "--step-size", 0.01]


def test_a_convolutional_run_and_all_that_can_be_done_with_it(here, capsys):
    options = [*DOTS, *CONV, "--latent", 2, "--evaluate-every", 200]
    assert minivae("train", *options, "--samples", 400, "--out", "part") == 0
    out = capsys.readouterr().out
    assert "Training a VAE 16-2 channels-3 channels-8-2-8-3 channels-2 channels-16 (bern" in out
    for command in ("evaluate", "sample", "reconstruct", "manifold", "interpolate", "latents"):
        assert minivae(command, "part") == 0
    assert minivae("train", "--resume", "part", "--samples", 800, "--quiet") == 0
    assert minivae("train", *options, "--samples", 800, "--quiet", "--out", "whole") == 0
    assert curve(here / "whole") == curve(here / "part")
    vae, _ = load_model("part/model.npz")
    assert [layer.n_out for layer in vae.encoder.layers] == [2 * 2 * 2, 3 * 1 * 1, 8, 4]


def test_defaults_of_convolutional_runs(here):
    options = ["--data", "dots.npz", "--network", "conv", "--likelihood", "gaussian"]
    options += ["--samples", 20, "--batch-size", 20, "--step-size", 0.01, "--quiet"]
    assert minivae("train", *options, "--out", "run") == 0
    settings = open_run("run", []).settings
    assert tuple(settings["channels"]) == convnet.CHANNELS
    assert tuple(settings["hidden"]) == convnet.HIDDEN
    assert settings["activation"] == convnet.ACTIVATION
    assert NETWORKS.keys() == set(parser.NETWORKS)
    vae, _ = load_model("run/model.npz")
    assert (vae.n_latent, vae.decoder.n_out) == (20, 2 * 16)


def test_networks_that_there_are_not_are_refused(here, capsys):
    for words, message in (
        (["--network", "cnn"], "argument --network: invalid choice: 'cnn'"),
        (["--channels", "3"], "channels are for conv, the network is mlp"),
        ([*CONV, "--channels", "2,2,2"], "image is 4 x 4, expected at least 8 x 8 pixels for 3 co"),
    ):
        assert message in one_line_error(capsys, "train", *DOTS, *words, "--out", "run")
        assert not Path("run").exists()


def test_settings_of_networks_edited_by_hand(here, capsys):
    assert minivae("train", *DOTS, *CONV, "--samples", 20, "--quiet", "--out", "run") == 0
    path = here / "run" / "settings.json"
    settings = json.loads(path.read_text())
    for name, value in (("network", "cnn"), ("network", []), ("channels", "2,3"), ("channels", [])):
        path.write_text(json.dumps({**settings, name: value}))
        error = one_line_error(capsys, "train", "--resume", "run", "--samples", 100)
        assert name in error
    path.write_text(json.dumps({**settings, "channels": None}))
    one_line_error(capsys, "train", "--resume", "run", "--samples", 100)


def test_runs_from_before_there_were_other_networks_can_be_used(run):
    settings = json.loads((run / "settings.json").read_text())
    del settings["network"], settings["channels"]
    (run / "settings.json").write_text(json.dumps(settings))
    assert minivae("evaluate", "run") == 0
    assert minivae("train", "--resume", "run", "--samples", 2100, "--quiet") == 0


def test_other_runs_do_not_import_convolutions(here):
    code = (
        "import sys\nfrom minivae.app import cli\n"
        f"assert cli.main({['train', *map(str, DOTS), '--samples', '20', '--quiet']}) == 0\n"
        f"print({IMAGES} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "set()\n", done.stderr


def test_run_works_from_another_folder(run, monkeypatch, tmp_path_factory):
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert minivae("evaluate", run) == 0


def test_manifold_needs_two_latents(here, capsys):
    minivae("train", *DOTS, "--latent", 3, "--samples", 200, "--quiet", "--out", "run")
    assert "the model has 3 latents" in one_line_error(capsys, "manifold", "run")


# --- Interruption and resuming --------------------------------------------------------------------


def curve(run):
    rows = (run / "history.csv").read_text().splitlines()
    return [row.rsplit(",", 1)[0] for row in rows]  # without the seconds


def test_more_samples_on_a_finished_run(here):
    options = [*DOTS, "--step-size", 0.02, "--quiet"]
    assert minivae("train", *options, "--samples", 3000, "--out", "whole") == 0
    assert minivae("train", *options, "--samples", 1000, "--out", "part") == 0
    assert minivae("train", "--resume", "part", "--samples", 3000, "--quiet") == 0
    assert curve(here / "whole") == curve(here / "part")


def test_a_schedule_in_samples(here, capsys):
    """Adam's default step; from 90 samples on is from the sixth update on, of 20 samples each."""
    options = [*DOTS, "--optimizer", "adam", "--quiet", "--threads", 1]
    schedule = ["--schedule", "90:0.5,95:0.3,2000:0.1"]  # the first two change in one minibatch
    assert minivae("train", *options, *schedule, "--samples", 1000, "--out", "run") == 0
    assert minivae("train", "--resume", "run", "--samples", 3000, "--quiet") == 0
    data, (vae, params) = load("dots.npz"), load_model("run/model.npz")
    by_hand = fit(
        vae, data, 3000, batch_size=20, evaluate_every=1000, threads=1, progress=False,
        optimizer=Scheduled(Adam(), Stepwise((5, 100), (0.3, 0.1))),
    )  # fmt: skip
    assert np.array_equal(by_hand.params.vector, params.vector)
    error = one_line_error(capsys, "train", "--resume", "run", *schedule)
    assert "--schedule cannot be given with --resume" in error


def test_runs_from_before_schedules_and_starts_can_be_used(run):
    settings = json.loads((run / "settings.json").read_text())
    del settings["schedule"], settings["start"]
    (run / "settings.json").write_text(json.dumps(settings))
    assert minivae("evaluate", "run") == 0
    assert minivae("train", "--resume", "run", "--samples", 2100, "--quiet") == 0


def test_glorot_s_start(here):
    options = [*DOTS, "--step-size", 0.02, "--quiet", "--threads", 1, "--start", "glorot"]
    assert minivae("train", *options, "--samples", 400, "--out", "run") == 0
    assert minivae("train", "--resume", "run", "--samples", 600, "--quiet") == 0
    vae, params = load_model("run/model.npz")
    assert vae.start == "glorot"
    by_hand = fit(
        VAE(16, 20, (8,), start="glorot"), load("dots.npz"), 600, batch_size=20, threads=1,
        optimizer=Adagrad(0.02), evaluate_every=1000, progress=False,
    )  # fmt: skip
    assert np.array_equal(by_hand.params.vector, params.vector)


def test_fewer_samples_than_seen_are_refused(run, capsys):
    before = (run / "settings.json").read_text()
    error = one_line_error(capsys, "train", "--resume", "run", "--samples", 100)
    assert "samples is 100, but run has seen 2,000 already" in error
    assert (run / "settings.json").read_text() == before


def wait_for(condition, process):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)


LONG = [*DOTS, "--samples", 60_000, "--step-size", 0.02, "--seed", 3, "--threads", 2]


def finish(*arguments, **options):
    """Run to the end in a process like the interrupted one: same BLAS kernels, same bits."""
    process = spawn(*arguments, **options)
    assert process.communicate() == ("", "")
    assert process.returncode == 0


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """The outcome of the long run that the tests below interrupt."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    write_dots(folder)
    finish("train", *LONG, "--quiet", "--out", "run", cwd=folder)
    return folder / "run"


def n_evaluations():
    return len(curve(Path("run"))) if Path("run/history.csv").exists() else 0


def test_killed_run_ends_like_an_uninterrupted_one(here, uninterrupted):
    command = ["train", *LONG, "--quiet", "--out", "run"]
    for moment in ("at once", "in training", "in training", "at once"):
        process = spawn(*command)
        if moment == "at once":
            wait_for(Path("run/settings.json").exists, process)
        else:
            before = n_evaluations()
            wait_for(lambda before=before: n_evaluations() > before + 3, process)
        process.kill()
        process.communicate()
        command = ["train", "--resume", "run", "--quiet"]
    assert 4 < n_evaluations() < 61
    finish(*command)
    assert curve(here / "run") == curve(uninterrupted)
    ours, theirs = (load_model(run / "model.npz")[1] for run in (here / "run", uninterrupted))
    assert np.array_equal(ours.vector, theirs.vector)


def test_ctrl_c_saves_and_says_how_to_resume(here, uninterrupted):
    process = spawn("train", *LONG, "--out", "run")
    wait_for(lambda: Path("run/history.csv").exists(), process)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "Traceback" not in error
    assert "minivae train --resume run" in error.splitlines()[-1]
    finish("train", "--resume", "run", "--quiet")
    assert curve(here / "run") == curve(uninterrupted)


# --- Nonsense -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["dance"], "dance"),
        (["train", "--latent", "0"], "--latent: '0' is not a whole number of at least 1"),
        (["train", "--latent", "-3"], "--latent"),
        (["train", "--latent", "two"], "--latent: 'two'"),
        (["train", "--hidden", "500,0"], "--hidden: '0'"),
        (["train", "--hidden", ""], "--hidden"),
        (["train", "--samples", "0"], "--samples"),
        (["train", "--samples", "1e400"], "--samples"),
        (["train", "--batch-size", "2.5"], "--batch-size"),
        (["train", "--step-size", "nan"], "--step-size"),
        (["train", "--step-size", "-1"], "--step-size"),
        (
            ["train", "--schedule", "1e6"],
            "--schedule: '1e6' is not SAMPLES:FACTOR, such as 1e6:0.5",
        ),
        (["train", "--schedule", ""], "--schedule: '' is not SAMPLES:FACTOR"),
        (["train", "--schedule", "1e6:0"], "--schedule: '0' is not a positive number"),
        (["train", "--schedule", "0:1"], "--schedule: '0' is not a whole number of at least 1"),
        (["train", "--schedule", "9:.5,9:.1"], "'9:.5,9:.1' has samples that do not increase"),
        (["train", "--start", "he"], "--start: invalid choice: 'he'"),
        (["train", "--network", "conv", "--start", "normal"], "conv has no start but glorot"),
        (["train", "--seed", "-1"], "--seed"),
        (["train", "--optimizer", "newton"], "--optimizer: invalid choice: 'newton'"),
        (["train", "--activation", "cosine"], "--activation: invalid choice: 'cosine'"),
        (["train", "--likelihood", "cauchy"], "--likelihood: invalid choice: 'cauchy'"),
        (["train", "--dtype", "int8"], "--dtype: invalid choice: 'int8'"),
        (["train", "--sigma", "0.1"], "sigma is for gaussian-fixed"),
        (["train", "--data", "minst"], "minst"),
        (["train", "--data", "nowhere.npz"], "nowhere.npz"),
        (["train", "--data", "dots.npz", "--batch-size", "401"], "batch_size is 401"),
        (["train", "--data", "dots.npz", "--batch-size", "1e9"], "batch_size"),
        (["train", "--data", "nan.npy"], "not finite"),
        (["train", "--data", "big.npy", "--likelihood", "bernoulli"], "[0, 1]"),
        (["train", "--data", "empty.npy"], "empty.npy"),
        (["train", "--data", "text.npz"], "text.npz"),
        (["train", "--resume", "nowhere"], "there is no folder nowhere"),
        (["train", "--resume", "."], "not a run folder"),
        (["train", "--resume", "run", "--latent", "3"], "--latent cannot be given with --resume"),
        (["evaluate"], "RUN"),
        (["evaluate", "nowhere"], "there is no folder nowhere"),
        (["sample", "dots.npz"], "there is no folder dots.npz"),
        (["sample", ".", "--n", "0"], "--n"),
        (["interpolate", ".", "--n", "0"], "--n"),
        (["latents", "nowhere"], "there is no folder nowhere"),
        (["train", "--binarize", "often"], "--binarize: invalid choice: 'often'"),
        (["train", "--data", "big.npy", "--binarize", "static"], "expected [0, 1]"),
        (["reproduce"], "FIGURE"),
        (["reproduce", "figure1"], "invalid choice: 'figure1'"),
        (["reproduce", "figure2", "--samples", "0"], "--samples: '0' is not a whole number"),
        (["reproduce", "figure2", "--workers", "0"], "--workers"),
        (["reproduce", "figure2", "--stages", "2"], "stages is 2, but no curve of this figure"),
        (["reproduce", "table1", "--stages", "9"], "stages is 9, expected at most 8"),
        (["reproduce", "table1", "--k", "1,0"], "--k: '0' is not a whole number of at least 1"),
        (["gradcheck", "--cases", "0"], "--cases"),
    ],
)
def test_nonsense_is_one_line_and_exit_code_2(here, capsys, words, expected):
    np.save("nan.npy", np.full((20, 4), np.nan))
    np.save("big.npy", np.full((200, 4), 3.0))
    np.save("empty.npy", np.zeros((0, 4)))
    Path("text.npz").write_text("not an archive")
    assert expected in one_line_error(capsys, *words)
    assert not Path("runs").exists()  # nothing half-made is left


def test_existing_run_is_not_overwritten(run, capsys):
    before = (run / "model.npz").read_bytes()
    error = one_line_error(capsys, "train", *DOTS, "--samples", 100, "--out", "run")
    assert "already holds a run" in error
    assert (run / "model.npz").read_bytes() == before


def test_damaged_run_folders(run, capsys):
    whole = (run / "model.npz").read_bytes()
    (run / "model.npz").write_bytes(whole[: len(whole) // 2])
    assert "truncated" in one_line_error(capsys, "evaluate", "run")
    altered = bytearray(whole)
    altered[len(whole) // 2] ^= 1
    (run / "model.npz").write_bytes(bytes(altered))
    assert "model.npz" in one_line_error(capsys, "sample", "run")
    (run / "model.npz").unlink()
    assert "no model file" in one_line_error(capsys, "reconstruct", "run")
    (run / "settings.json").write_text("{")
    assert "damaged" in one_line_error(capsys, "evaluate", "run")
    (run / "settings.json").write_text("{}")
    assert "damaged" in one_line_error(capsys, "evaluate", "run")


def test_run_whose_data_have_gone(run, capsys):
    Path("dots.npz").unlink()
    assert "dots.npz" in one_line_error(capsys, "evaluate", "run")


def test_divergence_is_one_line_and_keeps_the_checkpoint(here, capsys):
    error = one_line_error(
        capsys, "train", *DOTS, "--optimizer", "sgd", "--step-size", "1e30", "--quiet",
        "--samples", 4000, "--out", "run",
    )  # fmt: skip
    assert "last good checkpoint" in error
    assert np.all(np.isfinite(load_model("run/model.npz")[1].vector))


def test_full_disk_is_one_line(here, capsys, monkeypatch):
    def no_space(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    error = one_line_error(capsys, "train", *DOTS, "--samples", 200, "--out", "run")
    assert "No space left on device" in error
    assert list((here / "run").iterdir()) == []


def test_unwritable_place(here, capsys):
    Path("file").write_text("")
    assert "file" in one_line_error(capsys, "train", *DOTS, "--out", "file/run")


def test_picture_for_a_folder_that_is_not_there(run, capsys):
    error = one_line_error(capsys, "sample", "run", "--out", "nowhere/x.png")
    assert error.endswith("No such file or directory: 'nowhere/x.png'\n")


def test_reader_that_leaves_early_is_no_error(here):
    process = spawn("info")
    process.stdout.close()
    process.stdout = None
    _, error = process.communicate(timeout=PATIENCE)
    assert "Traceback" not in error


# --- The rest -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        "train", "evaluate", "sample", "reconstruct", "manifold", "interpolate", "latents",
        "reproduce", "gradcheck", "info",
    ],
)  # fmt: skip
def test_help_has_an_example(capsys, command):
    assert minivae(command, "--help") == 0
    assert f"Example: minivae {command}" in capsys.readouterr().out


def test_no_command_prints_help(capsys):
    assert minivae() == 0
    assert "minivae train" in capsys.readouterr().out


def test_gradcheck_prints_a_table(capsys):
    assert minivae("gradcheck", "--cases", 1) == 0
    lines = capsys.readouterr().out.splitlines()
    names = [line[:42].strip() for line in lines]
    for name in ("dense layer, tanh", "reparameterisation and KL", "log p(x|z), gaussian-sigmoid"):
        assert name in names
    assert "all agree" in lines[-1]


def test_gradcheck_fails_on_a_wrong_gradient(capsys, monkeypatch):
    from minivae import gaussian
    from minivae.checks import selfcheck
    from minivae.checks.catalogue import standard

    monkeypatch.setattr(selfcheck, "catalogue", standard.catalogue)  # the rest is not touched
    right = gaussian.reparameterize_backward

    def wrong(dz, q_params, noise, scale, dq_params):
        right(dz, q_params, noise, -scale, dq_params)

    monkeypatch.setattr(gaussian, "reparameterize_backward", wrong)
    assert minivae("gradcheck", "--cases", 1) == 1
    out = capsys.readouterr().out
    assert "reparameterisation and KL" in out
    assert "FAILED" in out.splitlines()[-1]


def test_info_names_cpu_blas_and_numba(here, capsys):
    assert minivae("info") == 0
    out = capsys.readouterr().out
    for word in ("CPU", "BLAS", "kernels for", "threads", "Numba", "numpy"):
        assert word in out
    assert "nothing to improve" in out


@pytest.mark.parametrize(
    ("pinned", "says"),
    [
        ('{"seconds": 3e-3, "kernels": "PRESCOTT"}', "3.0 times slower than the kernels"),
        ('{"seconds": 1.1e-3, "kernels": "PRESCOTT"}', "it costs nothing here"),
        ("", "what that costs could not be measured"),
    ],
)
def test_info_tells_what_a_pin_costs(here, capsys, monkeypatch, pinned, says):
    """The advice comes from measuring; here the measurement is replaced by known outcomes."""
    from minivae.app import system

    monkeypatch.setenv("OPENBLAS_CORETYPE", "Prescott")
    outcomes = iter([pinned, '{"seconds": 1e-3, "kernels": "Zen"}'])

    class Child:
        stdout = None

        def communicate(self, timeout):
            return next(outcomes), None

        def kill(self):
            pass

        def wait(self):
            pass

    monkeypatch.setattr(system.BlasProbe, "_start", staticmethod(lambda environment: Child()))
    assert minivae("info") == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("OPENBLAS_CORETYPE=Prescott ")
    assert says in last
    assert ("env -u OPENBLAS_CORETYPE minivae" in last) == ("slower" in says)


def test_a_probe_ends_with_the_command(monkeypatch):
    from minivae.app import system

    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    with system.BlasProbe() as probe:
        children = probe._children
    assert len(children) == 2
    assert all(child.returncode is not None and child.stdout.closed for child in children)


def test_probe_really_measures(monkeypatch):
    from minivae.app import system

    with system.BlasProbe._start({**os.environ}) as child:
        measured = json.loads(child.communicate(timeout=PATIENCE)[0])
    assert 1e-6 < measured["seconds"] < 1


def test_import_is_lazy():
    code = (
        "import sys, minivae; print([m for m in ('numba', 'numpy', 'scipy') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_public_names_all_load():
    import minivae as package

    for name in package.__all__:
        assert getattr(package, name) is not None
    assert set(package.__all__) <= set(dir(package))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = package.nothing


def test_history_csv_round_trip(tmp_path):
    history = History()
    history.append(100, -5.0, -6.0, 0.5)
    with new_run(tmp_path / "run", {}) as run:
        run.save_history(history)
    text = (tmp_path / "run" / "history.csv").read_text()
    assert text == "samples,train_bound,test_bound,seconds\n100,-5.0,-6.0,0.5\n"
