"""`minivae explore` up to the browser: what is in the page, what is refused, what is said."""

import base64
import json
import os
import re
import runpy
import shutil
import webbrowser
from pathlib import Path

import numpy as np
import pytest
from own_layers import DenseInReverse
from test_cli import DOTS, minivae, one_line_error, write_dots

from minivae import VAE, Params, save_model
from minivae.app import parser
from minivae.datasets import Dataset
from minivae.explorer import build_page, description, page, rounded
from minivae.layers import ACTIVATIONS, Activation, Dense, Sequential
from minivae.likelihoods import LIKELIHOODS, Bernoulli, FixedGaussian
from minivae.posteriors import POSTERIORS, DiagonalGaussian

WEB = page._WEB
MODULES = sorted(file.name for file in WEB.iterdir() if file.name.endswith(".js"))


def digits(n=30, shape=(4, 4), labels=True, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 256, (n, shape[0] * shape[1]), np.uint8)
    classes = rng.integers(0, 3, n) if labels else None
    return Dataset(x, x, shape, "dots", classes, classes)


def contents(html):
    """What the page holds beside its program: the description, and arrays by name."""
    found = dict(re.findall(r'<script type="[\w/]+" id="(\w+)">(.*?)</script>', html, re.DOTALL))
    described = json.loads(found.pop("model"))
    dtypes = {
        "weights": described["dtype"],
        "images": described["data"]["images_dtype"],
        "points": "float32",
    }
    arrays = {
        name: np.frombuffer(base64.b64decode(found[name], validate=True), dtype)
        for name, dtype in dtypes.items()
    }
    return described, arrays


# --- What is in the page --------------------------------------------------------------------------


def test_every_layer_finds_its_arrays():
    inner = Sequential([Dense(5, 4, "relu"), Sequential([Dense(4, 6)])])
    vae = VAE(encoder=[Dense(7, 5, "tanh"), inner], decoder=[Dense(3, 8, "gelu"), Dense(8, 7)])
    vector = np.arange(vae.init_params(np.random.default_rng(0)).vector.size)
    params = Params(vae.param_shapes, vector.astype(np.float32))
    described = description.describe_model(vae)
    kinds = [
        (layer["kind"], layer["n_in"], layer["n_out"], layer["activation"])
        for layer in described["encoder"]
    ]
    assert kinds == [
        ("Dense", 7, 5, "tanh"), ("Dense", 5, 4, "relu"), ("Dense", 4, 6, "identity"),
    ]  # fmt: skip
    layers = described["encoder"] + described["decoder"]
    found = [array for layer in layers for array in layer["arrays"].values()]
    assert [array["shape"] for array in found] == [list(params[name].shape) for name in params]
    starts = [params[name].flat[0] for name in params]
    assert [array["start"] for array in found] == starts


def test_the_page_has_the_weights_and_the_data():
    data = digits(labels=True)
    vae = VAE(16, 2, (5,))
    params = vae.init_params(np.random.default_rng(0), std=1.0)
    described, arrays = contents(build_page(vae, params, data))
    assert described["dtype"] == "float32"
    np.testing.assert_array_equal(arrays["weights"], params.vector.astype(np.float32))
    images, points = arrays["images"].reshape(-1, 16), arrays["points"].reshape(-1, 2)
    assert len(images) == len(points) == len(data.test)
    # Every test datapoint once, with its own mean and label.
    rows = [np.flatnonzero((data.test == image).all(axis=1)).item() for image in images]
    assert sorted(rows) == [*range(len(data.test))]
    mu, _ = vae.encode(rounded(params, "float32"), data.test[rows])
    np.testing.assert_allclose(points, mu, rtol=1e-5, atol=1e-6)
    assert described["data"]["labels"] == data.test_labels[rows].tolist()
    np.testing.assert_allclose(described["data"]["variance"], mu.var(axis=0), rtol=1e-4)
    noise = np.random.default_rng(1).standard_normal((300, len(data.test), 2))
    log_px, minus_kl = vae.elbo_terms(params, data.test, noise)
    mean = described["data"]["mean_bound"]
    error = log_px.std(axis=0).mean() / np.sqrt(len(data.test))
    assert mean["log_px"] == pytest.approx(log_px.mean(), abs=6 * error)
    assert mean["minus_kl"] == pytest.approx(minus_kl.mean(), rel=1e-5)
    assert mean["n"] == len(data.test)


