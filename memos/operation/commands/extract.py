"""Facts extracted from memories, behind the writes: each a memory derived from the one that tells it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.infrastructure.progress import Progress
from memos.kernel.cube import SHOWN, CubeState
from memos.kernel.errors import (
    AlreadyErased,
    Denied,
    Held,
    IllegalMove,
    NotFound,
    OtherContent,
    SourceErased,
)
from memos.kernel.event import id_bytes, id_text
from memos.kernel.lineage import Relation
from memos.kernel.outcome import Result
from memos.kernel.scope import check_scope, tenant_of
from memos.language.indexed_text import EXTRACTION
from memos.operation.commands.draft import create_cube
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
from memos.operation.commands.idempotency import identify
from memos.operation.commands.lifecycle import ARCHIVE, move
from memos.operation.commands.new_memory import NewMemory
from memos.operation.commands.sources import source_versions
from memos.operation.commands.tags import check_tags
from memos.operation.cube import MemCube, try_cube
from memos.operation.gate import Passage
from memos.operation.reads.head import is_readable
from memos.operation.reads.scope import SearchRequest, open_scope
from memos.operation.receipt import receipt_of
from memos.operation.search.scope_view import ScopeView
from memos.operation.session import Session
from memos.operation.validation import check_callable, check_limit, check_name

BATCH = 200
"""Memories read between two records of what was read."""

Version = tuple[str, int]
"""A cube id and a version."""


@dataclass(frozen=True, slots=True)
class FactsReport:
    """What an extraction did.

    `read` memories were read; `added` facts are new, `present` were there, `archived` came from
    earlier versions of what was read. `cube_ids` are the facts of what was read. `left` memories
    wait to be read. `kept` are facts of earlier versions that are not the actor's to archive, or are
    frozen or held.
    """

    extractor: str
    read: int
    added: int
    present: int
    archived: int
    left: int
    cube_ids: tuple[str, ...]
    kept: tuple[str, ...] = ()


def extract_facts(
    session: Session,
    scope: str,
    extractor: Extractor | None,
    *,
    name: str | None,
    limit: int | None,
    progress: Progress,
) -> FactsReport:
    """See `Memory.extract_facts`."""
    if extractor is not None:
        check_callable(extractor, "extractor")
    called = check_name(name_of(extractor) if name is None else name, "name")
    most = None if limit is None else check_limit(limit, "limit")
    scope = check_scope(scope)
    with session.gate.enter("extract_facts") as passage:
        passage.require(Action.CREATE, scope)
        run = _Extraction(session, passage, scope, called)
        waiting = run.waiting()
        versions = waiting[:most]
        for start in range(0, len(versions), BATCH):
            run.extract(versions[start : start + BATCH], extractor)
            progress(min(start + BATCH, len(versions)), len(versions))
        passage.note(scope)
    return FactsReport(
        called,
        run.read,
        run.added,
        len(run.facts) - run.added,
        run.archived,
        len(waiting) - run.read,
        tuple(run.facts),
        tuple(run.kept),
    )


class _Extraction:
    """One extraction: what it has read and made so far."""

    def __init__(self, session: Session, passage: Passage, scope: str, extractor: str) -> None:
        self._session = session
        self._passage = passage
        self._scope = scope
        self._name = extractor
        self.read = self.added = self.archived = 0
        self.facts: list[str] = []
        self.kept: list[str] = []

    def waiting(self) -> list[Version]:
        """The memories, each at its version, that were not read yet, oldest first."""
        with open_scope(
            self._session, self._passage, SearchRequest(scope=self._scope)
        ) as scope_view:
            if scope_view is None:
                return []
            done = self._recorded(scope_view.reader)
            return [version for version in _readable(scope_view) if version not in done]

    def extract(self, batch: list[Version], extractor: Extractor | None) -> None:
        """Extract the facts of some memories, and record what was read.

        Where one fails, only those are recorded that gave facts: others may have given none because
        the extractor was failing already.
        """
        given: dict[Version, int] = {}
        is_whole = False
        try:
            for version in batch:
                facts = self._extract(*version, extractor)
                if facts is not None:
                    given[version] = facts
            is_whole = True
        finally:
            done = [version for version, facts in given.items() if facts or is_whole]
            self.read += len(done)
            if done:
                self._record(done)

    def _extract(self, cube_id: str, version: int, extractor: Extractor | None) -> int | None:
        """How many facts a memory gave; None where it was not read."""
        with self._session.engine.read() as reader:
            attempt = reader.vault.state_at(id_bytes(cube_id))
            if attempt is None or attempt.state is None or attempt.state.version != version:
                return None  # it has changed meanwhile: its new version waits to be read
            state, cube = attempt.state, try_cube(reader, attempt)
            earlier = self._earlier(reader, id_bytes(cube_id), version)
        if not isinstance(cube, MemCube) or state.lifecycle not in SHOWN:
            return None
        texts = facts_of(cube, extractor)
        try:
            if not self._add(cube, state, texts):
                return None  # while the extractor read it: its new version waits to be read
        except SourceErased:
            return 0  # while the extractor read it
        for fact in earlier:
            self._archive(fact)
        return len(texts)

    def _archive(self, fact: CubeState) -> None:
        """Archive a fact of an earlier version where that is the actor's; else it is told."""
        cube_id = id_text(fact.cube_id)
        try:
            if self._passage.allows(Action.WRITE, fact):
                move(self._session, self._passage, cube_id, ARCHIVE)
                self.archived += 1
            else:
                self.kept.append(cube_id)
        except (Held, Denied):  # it is frozen, or became another's meanwhile
            self.kept.append(cube_id)
        except (IllegalMove, NotFound):
            pass  # another one archived or erased it meanwhile

    def _add(self, cube: MemCube, state: CubeState, texts: list[str]) -> bool:
        """Add the facts of a memory, under its header: facts of the version that was read. False where
        the memory has another one by now.
        """
        session, drafts = self._session, []
        if not texts:
            return True
        sources = source_versions(
            session, self._passage, [cube.cube_id], Relation.DERIVED_FROM, cube.scope
        )
        if sources.versions[0].version != cube.version:
            return False
        for number, text in enumerate(texts):
            memory = NewMemory.of_item(self._item(cube, text, number))
            check_tags(session, self._passage, memory.scope, memory.body.tags.tags)
            (identity,) = identify(session, [memory.keyed(sources=sources.cube_ids)])
            if identity is not None and identity.is_erased:
                continue  # and it does not come back
            drafts.append(
                create_cube(session, memory, sources, header=state.header, identity=identity)
            )
        for committed in session.engine.writer.commit(drafts) if drafts else ():
            try:
                receipt = receipt_of(session.engine, committed)
            except (AlreadyErased, OtherContent):
                continue  # read before, by an extractor that words it otherwise
            is_new = committed.outcome.result is Result.ACCEPTED
            if is_new or self._may_read(id_bytes(receipt.cube_id)):
                self.facts.append(receipt.cube_id)
                self.added += is_new
        return True

    def _may_read(self, raw: bytes) -> bool:
        with self._session.engine.read() as reader:
            return is_readable(self._passage, reader, raw)

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

    def _earlier(self, reader: Reader, raw: bytes, version: int) -> list[CubeState]:
        """The facts that this extractor made of earlier versions, and that are still shown."""
        facts: dict[bytes, CubeState] = {}
        for edge in reader.vault.edges(raw, downstream=True) if version > 1 else ():
            if edge.relation is not Relation.DERIVED_FROM or edge.source[1] >= version:
                continue
            if not is_readable(self._passage, reader, edge.derived[0]):
                continue
            attempt = reader.vault.state_at(edge.derived[0])
            cube = None if attempt is None else try_cube(reader, attempt)
            if (
                isinstance(cube, MemCube)
                and attempt is not None
                and attempt.state is not None
                and attempt.state.lifecycle in SHOWN
                and cube.origin == EXTRACTION
                and cube.metadata.get("extractor") == self._name
            ):
                facts[edge.derived[0]] = attempt.state
        return list(facts.values())

    def _recorded(self, reader: Reader) -> set[Version]:
        """What this actor's records of this extractor in this scope say was read, as they wrote them:
        what another had an extractor of this name read is not read for them.
        """
        done: set[Version] = set()
        for raw in self._record_ids():
            head = reader.vault.head(raw)
            if head is None:
                break
            written = reader.vault.version(raw, 1)
            if written is None or written.actor != self._session.actor:
                continue
            cube = try_cube(reader, written)
            if isinstance(cube, MemCube) and head.lifecycle in SHOWN:
                done |= record_entries(cube.payload)
        return done

    def _record(self, read: list[Version]) -> None:
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
        key = self._session.digests.key(tenant_of(self._scope))
        return (record_id(key, self._scope, self._name, number) for number in count())


def _readable(scope_view: ScopeView) -> list[Version]:
    """The memories with words that the actor sees, oldest first."""
    visible = scope_view.visible()
    rows = np.flatnonzero(visible.length > 0)
    rows = rows[np.argsort(visible.opened[rows], kind="stable")]
    versions = visible.version[rows].tolist()
    return list(zip(map(id_text, visible.cube_ids(rows)), versions, strict=True))


def _make_record(session: Session, scope: str, cube_id: bytes, content: bytes) -> None:
    """A record for its actor alone: it names memories that others may not read."""
    record = NewMemory(
        scope=scope,
        content=content,
        media_type=RECORD_MEDIA_TYPE,
        semantic_type=RECORD_TYPE,
        origin=EXTRACTION,
        readers=[session.actor],
    )
    (committed,) = session.engine.writer.commit([create_cube(session, record, cube_id=cube_id)])
    receipt_of(session.engine, committed)
