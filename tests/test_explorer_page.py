"""The page of `minivae explore` in a real browser: its numbers are Python's, and it can be used.

Without Chromium, chromedriver and Selenium these tests are skipped.
"""

import re

import chromium as browsers
import numpy as np
import pytest
from matplotlib.image import imsave

from minivae import VAE
from minivae.datasets import Dataset
from minivae.explorer import build_page, page, rounded
from minivae.layers import Dense, Sequential, convnet
from minivae.likelihoods import FixedGaussian

pytestmark = pytest.mark.skipif(
    browsers.missing() is not None, reason=f"the page needs {browsers.missing()}"
)

MINUS, NONE = "\N{MINUS SIGN}", "\N{EN DASH}"


@pytest.fixture(scope="module")
def browser():
    with browsers.chromium() as driver:
        yield driver


# --- Agreement with Python ------------------------------------------------------------------------

NESTED = VAE(
    encoder=[Dense(6, 5, "tanh"), Sequential([Dense(5, 4, "relu"), Dense(4, 4)])],
    decoder=[Dense(2, 5, "softplus"), Dense(5, 6)],
)
IMAGE = (7, 6)  # of which halving forgets a row
CONVOLUTIONS = VAE(
    encoder=convnet.encoder(IMAGE, 4, channels=(3, 2), hidden=(5,), activation="tanh"),
    decoder=convnet.decoder(IMAGE, 2, channels=(3, 2), hidden=(5,), outputs_per_pixel=2),
    likelihood="gaussian-sigmoid",
)
MODELS = {
    "the paper's": (VAE(784, 20), "uint8", "float32"),
    "of 200 latents, deep": (VAE(49, 200, (30, 20)), "uint8", "float32"),
    "for Frey Faces": (VAE(560, 2, (20,), "gaussian-sigmoid"), "uint8", "float32"),
    "with full covariance": (
        VAE(7, 3, (5, 4), "gaussian", "relu", "full-covariance"), "normal", "float32",
    ),
    "isotropic": (
        VAE(9, 2, (5,), FixedGaussian(0.3), "softplus", "isotropic"), "normal", "float16",
    ),
    "of counts": (VAE(11, 2, (6,), "poisson", "gelu", "laplace"), "counts", "float32"),
    "of one latent": (
        VAE(6, 1, (4,), "gaussian-fixed-relu", "sigmoid", "isotropic-relu"), "normal", "float32",
    ),
    "logistic, linear": (VAE(5, 2, (), "bernoulli", posterior="logistic"), "uint8", "float64"),
    "a plain autoencoder": (VAE(5, 4, (3,), "gaussian-fixed", "identity", "deterministic"),
                            "normal", "float32"),
    "of convolutions": (CONVOLUTIONS, "uint8", "float32"),
    "given layer by layer": (NESTED, "uint8", "float16"),
}  # fmt: skip


def some_data(kind, n, D, rng):
    if kind == "uint8":
        return (rng.integers(0, 256, (n, D)) * (rng.random((n, D)) < 0.5)).astype(np.uint8)
    x = 2 * rng.standard_normal((n, D)) if kind == "normal" else rng.poisson(3, (n, D))
    return x.astype(np.float32)


def shape_of(D):
    return {784: (28, 28), 560: (28, 20), 49: (7, 7), 42: IMAGE}.get(D, (1, D))


def write_page(folder, vae, params, data, **options):
    path = folder / "page.html"
    path.write_text(build_page(vae, params, data, **options), encoding="utf-8")
    return path.as_uri()


def severe(driver):
    return [entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]


