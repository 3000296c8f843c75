"""The recurrent layer under every mask, and words as vectors."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from randomness import examples
from scipy.special import expit

from minivae import Params, check_grad
from minivae.engine.arena import ElasticArena
from minivae.layers.embedding import Embedding, Scatter
from minivae.layers.recurrent import LSTM, steps_of
from minivae.parts import sum_up

masks = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=4))
HOLES = np.array([[1, 0, 1, 1], [0, 0, 1, 0], [1, 1, 0, 1], [0, 0, 0, 0]], bool)


class Problem:
    """A layer with numbers for all that goes in, and for the gradient of all that comes out."""

    def __init__(self, mask, n_in=3, n_out=2, seed=0):
        rng = np.random.default_rng(seed)
        self.layer, self.mask, self.steps = LSTM(n_in, n_out), mask, steps_of(mask)
        self.params = Params(self.layer.shapes)
        self.params.vector[:] = rng.standard_normal(self.params.vector.size)
        self.padded = rng.standard_normal((*mask.shape, n_in))  # (m, T, n_in)
        self.start = rng.standard_normal((len(mask), 2 * n_out))
        self.dh = rng.standard_normal((*mask.shape, n_out))
        self.dlast = rng.standard_normal((len(mask), 2 * n_out))

    def rows(self, padded):
        return np.swapaxes(padded, 0, 1)[self.mask.T]

    def forward(self):
        x = self.rows(self.padded)
        return self.layer.forward(self.params, x, self.steps, self.start)

    def backward(self, saved):
        dx, dstart, parts = self.layer.backward(self.params, saved, self.rows(self.dh), self.dlast)
        return dx, dstart, sum_up(parts, self.params)


@examples(25)
@given(masks)
def test_gradient_through_time_under_any_mask(mask):
    problem = Problem(mask)

    def f(arrays):
        for name in problem.params:
            problem.params[name][...] = arrays[name]
        problem.padded, problem.start = arrays["x"], arrays["start"]
        h, last, saved = problem.forward()
        value = np.sum(problem.rows(problem.dh) * h) + np.sum(problem.dlast * last)
        dx, dstart, grad = problem.backward(saved)
        dpadded = np.zeros_like(problem.padded)
        np.swapaxes(dpadded, 0, 1)[mask.T] = dx
        return float(value), {**{n: grad[n] for n in grad}, "x": dpadded, "start": dstart}

    arrays = {name: problem.params[name].copy() for name in problem.params}
    check_grad(f, {**arrays, "x": problem.padded, "start": problem.start})


@examples(25)
@given(masks)
def test_a_masked_step_changes_nothing(mask):
    """A sequence with steps left out is the sequence that never had them."""
    together = Problem(mask)
    h, last, saved = together.forward()
    _, dstart, grad = together.backward(saved)
    total = np.zeros_like(grad.vector)
    for k, of_sequence in enumerate(mask):
        alone = Problem(np.ones((1, of_sequence.sum()), bool))
        alone.params, alone.start = together.params, together.start[k : k + 1]
        alone.padded, alone.dh = (
            together.padded[k : k + 1, of_sequence],
            together.dh[k, of_sequence][None],
        )
        alone.dlast = together.dlast[k : k + 1]
        its_h, its_last, its_saved = alone.forward()
        _, its_dstart, its_grad = alone.backward(its_saved)
        np.testing.assert_allclose(h[together.steps.sequence == k], its_h, rtol=1e-12)
        np.testing.assert_allclose(last[k], its_last[0], rtol=1e-12)
        np.testing.assert_allclose(dstart[k], its_dstart[0], rtol=1e-10, atol=1e-12)
        total += its_grad.vector
    np.testing.assert_allclose(grad.vector, total, rtol=1e-10, atol=1e-12)


def test_a_sequence_without_steps_ends_as_it_began():
    problem = Problem(HOLES)
    _, last, _ = problem.forward()
    np.testing.assert_array_equal(last[3], problem.start[3])


def test_the_cells_are_those_of_the_formula():
    problem = Problem(np.ones((1, 3), bool))
    h, last, _ = problem.forward()
    W, U, b = (problem.params[name] for name in "WUb")
    (before, c) = np.split(problem.start[0], 2)
    for t in range(3):
        i, f, g, o = np.split(problem.padded[0, t] @ W + before @ U + b, 4)
        c = expit(f) * c + expit(i) * np.tanh(g)
        before = expit(o) * np.tanh(c)
        np.testing.assert_allclose(h[t], before, rtol=1e-12)
    np.testing.assert_allclose(last[0], [*before, *c], rtol=1e-12)


def test_without_a_start_it_is_zero():
    problem = Problem(HOLES)
    problem.start[:] = 0
    x = problem.rows(problem.padded)
    h, _, _ = problem.forward()
    np.testing.assert_array_equal(problem.layer.forward(problem.params, x, problem.steps)[0], h)


def test_sequences_in_order_of_their_lengths_are_read_without_copies():
    lengths = np.array([4, 4, 2, 1])[:, None]
    steps = steps_of(np.arange(5) < lengths)
    assert all(isinstance(before, slice) for before in steps.before)
    assert [rows.stop - rows.start for rows in steps.rows] == [4, 3, 2, 2]
    assert not all(isinstance(before, slice) for before in steps_of(HOLES).before)


def test_forget_gates_begin_open():
    params = Params(LSTM(3, 2).shapes)
    LSTM(3, 2).init(params, np.random.default_rng(0), 0.3)
    np.testing.assert_array_equal(params["b"], [0, 0, 1, 1, 0, 0, 0, 0])
    assert 0.1 < params["W"].std() < 0.5 and 0.1 < params["U"].std() < 0.5


def test_memory_used_again_changes_nothing():
    arena = ElasticArena()
    for mask in (HOLES, HOLES[:1, :2], np.ones((5, 6), bool), HOLES):
        problem = Problem(mask)
        x, new = problem.rows(problem.padded), arena.again()
        _, last, saved = problem.layer.forward(problem.params, x, problem.steps, problem.start, new)
        given = problem.rows(problem.dh), problem.dlast
        dx, _, parts = problem.layer.backward(problem.params, saved, *given, new)
        _, fresh_last, fresh = problem.forward()
        fresh_dx, _, grad = problem.backward(fresh)
        np.testing.assert_array_equal(last, fresh_last)
        np.testing.assert_array_equal(dx, fresh_dx)
        np.testing.assert_array_equal(sum_up(parts, problem.params).vector, grad.vector)


# --- Words as vectors -----------------------------------------------------------------------------


@given(st.lists(st.integers(0, 3), max_size=12), st.integers(0, 4), st.integers(1, 3))
def test_every_place_of_a_word_counts(words, first, width):
    words = np.array(words, np.int32)
    dx = np.random.default_rng(0).standard_normal((len(words), width))
    whole = np.array([dx[words == word].sum(axis=0) for word in range(4)]).reshape(4, width)
    out = np.full((4 - first) * width, np.nan)
    Scatter(words, dx).write(out, first * width)
    np.testing.assert_allclose(out, whole[first:].ravel(), rtol=1e-12, atol=1e-12)


def test_words_are_looked_up():
    layer = Embedding(4, 3)
    params = Params(layer.shapes, np.arange(12.0))
    x, _ = layer.forward(params, np.array([2, 0, 2], np.int32))
    np.testing.assert_array_equal(x, [[6, 7, 8], [0, 1, 2], [6, 7, 8]])
