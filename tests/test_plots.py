"""Pictures: the artists hold the right numbers in the right places, and files hold the picture."""

import itertools
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.figure import Figure
from matplotlib.image import imread
from randomness import examples
from scipy.special import ndtri

from minivae import VAE, plots
from minivae.evaluation.latents import LatentUsage
from minivae.likelihoods import FixedGaussian
from minivae.plots.curves import readable_limits
from minivae.plots.skills import calibration_curve, league_table
from minivae.relatives.skills import Gaussian
from minivae.relatives.skills.forecasts import Calibration
from minivae.training.history import History

RNG = np.random.default_rng(0)
CURVE = History(
    samples=[100, 1_000, 10_000, 100_000, 1_000_000],
    train_bound=[-500.0, -230.0, -205.0, -165.0, -120.0],
    test_bound=[-501.0, -231.0, -206.0, -166.0, -121.5],
    seconds=[0, 1, 2, 3, 4],
)


def model(n_features=6, n_latent=2, likelihood="bernoulli"):
    vae = VAE(n_features, n_latent, (3,), likelihood)
    return vae, vae.init_params(np.random.default_rng(1), std=1.0)


def plane():
    """A linear model with mu(x) = 10 (x - 0.5), and two pixels that are 0.5 + 0.1 z."""
    vae = VAE(2, 2, (), FixedGaussian(0.1))
    params = vae.init_params(np.random.default_rng(1), std=0.0)
    params["encoder.W1"][:, :2] = 10 * np.eye(2)
    params["encoder.b1"][:2] = -5
    params["decoder.W1"][:] = 0.1 * np.eye(2)
    params["decoder.b1"][:] = 0.5
    return vae, params


def shown(figure):
    """The array that a picture of images shows."""
    (image,) = figure.axes[0].images
    assert image.get_clim() == (0, 1) and image.origin == "upper"
    return np.asarray(image.get_array())


def tile(grid, row, column, shape, gap):
    height, width = shape
    top, left = row * (height + gap), column * (width + gap)
    return grid[top : top + height, left : left + width]


def lines(figure):
    return {line.get_label(): line for line in figure.axes[0].lines}


def extents(figure, artists):
    figure.draw_without_rendering()
    return [artist.get_window_extent() for artist in artists]


# The learning curve


def test_learning_curve_draws_the_history():
    figure = plots.learning_curve(CURVE)
    axes = figure.axes[0]
    assert isinstance(figure, Figure) and set(lines(figure)) == {"train", "test"}
    for name, line in lines(figure).items():
        np.testing.assert_array_equal(line.get_xdata(), CURVE.samples)
        np.testing.assert_array_equal(line.get_ydata(), getattr(CURVE, f"{name}_bound"))
    assert axes.get_xscale() == "log" and axes.get_yscale() == "linear"
    assert axes.get_xlabel() == "training samples seen"
    assert axes.get_ylabel() == "bound (nats per datapoint)"


def test_learning_curve_names_the_samples_in_words():
    figure = plots.learning_curve(CURVE)
    figure.draw_without_rendering()
    ticks = [text.get_text() for text in figure.axes[0].get_xticklabels()]
    assert [text for text in ticks if text in ("100", "1k", "10k", "100k", "1M")] == (
        ["100", "1k", "10k", "100k", "1M"]
    )


@pytest.mark.parametrize("test_bound", [-121.5, -120.0, -119.0])
def test_last_values_stand_beside_their_ends_and_apart(test_bound):
    history = History(CURVE.samples, CURVE.train_bound, [*CURVE.train_bound[:-1], test_bound])
    figure = plots.learning_curve(history)
    texts = {text.get_text(): text for text in figure.axes[0].texts}
    train, test = texts["train \N{MINUS SIGN}120.0"], texts[f"test \N{MINUS SIGN}{-test_bound}"]
    assert train.xy == (1_000_000, -120) and test.xy == (1_000_000, test_bound)
    assert train.get_color() == lines(figure)["train"].get_color() != test.get_color()
    upper, lower = (test, train) if test_bound > -120 else (train, test)
    upper, lower = extents(figure, [upper, lower])
    assert lower.y1 <= upper.y0 + 1
    for box in (upper, lower):
        assert 0 < box.x0 - figure.axes[0].bbox.x1 < 20 and box.x1 <= figure.bbox.x1
        assert figure.axes[0].bbox.y0 <= box.y0 and box.y1 <= figure.axes[0].bbox.y1


