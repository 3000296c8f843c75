"""The strategies and the layer check that `minivae.testing` offers to users."""

import builtins
import importlib
import inspect
import re
import sys
import textwrap

import numpy as np
import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st
from randomness import examples

import minivae.testing
from minivae import VAE, Params
from minivae.checks.gradcheck import GradCheckError
from minivae.layers import ACTIVATIONS, Activation, Dense
from minivae.likelihoods import LIKELIHOODS, FixedGaussian
from minivae.posteriors import POSTERIORS
from minivae.testing import Model, arrays, batches, check_layer, layers, mlps, models

# --- The example in the docstring -----------------------------------------------------------------


def docstring_examples():
    """The indented blocks of code in the module docstring, as one program."""
    blocks = re.findall(r"(?:^ {4}.*\n|^\n(?= {4}))+", minivae.testing.__doc__, re.MULTILINE)
    return [textwrap.dedent(block) for block in blocks]


def run_docstring_example(edit=lambda source: source):
    namespace = {}
    exec(edit("\n".join(docstring_examples())), namespace)
    return namespace


def test_the_docstring_example_is_a_passing_test():
    example = run_docstring_example()
    example["test_gradient_of_elu"]()
    example["test_gradient_of_a_model_with_elu"]()


def test_the_docstring_example_fails_when_the_derivative_is_wrong():
    def edit(source):
        assert "np.where(h > 0, 1, h + 1)" in source
        return source.replace("np.where(h > 0, 1, h + 1)", "np.where(h > 0, 1, h)")

    with pytest.raises(GradCheckError, match="W"):
        run_docstring_example(edit)["test_gradient_of_elu"]()


# --- check_layer ----------------------------------------------------------------------------------


def scale_and_shift(x, gamma, beta):
    return gamma * x + beta, (x, gamma)


def scale_and_shift_backward(dout, cache):
    x, gamma = cache
    return dout * gamma, np.sum(dout * x, axis=0), np.sum(dout, axis=0)


@given(arrays((None, 3)), arrays((3,)), arrays((3,)))
def test_check_layer_takes_a_layer_of_any_kind(x, gamma, beta):
    check_layer((scale_and_shift, scale_and_shift_backward), x, gamma, beta)


@given(arrays((None, 3)), arrays((3, 2)), arrays((2,)))
def test_check_layer_takes_a_layer_as_models_have_it(x, W, b):
    report = check_layer(Dense(3, 2, "softplus"), x, W, b)
    assert report.n_checked == x.size + W.size + b.size


