"""What a part of a model has to be: said once, kept by the built-in ones, asked of all others."""

import inspect
from importlib import resources
from types import SimpleNamespace

import numpy as np
import pytest

from minivae import VAE, fit
from minivae.estimators import SGVBA, SGVBB, Denoising, ImportanceWeighted, ScoreFunction
from minivae.estimators.wake_sleep import WakeSleep
from minivae.evaluation import importance_sampling
from minivae.layers import ACTIVATIONS, Dense, Sequential, mlp
from minivae.likelihoods import LIKELIHOODS, get_likelihood
from minivae.optimizers import OPTIMIZERS
from minivae.parts import Product, Sum
from minivae.posteriors import POSTERIORS, get_posterior
from minivae.protocols import (
    Arrays,
    Estimator,
    Layer,
    Likelihood,
    New,
    Optimizer,
    Part,
    Posterior,
    PosteriorWithDensity,
    members,
)

PROTOCOLS = [
    Arrays,
    Estimator,
    Layer,
    Likelihood,
    New,
    Optimizer,
    Part,
    Posterior,
    PosteriorWithDensity,
]
DATA = np.random.default_rng(0).random((20, 4))

BUILT_IN = [
    *((Layer, Dense(2, 3, activation)) for activation in ACTIVATIONS),
    (Layer, mlp((2, 4, 3), "tanh")),
    *((Likelihood, likelihood) for likelihood in LIKELIHOODS.values()),
    *((PosteriorWithDensity, posterior) for posterior in POSTERIORS.values()),
    *((Estimator, estimator()) for estimator in (SGVBB, SGVBA, ImportanceWeighted)),
    *((Estimator, estimator()) for estimator in (ScoreFunction, Denoising, WakeSleep)),
    *((Optimizer, optimizer()) for optimizer in OPTIMIZERS.values()),
    (Part, Product(np.ones((5, 2)), np.ones((5, 3)))),
    (Part, Sum(np.ones((5, 3)))),
]


def parameters(method):
    """The parameters of a bound method, or of an unbound one but for the first."""
    found = list(inspect.signature(method).parameters.values())
    return found if inspect.ismethod(method) else found[1:]


@pytest.mark.parametrize(("protocol", "built_in"), BUILT_IN)
def test_a_built_in_part_keeps_its_contract(protocol, built_in):
    for name in members(protocol):
        said, found = getattr(protocol, name), getattr(built_in, name)
        if isinstance(said, property):
            assert not callable(found)
            continue
        assert [(p.name, p.default) for p in parameters(found)] == [
            (p.name, p.default) for p in parameters(said)
        ], name


def test_the_members_are_those_of_the_bases_as_well():
    assert members(Posterior) == ("name", "n_params", "draw_noise", "sample", "sample_backward")
    more = ("log_density", "log_density_grad", "moments")
    assert members(PosteriorWithDensity) == members(Posterior) + more


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_member_says_what_it_is(protocol):
    assert protocol.__doc__
    for name in {*members(protocol), *({"__call__", "__getitem__"} & vars(protocol).keys())}:
        member = getattr(protocol, name)
        assert member.__doc__, name
        described = member.fget if isinstance(member, property) else member
        hints = set(inspect.get_annotations(described))
        assert hints == set(inspect.signature(described).parameters) - {"self"} | {"return"}


def test_every_argument_is_described_where_there_is_a_list_of_them():
    for protocol in PROTOCOLS:
        for name in members(protocol):
            member = getattr(protocol, name)
            if callable(member) and "Parameters\n" in (doc := inspect.getdoc(member)):
                listed = doc.split("Parameters\n----------\n")[1].split("\n\n")[0]
                heads = [line.split(" : ")[0] for line in listed.splitlines() if line[0] != " "]
                described = [argument for head in heads for argument in head.split(", ")]
                assert described == [p.name for p in parameters(member)], (protocol, name)


# --- What lacks something is refused --------------------------------------------------------------


def trained_with(**options):
    fit(VAE(4, 2, (3,)), DATA, 20, batch_size=10, progress=False, **options)


TAKERS = {
    Layer: lambda layer: Sequential([layer]),
    Likelihood: get_likelihood,
    Posterior: get_posterior,
    Estimator: lambda estimator: trained_with(estimator=estimator),
    Optimizer: lambda optimizer: trained_with(optimizer=optimizer),
}


@pytest.mark.parametrize(
    ("protocol", "missing"), [(p, name) for p in TAKERS for name in members(p)]
)
def test_a_part_that_lacks_something_is_refused_with_its_name(protocol, missing):
    others = {name: len for name in members(protocol) if name != missing}
    with pytest.raises(ValueError, match=rf"which lacks {missing}; expected an object with "):
        TAKERS[protocol](SimpleNamespace(**others))