def test_a_steep_beginning_does_not_squash_the_end():
    low, high = plots.learning_curve(CURVE).axes[0].get_ylim()
    assert -500 < low < -230 and -120 < high < -100
    assert (-120 - -230) / (high - low) > 0.55


@pytest.mark.parametrize(
    ("samples", "bounds"),
    [
        ([100, 1_000_000], [-500, -120]),  # no end to speak of
        ([100_000, 200_000, 300_000, 400_000], [-170, -140, -139, -138]),  # less than a decade
        ([1_000, 10_000, 100_000, 1_000_000], [-230, -205, -165, -120]),  # not steep
    ],
)
def test_other_curves_are_shown_whole(samples, bounds):
    history = History(samples, bounds, [b - 1 for b in bounds])
    low, high = plots.learning_curve(history).axes[0].get_ylim()
    assert low < min(bounds) - 1 and high > max(bounds)


@examples(50)
@given(st.lists(st.floats(-1000, 2000), min_size=1, max_size=8))
def test_the_end_is_always_in_view(bounds):
    decades = np.arange(len(bounds)) / 2
    low, high = readable_limits(decades, np.array(bounds))
    end = np.array(bounds)[decades >= decades[-1] / 4]
    assert low < end.min() and end.max() <= max(bounds) < high and high - low > 1.99


def test_one_evaluation_without_a_test_set():
    figure = plots.learning_curve(History([100], [-500.0], [np.nan], [0.1]))
    (line,) = figure.axes[0].lines
    assert line.get_label() == "train" and line.get_xydata().tolist() == [[100, -500]]
    (mark,) = figure.axes[0].collections
    assert mark.get_offsets().tolist() == [[100, -500]] and not mark.get_clip_on()
    assert [text.get_text() for text in figure.axes[0].texts] == ["train \N{MINUS SIGN}500.0"]
    left, right = figure.axes[0].get_xlim()
    assert 0 < left < 100 <= right * (1 + 1e-9) and np.diff(figure.axes[0].get_ylim()) > 1.99


def test_what_a_log_axis_cannot_show_is_left_out():
    figure = plots.learning_curve(History([0, 10, 100], [-543.0, -300.0, -200.0], [np.nan] * 3))
    assert lines(figure)["train"].get_xdata().tolist() == [10, 100]


@pytest.mark.parametrize("history", [History(), History([100], [np.nan], [np.nan], [1])])
def test_a_history_without_bounds_is_refused(history):
    with pytest.raises(ValueError, match="history has no finite bound, expected at least one"):
        plots.learning_curve(history)


# Grids of images


