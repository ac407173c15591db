"""The garbage collector of a command, and of a program that uses the Python API."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from orgform.collector import paused_collector

# What is registered first runs last: at the very end.
LAST_WORDS = "import atexit, gc, sys; atexit.register(lambda: print(gc.get_freeze_count() > 0)); from orgform.cli import main; "


@pytest.mark.parametrize(("call", "frozen"), [("main()", "True"), ("main(['--version'])", "False")])
def test_only_a_process_of_its_own_leaves_its_garbage_to_its_end(call: str, frozen: str) -> None:
    done = subprocess.run([sys.executable, "-c", LAST_WORDS + call, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == frozen


def test_what_a_command_made_in_a_pause_is_not_looked_through_afterwards() -> None:
    paused = "from orgform.collector import for_one_command, paused_collector as paused; for_one_command()\nwith paused(): many = [[]]\n"
    code = paused + "import gc; assert gc.isenabled(); print(gc.get_freeze_count() > 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


def test_a_pause_leaves_everything_as_it_was() -> None:
    before = gc.get_freeze_count()
    with pytest.raises(KeyError), paused_collector():
        raise KeyError
    assert gc.isenabled()
    assert gc.get_freeze_count() == before
    gc.disable()
    try:
        with paused_collector():
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()
