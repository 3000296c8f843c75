"""`VAETransformer`: scikit-learn's own checks, and the same numbers as the library's own calls."""

import copy
import pickle
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn")
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from minivae import SGD, VAE, Adam, fit, load_model, save_model
from minivae.data_stream import Order
from minivae.evaluation import bound_terms, importance_sampling
from minivae.likelihoods import FixedGaussian
from minivae.relatives.linear_gaussian import linear_vae_marginal
from minivae.sklearn import VAETransformer
from minivae.training import TrainingDiverged

RNG = np.random.default_rng(0)
X = RNG.standard_normal((90, 3)) @ RNG.standard_normal((3, 5)) + 0.1 * RNG.standard_normal((90, 5))
BITS = (RNG.random((90, 5)) < RNG.random((90, 1))).astype(np.float64)
SMALL = {"hidden": (4,), "batch_size": 20, "max_iter": 3, "random_state": 7}


def small(**settings):
    return VAETransformer(**{**SMALL, **settings})


# --- scikit-learn's own suite ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [{}, {"likelihood": "poisson", "n_jobs": 2}, {"evidence_draws": 3, "posterior": "laplace"}],
    ids=lambda settings: ", ".join(map(str, settings.values())) or "default",
)
def test_all_checks_of_scikit_learn(settings):
    done = check_estimator(VAETransformer(max_iter=3, **settings), on_skip=None, on_fail=None)
    assert len(done) > 40
    status = {check["check_name"]: (check["status"], str(check["exception"])) for check in done}
    status.pop("check_array_api_input", None)  # skipped for every estimator, unless asked for
    assert {name: said for name, said in status.items() if said[0] != "passed"} == {}


# --- Training -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("threads", [1, 2])
def test_fit_is_the_fit_of_the_library(dtype, threads):
    x = X.astype(dtype)
    vae = small(n_components=3, n_jobs=threads, noise_samples=2).fit(x)
    model = VAE(5, 3, (4,), "gaussian")
    options = {"batch_size": 20, "noise_samples": 2, "seed": 7, "threads": threads}
    expected = fit(
        model, x, 3 * 80, optimizer=Adam(1e-3), dtype=dtype, evaluate_every=None, progress=False,
        **options,
    )  # fmt: skip
    np.testing.assert_array_equal(vae.params_.vector, expected.params.vector)
    assert vae.params_.dtype == vae.transform(x).dtype == dtype
    assert (vae.n_iter_, vae.n_steps_, vae.seed_) == (3, 12, 7)


@pytest.mark.parametrize("settings", [{}, {"noise_samples": 2, "posterior": "laplace"}])
@pytest.mark.parametrize("weight_prior", [True, False])
def test_partial_fit_takes_the_steps_of_fit(settings, weight_prior):
    settings = {**settings, "weight_prior": weight_prior, "total_samples": 90}
    at_once = small(**settings).fit(X)
    order, begun, going_on = Order(90, 20, 7), small(**settings), small(**settings, max_iter=2)
    going_on.fit(X)
    for step in range(12):
        begun.partial_fit(X[order.rows(step)])
        if step >= 8:
            going_on.partial_fit(X[order.rows(step)])
    for vae in (begun, going_on):
        np.testing.assert_allclose(
            vae.params_.vector, at_once.params_.vector, rtol=1e-9, atol=1e-12
        )
        assert vae.n_steps_ == at_once.n_steps_ == 12
    assert (begun.n_iter_, going_on.n_iter_) == (12, 6)


def test_partial_fit_cuts_many_datapoints_into_minibatches():
    at_once, in_parts = small().partial_fit(X[:50]), small()
    for rows in (X[:20], X[20:40], X[40:50]):
        in_parts.partial_fit(rows)
    np.testing.assert_array_equal(at_once.params_.vector, in_parts.params_.vector)
    assert (at_once.n_steps_, at_once.n_iter_, in_parts.n_iter_) == (3, 1, 3)


def test_the_weight_prior_pulls_less_the_more_datapoints_there_are():
    """A step up the gradient alone, and one with the prior's share -theta / N in it."""
    plain = small(optimizer="sgd", step_size=0.1)
    without = clone(plain).set_params(weight_prior=False).partial_fit(X[:20]).params_.vector
    start = clone(plain).set_params(weight_prior=False, step_size=1e-300).partial_fit(X[:20])
    for N in (20, 1000):
        pulled = clone(plain).set_params(total_samples=N).partial_fit(X[:20]).params_.vector
        np.testing.assert_allclose(
            pulled, without - 0.1 / N * start.params_.vector, rtol=1e-12, atol=1e-15
        )


