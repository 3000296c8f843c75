"""The memory that a step uses again, and the gradients that threads share."""

import threading
from itertools import pairwise
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_info, threadpool_limits

from minivae import Params
from minivae.engine import lockstep as lockstep_module
from minivae.engine.arena import Arena, SharedArena, own
from minivae.engine.lockstep import Lockstep, cut, deal
from minivae.engine.team import Team
from minivae.parts import Product, Sum, sum_up

# --- Memory ---------------------------------------------------------------------------------------


def test_every_step_gets_the_same_arrays_in_the_same_order():
    arena = Arena()
    wanted = [((2, 3), np.float32), ((2, 3), np.float32), ((4,), np.float64), ((2, 3), np.float64)]
    first = [arena(*each) for each in wanted]
    for array, (shape, dtype) in zip(first, wanted, strict=True):
        assert array.shape == shape and array.dtype == dtype
    assert not any(np.shares_memory(a, b) for i, a in enumerate(first) for b in first[:i])
    again = [arena.again()(*wanted[0]), *(arena(*each) for each in wanted[1:])]
    assert all(a is b for a, b in zip(first, again, strict=True))


def test_a_step_that_goes_another_way_gets_other_arrays():
    arena = Arena()
    first, second = arena((2, 3)), arena((2, 3))
    other = arena.again()((3, 2))
    assert other.shape == (3, 2) and not np.shares_memory(other, first)
    assert arena((2, 3)) is second
    assert arena.again()((2, 3)) is first


@pytest.mark.parametrize("new", [np.empty, Arena()], ids=["fresh", "arena"])
def test_what_is_owned_can_be_overwritten_and_is_the_same(new):
    fixed = np.arange(6.0)
    fixed.flags.writeable = False
    for array in (
        np.arange(6.0).reshape(2, 3)[:, ::-1],
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.broadcast_to(np.arange(3.0), (2, 3)),
        fixed.reshape(2, 3),
    ):
        copy = own(array, np.float64, new)
        assert copy.flags.c_contiguous and copy.flags.writeable and copy.dtype == np.float64
        assert not np.shares_memory(copy, array)
        np.testing.assert_array_equal(copy, array)


def test_an_arena_knows_its_arrays_in_whatever_shape():
    arena = Arena()
    z = arena((2, 3, 4))
    z[:] = np.arange(24.0).reshape(z.shape)
    for same in (z, z.reshape(6, 4), z[:], z.ravel()):
        assert own(same, z.dtype, arena) is same
    for other in (z[0], z[:, 1:], z.T, z.astype(np.float32), z.copy()):
        assert not np.shares_memory(own(other, z.dtype, arena), z)


def test_parts_of_threads_lie_one_after_the_other():
    memory, lock = {}, threading.Lock()
    parts = slice(0, 2), slice(2, 5)
    arenas = [SharedArena(memory, lock, rows, 5) for rows in parts]
    sizes = [rows.stop - rows.start for rows in parts]
    h = [arena((n, 4), np.float32) for arena, n in zip(arenas, sizes, strict=True)]
    z = [arena((3, n, 2), np.float32) for arena, n in zip(arenas, sizes, strict=True)]
    odd = [arena((7,), np.float32) for arena in arenas]
    for arrays, rows in ((h, 5), (z, 15)):
        whole = arenas[0].whole(arrays[0])
        assert arenas[1].whole(arrays[1]) is whole
        arrays[0][:], arrays[1][:] = 1, 2
        expected = np.repeat([1, 2], [array.size for array in arrays])
        np.testing.assert_array_equal(whole, expected)
        assert whole.size % rows == 0
    flat = z[1].reshape(-1, 2)
    assert arenas[1].whole(flat) is arenas[1].whole(z[1])
    assert arenas[0].whole(odd[0]) is arenas[0].whole(np.ones((2, 4))) is None


# --- Shares of the parameters ---------------------------------------------------------------------

shape_dicts = st.lists(
    st.lists(st.integers(1, 6), max_size=3).map(tuple), min_size=1, max_size=6
).map(lambda shapes: {f"p{k}": shape for k, shape in enumerate(shapes)})


@given(shape_dicts, st.integers(1, 9), st.data())
def test_cuts_tile_the_parameters_between_rows(shapes, count, data):
    names = list(shapes)
    first = data.draw(st.integers(0, len(names) - 1))
    chosen = names[first : data.draw(st.integers(first, len(names) - 1)) + 1]
    params = Params(shapes)
    for name in params:
        rows = params[name].reshape(-1, shapes[name][-1] if shapes[name] else 1)
        rows[:] = np.arange(len(rows))[:, None]
    starts = np.cumsum([0, *(params[name].size for name in names)])
    begin, end = starts[first], starts[first + len(chosen)]
    parts = cut(shapes, chosen, count)
    assert parts[0].start == begin and parts[-1].stop == end and len(parts) == count
    longest = max(shape[-1] if shape else 1 for shape in shapes.values())
    for k, (before, after) in enumerate(pairwise(parts), 1):
        assert before.stop == after.start
        edge = after.start
        assert abs(edge - (begin + (end - begin) * k / count)) <= longest / 2
        if edge not in starts:  # the next row of the same array begins here
            assert params.vector[edge] == params.vector[edge - 1] + 1


