"""A memory of another tenant, or beyond a key's scopes, and none at all: the same words, and the same work behind them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from memos import Memory, MemosError
from memos.infrastructure.governance import access_log
from memos.infrastructure.keys import envelope
from tests.adapting_model import LearningModel
from tests.caching_model import NotingModel

SCOPE = "acme/alice"
BEYOND = [("a tenant", "rival/room"), ("a scope", "acme/room")]
ABSENT = "00000000-0000-7000-8000-000000000000"

NAMES_A_MEMORY = {"cube_id", "cube_ids", "other_id", "derived_from"}
"""Arguments that name memories."""


class Work:
    """What was done: statements run on any connection, and keys opened."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def connected(self, connection: apsw.Connection) -> None:
        connection.exec_trace = self._ran

    def _ran(self, cursor: apsw.Cursor, sql: str, values: object) -> bool:
        self.done.append(sql)
        return True

    def cipher(self, key: bytes) -> Cipher:
        return Cipher(self, AESGCM(key))


class Cipher:
    """AES-GCM that notes what it opens."""

    def __init__(self, work: Work, cipher: AESGCM) -> None:
        self._work = work
        self._cipher = cipher
        self.encrypt = cipher.encrypt

    def decrypt(self, nonce: bytes, data: bytes, bound_to: bytes) -> bytes:
        self._work.done.append("opened with a key")
        return self._cipher.decrypt(nonce, data, bound_to)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Iterator[Work]:
    made = Work()
    apsw.connection_hooks.append(made.connected)
    monkeypatch.setattr(envelope, "AESGCM", made.cipher)
    monkeypatch.setattr(access_log, "FLUSH_SECONDS", 3600)  # what is noted is written later
    try:
        yield made
    finally:
        apsw.connection_hooks.remove(made.connected)


def asked(bob: Memory, mine: str) -> Mapping[str, Callable[[str], Any]]:
    """Every call that names a memory, by its name and what it calls it."""
    return {
        "get": bob.get,
        "get at a version": lambda at: bob.get(at, version=1),
        "get of a moment": lambda at: bob.get(at, as_of="2999-01-01"),
        "get of a valid time": lambda at: bob.get(at, valid_at="2999-01-01"),
        "history": bob.history,
        "diff": lambda at: bob.diff(at, 1, 2),
        "lineage": bob.lineage,
        "related": bob.related,
        "related in a scope": lambda at: bob.related(at, scope="acme"),
        "activate": lambda at: bob.activate([at], scope=SCOPE, model=NotingModel()),
        "distil": lambda at: bob.distil([at], scope=SCOPE, model=LearningModel()),
        "adapter": bob.adapter,
        "retire": bob.retire,
        "promote": lambda at: bob.promote(at, 2),
        "rebuild_adapter": lambda at: bob.rebuild_adapter(at, model=LearningModel()),
        "backpatch": lambda at: bob.backpatch(at, model=LearningModel()),
        "evict": bob.evict,
        "materialise": bob.materialise,
        "update": lambda at: bob.update(at, "x"),
        "update under a key": lambda at: bob.update(at, "x", idempotency_key="k"),
        "update to append": lambda at: bob.update(at, "x", mode="append"),
        "tag": lambda at: bob.tag(at, "t"),
        "untag": lambda at: bob.untag(at, "t"),
        "link": lambda at: bob.link(at, mine),
        "link to it": lambda at: bob.link(mine, at),
        "merge": lambda at: bob.merge([mine, at]),
        "merge under a key": lambda at: bob.merge([mine, at], idempotency_key="k"),
        "add": lambda at: bob.add("x", scope=SCOPE, derived_from=[at]),
        "update_many": lambda at: bob.update_many([at], "x"),
        "tag_many": lambda at: bob.tag_many(["t"], [at]),
        "untag_many": lambda at: bob.untag_many(["t"], [at]),
        "archive_many": lambda at: bob.archive_many([at]),
        "archive_many as a plan": lambda at: bob.archive_many([at], dry_run=True),
        "restore_many": lambda at: bob.restore_many([at]),
        "archive": bob.archive,
        "restore": bob.restore,
        "freeze": bob.freeze,
        "thaw": bob.thaw,
        "hold": bob.hold,
        "lift_hold": bob.lift_hold,
        "set_header": lambda at: bob.set_header(at, priority=1),
        "set_lifespan": lambda at: bob.set_lifespan(at, "90d"),
        "erase": lambda at: bob.erase(cube_id=at),
        "erase of several": lambda at: bob.erase(cube_ids=[at]),
        "erase as a plan": lambda at: bob.erase(cube_id=at, dry_run=True),
        "rollback": lambda at: bob.rollback(at, to_version=1),
        "rollback as a plan": lambda at: bob.rollback(at, to_version=1, dry_run=True),
        "events": lambda at: list(bob.events(cube_id=at)),
        "accesses": lambda at: bob.accesses(cube_id=at),
        "accesses of one's own": lambda at: bob.accesses(cube_id=at, actor="agent:bob"),
        "denials": lambda at: bob.denials(cube_id=at),
    }


