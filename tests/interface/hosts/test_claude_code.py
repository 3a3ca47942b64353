from __future__ import annotations

import json
import os
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from memos import Memory
from memos.interface.hosts.settings import STATE_VARIABLE, HookSettings
from memos.interface.principal import API_KEY_VARIABLE
from tests.interface.cli.support import Shell
from tests.interface.hosts.claude_code_stub import ClaudeCode
from tests.interface.mcp.support import answer, started
from tests.waiting import wait_until

AGENT, SCOPE = "agent:claude", "acme/claude"
END_SECONDS = 60.0
PLENTY_MS = 60_000
"""A budget that no loaded machine passes."""


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def claude(vault: Path, tmp_path: Path, state: Path) -> ClaudeCode:
    return installed(vault, tmp_path)


def installed(vault: Path, folder: Path, budget_ms: int = PLENTY_MS) -> ClaudeCode:
    ran = Shell(vault).run(
        "hosts", "install", "claude-code", str(folder / "plugin"), "--actor", AGENT,
        "--scope", SCOPE, "--budget-ms", str(budget_ms),
    )  # fmt: skip
    assert ran.code == 0, ran.err
    return ClaudeCode(folder / "plugin", folder)


def settings(claude: ClaudeCode) -> HookSettings:
    return HookSettings.read(claude.plugin / "memos.json")


def log_of(claude: ClaudeCode) -> str:
    return (Path(settings(claude).state) / "log").read_text()


