"""The rounds of learning in a scope, kept in the log: each a cube for its actor, at an id that no search is
needed for. They are the curve of what was learnt and kept over time, and say where to go on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import datetime
from hashlib import sha256
from itertools import count

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.kernel.cube import SHOWN
from memos.kernel.errors import IllegalMove
from memos.kernel.event import as_uuid
from memos.kernel.keyed_digest import keyed_digest
from memos.kernel.scope import check_scope, tenant_of
from memos.language.indexed_text import EXTRACTION
from memos.operation.adapters.left_out import LeftOut
from memos.operation.commands.draft import create_cube
from memos.operation.commands.new_memory import NewMemory
from memos.operation.cube import MemCube, try_cube
from memos.operation.learning.round import LearningRound, Learnt, RetiredAdapter
from memos.operation.receipt import receipt_of
from memos.operation.session import Session

SEMANTIC_TYPE = "learning"
MEDIA_TYPE = "application/vnd.memos.learning+json"


def learning_curve(session: Session, scope: str) -> tuple[LearningRound, ...]:
    """See `Memory.learning_curve`."""
    within = check_scope(scope)
    with session.gate.enter("learning_curve") as passage:
        passage.require(Action.READ, within)
        with session.engine.read() as reader:
            rounds = tuple(rounds_of(session, reader, within))
        passage.note(within)
    return rounds


def rounds_of(session: Session, reader: Reader, scope: str) -> Iterator[LearningRound]:
    """The rounds of a scope that this actor has kept, the oldest first."""
    if not session.engine.keys.ring(tenant_of(scope)):
        return  # nothing was written for the tenant yet
    for number in count(1):
        raw = record_id(session, scope, number)
        head = reader.vault.head(raw)
        if head is None:
            return
        written = reader.vault.version(raw, 1)
        if written is None or written.actor != session.actor or head.lifecycle not in SHOWN:
            continue
        cube = try_cube(reader, written)
        made = _parsed(cube.payload) if isinstance(cube, MemCube) else None
        if made is not None:
            yield made


def keep_round(session: Session, scope: str, made: LearningRound) -> LearningRound:
    """Write a round down under the next free id; the same, with its number."""
    for number in count(1):
        raw = record_id(session, scope, number)
        with session.engine.read() as reader:
            if reader.vault.head(raw) is not None:
                continue
        numbered = replace(made, number=number)
        record = NewMemory(
            scope=scope,
            content=_content(numbered),
            media_type=MEDIA_TYPE,
            semantic_type=SEMANTIC_TYPE,
            origin=EXTRACTION,
            readers=[session.actor],
        )
        try:
            (committed,) = session.engine.writer.commit([create_cube(session, record, cube_id=raw)])
            receipt_of(session.engine, committed)
        except IllegalMove:
            continue  # another round took this id meanwhile
        return numbered
    raise AssertionError("ids do not end")


def record_id(session: Session, scope: str, number: int) -> bytes:
    """The id of the record of the n-th round in a scope, from 1."""
    key = session.digests.key(tenant_of(scope))
    label = f"{scope}\n{number}".encode()
    return as_uuid(sha256(keyed_digest(key, b"learning", label)).digest())


def _content(made: LearningRound) -> bytes:
    return json.dumps({**asdict(made), "at": made.at.isoformat()}, sort_keys=True).encode()


def _parsed(content: bytes) -> LearningRound | None:
    """The round in a record; None where it is none."""
    try:
        told = json.loads(content)
        return LearningRound(
            **{
                **told,
                "at": datetime.fromisoformat(told["at"]),
                "learnt": tuple(Learnt(**each) for each in told["learnt"]),
                "retired": tuple(RetiredAdapter(**each) for each in told["retired"]),
                "unlearnable": tuple((str(one), int(two)) for one, two in told["unlearnable"]),
                "left_out": tuple(
                    LeftOut(str(one), str(two)) for one, two in told.get("left_out", ())
                ),
            }
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