def test_fit_begins_anew():
    vae = small().fit(BITS)
    vae.fit(X)
    np.testing.assert_array_equal(vae.params_.vector, small().fit(X).params_.vector)


def test_few_datapoints_are_one_minibatch():
    assert small().fit(X[:7]).n_steps_ == 3


def test_random_states():
    first, again = (small(random_state=np.random.RandomState(3)).fit(X) for _ in range(2))
    np.testing.assert_array_equal(first.params_.vector, again.params_.vector)
    one, other = (small(random_state=None).fit(X) for _ in range(2))
    assert one.seed_ != other.seed_
    np.testing.assert_array_equal(one.score_samples(X), one.score_samples(X))
    same = small(random_state=one.seed_).fit(X)
    np.testing.assert_array_equal(one.params_.vector, same.params_.vector)


def test_it_learns():
    """Five copies of one number, with noise: with each known but for 0.1, 9 nats can be gained."""
    rng = np.random.default_rng(3)
    copies = rng.standard_normal((90, 1)) + 0.1 * rng.standard_normal((90, 5))
    before, after = small(max_iter=1), small(max_iter=200, step_size=0.01)
    assert after.fit(copies).score(copies) - before.fit(copies).score(copies) > 2
    assert np.abs(np.corrcoef(after.transform(copies).T, copies[:, 0])[2, :2]).max() > 0.9


def test_divergence_is_said_and_the_parameters_are_kept():
    vae = small(step_size=0.01).partial_fit(X)
    kept, steps = vae.params_.vector.copy(), vae.n_steps_
    with np.errstate(all="ignore"), pytest.raises(TrainingDiverged, match="bound became"):
        vae.partial_fit(1e200 * X)
    np.testing.assert_array_equal(vae.params_.vector, kept)
    assert vae.n_steps_ == steps


# --- Using the model ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def vae():
    return small(likelihood="bernoulli", step_size=0.01).fit(BITS)


def test_codes_and_means(vae):
    many = np.tile(BITS, (12, 1))  # more than are carried at a time
    z = vae.transform(many)
    np.testing.assert_allclose(z, vae.vae_.encode(vae.params_, many)[0], rtol=1e-12)
    means = vae.inverse_transform(z)
    np.testing.assert_allclose(means, vae.vae_.decode(vae.params_, z), rtol=1e-12)
    assert z.shape == (1080, 2) and means.shape == (1080, 5)


def test_the_bound_of_a_datapoint():
    vae = small(likelihood="bernoulli", noise_samples=900).partial_fit(BITS)
    rng = np.random.default_rng(1)
    vae.params_.vector[:] = rng.standard_normal(vae.params_.vector.size)
    noise = rng.standard_normal((900, 90, 2))
    draws, _ = vae.vae_.elbo_terms(vae.params_, BITS, noise)
    log_px, minus_kl = bound_terms(vae.vae_, vae.params_, BITS, noise_samples=900)
    error = draws.std(axis=0) * np.sqrt(2 / 900)
    off = (vae.score_samples(BITS) - log_px - minus_kl) / error
    assert np.abs(off).max() < 6
    assert vae.score(BITS) == pytest.approx(vae.score_samples(BITS).mean(), rel=1e-12)


def test_log_p_of_x_where_it_is_known():
    settings = {"n_components": 1, "hidden": (), "likelihood": FixedGaussian(0.8)}
    vae = small(**settings, evidence_draws=1200, step_size=0.02, max_iter=100).fit(X)
    vae.params_["encoder.b1"][1] += np.log(4)  # q is wider than p(z|x), so that weights are bounded
    exact = linear_vae_marginal(vae.vae_, vae.params_).log_likelihood(X)
    error = importance_sampling(vae.vae_, vae.params_, X, draws=1200).errors
    assert np.abs((vae.score_samples(X) - exact) / error).max() < 6


