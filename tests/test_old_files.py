"""Files that earlier versions of the library have written are read, and runs in them go on.

``old_files/alternate.npz`` was written by version 0.1.0 before layers were objects: 300 samples of
the run below, in which the estimator has a state, and encoder and decoder take turns.
"""

import shutil
from pathlib import Path

import numpy as np
import pytest

from minivae import VAE, Adam, fit, load_model
from minivae.estimators import ScoreFunction

OLD = Path(__file__).parent / "old_files" / "alternate.npz"
MODEL = VAE(6, 2, (4,), "gaussian-sigmoid", "relu")
OPTIONS = {
    "batch_size": 20, "threads": 2, "seed": 3, "evaluate_every": 100, "optimizer": Adam(0.01),
    "estimator": ScoreFunction("running"), "noise_samples": 2, "alternate": True, "progress": False,
}  # fmt: skip


pytestmark = pytest.mark.fixed_draw  # the file's


def pixels():
    return np.random.default_rng(0).integers(0, 256, (110, 6), dtype=np.uint8)


def test_an_old_model_is_loaded():
    vae, params = load_model(OLD)
    assert repr(vae) == repr(MODEL) and params.shapes == MODEL.param_shapes
    # Rounding is not the same on every machine.
    ours = fit(MODEL, pixels(), 300, **OPTIONS).params
    np.testing.assert_allclose(params.vector, ours.vector, rtol=1e-3, atol=1e-4)


def test_an_old_run_goes_on(tmp_path):
    path = tmp_path / "model.npz"
    shutil.copy(OLD, path)
    resumed = fit(MODEL, pixels(), 500, checkpoint=path, resume=True, **OPTIONS)
    whole = fit(MODEL, pixels(), 500, **OPTIONS)
    assert resumed.history.samples == [100, 200, 300, 400, 500]
    np.testing.assert_allclose(resumed.params.vector, whole.params.vector, rtol=1e-3, atol=1e-3)
    ours, theirs = resumed.history.train_bound, whole.history.train_bound
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)