@pytest.mark.parametrize("name", MODELS)
def test_the_page_computes_what_python_computes(browser, tmp_path, name):
    vae, kind, dtype = MODELS[name]
    rng = np.random.default_rng(len(name))
    params = vae.init_params(rng, "float64" if dtype == "float64" else "float32", std=0.15)
    params.vector += 0.05 * rng.standard_normal(params.vector.size)  # the biases, too
    stored = "float16" if dtype == "float16" else "float32"
    if stored == "float16":
        params.vector[::3] *= 1e-4  # numbers below the normal ones
    x = some_data(kind, 20, vae.n_features, rng)
    data = Dataset(x, x, shape_of(vae.n_features), name)
    browser.get(write_page(tmp_path, vae, params, data, dtype=stored))
    browsers.settle(browser, "drawn")

    same = rounded(params, stored).astype(np.float64)
    pixels = vae.check_x(same, x)[:4]
    noise = np.empty((1, 4, vae.n_latent))
    vae.posterior.draw_noise(rng, noise)
    z = 2 * rng.standard_normal((4, vae.n_latent))
    found = browser.execute_script(
        """const [pixels, noise, z] = arguments;
        return pixels.map((x, k) => ({...minivae.encode(x), ...minivae.bound(x, noise[k]),
                                      decoded: minivae.decode(z[k])}));""",
        pixels.tolist(), noise[0].tolist(), z.tolist(),
    )  # fmt: skip
    mu, log_var = vae.encode(same, pixels)
    log_px, minus_kl = vae.elbo_terms(same, pixels, noise)
    expected = {
        "mu": mu, "decoded": vae.decode(same, z), "log_px": log_px[0],
        "minus_kl": minus_kl, "bound": log_px[0] + minus_kl,
    }  # fmt: skip
    if vae.posterior.name != "deterministic":  # whose log variance JSON cannot hold
        expected["log_var"] = log_var
    for what, values in expected.items():
        np.testing.assert_allclose([one[what] for one in found], values, rtol=1e-9, atol=1e-8)
    # What the page shows is the first test datapoint, with its own noise.
    state = browser.execute_script("return minivae.state")
    assert any(np.allclose(state["pixels"], each, atol=1e-6) for each in vae.check_x(same, x))
    shown = np.array([state["pixels"]])
    z, minus_kl = vae.posterior.sample(
        vae.recognition(same, shown)[0], np.array([[state["eps"]]])
    )  # fmt: skip
    np.testing.assert_allclose(state["z"], z[0, 0], rtol=1e-9, atol=1e-8)
    np.testing.assert_allclose(state["minus_kl"], minus_kl[0], rtol=1e-9, atol=1e-8)
    assert severe(browser) == []
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0


def test_scripts_are_told_what_is_wrong(page_of_digits):
    for call, words in (
        ("encode([1, 2])", "pixels has 2 numbers, expected 784"),
        ("decode([1, NaN])", "z has numbers that are not finite"),
        ("bound(minivae.state.pixels, [])", "eps has 0 numbers, expected 2"),
    ):
        said = page_of_digits.execute_script(
            f"try {{ minivae.{call} }} catch (error) {{ return `${{error}}` }}"
        )
        assert said == f"RangeError: {words}"