@pytest.mark.parametrize("protocol", TAKERS)
def test_a_class_is_not_its_object(protocol):
    whole = type("Whole", (), dict.fromkeys(members(protocol), len))
    with pytest.raises(ValueError, match=r"class|expected one of"):
        TAKERS[protocol](whole)


def without(posterior, *names):
    """Such a posterior, but for some of what it has."""
    bare = type("Bare", (), {"name": "bare"})
    for name in set(members(PosteriorWithDensity)) - {"name", *names}:
        setattr(bare, name, staticmethod(getattr(posterior, name)))
    return bare()


NEEDED = {
    SGVBA: ("log_density", "log_density_grad"),
    ImportanceWeighted: ("log_density", "log_density_grad"),
    ScoreFunction: ("log_density", "log_density_grad"),
    WakeSleep: ("log_density_grad",),
}


@pytest.mark.parametrize(("estimator", "name"), [(e, name) for e in NEEDED for name in NEEDED[e]])
def test_an_estimator_asks_for_a_density_before_training(estimator, name, tmp_path):
    vae = VAE(4, 2, (3,), posterior=without(POSTERIORS["gaussian"], name))
    options = {"batch_size": 10, "progress": False, "checkpoint": tmp_path / "m.npz"}
    with pytest.raises(ValueError, match=rf"^posterior is .*, which lacks {name}; expected an obj"):
        fit(vae, DATA, 20, estimator=estimator(), **options)
    assert list(tmp_path.iterdir()) == []
    fit(vae, DATA, 20, estimator=SGVBB(), **options)


def test_what_else_a_posterior_may_lack_is_asked_for_where_it_is_used():
    gaussian = POSTERIORS["gaussian"]
    vae = VAE(4, 2, (3,), posterior=without(gaussian, "log_density", "moments"))
    params = vae.init_params(np.random.default_rng(0))
    for use in (vae.encode, vae.reconstruct):
        with pytest.raises(ValueError, match=r"^posterior is .*, which lacks moments; expected"):
            use(params, DATA)
    with pytest.raises(ValueError, match=r"^posterior is .*, which lacks log_density; expected"):
        importance_sampling(vae, params, DATA, draws=2)
    vae = VAE(4, 2, (3,), posterior=without(gaussian, "log_density_grad", "moments"))
    assert np.all(np.isfinite(importance_sampling(vae, params, DATA, draws=2).values))
    assert fit(vae, DATA, 20, batch_size=10, estimator=SGVBB(), progress=False)


# --- Whose memory it is ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "layer", [layer for protocol, layer in BUILT_IN if protocol is Layer], ids=str
)
def test_a_built_in_layer_changes_only_what_it_may(layer):
    rng = np.random.default_rng(0)
    params = {name: rng.standard_normal(shape) for name, shape in layer.shapes.items()}
    x, dh = rng.standard_normal((5, 2)), rng.standard_normal((5, 3))
    given = {"x": x, **params}
    before = {name: array.copy() for name, array in given.items()}
    _, saved = layer.forward(params, x)
    dx, parts = layer.backward(params, saved, dh)
    for name, array in given.items():
        np.testing.assert_array_equal(array, before[name])
    assert parts.keys() == params.keys()
    assert not any(np.shares_memory(dx, array) for part in parts.values() for array in part)


@pytest.mark.parametrize("posterior", POSTERIORS.values(), ids=list(POSTERIORS))
def test_a_built_in_posterior_changes_nothing(posterior):
    rng = np.random.default_rng(0)
    noise, dz = np.empty((3, 5, 2)), rng.standard_normal((3, 5, 2))
    posterior.draw_noise(rng, noise)
    q_params, weights = rng.standard_normal((5, posterior.n_params(2))), rng.random((3, 5))
    before = [array.copy() for array in (noise, dz, q_params, weights)]
    z, _ = posterior.sample(q_params, noise)
    posterior.sample_backward(dz, q_params, noise, 0.5)
    posterior.moments(q_params)[0][:] = 0
    if posterior.name != "deterministic":
        posterior.log_density_grad(z, q_params, weights)
    for array, as_before in zip((noise, dz, q_params, weights), before, strict=True):
        np.testing.assert_array_equal(array, as_before)


def test_a_point_has_no_density_and_says_so(tmp_path):
    x, vae = DATA[:5], VAE(4, 2, (3,), posterior="deterministic")
    options = {"batch_size": 5, "progress": False, "checkpoint": tmp_path / "m.npz"}
    for estimator in NEEDED:
        with pytest.raises(ValueError, match=r"expected one that has a density"):
            fit(vae, x, 10, estimator=estimator(), **options)
    assert list(tmp_path.iterdir()) == []  # before training


# --- For type checkers ----------------------------------------------------------------------------


def test_the_package_says_that_it_has_hints():
    assert resources.files("minivae").joinpath("py.typed").is_file()