@pytest.mark.parametrize(
    ("layer", "inputs", "message"),
    [
        (Dense(4, 3), 1, "inputs are 1, expected x, W, b"),
        (ACTIVATIONS["tanh"], 1, "inputs are 1, expected x, W and b"),
    ],
)
def test_check_layer_says_which_inputs_it_takes(layer, inputs, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        check_layer(layer, *[np.ones((5, 4))] * inputs)


def test_check_layer_names_the_input_whose_gradient_is_wrong():
    def backward(dout, cache):
        dx, dgamma, dbeta = scale_and_shift_backward(dout, cache)
        return dx, 2 * dgamma, dbeta

    rng = np.random.default_rng(0)
    x, gamma, beta = rng.standard_normal((3, 4)), rng.standard_normal(4), rng.standard_normal(4)
    layer = (scale_and_shift, backward)
    report = check_layer(layer, x, gamma, beta, raise_exception=False)
    assert {failure.name for failure in report.failures} == {"gamma"}
    with pytest.raises(GradCheckError, match="gamma: off by the constant factor 2"):
        check_layer(layer, x, gamma, beta)


def test_check_layer_of_one_input_takes_a_bare_gradient():
    def backward(dout, x):
        return dout * np.cos(x)

    x = np.random.default_rng(0).standard_normal((2, 3))
    report = check_layer((lambda x: (np.sin(x), x), backward), x)
    assert report.n_checked == 6


# --- What the strategies generate -----------------------------------------------------------------


@given(arrays((None, 2, None), scale=3.0, max_side=4))
def test_arrays_have_the_shape_asked_for(a):
    assert a.dtype == np.float64 and a.shape[1] == 2
    assert 1 <= a.shape[0] <= 4 and 1 <= a.shape[2] <= 4
    assert np.all(a != 0) and np.abs(a).max() < 3 * 6


@given(st.data())
def test_models_and_batches_fit_each_other(data):
    model = data.draw(models())
    vae, params = model
    x, noise = data.draw(batches(model))
    vae.check_params(params)
    vae.likelihood.check(x)
    assert params.dtype == x.dtype == noise.dtype == np.float64
    assert np.all(params.vector != 0)
    assert np.isfinite(vae.elbo(params, x, noise))


@pytest.mark.parametrize("posterior", POSTERIORS)
def test_batches_are_for_any_posterior(posterior):
    # As near to a kink of the decoder as the posterior's own z are, and its own noise.
    vae = VAE(3, 2, (4,), activation="relu", posterior=posterior)
    params = Params(vae.param_shapes)

    @examples(10)
    @given(st.data())
    def check(data):
        params.vector[:] = np.random.default_rng(data.draw(st.integers(0, 99))).normal(
            size=params.vector.size
        )
        x, noise = data.draw(batches(Model(vae, params)))
        assert (noise == 0).all() == (posterior == "deterministic")
        z, _ = vae.posterior.sample(vae.encoder.forward(params, x)[0], noise)
        a = z @ params["decoder.W1"] + params["decoder.b1"]
        assert np.abs(a).min() > minivae.testing.KINK_DISTANCE

    check()


@given(st.data())
def test_pre_activations_keep_away_from_kinks(data):
    # Through the model's own eyes: what its activation is given, in the encoder and the decoder.
    seen = []

    def spy(h):
        seen.append(h.copy())
        ACTIVATIONS["relu"].forward(h)

    relu = Activation("spy", spy, ACTIVATIONS["relu"].backward)
    # Fifty times the distance: so wide a gap does not come about by chance.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(minivae.testing, "KINK_DISTANCE", 0.05)
        layer = data.draw(layers(relu))
        network = data.draw(mlps([relu], max_side=3))
        model = data.draw(models(activations=[relu], depths=(1, 2), max_side=2))
        x, noise = data.draw(batches(model))
    seen.clear()
    Dense(*layer.W.shape, relu).forward({"W": layer.W, "b": layer.b}, layer.x)
    network.mlp.forward(network.params, network.x)
    model.vae.elbo(model.params, x, noise)
    assert len(seen) == 1 + len(network.mlp.layers) - 1 + 2 * len(model.vae.hidden)
    assert min(np.abs(a).min() for a in seen) > 0.05


@pytest.mark.parametrize(
    "strategy",
    [layers("relu"), mlps(["relu"]), models(activations=["relu"]).flatmap(batches)],
    ids=["layers", "mlps", "batches"],
)
def test_few_examples_are_rejected(strategy, monkeypatch):
    accepted, verdicts, judge = [], [], minivae.testing._clear_of_kinks

    def note(preactivations):
        verdicts.append(judge(preactivations))
        return verdicts[-1]

    monkeypatch.setattr(minivae.testing, "_clear_of_kinks", note)

    @settings(max_examples=200)
    @given(strategy)
    def draw(example):
        accepted.append(example)

    draw()
    assert verdicts.count(False) < 0.1 * len(accepted)


@pytest.mark.parametrize(
    "wanted",
    [
        lambda layer: (layer.x @ layer.W + layer.b).min() < 0 < (layer.x @ layer.W + layer.b).max(),
        lambda layer: layer.W.shape == (1, 1) and len(layer.x) == 1,
        lambda layer: layer.W.shape == (5, 5),
        lambda layer: len({*layer.W.shape, len(layer.x)}) == 3,
    ],
    ids=["both sides of the kink", "one number", "the largest square", "all sides differ"],
)
def test_layers_reach(wanted):
    find(layers("relu"), wanted, settings=settings(max_examples=2000))


def test_models_reach_every_combination():
    seen = set()

    @settings(max_examples=600)
    @given(models())
    def note(model):
        vae, _ = model
        seen.add((vae.likelihood.name, len(vae.hidden)))
        seen.add(vae.activation.name)

    note()
    assert len(seen) == len(LIKELIHOODS) * 4 + len(ACTIVATIONS)


OWN = FixedGaussian(0.1)


@given(models([OWN], ["relu"], [2]))
def test_models_are_made_of_what_is_asked_for(model):
    assert model.vae.likelihood is OWN and model.vae.activation is ACTIVATIONS["relu"]
    assert len(model.vae.hidden) == 2


def test_a_failure_shrinks_to_the_smallest_layer():
    layer = find(layers("tanh"), lambda layer: layer.x.size > 0)
    assert layer.x.shape == layer.W.shape == (1, 1)


# --- Without hypothesis ---------------------------------------------------------------------------


def test_without_hypothesis_the_error_names_the_extra(monkeypatch):
    real_import = builtins.__import__

    def no_hypothesis(name, *args, **kwargs):
        if name.split(".")[0] == "hypothesis":
            raise ModuleNotFoundError("No module named 'hypothesis'")
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", no_hypothesis)
    monkeypatch.delitem(sys.modules, "minivae.testing")
    with pytest.raises(ImportError, match=re.escape("pip install 'minivae[test]'")):
        importlib.import_module("minivae.testing")


def test_the_docstring_names_what_there_is():
    for name in ("layers", "batches", "models", "check_layer", "KINK_DISTANCE"):
        assert name in minivae.testing.__doc__
        assert inspect.getdoc(getattr(minivae.testing, name))
