"""`minivae sentences` and what can be done with its runs, end to end."""

import json
import shutil
import signal

import numpy as np
import pytest
from test_cli import minivae, one_line_error

from minivae.app.runs import Run
from minivae.app.system import PINS
from minivae.sentences import load_model

TEXT = "".join(f"the {a} saw the {b} .\n" for a in ("cat", "dog", "hen") for b in "abcdefgh") * 5
TINY = ["--text", "own.txt", "--hidden", 6, "--embedding", 4, "--batch-size", 20]
SMALL = [*TINY, "--latent", 2]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for pin in PINS:
        monkeypatch.delenv(pin, raising=False)
    (tmp_path / "own.txt").write_text(TEXT)
    return tmp_path


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a run of a VAE and one of a language model, to be copied."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        (folder / "own.txt").write_text(TEXT)
        for out, options in (("vae", SMALL), ("lm", [*TINY, "--language-model"])):
            assert minivae("sentences", *options, "--samples", 400, "--quiet", "--out", out) == 0
    return folder


@pytest.fixture
def runs(here, trained):
    for name in ("vae", "lm"):
        shutil.copytree(trained / name, here / name)
        settings = json.loads((here / name / "settings.json").read_text())
        settings["text"] = str(here / "own.txt")
        (here / name / "settings.json").write_text(json.dumps(settings))
    return here


def test_a_run_leaves_a_complete_folder(here, capsys):
    (here / "own.txt").write_text(TEXT + "\n\nxyz\n")
    assert minivae("sentences", *SMALL, "--samples", 500, "--evaluate-every", 200) == 0
    out, err = capsys.readouterr()
    run = here / "runs" / "own-2"
    names = {"settings.json", "model.npz", "history.csv", "samples.txt", "homotopies.txt"}
    assert {file.name for file in run.iterdir()} == names and err == ""
    header, *rows = (run / "history.csv").read_text().splitlines()
    assert header == "samples,train_bound,validation_bound,kl,seconds"
    assert [row.split(",")[0] for row in rows] == ["200", "400", "500"]
    assert "Training a VAE of 2 latents on 103 sentences of own" in out
    assert "Note: 2 empty lines were left out" in out
    assert "Best bound: -" in out and "minivae interpolate runs/own-2" in out
    assert len((run / "samples.txt").read_text().splitlines()) == 20
    assert len((run / "homotopies.txt").read_text().splitlines()) == 4 * 7 + 3
    assert len(load_model(run / "model.npz")[0].vocabulary.words) == 14


@pytest.mark.parametrize(("n", "pairs"), [(20, 1), (79, 3), (80, 4)])
def test_a_short_text_has_as_many_homotopies_as_its_test_part_has_pairs(here, n, pairs):
    (here / "own.txt").write_text("".join(TEXT.splitlines(keepends=True)[:n]))
    assert minivae("sentences", *SMALL, "--samples", 20, "--batch-size", 8, "--quiet") == 0
    (run,) = (here / "runs").iterdir()
    assert len((run / "homotopies.txt").read_text().splitlines()) == pairs * 7 + pairs - 1


def test_every_option_reaches_the_run(here, capsys):
    options = {
        "latent": 3, "hidden": 5, "embedding": 4, "samples": 60, "anneal": 40, "word-dropout": 0.2,
        "free-nats": 1.5, "batch-size": 10, "step-size": 0.01, "seed": 7, "evaluate-every": 30,
    }  # fmt: skip
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    switches = ["--inputless", "--everywhere", "--quiet"]
    assert minivae("sentences", "--text", "own.txt", *words, *switches, "--out", "run") == 0
    assert capsys.readouterr() == ("", "")
    model, _ = load_model("run/model.npz")
    assert (model.n_latent, model.n_hidden, model.n_embedding) == (3, 5, 4)
    assert model.inputless and model.everywhere
    with np.load("run/model.npz") as file:
        training = json.loads(file["meta"].tobytes())["training"]
    given = training["settings"]
    assert given["optimizer"]["name"] == "adam" and given["optimizer"]["step_size"] == 0.01
    for name in ("anneal", "word-dropout", "free-nats", "batch-size", "seed", "evaluate-every"):
        assert given[name.replace("-", "_")] == options[name]
    assert training["step"] == 6


def test_a_stopped_run_goes_on_to_the_bit(here, monkeypatch, capsys):
    options = [*SMALL, "--samples", 600, "--evaluate-every", 200, "--quiet"]
    assert minivae("sentences", *options, "--out", "whole") == 0
    save_history = Run.save_history

    def stop(run, history):
        save_history(run, history)
        if len(history) == 2:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "save_history", stop)
        assert minivae("sentences", *options, "--out", "run") == 130
    assert "To go on: minivae sentences --resume run" in capsys.readouterr().err
    assert minivae("sentences", "--resume", "run", "--quiet") == 0
    (_, whole), (_, resumed) = (load_model(f"{name}/model.npz") for name in ("whole", "run"))
    np.testing.assert_array_equal(resumed.vector, whole.vector)
    assert (here / "run/samples.txt").read_text() == (here / "whole/samples.txt").read_text()
    assert minivae("sentences", "--resume", "run", "--samples", 800, "--quiet") == 0
    assert json.loads((here / "run/settings.json").read_text())["samples"] == 800