def test_a_page_for_the_papers_model_is_below_6_mb_and_exact():
    vae = VAE(784, 20)
    x = np.zeros((2000, 784), np.uint8)
    x[:, 300:500] = 255
    labels = np.arange(2000) % 10
    params = vae.init_params(np.random.default_rng(0), np.float32)
    html = build_page(vae, params, Dataset(x, x, (28, 28), "mnist", labels, labels))
    assert len(html.encode()) < 6e6
    described, arrays = contents(html)
    assert described["dtype"] == "float32"
    assert len(arrays["images"]) == 200 * 784 and len(arrays["points"]) == 2000 * 20


def test_what_float32_makes_too_large_is_rounded(monkeypatch):
    vae, data = VAE(16, 2, (5,)), digits()
    params = vae.init_params(np.random.default_rng(0))
    monkeypatch.setattr(page, "_EXACT_BELOW", params.vector.size * 4)
    described, arrays = contents(build_page(vae, params, data))
    assert described["dtype"] == "float16"
    np.testing.assert_array_equal(arrays["weights"], params.vector.astype(np.float16))
    np.testing.assert_array_equal(
        rounded(params, "float16").vector, params.vector.astype(np.float16).astype(np.float32)
    )
    assert contents(build_page(vae, params, data, dtype="float32"))[0]["dtype"] == "float32"
    monkeypatch.setattr(page, "_LARGEST", params.vector.size * 2)
    with pytest.raises(ValueError, match=r"too large for a page: 220 parameters in float16 take"):
        build_page(vae, params, data)


def test_data_without_labels_and_of_any_range():
    data = digits(n=3, labels=False)
    vae = VAE(16, 2, (5,), "gaussian")
    params = vae.init_params(np.random.default_rng(0))
    described = contents(build_page(vae, params, data))[0]["data"]
    assert described["labels"] is None and described["range"] == [0, 1]
    x = (data.test / 10 - 5).astype(np.float32)
    described, arrays = contents(build_page(vae, params, data._replace(train=x, test=x)))
    assert described["data"]["range"] == [x.min(), x.max()]
    assert set(arrays["images"]) == set(x.ravel())
    x = np.full((3, 16), 7, np.float32)
    described, _ = contents(build_page(vae, params, data._replace(train=x, test=x)))
    assert described["data"]["range"] == [6, 8]


def test_nothing_is_fetched_and_nothing_breaks_out(monkeypatch):
    vae, data = VAE(16, 2, (5,)), digits()._replace(name="</title></script><script>alert(1)")
    html = build_page(
        vae, vae.init_params(np.random.default_rng(0)), data, tutorials="</script>{name}"
    )
    assert set(re.findall(r"https?://[^\"' <]+", html)) == {"https://arxiv.org/abs/1312.6114"}
    assert not re.search(r"\b(src|srcset)=|<link|@import|url\(|\bimport\b.*\bfrom\b", html)
    assert "alert(1)</title>" not in html
    assert html.count("<script") == html.count("</script") == 5
    assert contents(html)[0]["data"]["name"] == data.name


# --- The program ----------------------------------------------------------------------------------


def test_the_program_has_every_module_once_and_below_what_it_imports():
    program = page._program("main.js", set())
    heads = re.findall(r"^// --- (\S+)$", program, re.MULTILINE)
    assert sorted(heads) == MODULES
    for name in MODULES:
        source = (WEB / name).read_text()
        for imported in re.findall(r'from "\./(.*)";', source):
            assert heads.index(imported) < heads.index(name)
    assert not re.search(r"^(import|export)\b", program, re.MULTILINE)
    assert "</script" not in program and "<!--" not in program


@pytest.mark.parametrize("name", MODULES)
def test_modules_import_what_is_there_and_all_of_it_is_used(name):
    source = (WEB / name).read_text()
    for words, other in re.findall(r'^import \{([^}]*)\} from "\./(.*)";$', source, re.MULTILINE):
        for word in words.replace(",", " ").split():
            exported = (WEB / other).read_text()
            assert re.search(rf"^export (async )?(class|const|function) {word}\b", exported, re.M)
            assert len(re.findall(rf"\b{word}\b", source)) > 1, f"{word} is not used"
    assert max(map(len, source.splitlines())) <= 100


