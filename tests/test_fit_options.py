"""Options of `fit`: evaluation at given numbers of samples, dynamic binarisation."""

import inspect
from dataclasses import dataclass, field, fields

import numpy as np
import pytest

from minivae import SGD, VAE, fit
from minivae.binarization import fixed_draw
from minivae.datasets import Dataset
from minivae.estimators import SGVBB
from minivae.evaluation import mean_bound
from minivae.training.settings import AEVBSettings

DATA = np.random.default_rng(0).integers(0, 256, (200, 12), dtype=np.uint8)
VAE_ = VAE(12, 2, (8,))
QUIET = {"batch_size": 20, "progress": False, "threads": 1}


def test_evaluates_at_the_numbers_asked_for_and_at_the_end():
    history = fit(VAE_, DATA, 1000, evaluate_every=[500, 100, 130, 5000], **QUIET).history
    assert history.samples == [100, 140, 500, 1000]  # whole minibatches
    assert fit(VAE_, DATA, 500, evaluate_every=[500], **QUIET).history.samples == [500]


@pytest.mark.parametrize("ten", [10.0, np.int64(10), np.float32(10)])
def test_a_whole_number_is_one_whatever_its_type(tmp_path, ten):
    def train(batch_size, samples, **more):
        options = {**QUIET, "checkpoint": tmp_path / "m.npz", "batch_size": batch_size, **more}
        return fit(VAE_, DATA, samples, **options).params.vector

    expected = train(10, 60)
    train(ten, 40)
    np.testing.assert_array_equal(train(10, 60, resume=True), expected)


def test_settings_have_the_defaults_of_fit():
    made_anew = {"optimizer", "estimator"}  # objects, which a signature does not show
    documented = inspect.signature(fit).parameters
    for setting in fields(AEVBSettings):
        expected = None if setting.name in made_anew else setting.default
        assert documented[setting.name].default == expected


def test_when_one_looks_does_not_change_what_is_learned():
    often = fit(VAE_, DATA, 600, evaluate_every=range(20, 600, 60), **QUIET)
    never = fit(VAE_, DATA, 600, evaluate_every=None, **QUIET)
    assert np.array_equal(often.params.vector, never.params.vector)


@pytest.mark.parametrize("schedule", [0, [0, 100], [1.5], "often"])
def test_a_schedule_of_nonsense_is_refused(schedule):
    with pytest.raises(ValueError, match=r"evaluate_every is .*, expected a whole number of at"):
        fit(VAE_, DATA, 100, evaluate_every=schedule, **QUIET)


@dataclass(frozen=True)
class Spy(SGVBB):
    """Estimator B that keeps a copy of what it was shown."""

    seen: list = field(default_factory=list)

    def forward_backward(self, vae, params, x, *rest):
        self.seen.append(x.copy())
        return super().forward_backward(vae, params, x, *rest)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_binarised_pixels_are_drawn_anew_with_their_grey_as_probability(dtype):
    grey = np.array([0, 51, 102, 255] * 3, np.uint8)
    data = np.tile(grey, (40, 1))
    data = data if dtype == np.uint8 else np.float32(data / 255)
    spy = Spy()
    fit(VAE_, data, 40_000, estimator=spy, binarize=True, evaluate_every=None,
        batch_size=40, progress=False, threads=1)  # fmt: skip
    x = np.stack(spy.seen)  # (steps, M, pixels)
    assert set(np.unique(x)) == {0.0, 1.0}
    p, n = grey / 255, x[..., 0].size
    bound = 6 * np.sqrt(p * (1 - p) / n) + 1e-12
    np.testing.assert_array_less(np.abs(x.mean(axis=(0, 1)) - p), bound)
    assert len({step.tobytes() for step in spy.seen}) == len(spy.seen)


@pytest.mark.parametrize("alternate", [False, True])
@pytest.mark.parametrize("sizes", [(1, 1), (5, 1), (12, 2)])
def test_threads_may_be_more_than_the_parameters_have_rows(sizes, alternate):
    """Some then have no parameters to move."""
    n_features, n_latent = sizes
    vae = VAE(n_features, n_latent, (), posterior="deterministic")
    options = {**QUIET, "alternate": alternate, "evaluate_every": None, "dtype": np.float64}
    options["optimizer"] = SGD(0.1)
    x = DATA[:, :n_features] / 255
    one, many = (fit(vae, x, 400, **{**options, "threads": n}).params.vector for n in (1, 8))
    np.testing.assert_allclose(many, one, rtol=1e-9, atol=1e-12)


def test_evaluations_of_a_binarised_run_use_one_fixed_draw():
    data = Dataset(DATA[:40], DATA[40:90], (3, 4), "own")
    result = fit(VAE_, data, 400, binarize=True, evaluate_every=200, seed=3, **QUIET)
    for part, bounds in enumerate((result.history.train_bound, result.history.test_bound)):
        x = fixed_draw("part", data[part], seed=part)
        assert set(np.unique(x)) == {0, 255}
        assert bounds[-1] == pytest.approx(mean_bound(VAE_, result.params, x, seed=3), rel=1e-6)


def test_a_binarised_run_resumes_to_the_bit(tmp_path):
    options = {**QUIET, "binarize": True, "evaluate_every": None, "threads": 2}
    straight = fit(VAE_, DATA, 400, **options).params.vector
    fit(VAE_, DATA, 200, checkpoint=tmp_path / "run.npz", **options)
    resumed = fit(VAE_, DATA, 400, checkpoint=tmp_path / "run.npz", resume=True, **options)
    assert np.array_equal(straight, resumed.params.vector)
    assert not np.array_equal(straight, fit(VAE_, DATA, 400, **{**options, "binarize": False})[0])


@pytest.mark.parametrize("name", ["binarize", "weight_prior", "alternate"])
@pytest.mark.parametrize("value", ["static", "no", None, 2])
def test_yes_or_no_is_not_asked_with_words(name, value):
    """`load` takes "static" and "dynamic"; a text would be as good as True here, and is not."""
    with pytest.raises(ValueError, match=f"^{name} is {value!r}, expected True or False$"):
        fit(VAE_, DATA, 100, **{name: value})


@pytest.mark.parametrize("data", [DATA / 200.0, DATA / 255.0 - 0.5], ids=["above 1", "below 0"])
def test_what_is_no_probability_cannot_be_binarised(data):
    with pytest.raises(ValueError, match=r"binarize is True, expected a data set with pixels in"):
        fit(VAE(12, 2, likelihood="gaussian"), data, 100, binarize=True)
