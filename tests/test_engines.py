"""The NumPy lines that are read compute what the kernels compute, through `fit` and beside it."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

CODE = """
import sys
import numpy as np
from minivae import VAE, Adam, fit
from minivae.estimators import SGVBA
from minivae.estimators.wake_sleep import WakeSleep
from minivae.evaluation import bound_terms, importance_sampling
from minivae.layers import convnet
from minivae.training.full_vb import fit_full_vb
from minivae.training.mcem import fit_mcem

pixels = np.random.default_rng(0).integers(0, 256, (60, 12), dtype=np.uint8)
images = np.random.default_rng(0).integers(0, 256, (60, 20), dtype=np.uint8)
options = {"batch_size": 20, "evaluate_every": 200, "progress": False, "dtype": np.float64}
found = {}
sizes = (2, 3), (5,)
conv = VAE(encoder=convnet.encoder((5, 4), 4, *sizes), decoder=convnet.decoder((5, 4), 2, *sizes))
for name, (vae, more) in {
    "standard": (VAE(12, 2, (8,)), {}),
    "gaussian, relu": (VAE(12, 2, (8, 6), "gaussian-sigmoid", "relu"), {"noise_samples": 2}),
    "softplus, adam": (VAE(12, 3, (5,), "gaussian", "softplus"), {"optimizer": Adam(0.01)}),
    "sampled": (VAE(12, 2, (4,), activation="sigmoid"), {"estimator": SGVBA()}),
    "wake-sleep": (VAE(12, 2, (4,), "gaussian"), {"estimator": WakeSleep()}),
    "convolutions": (conv, {"optimizer": Adam(0.01)}),
}.items():
    data = images if vae is conv else pixels
    for threads in (1, 2):
        result = fit(vae, data, 400, threads=threads, **options, **more)
        found[f"{name}, {threads}"] = result.params.vector
        found[f"{name}, {threads}, history"] = np.array(result.history.test_bound)
    found[f"{name}, bound"] = np.array(bound_terms(vae, result.params, data))
vae = VAE(12, 2, (4,))
found["mcem"] = fit_mcem(vae, pixels, 200, **options).params.vector
found["full vb"] = fit_full_vb(vae, pixels, 200, **options).params.vector
params = vae.init_params(np.random.default_rng(0), std=0.5)
found["log p(x)"] = importance_sampling(vae, params, pixels, draws=20).values
np.savez(sys.argv[1], **found)
print(sorted({"numba", "llvmlite"} & set(sys.modules)))
"""


def run(engine, *arguments, code=CODE):
    environment = {**os.environ, "MINIVAE_ENGINE": engine}
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=environment, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout, done.stderr


def test_both_engines_compute_the_same(tmp_path):
    assert run("numpy", tmp_path / "numpy.npz") == ("[]\n", "")
    assert run("kernels", tmp_path / "kernels.npz") == ("['llvmlite', 'numba']\n", "")
    ours, theirs = np.load(tmp_path / "numpy.npz"), np.load(tmp_path / "kernels.npz")
    assert ours.files == theirs.files and len(ours.files) > 25
    for name in ours.files:
        # Rounding of 1e-16, in at most fifty steps, of numbers of order one and bounds of ten.
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-9, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("engine", ["numba", "NumPy", "1"])
def test_an_engine_that_there_is_not_is_refused(engine):
    _, error = run(engine, code="import minivae.vae")
    message = f"ValueError: MINIVAE_ENGINE is {engine!r}, expected one of kernels, numpy"
    assert error.splitlines()[-1] == message


def test_the_command_line_says_which_engine_runs():
    out, _ = run("numpy", code="from minivae.app.cli import main; main(['info'])")
    assert "not used: MINIVAE_ENGINE is numpy" in out


def test_on_the_command_line_that_is_one_line_and_exit_code_2():
    code = "import sys; from minivae.app.cli import main; sys.exit(main(['info']))"
    out, error = run("foo", code=code)
    message = "MINIVAE_ENGINE is 'foo', expected one of kernels, numpy"
    assert (out, error) == ("", f"minivae info: error: {message}\n")


@pytest.mark.parametrize(("value", "loaded"), [("1", []), ("0", ["llvmlite", "numba"])])
def test_where_numba_may_not_compile_numpy_computes(monkeypatch, value, loaded):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", value)
    code = (
        "import sys, numpy as np; from minivae import VAE, fit\n"
        "fit(VAE(4, 1, (2,)), np.eye(4), 8, batch_size=4, threads=2, progress=False)\n"
        "print(sorted({'numba', 'llvmlite'} & set(sys.modules)))"
    )
    assert run("kernels", code=code) == (f"{loaded}\n", "")