def test_the_noise_of_a_datapoint_is_its_own(vae):
    vae = clone(vae).fit(BITS)
    vae.params_.vector[:] = np.random.default_rng(1).standard_normal(vae.params_.vector.size)
    twins = np.full((50, 5), 0.5) + 1e-12 * np.arange(50)[:, None]
    assert vae.score_samples(twins).std() > 0.01  # the same noise would leave 1e-12
    for settings in ({}, {"evidence_draws": 7}):
        vae.set_params(**settings)
        backwards = vae.score_samples(BITS[::-1])[::-1]
        np.testing.assert_allclose(vae.score_samples(BITS), backwards, rtol=1e-12)


def test_samples(vae):
    np.testing.assert_array_equal(vae.sample(4), vae.sample(4, random_state=7))
    assert not np.array_equal(vae.sample(9), vae.sample(9, random_state=8))
    drawn, means = vae.sample(4000, random_state=1), vae.sample(4000, mean=True, random_state=1)
    assert set(np.unique(drawn)) == {0, 1} and 0 < means.min() < means.max() < 1
    error = np.sqrt((means * (1 - means)).sum(axis=0)) / 4000
    assert np.abs((drawn - means).mean(axis=0) / error).max() < 6


# --- As a citizen of scikit-learn -----------------------------------------------------------------


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda vae: pickle.loads(pickle.dumps(vae))])
def test_a_copy_goes_on_like_the_original(copied):
    for settings in ({}, {"activation": "relu", "posterior": "full-covariance"}):
        vae = small(**settings).fit(X)
        other = copied(vae)
        np.testing.assert_array_equal(vae.score_samples(X), other.score_samples(X))
        vae.partial_fit(X), other.partial_fit(X)
        np.testing.assert_array_equal(vae.params_.vector, other.params_.vector)


def test_a_clone_has_the_settings_and_nothing_else():
    vae = small(optimizer=SGD(0.1), likelihood=FixedGaussian(0.5)).fit(X)
    fresh = clone(vae)
    assert fresh.get_params() == vae.get_params()
    with pytest.raises(NotFittedError):
        fresh.transform(X)


@pytest.mark.parametrize("method", ["transform", "score", "score_samples"])
def test_after_a_fit_that_failed_it_is_not_fitted(method):
    vae = small(max_iter=0)
    with pytest.raises(ValueError, match="max_iter is 0"):
        vae.fit(X)
    for use in (lambda: getattr(vae, method)(X), vae.sample, lambda: vae.inverse_transform(X)):
        with pytest.raises(NotFittedError):
            use()


@pytest.mark.parametrize(
    "wrong", [{"noise_samples": 0}, {"total_samples": 0}, {"weight_prior": "no"}]
)
def test_partial_fit_begins_with_nothing_that_it_refuses(wrong):
    vae = small(**wrong)
    with pytest.raises(ValueError, match=f"^{next(iter(wrong))} is "):
        vae.partial_fit(X)
    with pytest.raises(NotFittedError):
        vae.transform(X)


@pytest.mark.parametrize("method", ["fit", "partial_fit", "transform", "inverse_transform"])
def test_masked_values_are_not_uncovered(method):
    vae = small().fit(X)
    values = vae.transform(X) if method == "inverse_transform" else X
    with pytest.raises(ValueError, match=r"^X has \d+ masked values, expected an array without"):
        getattr(vae, method)(np.ma.masked_greater(values, values.mean()))


def test_in_a_pipeline_and_a_search():
    pipeline = make_pipeline(StandardScaler(), small())
    search = GridSearchCV(pipeline, {"vaetransformer__n_components": [1, 2]}, cv=3).fit(100 + 9 * X)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    codes = search.best_estimator_.transform(100 + 9 * X)
    back = search.best_estimator_.inverse_transform(codes)
    assert back.shape == X.shape and 50 < back.min() < back.max() < 150


def test_names_and_frames():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcde"), index=range(10, 100))
    vae = small().set_output(transform="pandas").fit(frame)
    assert list(vae.get_feature_names_out()) == ["vaetransformer0", "vaetransformer1"]
    codes = vae.transform(frame)
    assert list(codes.columns) == list(vae.get_feature_names_out())
    assert list(codes.index) == list(range(10, 100))
    assert list(vae.feature_names_in_) == list("abcde")
    assert vae.inverse_transform(codes).shape == (90, 5)