@given(shape_dicts, st.integers(1, 9), st.integers(0, 40))
def test_pieces_are_dealt_out_once_and_every_thread_gets_of_every_large_array(shapes, count, large):
    with patch.object(lockstep_module, "_LARGE", large):
        pieces = deal(shapes, list(shapes), count)
    params = Params(shapes)
    owners = Params(shapes, np.full(params.vector.size, -1.0))
    for k, mine in enumerate(pieces):
        for piece in mine:
            assert piece.start < piece.stop
            assert np.all(owners.vector[piece] == -1)
            owners.vector[piece] = k
    assert np.all(owners.vector >= 0)
    for name, shape in shapes.items():
        rows = owners[name].reshape(-1, shape[-1] if shape else 1)
        assert np.all(rows == rows[:, :1])
        if rows.size > large and len(rows) >= 8 * count:  # and small ones are not more than it is
            follow = sum(np.prod(s) for s in shapes.values() if np.prod(s) <= large)
            if follow == 0:
                sizes = [np.sum(owners[name] == k) for k in range(count)]
                assert max(sizes) - min(sizes) <= 2 * rows.shape[1]


# --- Gradients ------------------------------------------------------------------------------------

N, SHAPES = 7, {"W": (2, 3, 4), "b": (4,), "c": (), "unused": (3,)}
X = np.random.default_rng(0).standard_normal((N, 6))
DY = np.random.default_rng(1).standard_normal((N, 4))


def parts_of(x, dy):
    return {"W": Product(x, dy), "b": Sum(dy), "c": Sum(dy[:, 0])}


EXPECTED = sum_up(parts_of(X, DY), Params(SHAPES)).vector


def from_the_arena(new, x, dy):
    mine = new(x.shape, x.dtype), new(dy.shape, dy.dtype)
    mine[0][:], mine[1][:] = x, dy
    return parts_of(*mine)


def fresh(new, x, dy):
    return parts_of(x.copy(), dy.copy(order="F"))


def views(new, x, dy):
    reversed_x = new(x.shape, x.dtype)
    reversed_x[:] = x[:, ::-1]
    return parts_of(reversed_x[:, ::-1], dy)


def other_calls_in_other_threads(new, x, dy):
    if len(x) % 2:
        new(x.shape, x.dtype)[:] = np.nan
    return from_the_arena(new, x, dy)


def not_every_thread(new, x, dy):
    given = parts_of(x, dy)  # this is as good: with a gradient of zero, a thread may leave it out
    return given if dy.any() else {}


@pytest.mark.parametrize("shape", [(), (4,), (2, 3), (2, 3, 2)])
def test_a_sum_is_of_rows_of_any_shape(shape):
    rows = np.random.default_rng(2).standard_normal((N, *shape))
    grad = sum_up({"b": Sum(rows)}, Params({"b": shape}))
    np.testing.assert_allclose(grad["b"], rows.sum(axis=0), rtol=1e-12)


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.parametrize(
    "make", [from_the_arena, fresh, views, other_calls_in_other_threads, not_every_thread]
)
def test_threads_get_the_gradient_of_all_rows_whatever_holds_them(make, threads):
    dy = DY.copy()
    if make is not_every_thread:
        dy[: N // threads if threads > 1 else 0] = 0
    expected = sum_up(parts_of(X, dy), Params(SHAPES)).vector
    found, finished = {}, []
    with Team(threads) as team:
        lockstep = Lockstep(team, N, SHAPES, np.float64, [list(SHAPES)])

        def fetch(k, step, new):
            x = new((lockstep.rows[k].stop - lockstep.rows[k].start, 6), np.float64)
            x[:] = X[lockstep.rows[k]]
            return x, dy[lockstep.rows[k]]

        def forward_backward(k, fetched, new):
            return 1.0, make(new, *fetched)

        def update(step, piece, gradient):
            found.setdefault(step, np.full(EXPECTED.size, np.nan))[piece] = gradient

        def finish(step, bound):
            finished.append((step, bound))

        assert lockstep.run(5, 3, fetch, forward_backward, update, finish) == [threads] * 3
    assert finished == [(step, threads) for step in (5, 6, 7)]
    assert sorted(found) == [5, 6, 7]
    for gradient in found.values():
        np.testing.assert_allclose(gradient, expected, rtol=1e-12, atol=1e-14)


def test_a_parameter_without_a_part_in_this_step_has_no_gradient():
    found = []
    with Team(1) as team:
        lockstep = Lockstep(team, N, {"b": (4,)}, np.float64, [["b"]])
        lockstep.run(
            0, 2, lambda k, step, new: step,
            lambda k, step, new: (0.0, {} if step else {"b": Sum(DY)}),
            lambda step, piece, gradient: found.append(gradient.copy()),
        )  # fmt: skip
    np.testing.assert_allclose(found, [DY.sum(axis=0), np.zeros(4)])


@pytest.mark.parametrize("threads", [1, 2])
def test_a_part_for_a_parameter_that_there_is_not_is_refused(threads):
    with Team(threads) as team:
        lockstep = Lockstep(team, N, {"b": (4,)}, np.float64, [["b"]])
        with pytest.raises(ValueError, match=r"part of a gradient for 'c', expected one of .* b$"):
            lockstep.run(
                0, 1, lambda k, step, new: step,
                lambda k, step, new: (0.0, {"b": Sum(DY), "c": Sum(DY)}),
                lambda step, piece, gradient: None,
            )  # fmt: skip


# --- BLAS -----------------------------------------------------------------------------------------


def test_blas_has_its_threads_back_when_the_last_user_is_out():
    # As fits do in two threads of Python that end in the order in which they began.
    def threads():
        return [library["num_threads"] for library in threadpool_info() if is_blas(library)]

    def is_blas(library):
        return library["user_api"] == "blas"

    with threadpool_limits(2, user_api="blas"):
        before = threads()
        first, second = (
            lockstep_module.blas_single_threaded(),
            lockstep_module.blas_single_threaded(),
        )
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert set(threads()) == {1}
        second.__exit__(None, None, None)
        assert threads() == before
