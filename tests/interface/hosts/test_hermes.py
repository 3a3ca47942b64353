"""The provider of Hermes, loaded from its plugin folder on a stub of its base class.

The stub is written after `agent/memory_provider.py` of NousResearch/hermes-agent; it is not Hermes.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from memos import Memory
from memos.interface.hosts.settings import STATE_VARIABLE
from memos.interface.principal import API_KEY_VARIABLE
from tests.interface.cli.support import Shell

SCOPE = "acme/hermes"
END_SECONDS = 60.0


@dataclass(frozen=True)
class RecallStatus:
    provider_label: str
    count: int
    glyph: str = ""


class MemoryProvider(ABC):
    @property
    @abstractmethod
    def name(self) -> str: ...

    @abstractmethod
    def is_available(self) -> bool: ...

    @abstractmethod
    def initialize(self, session_id: str, **kwargs: Any) -> None: ...

    @abstractmethod
    def get_tool_schemas(self) -> list[dict[str, Any]]: ...


class Context:
    provider: Any = None

    def register_memory_provider(self, provider: Any) -> None:
        self.provider = provider


@pytest.fixture
def folder(vault: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "state"))
    ran = Shell(vault).run("hosts", "install", "hermes", str(tmp_path / "home"), "--scope", SCOPE)
    assert ran.code == 0, ran.err
    return tmp_path / "home" / "plugins" / "memos"


@pytest.fixture
def provider(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    contract = ModuleType("agent.memory_provider")
    contract.MemoryProvider = MemoryProvider  # type: ignore[attr-defined]
    contract.RecallStatus = RecallStatus  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "agent", ModuleType("agent"))
    monkeypatch.setitem(sys.modules, "agent.memory_provider", contract)
    source = folder / "__init__.py"
    assert "MemoryProvider" in source.read_text()[:8192]  # by that the host knows a provider
    spec = importlib.util.spec_from_file_location("_hermes_user_memory.memos", source)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    context = Context()
    module.register(context)
    yield context.provider
    context.provider.shutdown()


def test_the_provider_fulfils_the_contract_and_opens_nothing_before_it_is_asked_to(
    provider: Any, folder: Path, vault: Path
) -> None:
    assert MemoryProvider in type(provider).__mro__
    assert (provider.name, provider.is_available()) == ("memos", True)
    assert provider.backup_paths() == [str(vault)]
    assert not vault.exists()
    (folder / "memos.json").write_text("{}")
    assert not provider.is_available()
    assert "memos hosts install" in provider.unavailable_reason()


def test_what_one_session_says_another_recalls_and_none_retains_again(
    provider: Any, vault: Path
) -> None:
    provider.initialize("s1", hermes_home="/nowhere", platform="cli")
    assert provider.prefetch("Which tea do I like?") == ""
    assert provider.recall_status() is None
    provider.sync_turn("I like green tea best.", "Noted.", session_id="s1", messages=[])
    provider.on_pre_compress([])
    provider.on_session_switch("s2", parent_session_id="s1", reset=True)
    recalled = provider.prefetch("Which tea do I like?")
    assert '"I like green tea best."' in recalled
    assert provider.recall_status().count >= 1
    provider.sync_turn(f"Which tea do I like?\n{recalled}", "Green tea.")
    provider.shutdown()
    with Memory(vault, actor="agent:alice") as memory:
        said = {
            scope: [cube.text for cube in memory.list(scope=scope, order="oldest")]
            for scope in memory.scopes(SCOPE)
        }
    assert said == {
        f"{SCOPE}/s1": ["I like green tea best.", "Noted."],
        f"{SCOPE}/s2": ["Which tea do I like?", "Green tea."],
    }


def test_helpers_recall_and_retain_nothing(provider: Any, vault: Path) -> None:
    provider.initialize("s1", agent_context="cron")
    provider.sync_turn("A prompt of a schedule.", "Done.")
    provider.shutdown()
    with Memory(vault, actor="agent:alice") as memory:
        assert memory.count(scope=SCOPE) == 0


def test_its_tools_answer_and_refuse_as_json_and_none_erases(provider: Any) -> None:
    unasked = json.loads(provider.handle_tool_call("add_memory", {"text": "x"}))
    assert "no session has begun" in unasked["error"]
    provider.initialize("s1")
    names = {schema["name"] for schema in provider.get_tool_schemas()}
    assert {"add_memory", "search_memories", "memory_history"} <= names
    assert "purge_memory" not in names
    for schema in provider.get_tool_schemas():
        assert schema.keys() == {"name", "description", "parameters"}
    added = json.loads(provider.handle_tool_call("add_memory", {"text": "By hand"}))
    got = json.loads(provider.handle_tool_call("get_memory", {"id": added["id"]}, task_id="t"))
    assert (got["text"], got["scope"]) == ("By hand", SCOPE)
    for tool, arguments, words in (
        ("get_memory", {"id": "x"}, "InvalidInput"),
        ("nothing", {}, "there is no tool"),
        ("purge_memory", {"id": added["id"]}, "memos erase"),
    ):
        assert words in json.loads(provider.handle_tool_call(tool, arguments))["error"]


def test_after_its_end_it_recalls_nothing_and_it_can_begin_again(provider: Any) -> None:
    provider.initialize("s1")
    provider.sync_turn("I like green tea best.", "Noted.")
    provider.shutdown()
    assert provider.prefetch("Which tea do I like?", session_id="s2") == ""
    provider.sync_turn("a", "b")
    assert provider.on_pre_compress([]) == ""
    provider.initialize("s2")
    assert "green tea" in provider.prefetch("Which tea do I like?")


def test_a_vault_that_cannot_be_opened_any_more_costs_the_agent_its_memory_and_no_turn(
    provider: Any, vault: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with Memory(vault, actor="user:local") as memory:
        made = memory.create_api_key("agent:bob", tenant="acme")
        monkeypatch.setenv(API_KEY_VARIABLE, made.key)
        provider.initialize("s1")
        memory.revoke_api_key(made.api_key.key_id, tenant="acme")
        ends = time.monotonic() + END_SECONDS
        while "nothing is recalled" not in caplog.text:
            assert provider.prefetch("Which tea do I like?") == ""
            assert time.monotonic() < ends
        provider.sync_turn("a", "b")
        provider.on_pre_compress([])
        assert "a turn is not retained" in caplog.text