def told(ask: Callable[[str], Any], cube_id: str) -> str:
    """What a call says of a memory, its id left out."""
    try:
        return str(ask(cube_id))
    except MemosError as error:
        return f"{type(error).__name__}: {error}".replace(cube_id, "<id>")


@contextmanager
def narrowed(vault: Path, to: str) -> Iterator[Memory]:
    """The vault on behalf of bob, who reaches one tenant, or by a key one scope of it."""
    if to == "a tenant":
        with Memory(vault, actor="agent:bob", tenant="acme") as bob:
            yield bob
    else:
        with Memory(vault, actor="agent:root") as root:
            actions = ("create", "read", "write", "administer")
            key = root.create_api_key(
                "agent:bob", tenant="acme", actions=actions, scopes=[SCOPE]
            ).key
            yield root.as_api_key(key)


@pytest.mark.parametrize(("to", "elsewhere"), BEYOND)
def test_a_memory_beyond_ones_reach_and_none_are_told_and_looked_for_alike(
    tmp_path: Path, work: Work, to: str, elsewhere: str
) -> None:
    with Memory(tmp_path / "vault", actor="agent:root") as root:
        mine = root.add("mine", scope=SCOPE).cube_id
        live, hidden, archived, held, erased = (
            root.add(text, scope=elsewhere, subject=text, tags=["t"]).cube_id
            for text in ("live", "hidden", "archived", "held", "erased")
        )
        root.update(live, "live again")
        root.set_header(hidden, readers=["agent:carol"])
        root.archive(archived)
        root.hold(held)
        root.erase(cube_id=erased)
    with narrowed(tmp_path / "vault", to) as bob:
        waiting = bob._session.access_log._waiting
        for name, ask in asked(bob, mine).items():
            told(ask, ABSENT)  # what is read once for all is read
            seen = []
            for cube_id in (ABSENT, live, hidden, archived, held, erased):
                work.done.clear()
                noted = len(waiting)
                said = told(ask, cube_id)
                seen.append((said, len(waiting) - noted, list(work.done)))
            for one in seen[1:]:
                assert one == seen[0], name


@pytest.mark.parametrize(("to", "elsewhere"), BEYOND)
def test_an_operation_beyond_ones_reach_and_none_are_told_and_looked_for_alike(
    tmp_path: Path, work: Work, to: str, elsewhere: str
) -> None:
    with Memory(tmp_path / "vault", actor="agent:root") as root:
        theirs = root.add("theirs", scope=elsewhere).cube_id
        root.update(theirs, "anew")
        operation = root.rollback(theirs, to_version=1).operation_ids[0]
    with narrowed(tmp_path / "vault", to) as bob:
        asks: list[Callable[[str], Any]] = [
            lambda at: list(bob.events(operation=at)),
            lambda at: bob.rollback(operation=at, dry_run=True),
            lambda at: bob.rollback(operation=at),
            bob.prove,
        ]
        for ask in asks:
            told(ask, ABSENT)
            seen = []
            for operation_id in (ABSENT, operation):
                work.done.clear()
                seen.append((told(ask, operation_id), list(work.done)))
            assert seen[0] == seen[1]


def test_every_call_that_names_a_memory_is_asked(tmp_path: Path) -> None:
    with Memory(tmp_path / "vault", actor="agent:bob") as bob:
        known = {name.partition(" ")[0] for name in asked(bob, ABSENT)}
    naming = {
        name
        for name, call in inspect.getmembers(Memory, inspect.isfunction)
        if not name.startswith("_") and NAMES_A_MEMORY & inspect.signature(call).parameters.keys()
    }
    assert known == naming
