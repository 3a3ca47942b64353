"""What happened to a cube: its attempts, the difference of two versions, its lineage."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.keys.envelope import open_body
from memos.infrastructure.vault.port import Attempt
from memos.kernel.body import metadata_of
from memos.kernel.errors import Damaged
from memos.kernel.event import Kind, Position, id_text
from memos.kernel.lineage import Edge
from memos.kernel.outcome import Result
from memos.operation.cube import (
    MemCube,
    as_datetime,
    parts_left_by,
    state_title,
)
from memos.wire.body_pb2 import Body


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One record of the log, folded: who attempted what on which cube, and what became of it.

    `reason` is why it was rejected or, of what was accepted, what the actor gave as theirs. `source` and
    `metadata` are those that came with it; both are empty where it brought none, or the memory was
    erased. Where they cannot be read the entry is a DamagedEntry. Of a decision, `policy` took it and
    `choice` is what the memory becomes; both are empty of all else.
    """

    event_id: str
    kind: str
    cube_id: str
    version: int
    scope: str
    actor: str
    position: Position
    log_time: datetime
    operation_id: str
    result: str
    reason: str
    source: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict, hash=False)
    policy: str = ""
    choice: str = ""


@dataclass(frozen=True, slots=True)
class DamagedEntry(LogEntry):
    """A record whose sealed part cannot be read: `damaged` says why."""

    damaged: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One attempt on a cube. `text` and `state` are as it left them; None where it was rejected,
    or the text was erased. Where it cannot be read the change is a DamagedChange.
    """

    entry: LogEntry
    version: int
    state: str | None
    text: str | None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DamagedChange(Change):
    """A change whose text cannot be read: `damaged` says why."""

    damaged: str = ""


@dataclass(frozen=True, slots=True)
class Diff:
    """What changed between two versions of a cube: `text` as unified diff lines, `fields` as
    (before, after).
    """

    cube_id: str
    before: int
    after: int
    text: tuple[str, ...]
    fields: Mapping[str, tuple[Any, Any]]


@dataclass(frozen=True, slots=True)
class LineageEdge:
    """An edge between two (cube id, version): content of `source` flowed into `derived`, or
    `derived` repeats or replaces it.
    """

    relation: str
    source: tuple[str, int]
    derived: tuple[str, int]


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a cube came from and what came from it. `depth` tells how far each cube is away:
    negative upstream, positive downstream.
    """

    cube_id: str
    depth: Mapping[str, int]
    edges: tuple[LineageEdge, ...]


def log_entry(reader: Reader, attempt: Attempt, *, erased: bool) -> LogEntry:
    """An attempt as the log query shows it; of a cube that is `erased` by now, what is in clear alone."""
    entry = _in_clear(attempt)
    try:
        if attempt.kind is Kind.DECIDED:
            decided = reader.event(attempt.position).decided
            entry = replace(entry, policy=decided.policy, choice=decided.choice)
        if erased:
            return entry
        body = _sealed(reader, attempt)
    except Damaged as error:
        told = {each.name: getattr(entry, each.name) for each in fields(LogEntry)}
        return DamagedEntry(**told, damaged=str(error))
    return replace(
        entry,
        reason=entry.reason or body.reason,
        source=body.provenance.source,
        metadata=metadata_of(body),
    )


def _sealed(reader: Reader, attempt: Attempt) -> Body:
    """What came with a record, opened; nothing where nothing did, or its key is gone."""
    event = reader.event(attempt.position)
    key = reader.cube_key(attempt.cube_id) if event.HasField("body") else None
    return Body() if key is None else open_body(key, event)


def _in_clear(attempt: Attempt) -> LogEntry:
    outcome = attempt.outcome
    return LogEntry(
        id_text(attempt.event_id),
        attempt.kind.title,
        id_text(attempt.cube_id),
        outcome.version,
        attempt.scope,
        attempt.actor,
        attempt.position,
        as_datetime(attempt.log_time),
        id_text(attempt.operation_id),
        outcome.result.name.lower(),
        outcome.reason.name.lower().replace("_", " ") if outcome.reason else "",
    )


def change_of(reader: Reader, attempt: Attempt, *, erased: bool = False) -> Change:
    """An attempt with the text that it left; none of a cube that is `erased` by now, even where
    this process could still open it.
    """
    entry, version = log_entry(reader, attempt, erased=erased), attempt.outcome.version
    if attempt.state is None or attempt.outcome.result is not Result.ACCEPTED:
        return Change(entry, version, None, None)
    state = state_title(attempt.state.lifecycle)
    try:
        parts = None if erased else parts_left_by(reader, attempt)
    except Damaged as error:
        return DamagedChange(entry, version, state, None, damaged=str(error))
    if parts is None:
        return Change(entry, version, state, None)
    return Change(entry, version, state, parts.text, parts.tag_list)


_COMPARED = [
    "tags",
    "metadata",
    "source",
    "origin",
    "semantic_type",
    "media_type",
    "valid_from",
    "valid_until",
    "owner",
    "readers",
    "writers",
    "priority",
    "sensitivity",
    "purpose",
    "lifespan",
]


def difference(before: MemCube, after: MemCube) -> Diff:
    """What changed from one version to another."""
    lines = difflib.unified_diff(
        before.text.splitlines(),
        after.text.splitlines(),
        f"version {before.version}",
        f"version {after.version}",
        lineterm="",
    )
    fields = {
        name: (getattr(before, name), getattr(after, name))
        for name in _COMPARED
        if getattr(before, name) != getattr(after, name)
    }
    return Diff(before.cube_id, before.version, after.version, tuple(lines), fields)


def walk_lineage(
    reader: Reader,
    cube_id: bytes,
    direction: str,
    depth: int,
    is_readable: Callable[[bytes], bool],
) -> Lineage:
    """The cubes within `depth` edges of a cube, upstream, downstream or both, as far as the caller
    may read: the walk neither shows nor passes a cube that is not readable.
    """
    edges: dict[Edge, None] = {}
    distance = {cube_id: 0}
    for downstream in (False, True):
        if direction not in ("both", "downstream" if downstream else "upstream"):
            continue
        frontier: list[bytes] = [cube_id]
        for step in range(1, depth + 1):
            reached: list[bytes] = []
            for at in frontier:
                for edge in reader.vault.edges(at, downstream=downstream):
                    other = edge.derived[0] if downstream else edge.source[0]
                    if other not in distance and not is_readable(other):
                        continue
                    edges[edge] = None
                    if other not in distance:
                        distance[other] = step if downstream else -step
                        reached.append(other)
            frontier = reached
    return Lineage(
        id_text(cube_id),
        {id_text(cube): far for cube, far in distance.items()},
        tuple(
            LineageEdge(
                edge.relation.name.lower(),
                (id_text(edge.source[0]), edge.source[1]),
                (id_text(edge.derived[0]), edge.derived[1]),
            )
            for edge in edges
        ),
    )
