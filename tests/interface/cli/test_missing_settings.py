"""A settings file that is not there: every command ends alike, and makes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from memos import InvalidInput, Memory, doctor
from tests.interface.cli.support import Shell
from tests.interface.cli.test_reference import COMMANDS

NOBODY = "00000000-0000-0000-0000-000000000000"
NOWHERE = "nowhere.toml"

NEEDS_NONE = {
    "demo",
    "recipient",
    "check-proof",
    "check-receipt",
    "engine up",
    "engine status",
    "engine down",
    "engine logs",
    "engine nodetool",
    "worker kv",
    "worker distill",
}

NAMED_BY_VAULT = {
    "accesses": [],
    "administrator grant": ["acme", "agent:bob"],
    "administrator list": ["acme"],
    "administrator revoke": ["acme", "agent:bob"],
    "api-key create": ["acme", "agent:bob"],
    "api-key list": ["acme"],
    "api-key rotate": ["acme", NOBODY],
    "api-key revoke": ["acme", NOBODY],
    "add": ["text", "--scope", "acme"],
    "activate": ["--scope", "acme"],
    "activations": ["--scope", "acme"],
    "learn": ["acme"],
    "distil": ["--scope", "acme"],
    "backpatch": [NOBODY],
    "adapters list": ["--scope", "acme"],
    "adapters show": [NOBODY],
    "adapters promote": [NOBODY, "2"],
    "adapters rebuild": [NOBODY],
    "adapters rollback": [NOBODY],
    "adapters rebuilt": ["receipt.json"],
    "adapters retire": [NOBODY],
    "evict": [NOBODY],
    "materialise": [NOBODY],
    "schedule": ["--scope", "acme", "--megabytes", "1"],
    "archive": [NOBODY],
    "chat": ["words", "--scope", "acme", "--model", "http://127.0.0.1:9/v1#none"],
    "checkpoint": [],
    "context": ["words", "--scope", "acme"],
    "count": [],
    "cut list": [],
    "cut name": ["then"],
    "denials": [],
    "diff": [NOBODY, "1", "2"],
    "digest": [],
    "doctor": [],
    "erase": ["--subject", "caroline", "--yes"],
    "events": [],
    "export": ["out.memos"],
    "facts": ["acme"],
    "freeze": [NOBODY],
    "get": [NOBODY],
    "history": [NOBODY],
    "hold": [NOBODY],
    "import": ["notes.jsonl", "--scope", "acme"],
    "lifespan": [NOBODY, "--after", "1d"],
    "keep-queries": ["--for", "30d"],
    "lift-hold": [NOBODY],
    "lineage": [NOBODY],
    "link": [NOBODY, NOBODY],
    "list": [],
    "load": ["out.memos"],
    "merge": [NOBODY, NOBODY],
    "mcp": [],
    "hosts install": ["claude-code", "plugin", "--scope", "acme"],
    "prove": [NOBODY],
    "queries": ["--scope", "acme"],
    "rebuild": [],
    "related": [NOBODY],
    "restore": [NOBODY],
    "rollback": ["--source", "web:x", "--yes"],
    "route": ["task", "--scope", "acme"],
    "scopes": [],
    "serve": ["--no-auth"],
    "search": ["words", "--scope", "acme"],
    "sensitivities": ["acme"],
    "set-header": [NOBODY, "--owner", "agent:bob"],
    "stats": [],
    "subjects": [],
    "sweep": [],
    "tag": [NOBODY, "home"],
    "tags": ["--scope", "acme"],
    "tail": [],
    "thaw": [NOBODY],
    "untag": [NOBODY, "home"],
    "update": [NOBODY, "text"],
    "backup": ["copy"],
    "vault restore": ["copy"],
    "vault generations": [],
    "verify": [],
    "audit": [],
    "vocabulary": ["--scope", "acme"],
}

NAMED_OTHERWISE = [
    ["doctor", NOWHERE],
    ["vault", "create", NOWHERE],
    ["vault", "check-key", NOWHERE, "--key", "some.key"],
    ["vault", "rotate-key", NOWHERE],
    ["vault", "remove", NOWHERE, "--yes"],
    ["migrate", "--from", NOWHERE, "--to", "there.vault"],
    ["migrate", "--from", "here.vault", "--to", NOWHERE],
    *(
        ["worker", name, "--config", NOWHERE]
        for name in ("fold", "index", "usage", "seal", "sweep", "all")
    ),
]

EVERY = [
    *(
        [*name.split(), *arguments, "--vault", NOWHERE]
        for name, arguments in NAMED_BY_VAULT.items()
    ),
    *NAMED_OTHERWISE,
]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the commands run: a vault and a file to import are there, the settings are not."""
    monkeypatch.chdir(tmp_path)
    Memory("here.vault", actor="agent:alice").close()
    Path("notes.jsonl").write_text('{"text": "She likes pottery."}\n')
    return tmp_path


def test_every_command_that_takes_settings_is_tried() -> None:
    otherwise = {
        name
        for args in NAMED_OTHERWISE
        for name in (args[0], " ".join(args[:2]))
        if name in COMMANDS
    }
    assert NAMED_BY_VAULT.keys() | otherwise | NEEDS_NONE == set(COMMANDS)


@pytest.mark.parametrize("args", EVERY, ids=" ".join)
def test_settings_that_are_not_there_end_every_command_alike(place: Path, args: list[str]) -> None:
    before = sorted(file.name for file in place.iterdir())
    shell = Shell(place / "memos.vault")
    ran = shell.run(*args)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"there is no settings file {NOWHERE}: name one that exists")
    assert ran.err.count("\n") == 1
    error = shell.run(*args, "--json").error
    assert (error["type"], error["exit_code"]) == ("InvalidInput", 2)
    assert sorted(file.name for file in place.iterdir()) == before


def test_the_api_says_the_same(place: Path) -> None:
    for opening in (
        lambda: Memory(NOWHERE),
        lambda: Memory(NOWHERE, create=False),
        lambda: Memory.load("out.memos", into=NOWHERE),
        lambda: doctor(NOWHERE),
    ):
        with pytest.raises(InvalidInput, match=f"there is no settings file {NOWHERE}"):
            opening()
