"""The part of the Memory API that extracts facts from memories, behind the writes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np

from memos.infrastructure.engine.commit import Draft
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.infrastructure.keys.envelope import new_key, seal_body
from memos.infrastructure.progress import Progress, no_progress
from memos.kernel.cube import SHOWN, Form, Header
from memos.kernel.errors import IllegalMove, OtherContent
from memos.kernel.event import Kind, id_bytes, id_text
from memos.kernel.fold import Result
from memos.kernel.header import write_header
from memos.kernel.lineage import Relation
from memos.kernel.scope import check_scope, tenant_of
from memos.operation import validation as validate
from memos.operation.commands.change import move, sources_of
from memos.operation.commands.creation import check_addition, draft_addition
from memos.operation.commands.draft import fill_body, new_event
from memos.operation.commands.facts import (
    RECORD_MEDIA_TYPE,
    RECORD_TYPE,
    SEMANTIC_TYPE,
    Extractor,
    facts_of,
    name_of,
    record_bytes,
    record_entries,
    record_id,
)
from memos.operation.cube import MemCube, read_cube
from memos.operation.reads.look import looking, note
from memos.operation.receipt import receipt_of
from memos.operation.search.indexed_text import EXTRACTION
from memos.operation.search.scope_view import ScopeView
from memos.operation.session import Session
from memos.wire.body_pb2 import Body

BATCH = 200
"""Memories read between two records of what was read."""


@dataclass(frozen=True, slots=True)
class FactsReport:
    """What an extraction did.

    `read` memories were read; `added` facts are new, `present` were there, `archived` came from
    earlier versions of what was read. `cube_ids` are the facts of what was read. `left` memories
    wait to be read.
    """

    extractor: str
    read: int
    added: int
    present: int
    archived: int
    left: int
    cube_ids: tuple[str, ...]


class Facts:
    """Facts as memories of their own, derived from those that tell them."""

    _session: Session

    def extract_facts(
        self,
        scope: str,
        extractor: Extractor | None = None,
        *,
        name: str | None = None,
        limit: int | None = None,
        progress: Progress = no_progress,
    ) -> FactsReport:
        """Extract the facts of what an extractor has not read yet, in a scope and under it.

        Each fact is a memory of semantic type `fact`, derived from the one that tells it: it has
        its scope, source, valid time, readers and subjects, and rollback and erase reach it. When
        a memory changes, the facts of its earlier version are archived. `search(facts=True)` finds
        them; other searches find memories only. A repeat makes no second copy.

        Args:
            scope: where.
            extractor: from a memory's text (`Speaker: text`) to its facts, such as a call of a
                language model; by default what the patterns of slots read (English).
            name: the extractor's, with its version; by default that of the function. Another name
                reads everything anew.
            limit: how many memories are read at most.
            progress: told (memories read, of how many).

        Raises:
            Denied: the actor may not read there, or not add.
            InvalidInput: the extractor gave something else than texts. It, and what else an
                extractor raises, comes after what was read before is kept.
        """
        session = self._session
        called = validate.check_name(name or name_of(extractor), "name")
        most = None if limit is None else validate.check_limit(limit)
        check_scope(scope)
        session.require(Action.CREATE, scope, operation="extract_facts")
        run = _Run(session, scope, called)
        waiting = run.waiting()
        wanted = waiting[:most]
        for start in range(0, len(wanted), BATCH):
            run.extract(wanted[start : start + BATCH], extractor)
            progress(min(start + BATCH, len(wanted)), len(wanted))
        note(session, "extract_facts", scope, [])
        return FactsReport(
            called, run.read, run.added, len(run.facts) - run.added, run.archived,
            len(waiting) - run.read, tuple(run.facts),
        )  # fmt: skip


class _Run:
    """One extraction: what it has read and made so far."""

    def __init__(self, session: Session, scope: str, extractor: str) -> None:
        self._session = session
        self._scope = scope
        self._name = extractor
        self.read = self.added = self.archived = 0
        self.facts: list[str] = []

    def waiting(self) -> list[tuple[str, int]]:
        """The memories, each at its version, that were not read yet, oldest first."""
        with looking(self._session, self._scope, "extract_facts") as scope_view:
            if scope_view is None:
                return []
            done = self._recorded(scope_view.reader)
            return [each for each in _readable(scope_view) if each not in done]

    def extract(self, batch: list[tuple[str, int]], extractor: Extractor | None) -> None:
        """Extract the facts of some memories, and record what was read even where one fails."""
        done: list[tuple[str, int]] = []
        try:
            for cube_id, version in batch:
                self._extract(cube_id, version, extractor)
                done.append((cube_id, version))
        finally:
            self.read += len(done)
            if done:
                self._record(done)

    def _extract(self, cube_id: str, version: int, extractor: Extractor | None) -> None:
        session = self._session
        with session.engine.read() as reader:
            attempt = reader.vault.state_at(id_bytes(cube_id))
            if attempt is None or attempt.state is None or attempt.state.version != version:
                return  # it has changed meanwhile: its new version waits to be read
            state, cube = attempt.state, read_cube(reader, attempt)
            earlier = self._earlier(reader, id_bytes(cube_id), version)
        if not isinstance(cube, MemCube) or state.lifecycle not in SHOWN:
            return
        drafts = []
        for number, text in enumerate(facts_of(cube, extractor)):
            sources, subjects = sources_of(session, [cube_id], Relation.DERIVED_FROM, cube.scope)
            addition = check_addition(session, self._item(cube, text, number), sources, subjects)
            drafts.append(draft_addition(session, addition._replace(header=state.header)))
        for committed in session.engine.writer.commit(drafts) if drafts else ():
            try:
                self.facts.append(receipt_of(session.engine, committed).cube_id)
            except OtherContent:  # read before, by an extractor that words it otherwise
                continue
            self.added += committed.outcome.result is Result.ACCEPTED
        for fact in earlier:
            move(session, fact, Kind.ARCHIVED, Action.WRITE, None)
            self.archived += 1

    def _item(self, cube: MemCube, text: str, number: int) -> dict[str, object]:
        """A fact as the arguments of `add`."""
        speaker = cube.metadata.get("speaker")
        return {
            "text": text,
            "scope": cube.scope,
            "source": cube.source,
            "origin": EXTRACTION,
            "semantic_type": SEMANTIC_TYPE,
            "valid_from": cube.valid_from,
            "valid_until": cube.valid_until,
            "metadata": {
                "extractor": self._name,
                "fact_of": f"{cube.cube_id}@{cube.version}",
                **({"speaker": speaker} if speaker else {}),
            },
            "idempotency_key": f"fact:{self._name}:{cube.cube_id}@{cube.version}:{number}",
        }

    def _earlier(self, reader: Reader, raw: bytes, version: int) -> list[str]:
        """The facts that this extractor made of earlier versions, and that are still shown."""
        found = []
        for edge in reader.vault.edges(raw, downstream=True) if version > 1 else ():
            if edge.relation is not Relation.DERIVED_FROM or edge.source[1] >= version:
                continue
            attempt = reader.vault.state_at(edge.derived[0])
            cube = None if attempt is None else read_cube(reader, attempt)
            if (
                isinstance(cube, MemCube)
                and cube.origin == EXTRACTION
                and cube.metadata.get("extractor") == self._name
                and cube.state in ("Generated", "Activated")
            ):
                found.append(cube.cube_id)
        return found

    def _recorded(self, reader: Reader) -> set[tuple[str, int]]:
        """What the records of this extractor in this scope say was read."""
        done: set[tuple[str, int]] = set()
        for raw in self._record_ids():
            attempt = reader.vault.state_at(raw)
            if attempt is None:
                break
            cube = read_cube(reader, attempt)
            if isinstance(cube, MemCube) and attempt.state is not None:
                kept = attempt.state.lifecycle in SHOWN
                done |= record_entries(cube.payload) if kept else set()
        return done

    def _record(self, read: list[tuple[str, int]]) -> None:
        """Write down what was read, under the next free id."""
        for raw in self._record_ids():
            with self._session.engine.read() as reader:
                if reader.vault.head(raw) is not None:
                    continue
            try:
                _make_record(self._session, self._scope, raw, record_bytes(read))
            except IllegalMove:
                continue  # another extraction took this id meanwhile
            return

    def _record_ids(self) -> Iterator[bytes]:
        key = self._session.tenant_key(tenant_of(self._scope))
        return (record_id(key, self._scope, self._name, number) for number in count())


def _readable(scope_view: ScopeView) -> list[tuple[str, int]]:
    """The memories with words that the actor sees, oldest first."""
    visible = scope_view.visible()
    rows = np.flatnonzero(visible.length > 0)
    rows = rows[np.argsort(visible.opened[rows], kind="stable")]
    versions = visible.version[rows].tolist()
    return list(zip(map(id_text, visible.cube_ids(rows)), versions, strict=True))


def _make_record(session: Session, scope: str, cube_id: bytes, content: bytes) -> None:
    event = new_event(session, Kind.GENERATED, cube_id, scope)
    event.generated.form = Form.PLAINTEXT.value  # type: ignore[assignment]
    write_header(Header(session.actor), event.generated.header)
    event.subject_digests.append(session.subject_digest(event.tenant, scope))
    body = Body()
    fields = {
        "payload": (RECORD_MEDIA_TYPE, content),
        "semantic_type": RECORD_TYPE,
        "origin": EXTRACTION,
    }
    event.parts = fill_body(body, fields)
    key = new_key()
    seal_body(key, event, body)
    (committed,) = session.engine.writer.commit([Draft(event, body, key)])
    receipt_of(session.engine, committed)