@given(
    n=st.integers(1, 9),
    shape=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    columns=st.integers(1, 5),
    gap=st.integers(0, 2),
)
def test_image_grid_goes_along_the_rows_and_is_white_elsewhere(n, shape, columns, gap):
    images = np.random.default_rng(n).random((n, *shape)) * 0.9
    grid = plots.image_grid(images.reshape(n, -1), shape, columns, gap)
    rows = -(-n // columns)
    assert grid.shape == (
        rows * (shape[0] + gap) - gap,
        columns * (shape[1] + gap) - gap,
    )
    for k, image in enumerate(images):
        np.testing.assert_allclose(tile(grid, *divmod(k, columns), shape, gap), image, rtol=1e-6)
    assert np.count_nonzero(grid == 1) == grid.size - images.size


def test_image_grid_is_about_square_by_default():
    assert plots.image_grid(np.zeros((7, 6)), (3, 2)).shape == (9, 6)


def test_image_grid_clips_floats_and_scales_uint8():
    assert plots.image_grid([[-3.0, 0.25, 7.0]], (1, 3)).tolist() == [[0, 0.25, 1]]
    np.testing.assert_allclose(
        plots.image_grid(np.array([[0, 51, 255]], np.uint8), (3, 1)), [[0], [0.2], [1]], rtol=1e-6
    )


@pytest.mark.parametrize(
    ("images", "options", "message"),
    [
        (np.zeros(6), {}, r"images has shape \(6,\), expected \(n, features\)"),
        (np.zeros((0, 6)), {}, r"images has shape \(0, 6\)"),
        (np.full((1, 6), np.nan), {}, "images has pixels that are NaN"),
        (np.array([["a"] * 6]), {}, "images has dtype <U1, expected real numbers"),
        (np.zeros((2, 6)), {"columns": 0}, "columns is 0, expected a whole number"),
        (np.zeros((2, 6)), {"gap": -1}, "gap is -1, expected a whole number"),
    ],
)
def test_image_grid_refuses(images, options, message):
    with pytest.raises(ValueError, match=message):
        plots.image_grid(images, (3, 2), **options)


@pytest.mark.parametrize("shape", [(3, 3), (2,), (1, 2, 3), 6, (1.5, 4), (-2, -3), None])
def test_an_image_shape_that_does_not_fit_is_refused(shape):
    vae, params = model(6)
    x = np.zeros((1, 6))
    for draw in (
        lambda: plots.image_grid(x, shape),
        lambda: plots.samples(vae, params, shape),
        lambda: plots.reconstructions(vae, params, x, shape),
        lambda: plots.manifold(vae, params, shape),
    ):
        with pytest.raises(ValueError, match=r"^image_shape is .*, expected .* n_features = 6$"):
            draw()


def test_samples_are_means_of_the_model():
    vae, params = model(6, n_latent=3)
    grid = shown(plots.samples(vae, params, (3, 2), n=4, rng=np.random.default_rng(5)))
    means = vae.sample(params, 4, np.random.default_rng(5), mean=True).reshape(-1, 3, 2)
    for k, mean in enumerate(means):
        np.testing.assert_allclose(tile(grid, *divmod(k, 2), (3, 2), 1), mean, rtol=1e-6)


def test_samples_are_a_hundred_and_the_same_each_time_by_default():
    vae, params = model(6)
    first, second = (shown(plots.samples(vae, params, (3, 2))) for _ in range(2))
    assert first.shape == (10 * 4 - 1, 10 * 3 - 1)
    np.testing.assert_array_equal(first, second)


def test_reconstructions_stand_below_their_originals():
    vae, params = model(6)
    x = RNG.integers(0, 255, (13, 6), dtype=np.uint8)
    figure = plots.reconstructions(vae, params, x, (3, 2))
    grid, again = shown(figure), vae.reconstruct(params, x)
    assert grid.shape == (2 * 7 + 3, 10 * 2 + 9 * 3)
    for k in range(len(x)):
        band, column = divmod(k, 10)
        pair = tile(grid, band, column, (7, 2), 3)
        np.testing.assert_allclose(pair[:3], x[k].reshape(3, 2) / 255, rtol=1e-6)
        np.testing.assert_allclose(pair[4:], again[k].reshape(3, 2), rtol=1e-6)
        assert (pair[3] == 1).all()


def test_a_few_reconstructions_leave_no_blank_columns():
    vae, params = model(6)
    assert shown(plots.reconstructions(vae, params, RNG.random((2, 6)), (3, 2))).shape == (7, 7)


def test_rows_of_reconstructions_are_named_in_the_margin():
    vae, params = model(6)
    figure = plots.reconstructions(vae, params, RNG.random((13, 6)), (3, 2))
    labels = figure.axes[0].get_yticklabels()
    assert [text.get_text() for text in labels] == ["original", "reconstruction"] * 2
    assert figure.axes[0].get_yticks().tolist() == [1, 5, 11, 15]  # the middles of the images
    for box in extents(figure, labels):
        assert box.x0 >= 0 and box.x1 <= figure.axes[0].bbox.x0


def test_reconstructions_refuse_data_that_do_not_fit():
    vae, params = model(6)
    with pytest.raises(ValueError, match="x has 5 features, the model expects 6"):
        plots.reconstructions(vae, params, np.zeros((2, 5)), (3, 2))


# The latent plane


def test_manifold_goes_through_the_quantiles_right_and_up():
    grid = shown(plots.manifold(*plane(), (1, 2), n=20))
    assert grid.shape == (20, 40)
    z = (grid.reshape(20, 20, 2) - 0.5) / 0.1
    corner = ndtri(0.5 / 20)  # -1.96
    np.testing.assert_allclose(z[0, 0], [corner, -corner], rtol=1e-5)
    np.testing.assert_allclose(z[-1, 0], [corner, corner], rtol=1e-5)
    np.testing.assert_allclose(z[-1, -1], [-corner, corner], rtol=1e-5)
    quantiles = ndtri((np.arange(20) + 0.5) / 20)
    np.testing.assert_allclose(z[7, :, 0], quantiles, rtol=1e-4)
    np.testing.assert_allclose(z[::-1, 7, 1], quantiles, rtol=1e-4)


def test_manifold_of_one_image_is_the_centre():
    np.testing.assert_allclose(shown(plots.manifold(*plane(), (2, 1), n=1)), [[0.5], [0.5]])


@pytest.mark.parametrize("n_latent", [1, 3])
def test_only_a_plane_can_be_drawn(n_latent):
    vae, params = model(6, n_latent)
    message = f"n_latent is {n_latent}, expected 2"
    with pytest.raises(ValueError, match=message):
        plots.manifold(vae, params, (3, 2))
    with pytest.raises(ValueError, match=message):
        plots.latent_space(vae, params, np.zeros((1, 6)))


def test_manifold_refuses_a_bad_count():
    with pytest.raises(ValueError, match="n is 0, expected a whole number of at least 1"):
        plots.manifold(*plane(), (1, 2), n=0)


@pytest.mark.parametrize("names", [np.arange(10), np.array(list("abcdefghij"))])
def test_latent_space_puts_each_mean_in_its_classs_colour(names):
    x = RNG.random((40, 2))
    k = np.arange(40) % 10
    figure = plots.latent_space(*plane(), x, names[k])
    (points,) = figure.axes[0].collections
    order = np.lexsort(points.get_offsets().T)
    expected = np.lexsort((10 * (x - 0.5)).T)
    np.testing.assert_allclose(points.get_offsets()[order], 10 * (x[expected] - 0.5), atol=1e-6)
    colors = [to_rgba(plots.PALETTE[i], 0.7) for i in k[expected]]
    np.testing.assert_allclose(points.get_facecolors()[order], colors)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.texts] == [str(name) for name in names]
    assert [handle.get_color() for handle in legend.legend_handles] == list(plots.PALETTE)
    box, axes_box = extents(figure, [legend, figure.axes[0]])
    assert box.x0 >= axes_box.x1 and box.x1 <= figure.bbox.x1


