"""What a file holds of what a user brings: settings of all kinds come back, or are refused."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
from own_layers import Power, Residual, ResidualRow, ScaleAndShift, Shift

from minivae import SGD, VAE, fit, load_model, save_model
from minivae.estimators import SGVBB
from minivae.layers import ACTIVATIONS, Activation, Dense, Sequential
from minivae.likelihoods import LIKELIHOODS, Bernoulli, FixedGaussian
from minivae.posteriors import POSTERIORS, DiagonalGaussian
from minivae.training.checkpoint import read_archive
from minivae.training.descriptions import alike, describe_settings, describe_value, rebuild

DATA = np.random.default_rng(0).random((40, 4))
STEPS = {"batch_size": 20, "evaluate_every": None, "progress": False, "threads": 1}


def square(h):
    h[:] = h**2


def square_backward(dh, a, h):
    dh *= 2 * a


SQUARE = Activation("square", square, square_backward, needs_input=True)


@dataclass(frozen=True, eq=False)
class Anything(Shift):
    """A layer with a setting of any kind."""

    setting: Any = None


class Free:
    """The same, in a class that is no dataclass."""

    def __init__(self, setting):
        self.setting = setting


class InSlots:
    __slots__ = ("a", "setting")

    def __init__(self, setting):
        self.setting = setting


class Pair(NamedTuple):
    first: int


def model_with(*layers):
    return VAE(encoder=[*layers, Dense(4, 4)], decoder=[Dense(2, 4)])


def saved(path, vae):
    params = vae.init_params(np.random.default_rng(0), std=0.5)
    save_model(path, vae, params)
    return params


# --- Values ---------------------------------------------------------------------------------------

VALUES = [
    None,
    True,
    -3,
    2.5,
    float("inf"),
    "text",
    [],
    [1, ["a", None]],
    (),
    (3, (4.5, [1])),
    {},
    {"left": (1, 2), 3: {"x": None}, (1, 2): "a tuple for a key"},
    np.float32(0.1),
    np.float64(1 / 3),
    np.int64(-7),
    np.bool_(True),
    np.arange(6.0).reshape(2, 3) / 7,
    np.float32([0.1, -0.0, np.inf]),
    np.array(3.5),
    np.zeros((0, 3), np.uint8),
    np.array([[True], [False]]),
    np.arange(12).reshape(3, 4)[:, ::2],
    *ACTIVATIONS.values(),
    *LIKELIHOODS.values(),
    *POSTERIORS.values(),
    Dense(3, 4, "gelu"),
    Sequential([Dense(3, 4), Sequential([Dense(4, 4, "relu")], "inner.")], "outer."),
    {"branches": [Dense(3, 4), (Dense(1, 2), "relu")]},
]


def assert_same(ours, theirs):
    """The same in type and value, all the way down."""
    assert type(ours) is type(theirs)
    if isinstance(theirs, np.ndarray):
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
        assert ours.tobytes() == theirs.tobytes()
    elif isinstance(theirs, dict):
        assert_same([*ours.items()], [*theirs.items()])
    elif isinstance(theirs, list | tuple):
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            assert_same(one, other)
    else:
        assert ours == theirs


@pytest.mark.parametrize("make", [Anything, Free, InSlots])
@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_setting_comes_back_from_a_file(value, make, tmp_path):
    part = make(4, value) if make is Anything else make(value)
    vae = model_with(Anything(4, part))
    saved(tmp_path / "m.npz", vae)
    own = {each.__name__: each for each in (Anything, make)}
    back = load_model(tmp_path / "m.npz", own)[0].encoder.layers[0].setting
    assert type(back) is make
    assert_same(back.setting, value)


class Elsewhere:
    """What it is made of is kept where nobody looks."""

    def __reduce__(self):
        return Elsewhere, (), None, None, None


REFUSED = {
    "a function": np.sin,
    "one of Python's": lambda x: x,
    "a class": Dense,
    "an abstract class": Mapping,
    "an object that is made in another way": Elsewhere(),
    "a set": {1, 2},
    "bytes": b"1",
    "a generator": np.random.default_rng(0),
    "complex": 1j,
    "a complex array": np.ones(2, complex),
    "a narrow complex array": np.ones(2, np.complex64),
    "an array of objects": np.array([None]),
    "an array of text": np.array(["a"]),
    "a longer double": np.longdouble(1),
    "an object": object(),
    "a namespace": SimpleNamespace(a=1),
    "a named tuple": Pair(1),
    "a fraction": Fraction(1, 3),
    "a kind of dict": type("Kind", (dict,), {})(a=1),
    "a kind of list": type("Kind", (list,), {})([1]),
}


@pytest.mark.parametrize("make", [lambda value: value, lambda value: [0, {"a": (value,)}]])
@pytest.mark.parametrize("kind", REFUSED)
def test_what_a_file_cannot_hold_is_named(kind, make, tmp_path):
    vae = model_with(Anything(4, make(REFUSED[kind])))
    message = r"^Anything\.setting(\[1\]\['a'\]\[0\])? is .*: a file cannot hold it; expected numb"
    with pytest.raises(ValueError, match=message):
        saved(tmp_path / "m.npz", vae)
    assert list(tmp_path.iterdir()) == []


def test_what_is_part_of_itself_is_refused(tmp_path):
    layer = Power(4, 2)
    layer.k = Free(layer)
    with pytest.raises(ValueError, match=r"^(Free.setting|Power.k) is <.*: a file cannot hold it"):
        saved(tmp_path / "m.npz", model_with(layer))


def test_what_an_object_has_worked_out_is_no_setting():
    class Own:
        def __init__(self):
            self.k = 2

        @cached_property
        def double(self):
            return [2 * self.k]

    own = Own()
    assert own.double == [4] and "double" in vars(own)
    assert describe_settings("own", own) == {"k": 2}

    @dataclass
    class Fields:
        k: int = 2
        worked_out: object = field(init=False, default=np.sin)

    assert describe_settings("own", Fields()) == {"k": 2}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((1, 2), [1, 2]),
        (np.int64(5), 5),
        ({"a": (np.float64(0.5),)}, {"a": [0.5]}),
        (float("nan"), np.float32("nan")),
        (np.array([1.0, np.nan]), np.array([1.0, np.nan])),
    ],
)
def test_files_that_held_tuples_as_lists_are_like_those_that_do_not(one, other):
    one, other = describe_value("one", one), describe_value("other", other)
    assert alike(one, other) and not alike(one, [other])


def test_arrays_of_other_shapes_and_types_are_not_alike():
    arrays = [np.zeros(4), np.zeros((2, 2)), np.zeros(4, np.float32), [0.0] * 4]
    described = [describe_value("array", array) for array in arrays]
    assert [alike(one, other) for one in described for other in described] == [*np.eye(4).flat]
    assert not alike({"number": 1, "k": 2}, {"number": 1, "k": 3})  # settings of these names
    assert rebuild("path", described[1], {}).shape == (2, 2)


# --- Models ---------------------------------------------------------------------------------------

MODELS = {
    "a layer in a layer": (lambda: [Residual(Dense(4, 4, "tanh"))], {"Residual": Residual}),
    "a row in a layer": (
        lambda: [Residual(Sequential([Dense(4, 3, SQUARE), ScaleAndShift(3), Dense(3, 4)]))],
        {"Residual": Residual, "ScaleAndShift": ScaleAndShift, "square": SQUARE},
    ),
    "a row that does more": (
        lambda: [ResidualRow([Dense(4, 4, "tanh"), Residual(Shift(4))])],
        {"ResidualRow": ResidualRow, "Residual": Residual, "Shift": Shift},
    ),
    "two of a class": (lambda: [Power(4, 2), Power(4, 3)], {"Power": Power}),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_comes_back_with_what_is_in_its_layers(name, tmp_path):
    layers, own = MODELS[name]
    vae, path = model_with(*layers()), tmp_path / "m.npz"
    params = saved(path, vae)
    back, same = load_model(path, own)
    assert back.param_shapes == vae.param_shapes
    for ours, theirs in zip(back.encode(same, DATA), vae.encode(params, DATA), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for missing in own:
        with pytest.raises(ValueError, match=f"^own lacks '{missing}'"):
            load_model(path, {key: value for key, value in own.items() if key != missing})
    fit(vae, DATA, 40, checkpoint=path, **STEPS)
    fit(model_with(*layers()), DATA, 80, checkpoint=path, resume=True, **STEPS)


OTHERS = {
    "a layer in a layer": [Residual(Dense(4, 4, "relu"))],
    "a row in a layer": [Residual(Sequential([Dense(4, 3), ScaleAndShift(3), Dense(3, 4)]))],
    "a row that does more": [Sequential([Dense(4, 4, "tanh"), Residual(Shift(4))])],
    "two of a class": [Power(4, 3), Power(4, 2)],
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_run_with_something_else_in_a_layer_is_not_resumed(name, tmp_path):
    path = tmp_path / "m.npz"
    fit(model_with(*MODELS[name][0]()), DATA, 40, checkpoint=path, **STEPS)
    with pytest.raises(ValueError, match=r"^encoder is .*was trained with"):
        fit(model_with(*OTHERS[name]), DATA, 80, checkpoint=path, resume=True, **STEPS)


def test_an_object_that_is_not_what_was_saved_is_refused(tmp_path):
    saved(tmp_path / "m.npz", model_with(Power(4, 2), Power(4, 3)))
    message = r"^own\['Power'\] has 2 for k, but .* was saved with 3; hand in the class, or an obj"
    with pytest.raises(ValueError, match=message):
        load_model(tmp_path / "m.npz", {"Power": Power(4, 2)})
    saved(tmp_path / "m.npz", model_with(Power(4, 2)))
    assert load_model(tmp_path / "m.npz", {"Power": Power(4, 2)})[0].encoder.layers[0].k == 2


def test_a_class_that_cannot_be_called_with_its_settings_says_so(tmp_path):
    class Square(Power):
        def __init__(self, size):
            super().__init__(size, 2)

    path = tmp_path / "m.npz"
    saved(path, model_with(Square(4)))
    message = r"^own\['Square'\] is the class Square, which cannot be made of .*; hand in an object"
    with pytest.raises(ValueError, match=message):
        load_model(path, {"Square": Square})
    assert load_model(path, {"Square": Square(4)})[0].encoder.layers[0].k == 2

    class Turned(Power):  # what it is called with is not what it has
        def __init__(self, n_in, k):
            super().__init__(n_in, k + 1)

    with pytest.raises(ValueError, match=r"^own\['Square'\] has 3 for k, but .* saved with 2"):
        load_model(path, {"Square": Turned})


def test_a_subclass_of_the_librarys_is_the_users_own_with_all_it_has(tmp_path):
    class Tempered(Bernoulli):
        name = "tempered"

        def __init__(self, temperature):
            object.__setattr__(self, "temperature", temperature)

    path = tmp_path / "m.npz"
    saved(path, VAE(4, 2, (3,), Tempered(0.5)))
    assert load_model(path, {"tempered": Tempered})[0].likelihood.temperature == 0.5
    with pytest.raises(ValueError, match=r"has 0.7 for temperature"):
        load_model(path, {"tempered": Tempered(0.7)})


class Sharp(Dense):
    """A dense layer of another kind, that takes what it does not know as well."""

    def __init__(self, n_in, n_out, activation="identity", **more):
        super().__init__(n_in, n_out, activation)
        vars(self).update(more)

    def forward(self, params, x, new=np.empty):
        h, saved = super().forward(params, x, new)
        return 2 * h, saved

    def backward(self, params, saved, dh, new=np.empty, input_gradient=True):
        return super().backward(params, saved, 2 * dh, new, input_gradient)


def test_a_kind_of_dense_layer_is_the_users_own(tmp_path):
    path, sharp = tmp_path / "m.npz", Sharp(4, 4, SQUARE, by=2)
    vae = model_with(sharp, Residual(sharp), Anything(4, [sharp]))
    params = saved(path, vae)
    own = {"Sharp": Sharp, "Residual": Residual, "Anything": Anything, "square": SQUARE}
    layers = load_model(path, own)[0].encoder.layers
    for layer in (layers[0], layers[1].inner, layers[2].setting[0]):
        assert type(layer) is Sharp and vars(layer) == vars(sharp)
    back, same = load_model(path, own)
    np.testing.assert_array_equal(back.encode(same, DATA), vae.encode(params, DATA))


def test_numpys_text_is_text():
    assert type(describe_value("text", np.str_("a"))) is str


def test_a_class_may_have_got_another_field_since(tmp_path):
    def version(*more):
        fields = {"n_in": int, **{name: int for name in more}}
        body = {"__annotations__": fields, **dict.fromkeys(more, 1)}
        return dataclass(frozen=True)(type("Version", (Shift,), body))

    path = tmp_path / "m.npz"
    saved(path, model_with(version("width")(4, 3)))
    layer = load_model(path, {"Version": version("width", "depth")})[0].encoder.layers[0]
    assert (layer.width, layer.depth) == (3, 1)
    with pytest.raises(ValueError, match=r"has nothing for width, but .* was saved with 3"):
        load_model(path, {"Version": version()})
    saved(path, model_with(version("width")(4, None)))
    with pytest.raises(ValueError, match=r"has nothing for width, but .* was saved with None"):
        load_model(path, {"Version": version()})


def test_a_name_that_is_no_text_is_refused(tmp_path):
    class Nameless(DiagonalGaussian):
        name = 3

    with pytest.raises(ValueError, match=r"^posterior has the name 3, expected text to find"):
        saved(tmp_path / "m.npz", VAE(4, 2, (3,), posterior=Nameless()))


def test_ours_with_other_settings_is_brought_like_ones_own(tmp_path):
    path = tmp_path / "m.npz"
    saved(path, model_with(Anything(4, FixedGaussian(0.5))))
    own = {"Anything": Anything, "gaussian-fixed": FixedGaussian}
    assert load_model(path, own)[0].encoder.layers[0].setting == FixedGaussian(0.5)


def test_the_description_of_what_is_ours_is_what_it_was(tmp_path):
    saved(tmp_path / "m.npz", model_with(Sequential([Dense(4, 4, "tanh")]), Shift(4)))
    described = read_archive(tmp_path / "m.npz")[0]["vae"]
    dense = {"layer": "Dense", "n_in": 4, "n_out": 4, "activation": "tanh"}
    assert described["encoder"][:2] == [
        {"layer": "Sequential", "layers": [dense]}, {"own": "Shift", "settings": {"n_in": 4}}
    ]  # fmt: skip


# --- Optimizers and estimators --------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Scheduled(SGD):
    schedule: Any = None


@dataclass(frozen=True, eq=False)
class Weighted(SGVBB):
    weights: Any = None


class Forgetful(SGD):
    """No dataclass; it has more settings than that which it is made of."""

    def __init__(self, k):
        super().__init__(0.01)
        object.__setattr__(self, "k", k)


PARTS = {
    "optimizer.schedule": lambda value: {"optimizer": Scheduled(0.01, value)},
    "estimator.weights": lambda value: {"estimator": Weighted(value)},
    "optimizer.k": lambda value: {"optimizer": Forgetful(value)},
}


@pytest.mark.parametrize("where", PARTS)
def test_a_setting_that_a_checkpoint_cannot_hold_is_named_before_training(where, tmp_path):
    path, own = tmp_path / "m.npz", PARTS[where](np.sin)
    fit(model_with(), DATA, 40, **own, **STEPS)  # nobody asks for a file
    message = rf"^{where} is <ufunc 'sin'>: a file cannot hold it"
    with pytest.raises(ValueError, match=message):
        fit(model_with(), DATA, 40, checkpoint=path, **own, **STEPS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("where", PARTS)
@pytest.mark.parametrize("value", [np.arange(3.0), (1, {"a": 2}), np.float32(0.1), {"b": SQUARE}])
def test_a_run_goes_on_with_settings_of_any_kind_and_not_with_others(value, where, tmp_path):
    path = tmp_path / "m.npz"
    part, go_on = PARTS[where], {"checkpoint": path, "resume": True, **STEPS}
    whole = fit(model_with(), DATA, 120, **part(value), **STEPS).params.vector
    fit(model_with(), DATA, 60, checkpoint=path, **part(value), **STEPS)
    resumed = fit(model_with(), DATA, 120, **part(value), **go_on).params.vector
    np.testing.assert_array_equal(resumed, whole)
    with pytest.raises(ValueError, match=rf"^{where.split('.')[0]} is .*was trained with"):
        fit(model_with(), DATA, 160, **part([value]), **go_on)


@dataclass(frozen=True)
class Remembering(SGVBB):
    """Keeps whatever it is told to, multiplied at every step; the bound depends on it."""

    what: str = "array"

    def forward_backward(self, vae, params, x, noise, M, state, new=np.empty):
        bound, parts = super().forward_backward(vae, params, x, noise, M, state, new)
        return bound + float(np.sum(state.get("it", 0))), parts

    def update(self, state, bound):
        first = {"array": np.full(3, 0.1), "number": np.float32(0.1), "object": {1}}[self.what]
        state["it"] = state["it"] * np.float32(0.9) if "it" in state else first


@pytest.mark.parametrize("what", ["array", "number"])
def test_what_an_estimator_remembers_may_be_an_array(what, tmp_path):
    path, own = tmp_path / "m.npz", {"estimator": Remembering(what)}
    memories = []
    for samples, options in ((60, {}), (120, {"resume": True})):
        fit(model_with(), DATA, samples, checkpoint=path, **options, **own, **STEPS)
        memories.append(rebuild(path, read_archive(path)[0]["training"]["memory"]["it"], {}))
    fit(model_with(), DATA, 120, checkpoint=path, **own, **STEPS)
    whole = rebuild(path, read_archive(path)[0]["training"]["memory"]["it"], {})
    assert_same(memories[1], whole)
    assert not np.any(memories[0] == whole)


def test_a_memory_that_a_checkpoint_cannot_hold_is_named_after_the_first_step(tmp_path):
    path, own = tmp_path / "m.npz", {"estimator": Remembering("object")}
    with pytest.raises(ValueError, match=r"^state\['it'\] is \{1\}, expected a number or an array"):
        fit(model_with(), DATA, 1000, checkpoint=path, **own, **STEPS)
    assert read_archive(path)[0]["training"]["step"] == 0