@pytest.mark.parametrize(
    ("file", "names"),
    [
        ("layers.js", [kind.__name__ for kind in description.LAYERS]),
        ("activations.js", ACTIVATIONS),
        ("likelihoods.js", LIKELIHOODS),
        ("posteriors.js", POSTERIORS),
    ],
)
def test_the_page_has_a_namesake_of_every_part(file, names):
    source = (WEB / file).read_text()
    for name in names:
        assert re.search(rf'(\s|"){name}("?:|,| \}})', source), name


def luminance(colour):
    channels = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.03928, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def test_text_stands_out_from_its_background():
    """By WCAG's measure: 4.5 for text, 3 for what is no text."""
    light, dark = (WEB / "page.css").read_text().split("@media (prefers-color-scheme: dark)")[:2]
    for theme in (light, dark):
        colours = dict(re.findall(r"--(\w+): (#\w{6})", theme))
        for name, least in (("ink", 7), ("quiet", 4.5), ("accent", 4.5), ("hot", 3)):
            for behind in ("paper", "panel"):
                high, low = sorted((luminance(colours[name]), luminance(colours[behind])))[::-1]
                assert (high + 0.05) / (low + 0.05) >= least, (name, behind)


# --- What is refused ------------------------------------------------------------------------------


def own_vae(**parts):
    layers = {"encoder": [Dense(16, 4)], "decoder": [Dense(2, 16)]}
    return VAE(**{**layers, **parts})


class OwnLikelihood(Bernoulli):
    name = "own"


class OwnPosterior(DiagonalGaussian):
    name = "own"


