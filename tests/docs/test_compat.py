"""The tables of docs/compat.md: every public method of the real libraries, and tests that are there."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from agents.memory import Session
from langgraph.store.base import BaseStore

from memos.compat.langgraph import MemosStore
from memos.compat.mem0 import AsyncMemory, Memory
from memos.compat.openai_agents import MemosSession
from tests.interface.http.mem0.test_refusals import ABSENT as REFUSED

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| `(\w+)` \| (?:`(tests/[^`]+)`|none) \| (.+) \|$", re.MULTILINE)
TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
PAGE = (ROOT / "docs" / "compat.md").read_text("utf-8")
ABSENT = {"mem0": {"project", "entity_store"}, "mem0's client": {"chat"}}
"""What the page says is not there."""
NOT_TAKEN = {"llm"}
"""The argument that the page says is not taken."""

MEM0 = """
import inspect, json, sys
from mem0 import AsyncMemory, Memory
told = {}
for kind in (Memory, AsyncMemory):
    for name in dir(kind):
        if not name.startswith("_"):
            member = inspect.getattr_static(kind, name)
            called = inspect.signature(getattr(kind, name)) if callable(member) else None
            taken = called.parameters.values() if called else ()
            told[name] = told.get(name, []) + [p.name for p in taken if p.kind is not p.VAR_KEYWORD]
print(json.dumps(told))
"""
CLIENTS = """
import json
from mem0 import AsyncMemoryClient, MemoryClient
kinds = (MemoryClient, AsyncMemoryClient)
print(json.dumps(sorted({name for kind in kinds for name in dir(kind) if name[0] != "_"})))
"""


def rows(section: str) -> dict[str, tuple[str, str]]:
    """The table of a section: methods, each with its test and what differs."""
    text = PAGE.split(f"\n## {section}\n")[1].split("\n## ")[0]
    return {name: (test, differs) for name, test, differs in ROW.findall(text)}


def public(kind: type) -> set[str]:
    """The names of a library's class that programs use."""
    return {name for name in [*dir(kind), *inspect.get_annotations(kind)] if name[0] != "_"}


@pytest.fixture(scope="module")
def mem0_says(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The public names of mem0's SDK, each with the arguments that it takes; and those of its clients."""
    home = str(tmp_path_factory.mktemp("mem0"))
    quiet = {"MEM0_TELEMETRY": "False", "MEM0_DIR": home, "HOME": home}
    asked = [sys.executable, "-c", MEM0 + CLIENTS]
    done = subprocess.run(asked, capture_output=True, text=True, check=True, env=quiet)
    return [json.loads(line) for line in done.stdout.splitlines()[-2:]]


@pytest.fixture(scope="module")
def mem0s(mem0_says: list[Any]) -> Any:
    return mem0_says[0]


def test_every_public_method_of_langgraphs_store_is_listed_and_there() -> None:
    assert rows("LangGraph").keys() == public(BaseStore)
    assert public(BaseStore) <= public(MemosStore)


def test_every_public_method_of_a_session_is_listed_and_there() -> None:
    assert rows("OpenAI Agents").keys() == public(Session)
    assert public(Session) <= public(MemosSession)


def test_every_public_method_of_mem0s_sdk_is_listed_and_there_with_its_arguments(
    mem0s: dict[str, list[str]],
) -> None:
    assert rows("mem0").keys() == mem0s.keys()
    for kind in (Memory, AsyncMemory):
        for name in mem0s.keys() - ABSENT["mem0"]:
            taken = inspect.signature(getattr(kind, name)).parameters
            assert set(mem0s[name]) - taken.keys() - {"self", *NOT_TAKEN} == set()
        assert not any(hasattr(kind, name) for name in ABSENT["mem0"])


def test_every_public_method_of_mem0s_client_is_listed_and_refused_where_it_is_not_there(
    mem0_says: list[Any],
) -> None:
    listed = rows("mem0's client")
    assert listed.keys() == {*mem0_says[1], "project"}
    refused = {name for name, (_, differs) in listed.items() if differs.startswith("501")}
    assert refused == {name.partition(".")[0] for name in REFUSED}


def test_every_test_that_the_page_names_is_there() -> None:
    named = TEST.findall(PAGE)
    assert len(named) > 30
    missing = [
        (path, test)
        for path, test in named
        if not (ROOT / path).is_file() or f"def {test}(" not in (ROOT / path).read_text("utf-8")
        if test or not (ROOT / path).is_file()
    ]
    assert missing == []


def test_every_row_says_what_differs_and_only_what_is_absent_has_no_test() -> None:
    for section in ("LangGraph", "OpenAI Agents", "mem0", "mem0's client"):
        without = {name for name, (test, _) in rows(section).items() if not test}
        assert without == ABSENT.get(section, set())
        assert all(differs.strip() for _, differs in rows(section).values())
