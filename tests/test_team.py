"""The team of threads: everyone works, everyone waits, and a failure in one ends all."""

import threading
import time

import numpy as np
import pytest

from minivae.engine.team import Team, available_cores, default_threads
from minivae.layers import work
from minivae.vae import VAE


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_run_calls_the_task_once_in_every_thread(size):
    calls = [[] for _ in range(size)]
    with Team(size) as team:
        for _ in range(10):
            team.run(lambda k: calls[k].append(threading.get_ident()))
    assert all(len(set(own)) == 1 and len(own) == 10 for own in calls)
    assert calls[0][0] == threading.get_ident()
    assert len({own[0] for own in calls}) == size


@pytest.mark.parametrize("size", [2, 3, 5])
def test_nobody_passes_a_barrier_before_all_have_come(size):
    """Each thread writes, meets the others, and must then see what they all wrote."""
    written = np.zeros(size, int)
    seen = []

    def task(k):
        for round_ in range(1, 200):
            if round_ % 50 == k:
                time.sleep(0.003)  # longer than the others watch
            written[k] = round_
            team.barrier(k)
            seen.append((round_, written.min(), written.max()))
            team.barrier(k)

    with Team(size) as team:
        team.run(task)
    assert len(seen) == 199 * size
    assert all(low == round_ == high for round_, low, high in seen)


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_a_failure_in_one_thread_ends_all_and_is_raised(failing):
    def task(k):
        team.barrier(k)
        if k == failing:
            raise ZeroDivisionError(f"in thread {k}")
        team.barrier(k)
        team.barrier(k)

    before = threading.active_count()
    with (
        pytest.raises(ZeroDivisionError, match=f"in thread {failing}"),
        Team(3) as team,
    ):
        team.run(task)
    assert threading.active_count() == before


def test_threads_end_with_the_team():
    before = threading.active_count()
    with Team(3):
        assert threading.active_count() == before + 2
    assert threading.active_count() == before


def test_a_system_that_starts_no_more_threads(monkeypatch):
    before, start = threading.active_count(), threading.Thread.start

    def start_one(thread):
        if threading.active_count() > before:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_one)
    with pytest.raises(OSError, match="threads is 4, and the system started 2 only"), Team(4):
        pass
    assert threading.active_count() == before


def test_number_of_threads_follows_the_work():
    def work_of(vae):
        return work(vae.encoder) + work(vae.decoder)

    assert default_threads(work_of(VAE(64, 2, hidden=(100,))), 100) == 1
    assert default_threads(work_of(VAE(784, 20)), 100) == min(available_cores(), 8)
    assert default_threads(work_of(VAE(784, 20, hidden=(2000,))), 1) == 1