def test_no_class_lies_on_top():
    x, labels = RNG.random((40, 2)), np.repeat([0, 1], 20)
    (points,) = plots.latent_space(*plane(), x, labels).axes[0].collections
    last = points.get_facecolors()[20:]
    assert 5 < (last == to_rgba(plots.PALETTE[1], 0.7)).all(axis=1).sum() < 15


def test_latent_space_without_labels():
    figure = plots.latent_space(*plane(), RNG.random((5, 2)))
    (points,) = figure.axes[0].collections
    assert {tuple(color) for color in points.get_facecolors()} == {to_rgba(plots.PALETTE[0], 0.7)}
    assert not figure.legends


@pytest.mark.parametrize("spread", [0.001, 1, 4])
def test_latent_space_shows_all_points_and_the_prior_to_scale(spread):
    x = 0.5 + spread * (RNG.random((50, 2)) - 0.5) * [1, 0.2]
    figure = plots.latent_space(*plane(), x, np.arange(50) % 3)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    mu = 10 * (x - 0.5)
    assert ([left, bottom] < mu.min(axis=0).clip(max=-2)).all()
    assert ([right, top] > mu.max(axis=0).clip(min=2)).all()
    width, height = axes.get_window_extent().size
    # matplotlib leaves an aspect as it is that is off by less than half a percent.
    assert width / (right - left) == pytest.approx(height / (top - bottom), rel=0.0051)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros(4), r"labels has shape \(4,\), expected \(12,\) as x has 12 rows"),
        (np.zeros((12, 1)), r"labels has shape \(12, 1\)"),
        (np.arange(12), "labels has 12 classes, expected at most 10"),
    ],
)
def test_latent_space_refuses_labels(labels, message):
    with pytest.raises(ValueError, match=message):
        plots.latent_space(*plane(), RNG.random((12, 2)), labels)


# Files, notebooks, the look


def figures():
    vae, params = model(6)
    x = RNG.random((12, 6))
    yield plots.learning_curve(CURVE)
    yield plots.samples(vae, params, (3, 2))
    yield plots.reconstructions(vae, params, x, (3, 2))
    yield plots.manifold(vae, params, (3, 2))
    yield plots.latent_space(vae, params, x, np.arange(12) % 10)


