"""Values that no caller should pass, and good calls in which to pass them."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np

from memos import ChatPrompt, DistillationSettings, Memory, Position, TokenUsage
from tests.adapting_model import LearningModel

SCOPE = "acme/alice"


class Hostile:
    """Refuses to be shown, compared or asked."""

    def _refuse(self, *_: object) -> Any:
        raise RuntimeError("this object refuses")

    __repr__ = __str__ = __bool__ = __eq__ = __len__ = _refuse
    __hash__ = object.__hash__


class Liar(str):
    """A text that refuses whatever can be asked of it, but to be looked up."""

    def _refuse(self, *_: object) -> Any:
        raise RuntimeError("this text refuses")

    encode = lower = strip = split = partition = startswith = join = _refuse  # type: ignore[assignment]
    __repr__ = __str__ = __eq__ = __len__ = __iter__ = __contains__ = __format__ = _refuse
    __hash__ = str.__hash__


def lying(value: Any) -> Any:
    """A value with a `Liar` in the place of each text."""
    if isinstance(value, str):
        return Liar(value)
    if isinstance(value, Mapping):
        return {name: lying(inner) for name, inner in value.items()}
    return [lying(inner) for inner in value] if isinstance(value, list) else value


def nested(levels: int) -> Any:
    value: Any = {"tags": "x"}
    for _ in range(levels):
        value = {"and": [value]}
    return value


BEFORE = datetime.min.replace(tzinfo=timezone(timedelta(hours=14)))
BEHIND = datetime.max.replace(tzinfo=timezone(timedelta(hours=-14)))
"""Times that UTC has not."""

ODD: Mapping[str, Any] = {
    "nothing": None,
    "empty text": "",
    "space": " ",
    "NUL": "a\x00b",
    "half a pair": "half \ud800",
    "long text": "x" * 5000,
    "as long as an id": "x" * 36,
    "no position": "99999999999999999999:99999999999999999999",
    "a position of 5000 digits": "0:" + "9" * 5000,
    "digits of another script": "٠:٩",
    "superscripts": "²:³",
    "last moment": "9999-12-31T23:59:59.999999-23:59",
    "many digits": "9" * 5000 + "d",
    "bytes": b"bytes",
    "yes": True,
    "no": False,
    "zero": 0,
    "negative": -1,
    "64 bits": 2**64,
    "63 bits": 2**63 - 1,
    "5000 digits": 10**5000,
    "fraction": 1.5,
    "nan": math.nan,
    "infinite": math.inf,
    "empty list": [],
    "list of nothing": [None],
    "list of a list": [["x"]],
    "list of half a pair": ["\udfff"],
    "empty mapping": {},
    "mapping of nothing": {"x": None},
    "mapping by number": {1: 1},
    "mapping by half a pair": {"\ud800": "x"},
    "deep": nested(3000),
    "set": {1},
    "array": np.arange(3),
    "time without a zone": datetime(2023, 1, 1),  # noqa: DTZ001
    "first moment": datetime.min.replace(tzinfo=UTC),
    "before the first moment": BEFORE,
    "mapping to before the first": {"x": BEFORE},
    "mapping to behind the last": {"x": {"gt": [BEHIND]}},
    "no duration": timedelta(0),
    "longest duration": timedelta.max,
    "far position": Position(0, 10**30),
    "odd position": Position("a", None),  # type: ignore[arg-type]
    "object": object(),
    "hostile": Hostile(),
    "lying text": Liar("acme"),
    "list of a lying text": [Liar("acme")],
    "mapping to a lying text": {"x": Liar("acme")},
}

HEADER: Mapping[str, Any] = {
    "owner": "agent:alice",
    "readers": ["agent:alice"],
    "writers": ["agent:alice"],
    "priority": 1,
    "sensitivity": "low",
    "purpose": "test",
}
NEW: Mapping[str, Any] = {
    "text": "a memory",
    "scope": SCOPE,
    "source": "web:a",
    "subject": "ann",
    "valid_from": "2023-01-01",
    "valid_until": "2024-01-01",
    "tags": ["craft"],
    "metadata": {"a": 1},
    "origin": "user input",
    "semantic_type": "note",
    **HEADER,
    "lifespan": "90d",
    "content": None,
    "media_type": None,
    "derived_from": [],
    "idempotency_key": None,
}
TURN: Mapping[str, Any] = {
    "text": "hello",
    "id": "D1:1",
    "speaker": "Ann",
    "role": "user",
    "caption": "a pot",
    "at": "2023-01-01",
    "metadata": {},
    "tags": [],
    "derived_from": [],
}
FOUND: Mapping[str, Any] = {
    "scope": SCOPE,
    "k": 3,
    "as_of": "begun",
    "filter": {"tags": "craft"},
    "recipe": None,
}
SELECTED: Mapping[str, Any] = {
    "scope": SCOPE,
    "filter": {"tags": "craft"},
    "state": None,
    "as_of": "begun",
    "facts": False,
}
ASKED = [{"role": "user", "content": "pot"}]


class Echo:
    """A chat model that says all that it reads."""

    name = "echo"

    def stream(self, prompt: ChatPrompt) -> Iterator[str | TokenUsage]:
        yield f"{prompt.system}{prompt.messages[-1].content}"


ACCESSES: Mapping[str, Any] = {
    "actor": None,
    "scope": None,
    "since": None,
    "until": None,
    "limit": 3,
}
RECORDS: Mapping[str, Any] = {
    "actor": None,
    "operation": None,
    "source": None,
    "since": None,
    "until": None,
    "scope": None,
}


def quiet(_done: int, _total: int) -> None:
    """No progress."""


def good_calls(memory: Memory, folder: Path) -> dict[str, dict[str, Any]]:
    """Calls of methods: what has no default, or is worth more than it. A star stands before a
    parameter that takes several.
    """
    cube = {"cube_id": memory.add("a pot", scope=SCOPE, tags=["craft"]).cube_id}
    moved = {**cube, "expected_version": None}
    keys = {"passphrase": None, "recipient_key": None, "verifier_key": None, "progress": quiet}
    other = memory.add("a lake", scope=SCOPE).cube_id
    several = {"cube_ids": [cube["cube_id"]], "scope": None, "filter": None, "dry_run": False}
    event = next(iter(memory.events())).event_id
    revision = {
        name: NEW[name] for name in NEW if name in inspect.signature(Memory.update).parameters
    }
    revised = {
        name: NEW[name]
        for name in NEW
        if name in inspect.signature(Memory.update_many).parameters and name != "scope"
    }
    merged = {name: NEW[name] for name in NEW if name in inspect.signature(Memory.merge).parameters}
    told = {"budget_tokens": 100, "count_tokens": len, **FOUND}
    export = folder / "export"
    model = LearningModel()
    active = memory.activate([other], scope=SCOPE, model=model).cube_id
    adapter, retired = (
        memory.distil([each], scope=SCOPE, model=model, distractors=[]).cube_id
        for each in (other, cube["cube_id"])
    )
    erased = memory.erase(cube_id=memory.add("gone", scope=SCOPE).cube_id)
    issued = memory.create_api_key("agent:bob", tenant="acme")
    key = {"key_id": issued.api_key.key_id, "tenant": "acme"}
    learnt = {"model": model, "settings": DistillationSettings(), "progress": quiet}
    return {
        "__init__": {
            "path": folder / "opened.vault",
            **{
                name: parameter.default
                for name, parameter in inspect.signature(Memory.__init__).parameters.items()
                if name not in ("self", "path")
            },
        },
        "accesses": {**cube, **ACCESSES},
        "add": dict(NEW),
        "add_many": {"items": [NEW], "idempotency_key": None},
        "add_conversation": {
            "turns": [TURN],
            "scope": SCOPE,
            "session": "one",
            "at": None,
            "source": None,
            "subject": None,
            "tags": [],
            "idempotency_key": None,
        },
        "activate": {
            "cube_ids": [other],
            "scope": SCOPE,
            "model": model,
            "instructions": "Be.",
            "pinned_tokens": 100,
            "filter": None,
            "count_tokens": len,
        },
        "activations": {"scope": SCOPE},
        "adapter": {"cube_id": adapter},
        "adapters": {"scope": SCOPE, "retired": False},
        "backpatch": {"cube_id": adapter, "model": model},
        "distil": {
            "cube_ids": [other],
            "scope": SCOPE,
            "distractors": None,
            "seconds": None,
            "dry_run": False,
            **learnt,
        },
        "learn": {
            "scope": SCOPE,
            "budget_bytes": 100,
            "budget_seconds": None,
            "policy": "lasting",
            "follow": None,
            "is_stopped": lambda: False,
            **learnt,
        },
        "learning_curve": {"scope": SCOPE},
        "promote": {"cube_id": adapter, "version": 2},
        "rebuild_adapter": {"cube_id": adapter, **learnt},
        "rebuilt_adapters": {"receipt": erased},
        "retire": {"cube_id": retired, "expected_version": None},
        "retire_outdated": {"scope": SCOPE},
        "evict": {"cube_id": active, "expected_version": None},
        "materialise": {"cube_id": active},
        "reactivate": {"scope": SCOPE, "model": model, "count_tokens": len},
        "schedule": {
            "scope": SCOPE,
            "budget_bytes": 1000,
            "model": model,
            "policy": "lru",
            "instructions": "",
            "dry_run": True,
        },
        "archive": moved,
        "archive_many": dict(several),
        "api_keys": {"tenant": "acme"},
        "as_api_key": {"key": issued.key},
        "create_api_key": {
            "actor": "agent:bob",
            "tenant": "acme",
            "name": "laptop",
            "actions": ["read"],
            "scopes": [SCOPE],
            "expires_after": "90d",
        },
        "revoke_api_key": key,
        "rotate_api_key": {**key, "overlap": "1h"},
        "as_actor": {"actor": "agent:bob", "tenant": None},
        "audit": {"progress": quiet},
        "backup": {"directory": folder / "backup", "keys": None, "progress": quiet},
        "chat": {
            "messages": ASKED,
            "model": Echo(),
            "stream": False,
            "remember": True,
            "session": "one",
            "state": None,
            "max_tokens": 9,
            "pinned_tokens": 90,
            "history_tokens": 90,
            "adapters": True,
            **told,
        },
        "checkpoint": {"partition": 0},
        "context": {"query": "pot", "stable": False, **told},
        "context_session": {"pinned_tokens": 90, "history_tokens": 90, "state": None, **told},
        "count": dict(SELECTED),
        "cuts": {},
        "denials": {"cube_id": None, **ACCESSES},
        "diff": {**cube, "before": 1, "after": 1},
        "digest": {},
        "embed_pending": {},
        "embedding_lag": {},
        "erase": {
            "subject": None,
            "scope": None,
            "cube_id": None,
            "cube_ids": None,
            "filter": None,
            "dry_run": True,
        },
        "find_id": {"beginning": cube["cube_id"]},
        "events": {**RECORDS, "kind": None, "cube_id": None},
        "export": {
            "path": folder / "again",
            "scope": SCOPE,
            "filter": None,
            "recipient": None,
            "passphrase": None,
            "progress": quiet,
        },
        "extract_facts": {
            "scope": SCOPE,
            "extractor": None,
            "name": None,
            "limit": 1,
            "progress": quiet,
        },
        "freeze": moved,
        "get": {**cube, "version": None, "as_of": None, "valid_at": None, "any_state": True},
        "history": cube,
        "import_export": {"path": export, **keys},
        "import_file": {
            "path": folder / "lines.jsonl",
            "scope": SCOPE,
            "format": "auto",
            "root": None,
            "subject": None,
            "tags": [],
            "timezone": "UTC",
            "prune": False,
            "yes": False,
            "again": False,
            "dry_run": False,
            "skip_bad": False,
            "progress": quiet,
        },
        "lineage": {**cube, "direction": "both", "depth": 2},
        "link": {**cube, "other_id": other, "relation": "derived_from"},
        "list": {**SELECTED, "order": "newest", "limit": 3, "cursor": None},
        "load": {
            "path": export,
            "into": folder / "loaded.vault",
            "actor": "agent:alice",
            **keys,
            "clock": lambda: 10**15,
            "governor": None,
        },
        "merge": {"cube_ids": [cube["cube_id"], other], **merged},
        "migrated_from": {},
        "name_cut": {"name": "again"},
        "prove": {"event_id": event},
        "prove_consistency": {"since": 1, "partition": 0},
        "rebuild": {"progress": quiet},
        "rotate_root_key": {"new_key": None, "progress": quiet},
        "related": {**cube, "k": 3, "scope": None},
        "restore": moved,
        "restore_many": {**several, "dry_run": True},
        "rollback": {**RECORDS, "cube_id": None, "to_version": None, "cut": None, "dry_run": True},
        "route": {"task": "pot", **told},
        "scopes": {"prefix": "acme", "as_of": None},
        "search": {"query": "pot", **FOUND, "valid_at": None, "states": None, "facts": False},
        "set_header": {**moved, **HEADER},
        "set_lifespan": {
            **moved,
            "after": "90d",
            "renewed_by_access": False,
            "then": "archive",
            "half_life": None,
        },
        "set_vocabulary": {"scope": SCOPE, "tags": ["craft"], "closed": False},
        "stats": {},
        "subjects": {"scope": SCOPE, "as_of": None},
        "hold": moved,
        "lift_hold": moved,
        "administrators": {"tenant": "acme"},
        "grant_administrator": {"tenant": "acme", "actor": "agent:bob"},
        "revoke_administrator": {"tenant": "acme", "actor": "agent:bob"},
        "sensitivities": {"tenant": "acme"},
        "set_sensitivities": {"tenant": "acme", "labels": ["low", "high"]},
        "queries": {"scope": SCOPE},
        "tag": {**moved, "*tags": "home"},
        "tag_many": {"tags": ["home"], **several},
        "tags": {"scope": SCOPE, "as_of": None},
        "thaw": moved,
        "untag": {**moved, "*tags": "home"},
        "untag_many": {"tags": ["home"], **several},
        "update": {**cube, "mode": "overwrite", "expected_version": None, "reason": "", **revision},
        "update_many": {**several, "mode": "overwrite", "reason": "", **revised},
        "usage_digest": {},
        "verifier_key": {},
        "verify": {"progress": quiet},
        "vocabulary": {"scope": SCOPE},
        "wait_for": {"token": "0:0", "seconds": 0.0},
    }