@pytest.mark.parametrize(
    ("vae", "words"),
    [
        (
            own_vae(decoder=[DenseInReverse(2, 16)]),
            "decoder has a layer DenseInReverse: a page can only show",
        ),
        (
            own_vae(encoder=[Dense(16, 4, Activation("own", abs, abs))]),
            "activation is 'own', of the model's own: a page can only show one of identity, tanh",
        ),
        (own_vae(likelihood=OwnLikelihood()), "likelihood is 'own'"),
        (own_vae(posterior=OwnPosterior()), "posterior is 'own'"),
        (
            own_vae(encoder=[Dense(16, 4, Activation("tanh", abs, abs))]),
            "activation is 'tanh', of the model's own",
        ),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_parts_that_the_page_does_not_know(vae, words):
    params = vae.init_params(np.random.default_rng(0))
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        build_page(vae, params, digits())
    assert "\n" not in str(caught.value)


def test_wrong_arguments():
    vae = VAE(16, 2, (5,))
    params = vae.init_params(np.random.default_rng(0))
    with pytest.raises(ValueError, match="dtype is 'float8', expected one of float32, float16"):
        build_page(vae, params, digits(), dtype="float8")
    with pytest.raises(ValueError, match=r"data\.test has 12 features, the model expects 16"):
        build_page(vae, params, digits(shape=(3, 4)))
    with pytest.raises(ValueError, match=r"tutorials is 'here', expected .*{name}"):
        build_page(vae, params, digits(), tutorials="here")
    with pytest.raises(
        ValueError, match=r"^data\.image_shape is \(2, 3\), expected .* n_features = 16$"
    ):
        build_page(vae, params, digits()._replace(image_shape=(2, 3)))
    labels = np.zeros(3, int)
    with pytest.raises(ValueError, match=r"test_labels has 3 labels, expected \d+$"):
        build_page(vae, params, digits()._replace(test_labels=labels))
    with pytest.raises(ValueError, match="data is of type ndarray, expected a Dataset"):
        build_page(vae, params, digits().test)
    params.vector[3] = 1e5
    with pytest.raises(ValueError, match=r"dtype is float16, which ends at 65504, but .* 100000"):
        build_page(vae, params, digits(), dtype="float16")
    build_page(vae, params, digits(), dtype="float32")


def test_the_program_in_the_docs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x = np.random.default_rng(0).integers(0, 256, (200, 784), np.uint8)
    monkeypatch.setattr("minivae.datasets.load", lambda name: Dataset(x, x, (28, 28), name))
    text = (Path(__file__).parents[1] / "docs" / "explore.md").read_text()
    (program,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    exec(program.replace("samples=1_000_000", "samples=200"), {})
    described, _ = contents(Path("page.html").read_text())
    assert described["posterior"] == "full-covariance"


def test_the_example_in_the_docs_is_a_page_of_today():
    docs = Path(__file__).parents[1] / "docs"
    example = (docs / "explorer.html").read_text()
    renewed = runpy.run_path(str(docs / "explorer.py"))["renew"](example)
    assert renewed == example, "python docs/explorer.py renews it"


def test_a_given_sigma_is_told():
    vae = VAE(16, 2, (5,), FixedGaussian(0.25))
    assert description.describe_model(vae)["likelihood"] == {
        "name": "gaussian-fixed",
        "sigma": 0.25,
    }


# --- The command ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with data and a run in it."""
    folder = tmp_path_factory.mktemp("trained")
    words = [*DOTS, "--latent", 2, "--samples", 400, "--step-size", 0.1, "--out", "run"]
    write_dots(folder)
    before = Path.cwd()
    os.chdir(folder)
    try:
        assert minivae("train", *words, "--quiet") == 0
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def run(trained, tmp_path, monkeypatch):
    """A run folder, in the working folder."""
    shutil.copytree(trained / "run", tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "run"


@pytest.fixture
def opened(monkeypatch):
    """What the browser was asked to open."""
    opened = []
    monkeypatch.setattr(webbrowser, "open", lambda address: opened.append(address) or True)
    return opened


def test_explore_writes_a_page_and_opens_it(run, opened, capsys):
    assert minivae("explore", "run") == 0
    path = run / "explore.html"
    assert capsys.readouterr() == ("run/explore.html\n", "")
    assert opened == [path.as_uri()]
    described, _ = contents(path.read_text())
    assert described["n_latent"] == 2 and described["data"]["name"] == "dots"
    assert not [file for file in run.iterdir() if file.name.startswith(".")]


def test_options_of_explore(run, opened, capsys):
    words = ["--out", "a page.html", "--no-open", "--dtype", "float16"]
    assert minivae("explore", "run", *words, "--tutorials", "../{name}.ipynb") == 0
    assert opened == [] and capsys.readouterr() == ("a page.html\n", "")
    described, _ = contents(Path("a page.html").read_text())
    assert described["dtype"] == "float16" and described["tutorials"] == "../{name}.ipynb"
    assert not (run / "explore.html").exists()
    assert page.DTYPES == parser.PAGE_DTYPES


def test_without_a_browser_the_page_is_there_all_the_same(run, monkeypatch, capsys):
    monkeypatch.setattr(webbrowser, "open", lambda address: False)
    assert minivae("explore", "run") == 0
    out, err = capsys.readouterr()
    assert (
        out == "run/explore.html\n"
        and err == "Note: there is no browser to open it in; open the file in one\n"
    )


def test_explore_says_in_one_line_what_is_wrong(run, opened, capsys):
    assert "there is no folder nowhere" in one_line_error(capsys, "explore", "nowhere")
    assert "expected a name that ends in .html" in one_line_error(
        capsys, "explore", "run", "--out", "x.png"
    )
    assert "no/x.html" in one_line_error(capsys, "explore", "run", "--out", "no/x.html")
    assert "tutorials is 'x'" in one_line_error(capsys, "explore", "run", "--tutorials", "x")
    assert "--dtype" in one_line_error(capsys, "explore", "run", "--dtype", "float64")
    Path("empty").mkdir()
    assert "empty is not a run folder" in one_line_error(capsys, "explore", "empty")
    vae = own_vae(decoder=[DenseInReverse(2, 16)])
    save_model(run / "model.npz", vae, vae.init_params(np.random.default_rng(0)))
    assert "DenseInReverse" in one_line_error(capsys, "explore", "run")
    (run / "model.npz").write_bytes(b"PK")
    assert "not a readable minivae model" in one_line_error(capsys, "explore", "run")
    (run / "model.npz").unlink()
    assert "there is no model file run/model.npz" in one_line_error(capsys, "explore", "run")
    assert opened == [] and not (run / "explore.html").exists()


def test_numbers_of_numpy_s_and_names_that_are_no_text_have_a_page():
    vae = VAE(16, 2, (5,), FixedGaussian(np.float32(0.5)))
    params = vae.init_params(np.random.default_rng(0))
    odd = digits()._replace(name="b\udcff", image_shape=(np.int64(4), np.int64(4)))
    page = build_page(vae, params, odd).encode("utf-8").decode()
    assert "<title>minivae: b?, 2 latents</title>" in page