@pytest.mark.parametrize(("shape", "n"), [((57, 31), 1), ((28, 28), 100), ((28, 20), 3)])
def test_a_saved_picture_has_the_models_pixels(tmp_path, shape, n):
    vae, params = model(shape[0] * shape[1])
    figure = plots.samples(vae, params, shape, n)
    plots.save(figure, tmp_path / "x.png")
    pixels, grid = imread(tmp_path / "x.png"), shown(figure)
    scale = 2 * (640 // max(grid.shape))
    assert pixels.shape[:2] == (scale * grid.shape[0], scale * grid.shape[1])
    for channel in range(3):  # of 256 greys
        np.testing.assert_allclose(
            pixels[..., channel], np.kron(grid, np.ones((scale, scale))), atol=2 / 255
        )


def test_the_same_figure_gives_the_same_bytes_whatever_the_users_settings(tmp_path):
    path = tmp_path / "x.png"
    ours = {
        "figure.facecolor": "black",
        "text.color": "white",
        "font.size": 30,
        "lines.marker": "x",
    }
    ours |= {"xtick.labelsize": 40, "savefig.bbox": "tight", "savefig.facecolor": "red"}
    for k, figure in enumerate(figures()):
        plots.save(figure, path)
        first = path.read_bytes()
        assert first.startswith(b"\x89PNG") and b"tEXt" not in first and b"Matplotlib" not in first
        plots.save(figure, path)
        assert path.read_bytes() == first
        if k == 0:  # settings at any time: when it is made, and when it is drawn
            with matplotlib.rc_context(ours):
                figure = plots.learning_curve(CURVE)
                plots.save(figure, path)
                assert path.read_bytes() == first
                assert matplotlib.rcParams["font.size"] == 30
    assert list(tmp_path.iterdir()) == [path]


def test_a_figure_keeps_its_look_when_someone_else_draws_it():
    pictures = []
    for theirs in ({}, {"axes.unicode_minus": False, "xtick.labelsize": 40}):
        canvas = FigureCanvasAgg(plots.learning_curve(CURVE))
        with matplotlib.rc_context(theirs):
            canvas.draw()
        pictures.append(np.array(canvas.buffer_rgba()))
    np.testing.assert_array_equal(*pictures)


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "x.png"
    path.write_bytes(b"old")

    def no_space(*_):
        raise OSError("no space left")

    monkeypatch.setattr(Path, "replace", no_space)
    with pytest.raises(OSError, match="no space left"):
        plots.save(plots.learning_curve(CURVE), path)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["x.pdf", "x"])