@contextmanager
def server(claude: ClaudeCode) -> Iterator[subprocess.Popen[bytes]]:
    """The plugin's MCP server, which also answers its hooks; ended by closing its stdin."""
    process = subprocess.Popen(
        claude.server_line(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        wait_until(settings(claude).socket.exists)
        yield process
    finally:
        assert process.stdin is not None
        process.communicate(timeout=END_SECONDS)


def texts(vault: Path) -> list[str]:
    with Memory(vault, actor=AGENT) as memory:
        return [cube.text for cube in memory.list(scope=SCOPE, order="oldest")]


def test_what_one_session_says_another_recalls_and_none_retains_again(
    claude: ClaudeCode, vault: Path
) -> None:
    assert claude.submit("I like green tea best.") == ""
    claude.answer("Noted.")
    other = ClaudeCode(claude.plugin, claude.folder)
    with server(other):
        recalled = other.submit("Which tea do I like?")
        assert '"I like green tea best."' in recalled
        # Some versions write it into the message itself.
        other.say("user", f"<system-reminder>{recalled}</system-reminder>{recalled}And coffee?")
        other.answer(f"Green tea. {recalled}")
        other.compact()
        assert texts(vault) == [
            "I like green tea best.", "Noted.", "Which tea do I like?", "And coffee?", "Green tea.",
        ]  # fmt: skip
        other.fire("Stop")
        assert len(texts(vault)) == 5
    with Memory(vault, actor=AGENT) as memory:
        turn = memory.list(scope=f"{SCOPE}/{other.session}", order="oldest")[0]
        assert (turn.metadata["role"], turn.metadata["session"]) == ("user", other.session)
        assert turn.source.startswith(f"claude-code:{other.session}/")
        assert turn.valid_from is not None


def test_a_session_recalls_itself_only_when_it_was_compacted(claude: ClaudeCode) -> None:
    with server(claude):
        claude.submit("I like green tea best.")
        claude.answer("Noted.")
        assert claude.submit("Which tea do I like?") == ""  # it stands before the model
        claude.compact()
        assert '"I like green tea best."' in claude.submit("Which tea do I like?")


def test_past_its_budget_the_prompt_goes_on_without_and_the_log_says_so(
    vault: Path, tmp_path: Path, state: Path
) -> None:
    claude = installed(vault, tmp_path, budget_ms=30)  # no interpreter starts MemOS in that
    before = time.monotonic()
    assert claude.submit("Which tea do I like, xylophonist?") == ""
    assert time.monotonic() - before < END_SECONDS
    assert "UserPromptSubmit: no answer in time: the agent goes on without" in log_of(claude)
    assert "xylophonist" not in log_of(claude)
    assert not vault.exists()  # nothing goes on behind it


def test_whatever_goes_wrong_the_agent_goes_on_and_the_log_says_why(
    claude: ClaudeCode, vault: Path
) -> None:
    for given in (b"", b"{", b"[]", b'"text"', b"\xff", b'{"hook_event_name": 7}'):
        assert claude.run("Stop", given) == ""
    assert claude.fire("UserPromptSubmit", prompt=7) == ""
    assert "a hook's prompt must be a text" in log_of(claude)
    claude.fire("Stop")  # there is no transcript yet
    assert "the transcript cannot be read" in log_of(claude)
    vault.mkdir(exist_ok=True)
    (vault / "memos.db").write_bytes(b"no database at all, and long enough to be looked at")
    assert claude.submit("Which tea do I like?") == ""
    assert "Damaged: " in log_of(claude)


def test_a_transcript_is_read_on_from_where_it_was(claude: ClaudeCode, vault: Path) -> None:
    with server(claude):
        claude.say("user", "first")
        claude.fire("Stop")
        with claude.transcript.open("a") as file:
            file.write('no JSON\n{"type": "user"}\n[1]\n')
            file.write(json.dumps({"type": "user", "uuid": "x", "message": {"content": "half"}}))
        claude.fire("Stop")
        assert texts(vault) == ["first"]  # the last line has no end yet
        with claude.transcript.open("a") as file:
            file.write("\n")
        claude.say("user", [{"type": "tool_result", "content": "of a tool"}])
        claude.say("user", "of a helper", isSidechain=True)
        claude.say("user", "<command-name>/clear</command-name>")
        claude.say("assistant", [{"type": "tool_use", "name": "Bash", "input": {}}])
        claude.fire("Stop")
        assert texts(vault) == ["first", "half"]
        for noted in (Path(settings(claude).state) / "sessions").iterdir():
            noted.unlink()  # and with the notes lost
        claude.fire("Stop")
        assert texts(vault) == ["first", "half"]


def test_an_odd_line_of_a_transcript_stops_no_line_behind_it(
    claude: ClaudeCode, vault: Path
) -> None:
    with server(claude):
        claude.say("user", [{"type": "text"}, {"type": "text", "text": 7}, {"type": ["text"]}])
        claude.write(["user"], message={"content": "of no kind"})
        claude.say("user", "no identity", uuid="\ud800")
        claude.say("user", {"text": "no list"})
        claude.say("user", "behind them")
        claude.fire("Stop")
        claude.fire("Stop", session_id="half \ud800")
        assert set(texts(vault)) == {"behind them"}
        assert '"behind them"' in claude.submit("What is behind them?", session_id="other \ud800")


def test_what_was_erased_is_not_retained_again(claude: ClaudeCode, vault: Path) -> None:
    claude.say("user", "a secret")
    claude.say("user", "no secret")
    claude.fire("Stop")
    with Memory(vault, actor=AGENT) as memory:
        memory.erase(cube_id=memory.list(scope=SCOPE, order="oldest")[0].cube_id)
    for noted in (Path(settings(claude).state) / "sessions").iterdir():
        noted.unlink()
    claude.fire("Stop")
    assert texts(vault) == ["no secret"]


def test_a_key_in_the_environment_is_the_agent_for_hooks_too(
    claude: ClaudeCode, vault: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Memory(vault, actor="agent:alice") as memory:
        made = memory.create_api_key("agent:bob", tenant="acme")
        monkeypatch.setenv(API_KEY_VARIABLE, made.key)
        claude.submit("I like green tea best.")
        claude.answer("Noted.")
        assert {cube.owner for cube in memory.list(scope=SCOPE)} == {"agent:bob"}
        other = ClaudeCode(claude.plugin, claude.folder)
        with server(other):
            assert "green tea" in other.submit("Which tea do I like?")
            memory.revoke_api_key(made.api_key.key_id, tenant="acme")
            wait_until(lambda: other.submit("Which tea do I like?") == "")
    assert "Unauthenticated: " in log_of(claude)
    assert made.key not in log_of(claude)


def test_a_hook_without_the_servers_key_does_not_ask_the_vault_as_another(
    claude: ClaudeCode, vault: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Memory(vault, actor="agent:alice") as memory:
        made = memory.create_api_key("agent:bob", tenant="acme")
        claude.submit("I like green tea best.")
        claude.answer("Noted.")
        other = ClaudeCode(claude.plugin, claude.folder)
        monkeypatch.setenv(API_KEY_VARIABLE, made.key)
        with server(other):
            monkeypatch.delenv(API_KEY_VARIABLE)
            assert "green tea" in other.submit("Which tea do I like?")
            memory.revoke_api_key(made.api_key.key_id, tenant="acme")
            wait_until(lambda: other.submit("Which tea do I like?") == "")
            assert other.submit("Which tea do I like?") == ""
    assert "Unauthenticated: " in log_of(claude)


def test_another_server_takes_over_when_the_one_that_answers_ends(claude: ClaudeCode) -> None:
    claude.submit("I like green tea best.")
    claude.answer("Noted.")
    other = ClaudeCode(claude.plugin, claude.folder)
    with (
        server(claude) as first,
        subprocess.Popen(
            claude.server_line(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as second,
    ):
        first.kill()
        first.wait(END_SECONDS)
        assert "green tea" in other.submit("Which tea do I like?")
        second.communicate(timeout=END_SECONDS)


def test_the_notes_and_the_socket_are_the_users_alone(claude: ClaudeCode) -> None:
    with server(claude):
        folder = Path(settings(claude).state)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_ISSOCK(settings(claude).socket.stat().st_mode)
    assert not settings(claude).socket.exists()


def test_the_plugins_server_offers_the_tools_for_its_scope(claude: ClaudeCode) -> None:
    async def host(client: Client) -> None:
        await answer(client, "add_memory", text="By hand")
        (memory,) = (await answer(client, "list_memories"))["memories"]
        assert memory["scope"] == SCOPE

    started(claude.server_line(), "2026-07-28", host, {STATE_VARIABLE: os.environ[STATE_VARIABLE]})


def test_a_plugin_is_written_anew_and_over_nothing_else(
    claude: ClaudeCode, vault: Path, tmp_path: Path
) -> None:
    manifest = json.loads((claude.plugin / ".claude-plugin" / "plugin.json").read_text())
    assert manifest["name"] == "memos"
    installed(vault, tmp_path, budget_ms=500)
    assert settings(claude).budget_ms == 500
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "file").write_text("mine")
    for host, folder, words in (
        ("claude-code", "others", "holds something else"),
        ("claude-code", "others/file", "holds something else"),
        ("emacs", "new", "choose claude-code, hermes"),
    ):
        ran: Any = Shell(vault).run(
            "hosts", "install", host, str(tmp_path / folder), "--scope", SCOPE
        )
        assert ran.code == 2
        assert words in ran.err