def test_what_a_run_has_to_say(runs, capsys):
    assert minivae("evaluate", "vae") == 0
    title, test, validation, note = capsys.readouterr().out.splitlines()
    assert title.split()[-2:] == ["log", "p(x)"] and "100 draws" in note
    bound, _, reconstruction, kl, log_px = test.split()[1:]
    assert float(bound) == pytest.approx(float(reconstruction) - float(kl), abs=0.011)
    assert -60 < float(log_px) < -5 and validation.startswith("validation")
    assert minivae("evaluate", "lm") == 0
    assert test.split()[1] != capsys.readouterr().out.splitlines()[1].split()[1]
    assert minivae("sample", "vae", "--n", 3) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert minivae("sample", "lm", "--n", 2) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert minivae("reconstruct", "vae", "--n", 2) == 0
    assert capsys.readouterr().out.splitlines()[0].startswith("the ")
    assert minivae("interpolate", "vae", "--n", 1) == 0
    assert "->" in capsys.readouterr().out
    for run in ("vae", "lm"):
        assert minivae("complete", run, "The cat") == 0
        assert capsys.readouterr().out.startswith("the cat")
    error = one_line_error(capsys, "complete", "vae", "the cat saw " * 20)
    assert "beginning has 60 words, expected at most 40" in error
    assert minivae("reconstruct", "vae", "--n", 500) == 0
    assert "Note: 500 test sentences were asked for, there are 12" in capsys.readouterr().err


def test_changed_data_are_noticed(runs, capsys):
    lines = TEXT.splitlines(keepends=True)
    lines[60:62] = lines[61], lines[60]
    (runs / "own.txt").write_text("".join(lines))
    assert minivae("evaluate", "vae") == 0
    assert capsys.readouterr().err == (
        "Note: the data have changed since the model was trained on them\n"
    )
    assert minivae("reconstruct", "vae", "--n", 1) == 0
    assert "Note: the data have changed" in capsys.readouterr().err
    settings = (runs / "vae" / "settings.json").read_text()
    error = one_line_error(capsys, "sentences", "--resume", "vae", "--samples", 500)
    assert "run: the data have changed since vae was begun" in error
    for text in (TEXT.replace("hen", "cow"), TEXT + "a cow ate grass .\n" * 20):
        (runs / "own.txt").write_text(text)
        for command in (["evaluate"], ["reconstruct"], ["interpolate"], ["sentences", "--resume"]):
            more = ["--samples", 500] if command[-1] == "--resume" else []
            error = one_line_error(capsys, *command, "vae", *more)
            assert "run: the text has changed since vae was trained on it" in error
    assert (runs / "vae" / "settings.json").read_text() == settings


def test_nothing_is_said_of_a_run_that_diverges_but_that_it_does(here, capsys):
    options = [*SMALL, "--samples", 2000, "--step-size", 1e37, "--free-nats", 0, "--quiet"]
    error = one_line_error(capsys, "sentences", *options)
    assert "the evaluated bound became nan" in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sentences", "--text", "none.txt"], "error: data: there is no file "),
        (["sentences", "--text", "bytes"], "not text in UTF-8: line 1 has the byte 0xff"),
        (["sentences", *SMALL, "--word-dropout", 2], "'2' is not a number from 0 to 1"),
        (["sentences", *SMALL, "--word-dropout", "x"], "'x' is not a number from 0 to 1"),
        (["sentences", *SMALL, "--batch-size", 500], "batch_size is 500, expected at most the 102"),
        (["sentences", *TINY, "--language-model", "--everywhere"], "--everywhere is for a VAE"),
        (["sentences", *TINY, "--language-model", "--latent", 2], "--latent is for a VAE, and"),
        (["sentences", *TINY, "--language-model", "--anneal", 9], "--anneal is for a VAE, and"),
        (["sentences", *TINY, "--free-nats", -1], "'-1' is not a number of at least 0"),
        (["sentences", *SMALL, "--latent", 0], "'0' is not a whole number of at least 1"),
        (["sentences", "--resume", "vae", "--seed", 1], "--seed cannot be given with --resume"),
        (["sentences", "--resume", "vae", "--samples", 20], "has seen 400 already"),
        (["sentences", *SMALL, "--out", "vae"], "already holds a run"),
        (["sentences", "--resume", "nothing"], "there is no folder nothing"),
        (["sentences", "--resume", "images"], "images holds no model of sentences"),
        (["train", "--resume", "vae"], "vae holds a model of sentences (minivae sentences)"),
        (["train", "--data", "sentences"], "minivae sentences trains on it"),
        (["complete", "vae", "the cow"], "the word 'cow', which is not among the model's 14"),
        (["complete", "vae", ""], "has no words"),
        (["complete", "images", "the"], "images holds no model of sentences"),
        (["interpolate", "lm"], "lm holds a language model, which has no codes to interpolate"),
        (["reconstruct", "lm"], "lm holds a language model, which has no codes to reconstruct"),
        (["sample", "vae", "--out", "x.png"], "--out is for pictures, and these are sentences"),
        (["manifold", "vae"], "vae holds a model of sentences, which has no pictures"),
        (["latents", "vae"], "vae holds a model of sentences, which has no pictures"),
        (["evaluate", "damaged"], "is damaged (latent is None, expected a whole number"),
        (["evaluate", "unreadable"], "unreadable"),
    ],
)
def test_mishaps_are_told_in_one_line(runs, capsys, arguments, message):
    (runs / "bytes").write_bytes(b"\xff\xfe\x00a\n")
    for name, settings in (
        ("images", '{"data": "mnist"}'), ("damaged", '{"kind": "sentences"}'), ("unreadable", "{")
    ):  # fmt: skip
        (runs / name).mkdir()
        (runs / name / "settings.json").write_text(settings)
    if arguments[-1] == "damaged":
        whole = json.loads((runs / "vae/settings.json").read_text())
        (runs / "damaged/settings.json").write_text(json.dumps({**whole, "latent": None}))
    assert message in one_line_error(capsys, *arguments)
    assert not (runs / "runs").exists()