def test_save_writes_png_only(tmp_path, name):
    with pytest.raises(ValueError, match=r"expected a name that ends in \.png"):
        plots.save(plots.learning_curve(CURVE), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_notebook_gets_the_saved_picture_at_half_its_size(tmp_path):
    figure = plots.learning_curve(CURVE)
    png, size = figure._repr_png_()
    plots.save(figure, tmp_path / "x.PNG")
    assert (tmp_path / "x.PNG").read_bytes() == png
    assert imread(tmp_path / "x.PNG").shape[:2] == (2 * size["height"], 2 * size["width"])


def test_pyplot_is_never_imported(tmp_path):
    code = (
        "import sys; from minivae import plots; from minivae.training.history import History; "
        "figure = plots.learning_curve(History([10], [-2.0], [-3.0], [0])); "
        f"plots.save(figure, {str(tmp_path / 'x.png')!r}); figure._repr_png_(); "
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def oklab(rgb):
    """Colours in the space of Ottosson (2020), where distances are what the eye sees."""
    to_lms = [[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]]
    to_lab = [[0.2105, 0.7936, -0.0041], [1.9780, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]]
    return np.cbrt(rgb @ np.transpose(to_lms)) @ np.transpose(to_lab)


@pytest.mark.parametrize(
    "simulation",  # of linear RGB, Machado, Oliveira and Fernandes (2009), severity 1
    [
        [[0.1523, 1.0526, -0.2049], [0.1145, 0.7863, 0.0992], [-0.0039, -0.0481, 1.0520]],
        [[0.3673, 0.8606, -0.2280], [0.2801, 0.6725, 0.0474], [-0.0118, 0.0429, 0.9689]],
        [[1.2555, -0.0767, -0.1788], [-0.0784, 0.9308, 0.1476], [0.0047, 0.6914, 0.3039]],
        np.eye(3),
    ],
    ids=["protanopia", "deuteranopia", "tritanopia", "all cones"],
)
def test_ten_colours_are_as_far_apart_as_the_eight_of_okabe_and_ito(simulation):
    rgb = np.array([to_rgb(color) for color in plots.PALETTE])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    lab = oklab((linear @ np.transpose(simulation)).clip(0, 1))

    def nearest(colors):
        return min(np.linalg.norm(a - b) for a, b in itertools.combinations(colors, 2))

    assert nearest(lab) == nearest(lab[:8]) > 0.07


# Figures 2 and 3


def method_table(offset, quantity="bound", errors=False):
    samples = np.array([1e4, 1e5, 1e6])
    table = {"samples": samples}
    for k, part in enumerate(("train", "test")):
        table[f"{part}_{quantity}"] = offset - k + np.array([-160.0, -130.0, -110.0])
        if errors:
            table[f"{part}_{quantity}_error"] = np.array([1.0, 2.0, 3.0])
    return table


def test_bounds_of_methods_are_laid_out_in_rows_of_panels():
    tables = {"aevb": method_table(0), "wake-sleep": method_table(-5)}
    top = [(f"MNIST, $N_z$ = {n}", tables, (-150, -100)) for n in (3, 5, 200)]
    bottom = [("Frey Faces", tables, (0, 1600)), ("unknown", {"aevb": tables["aevb"]}, None)]
    figure = plots.bounds_of_methods([top, bottom])
    figure.draw_without_rendering()
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == [title for title, *_ in top + bottom]
    tops = [axes.get_position().y1 for axes in figure.axes]
    assert min(tops[:3]) > max(tops[3:]) + 0.2
    assert figure.axes[1].get_ylim() == (-150, -100) and figure.axes[3].get_ylim() == (0, 1600)
    for axes in figure.axes:
        assert axes.get_xscale() == "log"
        assert axes.get_xlim() == (1e5, 1e6)
    for line, (method, part) in zip(
        figure.axes[0].lines,
        itertools.product(tables, ("test", "train")),
        strict=True,
    ):
        np.testing.assert_array_equal(line.get_ydata(), tables[method][f"{part}_bound"])
        np.testing.assert_array_equal(line.get_xdata(), tables[method]["samples"])
    styles = [(line.get_color(), line.get_linestyle()) for line in figure.axes[0].lines]
    assert len(set(styles)) == 4 and len({color for color, _ in styles}) == 2
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "AEVB (test)", "AEVB (train)", "wake-sleep (test)", "wake-sleep (train)",
    ]  # fmt: skip
    assert [(h.get_color(), h.get_linestyle()) for h in legend.legend_handles] == styles


def test_panels_of_a_row_end_at_the_same_number_of_samples():
    short, long = method_table(0), method_table(0)
    long["samples"] = 100 * long["samples"]
    panels = [("short", {"aevb": short}, None), ("long", {"aevb": short, "wake-sleep": long}, None)]
    figure = plots.bounds_of_methods([panels, panels[:1]])
    assert [axes.get_xlim()[1] for axes in figure.axes] == [1e8, 1e8, 1e6]


def test_every_decade_has_its_label_in_a_row_of_small_panels():
    table = method_table(0) | {"samples": np.array([1e4, 1e6, 1e8])}
    figure = plots.bounds_of_methods([[("x", {"aevb": table}, None)] * 5])
    figure.set_size_inches(10, 3)
    figure.draw_without_rendering()
    shown = {label.get_text() for label in figure.axes[0].get_xticklabels()}
    assert {"100k", "1M", "10M", "100M"} <= shown


def test_bounds_of_short_curves_are_shown():
    table = {name: values[:1] for name, values in method_table(0).items()}
    figure = plots.bounds_of_methods([[("one point", {"aevb": table}, None)]])
    left, right = figure.axes[0].get_xlim()
    assert left <= 1e4 < right


def test_the_range_over_seeds_is_shaded():
    table = method_table(0)
    plain = plots.bounds_of_methods([[("x", {"aevb": table}, None)]])
    assert len(plain.axes[0].collections) == 0
    spread = np.array([[-2.0, -1.0, 0.0], [3.0, 2.0, 1.0]])
    for part in ("train", "test"):
        table[f"{part}_bound_range"] = table[f"{part}_bound"] + spread
    figure = plots.bounds_of_methods([[("x", {"aevb": table}, None)]])
    shaded = [band.get_paths()[0].vertices for band in figure.axes[0].collections]
    assert len(shaded) == 2
    for vertices, part in zip(shaded, ("test", "train"), strict=True):
        for n, lowest, highest in zip(table["samples"], *table[f"{part}_bound_range"], strict=True):
            of_point = vertices[vertices[:, 0] == n, 1]
            assert (of_point.min(), of_point.max()) == (lowest, highest)


def test_a_curve_that_ends_beyond_the_axis_has_a_note():
    tables = {"aevb": method_table(0), "wake-sleep": method_table(-45)}  # to -111 and -156
    figure = plots.bounds_of_methods([[("x", tables, (-150, -100))]])
    (note,) = figure.axes[0].texts
    assert note.get_text() == "wake-sleep ends at \N{MINUS SIGN}156.0"
    assert note.get_color() == figure.axes[0].lines[2].get_color()
    assert not plots.bounds_of_methods([[("x", tables, (-160, -100))]]).axes[0].texts


def test_log_likelihoods_of_methods_have_error_bars():
    tables = {m: method_table(-k, "log_px", True) for k, m in enumerate(("aevb", "mcem"))}
    panels = [("$N$ = 1000", tables, (-160, -100)), ("$N$ = 50000", tables, None)]
    figure = plots.log_likelihoods_of_methods(panels)
    axes = figure.axes[0]
    assert len(figure.axes) == 2 and axes.get_ylim() == (-160, -100)
    assert axes.get_xscale() == "linear" and axes.get_xlim()[0] == 0
    assert len(axes.lines) == len(axes.collections) == 4
    bars = np.array([segment[:, 1] for segment in axes.collections[0].get_segments()])
    middle, error = tables["aevb"]["test_log_px"], tables["aevb"]["test_log_px_error"]
    np.testing.assert_allclose(bars, np.stack([middle - error, middle + error], axis=1))


# Figures 4 and 5: several grids


def test_side_by_side_keeps_pixels_whole(tmp_path):
    rng = np.random.default_rng(0)
    grids = [rng.integers(0, 2, shape).astype(float) for shape in ((40, 30), (20, 50), (40, 20))]
    figure = plots.side_by_side(grids, ["a", "b", "c"])
    assert [axes.get_title() for axes in figure.axes] == ["a", "b", "c"]
    plots.save(figure, tmp_path / "x.png")
    picture = imread(tmp_path / "x.png")[..., 0]
    left, scale = 0, 2 * (1300 // 100)  # files have twice the screen's resolution
    for grid in grids:
        height, width = scale * len(grid), scale * grid.shape[1]
        top = 2 * 30
        shown_here = picture[top : top + height, left : left + width]
        np.testing.assert_array_equal(shown_here, np.kron(grid, np.ones((scale, scale))))
        left += width + 2 * 20
    assert picture.shape[1] == left - 2 * 20
    assert picture[: 2 * 30].min() < 0.5  # the titles are not cut off


# Interpolation


def test_interpolation_goes_in_equal_steps_from_one_datapoint_to_the_other():
    """The plane's pixels are 0.5 + 0.1 z and z is 10 (x - 0.5): every x is its reconstruction."""
    vae, params = plane()
    x_from, x_to = np.array([[0.2, 0.4], [0.0, 1.0]]), np.array([[0.8, 0.4], [1.0, 0.0]])
    grid = shown(plots.interpolation(vae, params, x_from, x_to, (2, 1), steps=4))
    columns = grid[:, [0, 3, 5, 7, 9, 12]]  # one wide, one apart, two more at the ends
    expected = np.linspace(x_from, x_to, 4, axis=1)  # (pair, step, pixel)
    expected = np.concatenate([x_from[:, None], expected, x_to[:, None]], axis=1)
    np.testing.assert_allclose(columns[:2], expected[0].T, atol=1e-6)
    np.testing.assert_allclose(columns[3:], expected[1].T, atol=1e-6)
    assert np.all(grid[:, [1, 2, 4, 6, 8, 10, 11]] == 1) and grid.shape == (5, 13)


def test_interpolation_takes_uint8_pixels():
    vae, params = model()
    x = RNG.integers(0, 256, (2, 6), dtype=np.uint8)
    a = shown(plots.interpolation(vae, params, x[:1], x[1:], (3, 2)))
    b = shown(plots.interpolation(vae, params, x[:1] / 255, x[1:] / 255, (3, 2)))
    np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x_to": np.zeros((2, 6))}, "x_to has 2 rows, expected 1 as x_from has"),
        ({"x_to": np.zeros((1, 5))}, "x_to has 5 features, the model expects 6"),
        ({"steps": 1}, "steps is 1, expected a whole number of at least 2"),
        ({"image_shape": (2, 2)}, "image_shape is"),
    ],
)
def test_impossible_interpolations(arguments, message):
    vae, params = model()
    x = np.zeros((1, 6))
    with pytest.raises(ValueError, match=message):
        plots.interpolation(
            vae, params, **{"x_from": x, "x_to": x, "image_shape": (3, 2), **arguments}
        )


