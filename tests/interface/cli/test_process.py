"""The program as the shell sees it: real processes, real streams."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time

import pytest

from memos.__main__ import main
from memos.infrastructure.release import RELEASE
from memos.interface import cli
from tests.interface.cli.support import PROGRAM, Shell


def test_results_go_to_stdout_and_errors_to_stderr(shell: Shell) -> None:
    added = shell.process(
        "add", "-", "--scope", "acme", "--json", stdin="日本 \N{SNOWMAN}".encode()
    )
    assert (added.code, added.err) == (0, "")
    cube_id = json.loads(added.out)["result"]["cube_id"]
    got = shell.process("get", cube_id)
    assert "日本 ☃" in got.out
    assert "\x1b" not in got.out
    missing = shell.process("get", "00000000-0000-0000-0000-000000000000")
    assert (missing.code, missing.out) == (3, "")
    assert missing.err.startswith("there is no cube 00000000")
    assert missing.err.count("\n") == 1


def test_a_reader_that_leaves_early_is_no_crash(shell: Shell) -> None:
    for number in range(3):
        shell.add(f"memory {number}")
    pipe = f"{PROGRAM} events --vault {shell.vault} | head -n 1"
    ran = subprocess.run(
        ["/bin/sh", "-c", pipe],
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    assert ran.stdout.count("\n") == 1
    assert "Traceback" not in ran.stderr


def test_tail_follows_what_other_processes_write(shell: Shell) -> None:
    shell.add("before")
    tail = subprocess.Popen(
        [PROGRAM, "tail", "-f", "-n", "1", "--interval", "0.05", "--json", "--vault", shell.vault],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert tail.stdout is not None
    try:
        assert json.loads(tail.stdout.readline())["result"]["position"] == "0:0"
        cube_id = shell.add("after")
        entry = json.loads(tail.stdout.readline())["result"]
        assert (entry["position"], entry["cube_id"]) == ("0:1", cube_id)
        tail.send_signal(signal.SIGINT)
        assert tail.wait(120) == 0
    finally:
        tail.kill()
        tail.wait()
        tail.stdout.close()


def test_a_reader_that_leaves_is_told_by_the_exit_code_alone(shell: Shell) -> None:
    for number in range(3):
        shell.add(f"memory {number} " + "of many words " * 5000)
    process = subprocess.Popen(
        [PROGRAM, "history", shell.json("search", "memory", "--scope", "acme")[0]["cube_id"]],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "MEMOS_VAULT": str(shell.vault), "MEMOS_ACTOR": "agent:alice"},
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    with process.stderr:
        assert process.stderr.read() == b""
    assert process.wait(240) == 1


def test_it_runs_as_a_module_too(shell: Shell) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "memos", "--version"], capture_output=True, text=True, check=True
    )
    assert ran.stdout == f"memos {RELEASE}\n"


def test_ctrl_c_while_it_starts_is_no_crash(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(name: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "import_module", interrupted)
    monkeypatch.setattr(sys, "argv", ["memos", "stats"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130
    assert capsys.readouterr().err == "stopped\n"


def test_a_shell_is_told_the_commands_that_a_line_may_go_on_with(shell: Shell) -> None:
    asked = {"_MEMOS_COMPLETE": "complete_bash", "COMP_WORDS": "memos se", "COMP_CWORD": "1"}
    ran = subprocess.run(
        [PROGRAM], capture_output=True, text=True, check=False, env={**os.environ, **asked}
    )
    assert set(ran.stdout.split()) == {"search", "sensitivities", "serve", "set-header"}


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes_by_the_script_that_it_is_given() -> None:
    line = """
    eval "$(memos --show-completion bash)"
    COMP_WORDS=(memos search tea --sc) COMP_CWORD=3
    _memos_completion memos
    echo "${COMPREPLY[@]}"
    """
    environment = {
        **os.environ,
        "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}",
        "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1",
    }
    ran = subprocess.run(
        [shutil.which("bash") or "", "-c", line],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    assert ran.stdout == "--scope\n"


@pytest.mark.parametrize(("answer", "code", "left"), [(b"n\n", 1, "Generated"), (b"y\n", 0, None)])
def test_on_a_terminal_it_asks_before_it_erases(
    shell: Shell, answer: bytes, code: int, left: str | None
) -> None:
    cube_id = shell.add("text", "--subject", "caroline")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [PROGRAM, "erase", "--subject", "caroline", "--vault", shell.vault],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "MEMOS_ACTOR": "agent:alice"},
    )
    try:
        time.sleep(0.2)
        os.write(ours, answer)
        out, err = process.communicate(timeout=240)
    finally:
        process.kill()
        os.close(ours)
        os.close(theirs)
    assert process.returncode == code
    assert b"for good?" in err
    assert (out == b"") is (left is not None)
    assert shell.json("get", cube_id)["state"] == (left or "Erased")
