"""Ctrl-C amid an import: the interpreter's lock of imports is given back, and nobody waits for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SECONDS = 120.0
"""The first call of a program may take as long on a machine that others load; a wedge never ends."""

INTERRUPTED_IMPORT = """
import os, signal, subprocess, sys, threading
from memos import Memory

path, wanted = sys.argv[1], int(sys.argv[2])
signal.signal(signal.SIGINT, signal.default_int_handler)
memory = Memory(path, actor="a")
seen = 0

def interrupt(frame, event, argument):
    # On the line behind `_imp.acquire_lock()`.
    if event == "line" and frame.f_lineno == frame.f_code.co_firstlineno + 7:
        sys.settrace(None)
        os.kill(os.getpid(), signal.SIGINT)
    return interrupt

def trace(frame, event, argument):
    global seen
    if frame.f_code.co_name != "_get_module_lock":
        return None
    seen += 1
    return interrupt if seen == wanted else None

sys.settrace(trace)
try:
    memory.add("first", scope="acme/x")
except KeyboardInterrupt:
    sys.settrace(None)
    print("interrupted")
print(memory.add("second", scope="acme/x").version)
thread = threading.Thread(target=lambda: print(memory.add("third", scope="acme/x").version))
thread.start()
thread.join()
other = "from memos import Memory; print(Memory(%r, actor='b').add('o', scope='acme/x').version)"
print(subprocess.run([sys.executable, "-c", other % path], capture_output=True, text=True).stdout)
"""


@pytest.mark.parametrize("which", [1, 4])
def test_an_interrupt_amid_an_import_of_a_first_call_holds_up_nobody(
    tmp_path: Path, which: int
) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_IMPORT, str(tmp_path / "vault"), str(which)],
        capture_output=True,
        text=True,
        check=True,
        timeout=SECONDS,
    )
    assert ran.stdout.split() == ["interrupted", "1", "1", "1"], ran.stderr
