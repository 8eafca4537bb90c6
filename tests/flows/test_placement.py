import threading
import time
from concurrent.futures import ThreadPoolExecutor

from flows.placement import Threads, cores


def test_no_more_threads_are_out_than_there_are():
    budget, guard = Threads(3), threading.Lock()
    out, most = 0, 0

    def work(count: int) -> None:
        nonlocal out, most
        with budget.taken(count):
            with guard:
                out += count
                most = max(most, out)
            time.sleep(0.01)
            with guard:
                out -= count

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, [1, 2, 3, 1, 1, 2] * 4))
    assert most == 3


def test_one_that_wants_more_than_there_is_runs_alone():
    budget = Threads(2)
    with budget.taken(64):
        assert not _can_take(budget, 1)
    assert _can_take(budget, 2)


def test_a_failure_gives_the_threads_back():
    budget = Threads(1)
    try:
        with budget.taken(1):
            raise ValueError
    except ValueError:
        pass
    assert _can_take(budget, 1)


def test_there_is_a_core():
    assert cores() >= 1


def _can_take(budget: Threads, count: int) -> bool:
    taken = threading.Event()

    def take() -> None:
        with budget.taken(count):
            taken.set()

    threading.Thread(target=take, daemon=True).start()
    return taken.wait(0.2)
