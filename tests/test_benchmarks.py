"""The benchmarks: the rivals are honest, unequal work is refused, the scripts run end to end.

How fast anything is, is not tested. PyTorch and JAX are judges here, where they are installed.
"""

import json
import platform
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import contenders  # noqa: E402
import convolutions  # noqa: E402
import products  # noqa: E402
import rivals  # noqa: E402
import roofline  # noqa: E402
import scaling  # noqa: E402
import settings  # noqa: E402
import stopwatch  # noqa: E402
import throughput  # noqa: E402
import time_to_bound  # noqa: E402
from rivals.minivae_ import Minivae  # noqa: E402
from rivals.numpy_textbook import NumpyTextbook, bound_and_gradient  # noqa: E402

from minivae import VAE, datasets, optimizers, parts  # noqa: E402
from minivae.engine.team import Team  # noqa: E402
from minivae.layers import dense  # noqa: E402

SMALL = {
    likelihood: settings.Setting(
        "small", 12, 7, 3, batch_size=20, likelihood=likelihood, data="random", n_train=70
    )
    for likelihood in ("bernoulli", "gaussian-sigmoid")
}
CONVOLUTIONAL = settings.Setting(
    "small", 784, 7, 3, batch_size=10, data="random", n_train=70, channels=(2, 3), step_size=0.002
)
RIVALS = ("numpy", "torch-eager", "jax-step", "jax-scan")


def load_rival(name):
    for package in rivals.CONTENDERS[name].packages:
        pytest.importorskip(package)
    return rivals.contender_class(name)


def wide_params(problem, dtype=np.float32):
    """Weights large enough that no gradient is nearly zero."""
    return problem.setting.vae().init_params(np.random.default_rng(1), dtype, std=0.5)


def batch(setting, dtype=np.float32):
    rng = np.random.default_rng(2)
    x = rng.random((setting.batch_size, setting.n_features), dtype)
    return x, rng.standard_normal((setting.batch_size, setting.n_latent), dtype)


# Honest rivals


@pytest.mark.parametrize("likelihood", SMALL)
@pytest.mark.parametrize("name", RIVALS)
def test_a_rival_computes_the_same_bound_and_gradient(name, likelihood):
    problem = settings.Problem(SMALL[likelihood])
    params = wide_params(problem)
    x, noise = batch(problem.setting)
    bound, grad = load_rival(name)(problem, 1, params).bound_and_gradient(x, noise)
    expected, expected_grad = problem.setting.vae().elbo_and_grad(params, x, noise[None])
    assert bound == pytest.approx(expected, rel=1e-5)
    assert set(grad) == set(expected_grad.names)
    for array in grad:
        np.testing.assert_allclose(grad[array], expected_grad[array], rtol=2e-4, atol=2e-5)


def test_pytorch_s_convolutions_are_the_library_s():
    problem = settings.Problem(CONVOLUTIONAL)
    params = wide_params(problem)
    rival = load_rival("torch-eager")(problem, 1, params)
    x, noise = batch(problem.setting)
    bound, grad = rival.bound_and_gradient(x, noise)
    expected, expected_grad = problem.setting.vae().elbo_and_grad(params, x, noise[None])
    assert bound == pytest.approx(expected, rel=1e-5)
    assert set(grad) == set(expected_grad.names)
    for array in grad:
        np.testing.assert_allclose(grad[array], expected_grad[array], rtol=2e-4, atol=2e-4)
    start = problem.silenced_params()
    rival.reset(start)
    judge = Minivae(problem, 2, start)
    try:
        np.testing.assert_allclose(rival.run(4), judge.run(4), rtol=1e-3)
        own, expected = rival.params(), judge.params()
        for array in expected:
            np.testing.assert_allclose(own[array], expected[array], rtol=1e-3, atol=1e-4)
    finally:
        judge.close()


def test_who_knows_no_convolutions_is_skipped_by_name(capsys, monkeypatch):
    def add(field, name, threads, seconds):
        field.children[name] = SimpleNamespace(startup_seconds=0, threads=1, close=list)
        return {1: 1.0}

    monkeypatch.setattr(contenders, "missing_packages", lambda name: [])
    monkeypatch.setattr(contenders.Field, "add", add)
    with contenders.Field(settings.Problem(CONVOLUTIONAL)) as field:
        entries = field.add_all(["numpy", "torch-eager"], [1], 0.1)
    assert list(entries) == ["minivae", "torch-eager"]
    assert "numpy: skipped, it knows no convolutions" in capsys.readouterr().out