# Latents


def test_latent_usage_is_drawn_in_order():
    kl = np.array([0.001, 3.0, 1.5, 0.0])
    usage = LatentUsage(kl, np.array([0, 1, 0.5, 0]), np.array([False, True, True, False]), -90.0)
    axes = plots.latent_usage(usage).axes[0]
    bars = sorted(axes.patches, key=lambda bar: bar.get_x())
    assert [bar.get_height() for bar in bars] == [3.0, 1.5, 0.001, 0.0]
    np.testing.assert_allclose([bar.get_x() + bar.get_width() / 2 for bar in bars], [1, 2, 3, 4])
    colors = [bar.get_facecolor() for bar in bars]
    assert colors[0] == colors[1] == to_rgba(plots.PALETTE[0]) != colors[2] == colors[3]
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["2 active", "2 inactive"]


def test_latent_usage_of_a_single_latent():
    usage = LatentUsage(np.array([2.0]), np.array([0.9]), np.array([True]), -90.0)
    axes = plots.latent_usage(usage).axes[0]
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["1 active"]


# Skills


def belief():
    return Gaussian(np.array([0.5, -1.0, 2.0, 0.3]), np.diag([0.04, 0.25, 0.01, 1.0]))


def test_the_league_table_has_the_most_skilful_on_top_and_error_bars():
    figure = league_table(["B", "A", "C"], belief(), np.array([50, 20, 70]))
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["A  20", "B  50", "C  70"]
    (bars,) = axes.containers
    np.testing.assert_allclose(bars.lines[0].get_xdata(), [-1, 0.5, 2])
    (segments,) = bars.lines[2]
    spans = [segment[:, 0] for segment in segments.get_segments()]
    np.testing.assert_allclose(spans, [[-1.5, -0.5], [0.3, 0.7], [1.9, 2.1]])
    assert "noise of a match" in axes.get_xlabel()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([None] * 4 + ["a"] * 4, "labels are of several types, expected numbers or texts"),
        (np.ma.masked_less(np.arange(8), 2), "labels has 2 masked values"),
    ],
)
def test_labels_that_are_none(labels, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        plots.latent_space(*plane(), np.zeros((8, 2)), labels)


def test_a_path_that_is_none():
    with pytest.raises(ValueError, match=r"^path is 5, expected a path"):
        plots.save(plots.manifold(*plane(), (2, 1), n=1), 5)


def test_no_calibration_curve_is_left_out():
    curve = Calibration(*np.full((4, 2), 0.5))
    with pytest.raises(ValueError, match=r"^curves has 11 entries, expected at most 10"):
        calibration_curve({str(k): curve for k in range(11)})


def test_a_calibration_curve_per_method():
    curve = Calibration(*np.array([[0.2, 0.8], [0.3, 0.7], [0.1, 0.05], [9, 9]]))
    axes = calibration_curve({"EP": curve, "Elo": curve}).axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["EP", "Elo"]
    for bars in axes.containers:
        np.testing.assert_allclose(bars.lines[0].get_xydata(), [[0.2, 0.3], [0.8, 0.7]])


def test_a_league_table_of_the_wrong_size():
    with pytest.raises(ValueError, match="teams has 5 names, expected at most 4"):
        league_table(list("ABCDE"), belief())
    with pytest.raises(ValueError, match=r"points has shape \(2,\), expected \(3,\)"):
        league_table(list("ABC"), belief(), np.zeros(2))
