from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.infrastructure.chat_models.chat_server import ChatServer, served
from tests.interface.cli.support import Shell

ASKED = ("chat", "--scope", "acme", "--model")


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with served() as started:
        yield started


@pytest.fixture
def model(server: ChatServer) -> str:
    return f"{server.url}#small"


def test_an_answer_is_printed_with_what_it_cites(
    shell: Shell, server: ChatServer, model: str
) -> None:
    cube_id = shell.add("She likes pottery.")
    server.pieces = ("Pottery\x1b[2J", f" [{cube_id[-8:]}]")
    output = shell.run(*ASKED, model, "What does she like?").out
    first, cited = output.splitlines()
    assert first == f"Pottery\\x1b[2J [{cube_id[-8:]}]"
    assert cited == f"[{cube_id[-8:]}]  {cube_id}  v1"


def test_show_tells_what_was_injected_cached_and_remembered(
    shell: Shell, server: ChatServer, model: str
) -> None:
    shell.add("Answer in French.", "--tag", "policy")
    shell.add("She likes pottery.")
    output = shell.run(*ASKED, model, "pottery?", "--show", "--remember").out
    for part in ("pinned\n", "French", "delta\n", "likes pottery", "remembered: ", "small: 2 mem"):
        assert part in output
    assert "40 tokens, 12 of them from a cache" in output
    assert "changed: what is tagged policy or pinned changed" in output


def test_json_has_all_of_an_answer_and_nothing_else(shell: Shell, model: str) -> None:
    cube_id = shell.add("She likes pottery.")
    answer = shell.json(*ASKED, model, "pottery?")
    assert answer["text"] == "Kiln [x]."
    assert [cite["cube_id"] for cite in answer["citations"]] == [cube_id]
    assert answer["figures"]["cached_tokens"] == 12


def test_no_question_at_all_is_told(shell: Shell, model: str) -> None:
    shell.add("She likes pottery.")
    ran = shell.run(*ASKED, model, stdin="\n\n")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("there is no question")


def test_lines_of_stdin_are_one_conversation(shell: Shell, server: ChatServer, model: str) -> None:
    shell.add("She likes pottery.")
    ran = shell.run(*ASKED, model, stdin="pottery?\n\nAnd lakes?\n")
    assert ran.out.splitlines() == ["Kiln [x].", "Kiln [x]."]
    assert [text.split("\n")[-1] for text in server.said()] == [
        "pottery?",
        "Kiln [x].",
        "And lakes?",
    ]
    assert json.dumps(server.asked[-1]).count("likes pottery") == 1
    documents = shell.run(*ASKED, model, "--json", stdin="pottery?\nAnd lakes?\n").out.splitlines()
    assert [json.loads(line)["command"] for line in documents] == ["chat", "chat"]


def test_what_is_no_model_is_a_usage_error(shell: Shell, server: ChatServer) -> None:
    shell.add("She likes pottery.")
    for wrong in ("nothing", server.url):
        ran = shell.run(*ASKED, wrong, "pottery?")
        assert ran.code == 2
        assert f"--model {wrong}" in ran.err


def test_a_server_that_fails_is_told_and_nothing_is_remembered(
    shell: Shell, server: ChatServer, model: str
) -> None:
    shell.add("She likes pottery.")
    server.status = 404
    error = shell.run(*ASKED, model, "pottery?", "--remember", "--json").error
    assert (error["type"], error["exit_code"]) == ("ModelUnavailable", 1)
    assert shell.json("count")["count"] == 1


def test_the_command_starts_without_a_model_that_is_not_asked_for(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom memos.interface.cli import run\n"
        "try:\n    run(['chat', '--help'])\nexcept SystemExit:\n    pass\n"
        "sys.stderr.write(str(sorted({'torch', 'openai', 'transformers'} & set(sys.modules))))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stderr == "[]"


def test_pools_that_are_not_there_are_told_with_what_starts_them(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    shell.add("She likes pottery.")
    for name in ("ray", "ray#other"):
        ran = shell.run(*ASKED, name, "pottery?")
        assert ran.code == 1
        assert "memos worker kv" in ran.err