@pytest.mark.parametrize("likelihood", SMALL)
def test_the_textbook_is_right_to_float64(likelihood):
    problem = settings.Problem(SMALL[likelihood])
    params = wide_params(problem, np.float64)
    x, noise = batch(problem.setting, np.float64)
    rival = NumpyTextbook(problem, 1, params)
    bound, grad = bound_and_gradient(params, x, noise, rival.log_likelihood)
    expected, expected_grad = problem.setting.vae().elbo_and_grad(params, x, noise[None])
    assert bound == pytest.approx(expected, rel=1e-12)
    for array in expected_grad:
        np.testing.assert_allclose(grad[array], expected_grad[array], rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("likelihood", SMALL)
@pytest.mark.parametrize("name", RIVALS)
def test_a_rival_takes_the_same_steps_where_noise_has_no_effect(name, likelihood):
    problem = settings.Problem(SMALL[likelihood])
    params = wide_params(problem)
    params["encoder.W2"][:, problem.setting.n_latent :] = 0
    params["encoder.b2"][problem.setting.n_latent :] = -40
    rival = load_rival(name)(problem, 1, params)
    judge = Minivae(problem, 2, params)
    try:
        for n_steps in (2, 6):  # three steps are an epoch
            np.testing.assert_allclose(rival.run(n_steps), judge.run(n_steps), rtol=2e-4)
        own, expected = rival.params(), judge.params()
        for array in expected:
            np.testing.assert_allclose(own[array], expected[array], rtol=1e-3, atol=1e-3)
    finally:
        judge.close()


@pytest.mark.parametrize("name", RIVALS)
def test_reset_goes_back_to_the_start(name):
    problem = settings.Problem(SMALL["bernoulli"])
    params = wide_params(problem)
    rival = load_rival(name)(problem, 1, params)
    first = rival.run(3)
    rival.reset(params)
    np.testing.assert_allclose(rival.run(3), first, rtol=1e-6)


def test_noise_is_drawn_anew_in_every_step():
    setting = settings.Setting(
        "one", 12, 7, 3, batch_size=70, data="random", n_train=70, step_size=1e-9
    )
    problem = settings.Problem(setting)
    bounds = NumpyTextbook(problem, 1, wide_params(problem)).run(5)
    assert len(set(bounds.tolist())) == 5


# Unequal work is refused


class InProcess:
    """Stands in for a `contenders.Child`."""

    def __init__(self, contender):
        self.contender = contender

    def turn(self, steps):
        return {"bound": float(self.contender.run(steps)[-100:].mean())}


class Field:
    """Stands in for a `contenders.Field`: minivae and one rival, in this process."""

    def __init__(self, problem, rival):
        self.problem, self.setting = problem, problem.setting
        start = problem.initial_params()
        self.children = {
            "minivae": InProcess(Minivae(problem, 1, start)),
            "rival": InProcess(rival(problem, 1, start)),
        }

    def reset(self, child, silenced=False):
        problem = self.problem
        child.contender.reset(problem.silenced_params() if silenced else problem.initial_params())

    def params_of(self, child):
        params = self.problem.initial_params()
        for name, array in child.contender.params().items():
            params[name][:] = array
        return params


def check(how, rival, setting=settings.SETTINGS["784-500-20"]):
    field = Field(settings.Problem(setting), rival)
    contenders = {name: {} for name in field.children}
    try:
        how(field, contenders)
    finally:
        field.children["minivae"].contender.close()
    return contenders


class WithoutPrior(NumpyTextbook):
    def adagrad(self, grad):
        for name, theta in self.p.items():
            grad[name] = grad[name] + self.setting.decay * theta
        super().adagrad(grad)


class InAnotherOrder(NumpyTextbook):
    def reset(self, params):
        super().reset(params)
        self.step = 7


class WithoutLastLayer(NumpyTextbook):
    def adagrad(self, grad):
        grad["decoder.W2"][:] = 0
        super().adagrad(grad)


class HalfTheBatch(NumpyTextbook):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.data = np.repeat(self.data[::2], 2, axis=0)


class Lazy(NumpyTextbook):
    """Trains honestly for a while, then repeats what it said before."""

    def run(self, n_steps):
        taken = min(n_steps, 20)
        return np.resize(super().run(taken), n_steps)


class Diverged(NumpyTextbook):
    def run(self, n_steps):
        return super().run(n_steps) * np.nan


@pytest.mark.parametrize(
    "crook", [WithoutPrior, InAnotherOrder, WithoutLastLayer, HalfTheBatch, Diverged]
)
def test_a_rival_that_does_other_work_is_refused_after_a_few_steps(crook):
    with pytest.raises(throughput.UnequalWork, match="rival does not do the same work"):
        check(throughput.check_first_steps, crook)


def test_an_honest_rival_passes_the_first_steps():
    off = check(throughput.check_first_steps, NumpyTextbook)["rival"]["first_steps_off_by"]
    assert 0 <= off["bound"] <= throughput.BOUND_TOLERANCE
    assert 0 <= off["params"] <= throughput.PARAMS_TOLERANCE


@pytest.mark.parametrize("crook", [Lazy, Diverged])
def test_a_rival_that_stops_working_is_refused_after_an_epoch(crook):
    with pytest.raises(throughput.UnequalWork, match="after one epoch"):
        check(throughput.check_epoch, crook, settings.SETTINGS["64-100-2"])


def test_an_honest_rival_passes_the_epoch():
    entries = check(throughput.check_epoch, NumpyTextbook, settings.SETTINGS["64-100-2"])
    assert entries["rival"]["test_bound"] == pytest.approx(entries["minivae"]["test_bound"], abs=1)


# The step that is timed is the step that is described


@pytest.mark.parametrize("hidden", [(), (7,), (7, 5)])
def test_the_products_are_those_that_a_step_takes(hidden, monkeypatch):
    vae = VAE(12, 3, hidden)
    params = vae.init_params(np.random.default_rng(0), np.float32)
    seen = []
    for place, kind in ((dense, "affine"), (dense, "matmul_nt"), (parts, "matmul_tn")):
        monkeypatch.setattr(
            place, kind, lambda *args, kind=kind: seen.append((kind, args[0].shape, args[1].shape))
        )
    vae.elbo_and_grad(params, np.zeros((10, 12), np.float32), np.zeros((1, 10, 3), np.float32))
    expected = []
    for product in products.products_of_step(vae):
        x, W, da = (10, product.n_in), (product.n_in, product.n_out), (10, product.n_out)
        assert vae.param_shapes[product.weights] == W
        operands = {"affine": (x, W), "matmul_nt": (da, W), "matmul_tn": (x, da)}
        expected.append((product.kind, *operands[product.kind]))
    n = sum(kind != "matmul_tn" for kind, *_ in seen)
    assert seen[:n] == expected[:n]
    assert sorted(seen[n:]) == sorted(expected[n:])  # gradients come in whatever order


def test_five_products_are_large():
    listed = products.products_of_step(settings.SETTINGS["784-500-20"].vae())
    names = products.large(listed)
    assert len(names) == 5
    flop = sum(product.flop(100) for product in listed if product.name in names)
    assert flop == 5 * 2 * 784 * 500 * 100


def test_the_first_layer_s_products_are_timed_on_data():
    problem = settings.Problem(settings.SETTINGS["784-500-20"])
    listed = products.products_of_step(problem.setting.vae())
    assert [p.name for p in listed if p.of_data] == ["encoder x W1", "encoder x^T da1"]
    minibatch = problem.train[:10] / np.float32(255)
    for way in (products.SPLIT_BATCH, products.TILES):
        calls = products.calls_of_thread(problem.setting.vae(), way, minibatch, 2, 1)
        operands = _arrays_of(calls["encoder x W1"])
        assert any(np.array_equal(array, minibatch[5:]) for array in operands)


def _arrays_of(call):
    """The arrays that a partial or a closure works on."""
    if hasattr(call, "args"):
        return call.args
    return [cell.cell_contents for cell in call.__closure__]


@pytest.mark.parametrize("way", products.WAYS)
def test_every_product_is_timed_every_way(way):
    problem = settings.Problem(settings.SETTINGS["64-100-2"])
    vae, minibatch = problem.setting.vae(), problem.train[:10] / np.float32(255)
    with Team(2) as team:
        seconds = products.time_products(vae, minibatch, team, 2, way)
    assert list(seconds) == [product.name for product in products.products_of_step(vae)]
    assert all(value > 0 for value in seconds.values())


def test_the_stopwatch_sees_every_part_and_leaves_no_trace():
    problem = settings.Problem(SMALL["bernoulli"])
    contender = Minivae(problem, 2, problem.initial_params())
    before = optimizers.adagrad, dense.affine, contender.state.rngs, contender.vae.encoder.layers
    watch = stopwatch.Stopwatch()
    try:
        with stopwatch.instrumented(watch, contender.loop):
            contender.run(4)
        after = optimizers.adagrad, dense.affine, contender.state.rngs, contender.vae.encoder.layers
        contender.run(4)  # so that both threads have left the wrapped functions
        watched = watch.per_step(4, 2)
        contender.run(4)
        assert watch.per_step(4, 2) == watched
    finally:
        contender.close()
    assert all(a is b for a, b in zip(before, after, strict=True))
    expected = {product.name for product in products.products_of_step(contender.vae)}
    expected |= {*stopwatch._KERNELS.values()}
    expected |= {stopwatch.WAITING, "noise", "gathering pixels"}
    expected |= {"tanh", "tanh, backward"}
    assert set(watched) == expected
    assert all(seconds > 0 for seconds in watched.values())


@pytest.mark.parametrize(("clock", "seconds"), [("wall", 2.0), ("processor", 1.5)])
def test_a_turn_is_timed_by_the_clock_that_was_asked_for(clock, seconds):
    field = contenders.Field(settings.Problem(CONVOLUTIONAL), clock=clock)
    rate = field.samples_per_second({"steps": 3, "seconds": 2.0, "cpu_seconds": 1.5})
    assert rate == 3 * CONVOLUTIONAL.batch_size / seconds


def test_the_picture_has_a_panel_for_every_setting_and_no_empty_one():
    path = Path(throughput.__file__).parent / "results" / "zen3" / "throughput_all.json"
    result = json.loads(path.read_text())
    figure = throughput.draw(result)
    titles = [axes.get_title() for axes in figure.axes if axes.get_visible()]
    assert titles == [setting["title"] for setting in result["settings"]]


# End to end


def run_script(script, *arguments):
    command = [sys.executable, str(BENCHMARKS / script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_throughput_end_to_end(tmp_path):
    out = tmp_path / "new" / "folder"
    arguments = "--setting 64-100-2 --contenders numpy --threads 1 --rounds 1 --processes 2"
    done = run_script("throughput.py", *arguments.split(), "--seconds", "0.02", "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert "OPENBLAS_CORETYPE and OPENBLAS_L2_SIZE removed" in done.stdout
    text = (out / "throughput_64-100-2.json").read_text()
    assert (out / "throughput_64-100-2.png").read_bytes().startswith(b"\x89PNG")
    assert platform.node() not in text and str(Path.home()) not in text
    result = json.loads(text)
    assert result["machine"]["cpu"] and result["blas"]
    (one,) = result["settings"]
    assert set(one["contenders"]) == {"minivae", "numpy"}
    own, rival = one["contenders"]["minivae"], one["contenders"]["numpy"]
    assert own["minivae_is_faster_by"] == [1.0, 1.0]
    np.testing.assert_allclose(
        rival["minivae_is_faster_by"],
        np.divide(own["samples_per_second"], rival["samples_per_second"]),
    )


def test_processes_end_to_end(tmp_path):
    arguments = f"--setting 64-100-2 --processes 2 --out {tmp_path}"
    done = run_script("processes.py", *arguments.split())
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "processes_64-100-2.json").read_text())
    assert len(result["medians"]) == 2 and min(map(min, result["medians"])) > 0
    assert "encoder x W1" in done.stdout and (tmp_path / "processes_64-100-2.png").exists()


def test_convolutions_end_to_end(tmp_path, monkeypatch):
    data = datasets.load("mnist")
    small = data._replace(train=data.train[:200], test=data.test[:20])
    monkeypatch.setattr(convolutions, "load", lambda name: small)
    words = ["--samples", "200", "--rounds", "1", "--seconds", "0.01", "--keep-env"]
    convolutions.main([*words, "--out", str(tmp_path)])
    result = json.loads((tmp_path / "convolutions.json").read_text())
    assert result["models"].keys() == convolutions.MODELS.keys()
    for name, entry in result["models"].items():
        assert entry["samples"] == [200 * convolutions.LONGER.get(name, 1)]
        assert entry["samples_per_cpu_second"] > 0
        assert np.isfinite(entry["test_bound"]).all()
    assert (tmp_path / "convolutions.png").exists()
    assert len(list((tmp_path / "checkpoints").glob("*.npz"))) == len(convolutions.MODELS)


def test_a_contender_that_is_not_installed_is_skipped_by_name():
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import rivals;"
        "rivals.find_spec = lambda name: None if name == 'torch' else object();"
        "import contenders; from settings import SETTINGS, Problem;"
        "field = contenders.Field(Problem(SETTINGS['64-100-2'])).__enter__();"
        "print(list(field.add_all(['torch-eager'], [1], 0.02)));"
        "field.__exit__()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(BENCHMARKS)], capture_output=True, text=True, timeout=120
    )
    assert "torch-eager: skipped, torch not installed" in done.stdout
    assert done.stdout.endswith("['minivae']\n")


@pytest.mark.parametrize(
    ("script", "arguments", "message"),
    [
        (throughput, "--setting 784", "argument --setting: '784', expected one of 784-500-20"),
        (throughput, "--rounds 0", "argument --rounds: '0', expected a whole number"),
        (throughput, "--seconds nan", "argument --seconds: 'nan', expected a positive number"),
        (throughput, "--contenders numpy,x", "argument --contenders: 'x', expected one of"),
        (throughput, "--threads 1,-1", "argument --threads: '-1', expected a whole number"),
        (throughput, f"--out {__file__}", "is a file, expected a folder"),
        (throughput, "--fast", "unrecognized arguments: --fast"),
        (roofline, "--threads two", "argument --threads: 'two', expected a whole number"),
        (scaling, "--sweeps width", "argument --sweeps: 'width', expected one of batch_size"),
        (time_to_bound, "--epochs 1.5", "argument --epochs: '1.5', expected a whole number"),
    ],
)
def test_a_wrong_argument_is_one_line_and_status_2(script, arguments, message, capsys):
    with pytest.raises(SystemExit) as end:
        script.main(arguments.split())
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1 and error.endswith("\n")


def test_roofline_end_to_end(tmp_path, capsys):
    roofline.main(
        f"--keep-env --setting 64-100-2 --rounds 2 --seconds 0.02 --out {tmp_path}".split()
    )
    result = json.loads((tmp_path / "roofline_64-100-2.json").read_text())
    assert set(result["floors"]) == set(products.WAYS)
    assert result["best"] == min(result["floors"], key=result["floors"].get)
    assert set(result["large"]) <= set(result["alone"]) <= set(result["parts"])
    assert (tmp_path / "roofline_64-100-2.png").exists()
    assert "share of the floor reached" in capsys.readouterr().out


def test_scaling_end_to_end(tmp_path):
    arguments = "--keep-env --sweeps n_latent,threads --rounds 2 --seconds 0.02"
    scaling.main([*arguments.split(), "--out", str(tmp_path)])
    result = json.loads((tmp_path / "scaling.json").read_text())
    assert list(result["sweeps"]) == ["n_latent", "threads"]
    assert list(result["sweeps"]["n_latent"]) == ["2", "5", "20", "50", "200", "500"]
    for entry in result["sweeps"]["n_latent"].values():
        assert len(entry["microseconds_per_sample"]) == 2
    assert (tmp_path / "scaling.png").exists()


# The moment of passing a bound


def test_passing_is_interpolated_between_epochs():
    curve = {"seconds": [0.0, 2.0, 5.0], "test_bound": [-500.0, -120.0, -100.0]}
    assert time_to_bound.passing(curve, -110.0) == (3.5, 1.5)
    assert time_to_bound.passing(curve, -120.0) == (2.0, 1.0)
    assert time_to_bound.passing(curve, -99.0) == (None, None)


def race(seconds_per_epoch, *epochs):
    def run(seed, reached):
        curve = {
            "threads": 2,
            "seconds": [seconds_per_epoch * i for i in range(10)],
            "seconds_to_target": reached and reached * seconds_per_epoch,
            "epochs_to_target": reached,
        }
        return {"seed": seed, "contenders": {"minivae": curve}}

    return [run(seed, reached) for seed, reached in enumerate(epochs)]


def test_the_summary_of_a_race():
    (line,) = time_to_bound.summary(race(2.0, 4.0, 5.0, 9.0))[1:]
    assert " ".join(line.split()) == "minivae 2 5.0 10.0 (8.0 - 18.0) 2.00 10.0"


def test_a_race_that_is_not_won_says_so():
    (line,) = time_to_bound.summary(race(2.0, 4.0, None))[1:]
    assert " ".join(line.split()) == "minivae 2 not reached in every run 2.00 8.0"