def test_the_rest_of_the_library_takes_the_model(vae, tmp_path):
    save_model(tmp_path / "model.npz", vae.vae_, vae.params_)
    model, params = load_model(tmp_path / "model.npz")
    np.testing.assert_array_equal(model.encode(params, BITS)[0], vae.transform(BITS))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_components": 0}, "n_components is 0, expected a whole number of at least 1"),
        ({"hidden": (2.5,)}, r"hidden is .*2\.5.*, expected a whole number"),
        ({"activation": "step"}, "activation is 'step', expected one of"),
        ({"likelihood": "normal"}, "likelihood is 'normal', expected one of bernoulli"),
        ({"posterior": "normal"}, "posterior is 'normal', expected one of gaussian"),
        ({"optimizer": "lbfgs"}, "optimizer is 'lbfgs', expected one of adagrad, sgd, adam"),
        ({"step_size": -1}, "step_size is -1, expected a positive number"),
        ({"batch_size": 0}, "batch_size is 0, expected a whole number of at least 1"),
        ({"noise_samples": 0}, "noise_samples is 0, expected a whole number of at least 1"),
    ],
)
def test_what_does_not_fit_is_named(settings, message):
    for method in ("fit", "partial_fit"):
        with pytest.raises(ValueError, match=message):
            getattr(small(**settings), method)(X)


def test_what_does_not_fit_one_method_is_named(vae):
    with pytest.raises(ValueError, match="max_iter is 0, expected a whole number of at least 1"):
        small(max_iter=0).fit(X)
    with pytest.raises(ValueError, match="total_samples is 0, expected a whole number"):
        small(total_samples=0).partial_fit(X)
    with pytest.raises(ValueError, match="optimizer is 'adagrad', expected the one that training"):
        small().fit(X).set_params(optimizer="adagrad").partial_fit(X)
    with pytest.raises(ValueError, match="evidence_draws is 0, expected a whole number"):
        clone(vae).set_params(evidence_draws=0).fit(BITS).score(BITS)
    with pytest.raises(ValueError, match="n_samples is 0, expected a whole number"):
        vae.sample(0)
    with pytest.raises(ValueError, match="X has 3 columns, expected 2, the dimensions of z"):
        vae.inverse_transform(np.zeros((4, 3)))
    with pytest.raises(ValueError, match=r"X has pixels from 0 to 255, expected \[0, 1\]"):
        vae.transform(np.uint8(255 * BITS))
    with pytest.raises(
        ValueError, match="posterior is deterministic, expected one that has a density"
    ):
        small(posterior="deterministic", evidence_draws=2).fit(X).score(X)


def test_the_page_is_true():
    page = Path(__file__).parents[1] / "docs" / "scikit_learn.md"
    (program,) = re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    there = {}
    exec(program, there)
    assert there["search"].best_params_ == {"vaetransformer__n_components": 10}
    assert there["vae"].transform(there["x"]).shape == (2000, 10)
    assert there["vae"].n_steps_ == 5 * 20 + 20


def test_the_example_of_digits(tmp_path, capsys):
    main = runpy.run_path(str(Path(__file__).parents[1] / "examples/sklearn_digits.py"))["main"]
    main.__globals__.update(COMPONENTS=(2, 3), ROUNDS=2)
    picture = tmp_path / "digits.png"
    main([str(picture), "--train", "300", "--test", "50", "--epochs", "1"])
    said = capsys.readouterr().out
    assert all(f"{name}, 3" in said for name in ("PCA", "factor analysis", "VAE"))
    assert picture.exists()


def imported(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )


def test_nothing_else_imports_scikit_learn():
    code = (
        "import sys, minivae, minivae.app.cli, minivae.app.train, minivae.plots, minivae.checks\n"
        "from minivae import VAE, fit\n"
        "print('sklearn' in sys.modules, 'minivae.sklearn' in sys.modules)"
    )
    assert imported(code).stdout == "False False\n"


def test_without_scikit_learn_one_line_says_what_is_missing():
    code = "import sys\nsys.modules['sklearn'] = None\nimport minivae.sklearn"
    done = imported(code)
    assert done.stderr.strip().splitlines()[-1] == (
        "ImportError: minivae.sklearn needs scikit-learn 1.6 or newer: "
        "pip install 'minivae[sklearn]'"
    )