# --- Used by a person -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits():
    """A model of two latents and 40 pictures of one bright row each, in ten classes."""
    rng = np.random.default_rng(0)
    labels = np.arange(40) % 10
    x = np.zeros((40, 28, 28), np.uint8)
    for n, label in enumerate(labels):
        x[n, label + 9, 6 : 12 + n // 4] = 255
    vae = VAE(784, 2, (12,))
    params = vae.init_params(rng, np.float32, std=0.3)
    return (
        vae,
        params,
        Dataset(x.reshape(40, -1), x.reshape(40, -1), (28, 28), "rows", labels, labels),
    )


@pytest.fixture(scope="module")
def address(digits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    return write_page(folder, *digits, tutorials="../tutorials/{name}.ipynb")


@pytest.fixture
def page_of_digits(browser, address):
    browser.get(address)
    browsers.settle(browser, "drawn")
    yield browser
    assert severe(browser) == []


def state(driver):
    browsers.settle(driver, "drawn")
    found = driver.execute_script("return minivae.state")
    return {
        name: np.array(value) if type(value) is list else value for name, value in found.items()
    }


def wait_for(driver, condition):
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(driver, 60, 0.05).until(lambda driver: condition())


def find(driver, selector):
    element = driver.find_element("css selector", selector)
    driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    return element


def drag(driver, selector, *places, button="left"):
    """Press the mouse at the first place, given in shares of width and height, and go to others."""
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.actions.mouse_button import MouseButton

    element = find(driver, selector)
    width, height = element.size["width"], element.size["height"]
    chain = ActionChains(driver, duration=20)
    pointer = chain.w3c_actions.pointer_action
    for k, (u, v) in enumerate(places):
        x, y = round((u - 0.5) * width), round((v - 0.5) * height)
        chain.move_to_element_with_offset(element, x, y)
        if k == 0:
            pointer.pointer_down(MouseButton.LEFT if button == "left" else MouseButton.RIGHT)
    pointer.pointer_up(MouseButton.LEFT if button == "left" else MouseButton.RIGHT)
    chain.perform()


def press(driver, selector, *keys, shift=False):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    driver.execute_script("arguments[0].focus()", find(driver, selector))
    chain = ActionChains(driver)
    if shift:
        chain = chain.key_down(Keys.SHIFT).send_keys(*keys).key_up(Keys.SHIFT)
    else:
        chain = chain.send_keys(*keys)
    chain.perform()


def canvas(driver, selector):
    """The grey values of a canvas, (height, width)."""
    pixels, height, width = driver.execute_script(
        """const canvas = document.querySelector(arguments[0]), {width, height} = canvas;
        const {data} = canvas.getContext("2d").getImageData(0, 0, width, height);
        return [Array.from(data.filter((_, k) => k % 4 === 0)), height, width];""",
        selector,
    )
    return np.array(pixels).reshape(height, width)


def test_the_encoder_runs_at_every_stroke(page_of_digits, digits):
    vae, params, _ = digits
    driver = page_of_digits
    find(driver, "#clear").click()
    blank = state(driver)
    assert not blank["pixels"].any()
    drag(driver, "#input", (0.25, 0.5), (0.75, 0.5))
    drawn = state(driver)
    picture = drawn["pixels"].reshape(28, 28)
    assert picture[13:15, 8:20].min() > 0.5 and picture[:10].max() == picture[18:].max() == 0
    assert picture[:, :4].max() == picture[:, 24:].max() == 0
    np.testing.assert_allclose(canvas(driver, "#input"), 255 * picture, atol=0.51)
    mu, log_var = vae.encode(params, picture.reshape(1, -1))
    np.testing.assert_array_equal(drawn["eps"], blank["eps"])
    z = mu[0] + np.exp(log_var[0] / 2) * drawn["eps"]
    np.testing.assert_allclose(drawn["z"], z, atol=1e-4)
    np.testing.assert_allclose(
        canvas(driver, "#output").ravel(), 255 * vae.decode(params, [z])[0], atol=0.6
    )
    log_px, minus_kl = vae.elbo_terms(params, picture.reshape(1, -1), drawn["eps"].reshape(1, 1, 2))
    said = [
        find(driver, f"#{name}").text.replace(MINUS, "-")
        for name in ("log-px", "minus-kl", "bound")
    ]
    terms = [log_px.item(), minus_kl.item(), log_px.item() + minus_kl.item()]
    np.testing.assert_allclose([float(number) for number in said], terms, atol=0.06)
    mean = driver.execute_script("return minivae.model.data.mean_bound")
    full = -2 * (mean["log_px"] + mean["minus_kl"])
    for bar, nats in (("#bar", terms[:2]), ("#mean-bar", (mean["log_px"], mean["minus_kl"]))):
        parts = driver.find_elements("css selector", f"{bar} span")
        shares = [part.rect["width"] / find(driver, bar).rect["width"] for part in parts]
        expected = -np.array(nats) / full
        expected[1] = min(expected[1], max(0, 1 - expected[0]))  # a bar ends where its place does
        np.testing.assert_allclose(shares, expected.clip(0, 1), atol=0.01)
    # A second stroke is added; rubbing out, by button or with the right one, takes away.
    drag(driver, "#input", (0.5, 0.2), (0.5, 0.8))
    assert state(driver)["pixels"].sum() > drawn["pixels"].sum()
    drag(driver, "#input", (0.5, 0.05), (0.5, 0.95), button="right")
    without = state(driver)["pixels"].reshape(28, 28)
    assert without[:, 13:15].max() < 0.5 and without[14, 9] > 0.5
    find(driver, "#rub").click()
    drag(driver, "#input", (0.1, 0.5), (0.9, 0.5))
    assert state(driver)["pixels"].max() < 0.5


def test_a_finger_draws(page_of_digits):
    driver = page_of_digits
    find(driver, "#clear").click()
    box = find(driver, "#input").rect
    top = driver.execute_script(
        "return document.querySelector('#input').getBoundingClientRect().top"
    )
    x, y = box["x"] + box["width"] / 2, top + box["height"] / 4
    for kind, points in (
        ("touchStart", [{"x": x, "y": y}]),
        ("touchMove", [{"x": x, "y": y + box["height"] / 2}]),
        ("touchEnd", []),
    ):
        driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    picture = state(driver)["pixels"].reshape(28, 28)
    assert picture[8:20, 13:15].min() > 0.5 and picture[:, :10].max() == 0
    moved = driver.execute_script(
        "return document.querySelector('#input').getBoundingClientRect().top"
    )
    assert moved == top  # the page did not scroll
    for selector in ("#input", "#overlay"):
        assert find(driver, selector).value_of_css_property("touch-action") == "none"


def test_the_keyboard_draws(page_of_digits):
    from selenium.webdriver.common.keys import Keys

    driver = page_of_digits
    press(driver, "#input", Keys.DELETE)
    assert not state(driver)["pixels"].any()
    press(driver, "#input", " ", *[Keys.ARROW_RIGHT] * 6, " ", *[Keys.ARROW_DOWN] * 3)
    picture = state(driver)["pixels"].reshape(28, 28)
    assert picture[14, 14:21].min() > 0.5 and picture[:, :12].max() == picture[18:].max() == 0


def test_the_map_moves_z(page_of_digits, digits):
    from selenium.webdriver.common.keys import Keys

    vae, params, _ = digits
    driver = page_of_digits
    before = state(driver)
    drag(driver, "#overlay", (0.5, 0.5), (0.75, 0.25))
    moved = state(driver)
    reach = np.array(driver.execute_script("return minivae.model.data.reach"))
    size = find(driver, "#overlay").size["width"]
    np.testing.assert_allclose(moved["z"], reach / 2, atol=2 * reach.max() * 1.5 / size)
    assert moved["by_hand"] and not before["by_hand"]
    np.testing.assert_array_equal(moved["pixels"], before["pixels"])
    np.testing.assert_array_equal(moved["eps"], before["eps"])
    decoded = vae.decode(params, moved["z"][None])[0]
    np.testing.assert_allclose(canvas(driver, "#output").ravel(), 255 * decoded, atol=0.6)
    assert find(driver, "#bound").text == NONE and find(driver, "#log-px").text != NONE
    press(driver, "#overlay", Keys.ARROW_LEFT, Keys.ARROW_UP)
    press(driver, "#overlay", Keys.ARROW_UP, shift=True)
    np.testing.assert_allclose(state(driver)["z"], moved["z"] + [-0.1, 0.6], atol=1e-9)
    press(driver, "#z-2", Keys.ARROW_LEFT)
    slid = state(driver)["z"]
    assert slid[1] == pytest.approx(moved["z"][1] + 0.59, abs=0.011)
    assert slid[0] == pytest.approx(moved["z"][0] - 0.1)
    # Back to a draw from q(z|x).
    find(driver, "#again").click()
    again = state(driver)
    assert not again["by_hand"] and not np.array_equal(again["eps"], before["eps"])
    mu, log_var = vae.encode(params, again["pixels"][None])
    z = mu[0] + np.exp(log_var[0] / 2) * again["eps"]
    np.testing.assert_allclose(again["z"], z, atol=1e-4)
    find(driver, "#no-noise").click()
    np.testing.assert_allclose(state(driver)["z"], mu[0], atol=1e-4)


def test_the_map_shows_what_is_decoded_there(page_of_digits, digits):
    vae, params, _ = digits
    browsers.settle(page_of_digits)
    tiles = canvas(page_of_digits, "#tiles").reshape(16, 28, 16, 28).transpose(0, 2, 1, 3)
    reach = np.array(page_of_digits.execute_script("return minivae.model.data.reach"))
    middles = (np.arange(16) + 0.5) / 8 - 1
    z = np.stack(np.meshgrid(middles, -middles), axis=-1) * reach
    decoded = vae.decode(params, z.reshape(-1, 2)).reshape(16, 16, 28, 28)
    np.testing.assert_allclose(tiles, 255 * decoded, atol=0.6)


def test_the_map_from_close_by(page_of_digits, digits):
    from selenium.webdriver.common.keys import Keys

    vae, params, _ = digits
    driver = page_of_digits
    find(driver, "#close").click()
    browsers.settle(driver)
    before = state(driver)
    mu, log_var = (each[0] for each in vae.encode(params, before["pixels"][None]))
    reach = 6 * np.exp(log_var.max() / 2)
    drag(driver, "#overlay", (0.5, 0.5))
    np.testing.assert_allclose(state(driver)["z"], mu, atol=0.01 * reach)
    tile = canvas(driver, "#tiles")[:28, :28].ravel()
    decoded = vae.decode(params, (mu + np.array([[-15, 15]]) / 16 * reach))[0]
    np.testing.assert_allclose(tile, 255 * decoded, atol=0.6)
    here = state(driver)["z"]
    press(driver, "#overlay", Keys.ARROW_UP)
    step = 0.1 * reach / driver.execute_script("return minivae.model.data.reach[1]")
    np.testing.assert_allclose(state(driver)["z"], here + np.array([0, step]), rtol=1e-4)
    # It follows the datapoint.
    driver.find_elements("css selector", "#thumbnails button")[5].click()
    browsers.settle(driver)
    taken = state(driver)
    mu, log_var = (each[0] for each in vae.encode(params, taken["pixels"][None]))
    z = mu + np.exp(log_var / 2) * taken["eps"]  # no longer one that was chosen by hand
    np.testing.assert_allclose(taken["z"], z, atol=1e-4)
    drag(driver, "#overlay", (0.5, 0.5))
    moved = state(driver)
    np.testing.assert_allclose(moved["z"], mu, atol=0.01 * reach)
    find(driver, "#close").click()
    drag(driver, "#overlay", (0.5, 0.5))
    np.testing.assert_allclose(state(driver)["z"], 0, atol=0.02)


def test_ellipses_and_bars_are_those_of_q(browser, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((30, 6)).astype(np.float32)
    vae = VAE(6, 2, (5,), "gaussian", posterior="full-covariance")
    params = vae.init_params(rng, np.float32, std=0.1)
    params["encoder.b2"][:] = [0.5, -0.3, -1.0, -0.8, 0.4]  # mu, log of C's diagonal, C below it
    browser.get(write_page(tmp_path, vae, params, Dataset(x, x, (1, 6), "table")))
    shown = state(browser)
    q_params, _ = vae.recognition(params, shown["pixels"].astype(np.float32)[None])
    mu, C = q_params[0, :2], vae.posterior.cholesky(q_params)[0]
    assert abs(C[1, 0]) > 0.1
    reach = np.array(browser.execute_script("return minivae.model.data.reach"))
    angles = np.linspace(0, 2 * np.pi, 25)[:-1]

    def painted(sd):
        z = mu + sd * np.stack([np.cos(angles), np.sin(angles)], axis=1) @ C.T
        places = ((z * [1, -1] / reach + 1) / 2 * 1120).round().tolist()
        return np.array(
            browser.execute_script(
                """const context = document.querySelector("#overlay").getContext("2d");
            return arguments[0].map(([x, y]) => context.getImageData(x, y, 1, 1).data[3] > 0);""",
                places,
            )
        )

    assert painted(1).all() and painted(2).all()
    assert painted(1.5).mean() < 0.5 and painted(2.5).mean() < 0.5  # lines through z, and dots
    for j, sd in enumerate(np.sqrt(np.diag(C @ C.T))):
        *ends, at, start, width = browser.execute_script(
            """const row = document.querySelector(`#z-${arguments[0]}`).parentElement;
            const box = (selector) => row.querySelector(selector).getBoundingClientRect();
            const {left, width} = row.getBoundingClientRect();
            return [box(".two").left, box(".one").left, box(".one").right, box(".two").right,
                    box(".mean").left + 1, left, width];""",
            j + 1,
        )
        scale = (np.array([*ends, at]) - start) / width * 2 * reach[j] - reach[j]
        expected = mu[j] + sd * np.array([-2, -1, 1, 2, 0])
        np.testing.assert_allclose(scale, expected.clip(-reach[j], reach[j]), atol=0.02 * reach[j])


def test_test_pictures_uploads_and_the_path(page_of_digits, digits, tmp_path):
    from selenium.webdriver.common.keys import Keys

    vae, params, data = digits
    driver = page_of_digits
    buttons = driver.find_elements("css selector", "#thumbnails button")
    assert [re.sub(r"\d+", "N", button.accessible_name) for button in buttons] == 12 * [
        "test picture N, a N"
    ]
    taken = []
    for button in buttons[2:5]:
        button.click()
        taken.append(state(driver)["pixels"])
        assert any(np.allclose(taken[-1], each / 255) for each in data.test)
    assert len({each.tobytes() for each in taken}) == 3
    first = buttons[0].accessible_name
    find(driver, "#other-thumbnails").click()
    assert driver.find_element("css selector", "#thumbnails button").accessible_name != first
    # Ink on paper, off the middle: inverted, then centred.
    paper = np.ones((56, 56))
    paper[0:8, 20:28] = 0
    imsave(tmp_path / "ink.png", paper, cmap="gray", vmin=0, vmax=1)
    driver.find_element("css selector", "#upload").send_keys(str(tmp_path / "ink.png"))
    wait_for(driver, lambda: "ink.png" in find(driver, "#status").text)
    uploaded = state(driver)["pixels"].reshape(28, 28)
    assert uploaded[1:3, 11:13].min() > 0.9 and uploaded[6:].max() < 0.1
    find(driver, "#centre").click()
    centred = state(driver)["pixels"].reshape(28, 28)
    assert centred.sum() == pytest.approx(uploaded.sum())
    assert np.average(np.arange(28), weights=centred.sum(axis=1)) == pytest.approx(13.5, abs=0.5)
    assert np.average(np.arange(28), weights=centred.sum(axis=0)) == pytest.approx(13.5, abs=0.5)
    # A path from it to the second test picture of before.
    find(driver, "#keep-a").click()
    driver.execute_script("minivae.show(arguments[0])", taken[1].tolist())
    state(driver)
    find(driver, "#keep-b").click()
    press(driver, "#along", Keys.END)
    ends = vae.encode(params, np.stack([centred.ravel(), taken[1]]))[0]
    np.testing.assert_allclose(state(driver)["z"], ends[1], atol=1e-4)
    press(driver, "#along", Keys.HOME)
    np.testing.assert_allclose(state(driver)["z"], ends[0], atol=1e-4)
    strip = canvas(driver, "#strip canvas:nth-child(5)").ravel()
    middle = vae.decode(params, ends.mean(axis=0)[None])[0]
    np.testing.assert_allclose(strip, 255 * middle, atol=0.6)
    press(driver, "#play", Keys.ENTER)
    wait_for(driver, lambda: float(find(driver, "#along").get_property("value")) > 0)
    assert find(driver, "#play").text == "Stop"
    find(driver, "#play").click()
    stopped = state(driver)["z"]
    t = float(find(driver, "#along").get_property("value"))
    assert 0 < t <= 1 and find(driver, "#play").text == "Walk from A to B"
    way = ends[1] - ends[0]
    np.testing.assert_allclose(stopped, ends[0] + t * way, atol=0.006 * np.abs(way).max())


def test_a_file_that_is_no_picture(page_of_digits, tmp_path):
    before = state(page_of_digits)["pixels"]
    (tmp_path / "notes.png").write_text("no picture")
    browsers.settle(page_of_digits)
    page_of_digits.find_element("css selector", "#upload").send_keys(str(tmp_path / "notes.png"))
    words = "notes.png is no picture that this browser can read"
    wait_for(page_of_digits, lambda: find(page_of_digits, "#status").text == words)
    np.testing.assert_array_equal(state(page_of_digits)["pixels"], before)


def test_labels_can_be_told_apart_without_colours(page_of_digits):
    driver = page_of_digits

    def ink():
        return driver.execute_script(
            """const canvas = document.querySelector("#dots"), {width, height} = canvas;
            const {data} = canvas.getContext("2d").getImageData(0, 0, width, height);
            return data.reduce((n, value) => n + (value > 0), 0);"""
        )

    everything = ink()
    buttons = driver.find_elements("css selector", "#legend button")
    assert [button.text for button in buttons] == list("0123456789")
    buttons[3].click()
    assert buttons[3].get_attribute("aria-pressed") == "true"
    alone = ink()
    assert 0 < alone < everything / 2
    buttons[3].click()
    assert ink() == everything


def test_bars_are_drawn_and_twenty_latents_come_first(browser, tmp_path):
    from selenium.webdriver.common.keys import Keys

    rng = np.random.default_rng(0)
    x = rng.standard_normal((50, 10)).astype(np.float32)
    vae = VAE(10, 25, (8,), "gaussian", posterior="full-covariance")
    params = vae.init_params(rng, np.float32, std=0.2)
    params["encoder.W2"][:, 7] *= 50
    browser.get(write_page(tmp_path, vae, params, Dataset(x, x, (1, 10), "table")))
    low, high = browser.execute_script("return minivae.model.data.range")
    before = state(browser)["pixels"]
    drag(browser, "#input", (0.05, 0.25), (0.35, 0.25))
    drawn = state(browser)["pixels"]
    np.testing.assert_allclose(drawn[:4], low + 0.75 * (high - low), atol=0.02 * (high - low))
    np.testing.assert_array_equal(drawn[4:], before[4:])
    press(browser, "#input", Keys.DELETE, *[Keys.ARROW_LEFT] * 5, " ", *[Keys.ARROW_UP] * 5)
    set_ = state(browser)["pixels"]
    assert set_[0] == pytest.approx(low + 0.75 * (high - low)) and not set_[1:].any()
    rows = browser.find_elements("css selector", "#rows label")
    assert len(rows) == 20 and rows[0].text.replace("\n", "") == "z8"
    find(browser, "#all-rows").click()
    assert len(browser.find_elements("css selector", "#rows label")) == 25
    # Other axes: the map moves these latents and leaves the others.
    assert [find(browser, f"#axis-{axis}").is_displayed() for axis in "ab"] == [True, True]
    browser.execute_script(
        """for (const [id, j] of [["a", 3], ["b", 5]]) {
            const select = document.querySelector(`#axis-${id}`);
            select.value = j;
            select.dispatchEvent(new Event("change"));
        }"""
    )
    tiles = "return document.querySelector('#tiles').toDataURL()"
    browsers.settle(browser)
    before, decoded = state(browser)["z"], browser.execute_script(tiles)
    drag(browser, "#overlay", (0.5, 0.5))
    browsers.settle(browser)
    assert browser.execute_script(tiles) == decoded
    moved = state(browser)["z"]
    assert np.flatnonzero(moved != before).tolist() == [3, 5]
    np.testing.assert_allclose(moved[[3, 5]], 0, atol=0.02)
    press(browser, "#z-8", Keys.END)  # another latent: the plane is another one
    browsers.settle(browser)
    assert browser.execute_script(tiles) != decoded
    assert severe(browser) == []


# --- For everybody --------------------------------------------------------------------------------


def test_everything_has_a_name_and_can_be_reached(page_of_digits):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    driver = page_of_digits
    controls = driver.execute_script(
        """return [...document.querySelectorAll("button, input, select, a, canvas")].filter(
            (element) => element.checkVisibility() && element.ariaHidden !== "true" &&
                !element.parentElement.closest("[role=img], button"))"""
    )
    assert len(controls) > 40
    names = [element.accessible_name.strip() for element in controls]
    assert all(names), names
    driver.execute_script(
        """document.activeElement.blur();
        window.reached = [];
        addEventListener("focusin", ({ target }) => reached.push(target.id));"""
    )
    ActionChains(driver).send_keys(*[Keys.TAB] * 80).perform()
    reached = set(driver.execute_script("return reached"))
    assert reached >= {
        "input", "clear", "rub", "centre", "upload", "other-thumbnails", "overlay", "close",
        "see-tiles", "see-dots", "again", "no-noise", "z-1", "z-2", "keep-a", "keep-b",
        "along", "play",
    }  # fmt: skip


def test_quantities_lead_to_the_notebooks(page_of_digits):
    links = page_of_digits.find_elements("css selector", "a.paper")
    assert len(links) >= 9
    for link in links:
        notebook = re.fullmatch(r"\.\./(tutorials/\w+\.ipynb)", link.get_dom_attribute("href"))[1]
        assert (page._WEB.parents[2] / notebook).exists()
    words = {link.text for link in links}
    assert {"sec. 2.1", "eq. 9", "eq. 4, 10", "eq. 11, app. C.1", "app. B", "eq. 7, 10"} <= words


def test_without_an_address_they_lead_to_the_list_on_the_page(browser, digits, tmp_path):
    browser.get(write_page(tmp_path, *digits))
    for link in browser.find_elements("css selector", "a.paper"):
        browser.find_element("css selector", link.get_dom_attribute("href"))
    assert "05_the_variational_autoencoder" in find(browser, "#equations").text


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light")])
def test_on_a_phone_and_on_a_desk_in_dark_and_light(page_of_digits, width, scheme):
    driver = page_of_digits
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 800, "deviceScaleFactor": 2, "mobile": width < 500},
    )
    driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
    )
    try:
        browsers.settle(driver)
        too_wide = driver.execute_script(
            """return [...document.querySelectorAll("body *")]
                .filter((element) => element.getBoundingClientRect().right > innerWidth + 1)
                .map((element) => element.outerHTML.slice(0, 80))"""
        )
        assert too_wide == []
        background = driver.execute_script("return getComputedStyle(document.body).backgroundColor")
        red = int(re.search(r"\d+", background)[0])
        assert red < 60 if scheme == "dark" else red > 200
        columns = driver.execute_script(
            "return getComputedStyle(document.querySelector('main')).gridTemplateColumns"
        )
        assert len(columns.split()) == (1 if width < 500 else 2)
    finally:
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


@pytest.mark.parametrize("lacking", ["scripts", "ImageData", "canvas"])
def test_a_browser_without_what_is_needed_says_so(browser, address, lacking):
    if lacking == "scripts":
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
        undo = ("Emulation.setScriptExecutionDisabled", {"value": False})
    else:
        source = {
            "ImageData": "delete window.ImageData",
            "canvas": "HTMLCanvasElement.prototype.getContext = () => null",
        }[lacking]
        added = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": source})
        undo = ("Page.removeScriptToEvaluateOnNewDocument", added)
    try:
        browser.get(address)
        message = browser.find_element("css selector", "#message")
        assert message.is_displayed() and "\n" not in message.text
        words = "too old for this page" if lacking == "scripts" else "This browser cannot show the"
        assert words in message.text
        assert not browser.find_element("css selector", "#app").is_displayed()
    finally:
        browser.execute_cdp_cmd(*undo)
        severe(browser)  # what it has complained of is no other test's
