"""Processes that this one starts."""

import multiprocessing.spawn
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from handshape.processes import starting_processes

WITHOUT_GUARD = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from handshape.processes import prepare_process, starting_processes

print("begun", flush=True)
with ProcessPoolExecutor(2, multiprocessing.get_context("spawn"), prepare_process) as pool:
    with starting_processes():
        waiting = [pool.submit(abs, -number) for number in range(4)]
    print(*(each.result() for each in waiting))
"""


def test_a_script_needs_no_guard(tmp_path: Path):
    script = tmp_path / "script.py"
    script.write_text(WITHOUT_GUARD)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, timeout=120)
    assert (done.stdout, done.stderr, done.returncode) == ("begun\n0 1 2 3\n", "", 0)


def main_of_started() -> set[str]:
    """By what a process that is started now would find the script."""
    return {name for name in multiprocessing.spawn.get_preparation_data("one") if name.startswith("init_main")}


def test_the_script_is_hidden_only_meanwhile():
    script = sys.modules["__main__"]
    assert main_of_started()
    with pytest.raises(KeyError), starting_processes():
        assert not main_of_started()
        with starting_processes():
            assert not main_of_started()
        raise KeyError
    assert sys.modules["__main__"] is script


def test_threads_that_start_processes_wait_for_one_another():
    script, is_in, may_end, order = sys.modules["__main__"], threading.Event(), threading.Event(), []

    def start(name: str) -> None:
        with starting_processes():
            is_in.set()
            may_end.wait(10)
            order.append(name)

    first = threading.Thread(target=start, args=("first",))
    first.start()
    is_in.wait(10)
    second = threading.Thread(target=start, args=("second",))
    second.start()
    second.join(0.2)
    assert second.is_alive()
    assert order == []
    may_end.set()
    for thread in (first, second):
        thread.join(10)
    assert order == ["first", "second"]
    assert sys.modules["__main__"] is script


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="Windows holds no signals back")
def test_an_interrupt_waits_until_they_have_begun():
    with pytest.raises(KeyboardInterrupt), starting_processes():
        signal.raise_signal(signal.SIGINT)
        begun = True
    assert begun
