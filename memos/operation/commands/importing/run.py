"""Writing what an import is to do, in durable batches: cut off, it goes on where it was."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from memos.infrastructure.batches import batched
from memos.infrastructure.engine.commit import Committed, Draft
from memos.infrastructure.keys.envelope import seal_body
from memos.infrastructure.progress import Progress
from memos.kernel.cube import PARTS, CubeState, Header, PartVersions
from memos.kernel.errors import MemosError
from memos.kernel.event import Kind
from memos.kernel.outcome import Result
from memos.operation.commands.draft import create_cube, new_event
from memos.operation.commands.header import header_event
from memos.operation.commands.importing.done import Done
from memos.operation.commands.importing.imported import Imported, Marks
from memos.operation.commands.importing.keys import NewKeys
from memos.operation.commands.importing.plan import Doing, ItemStep
from memos.operation.gate import Passage
from memos.operation.receipt import receipt_of
from memos.operation.session import Session
from memos.wire.body_pb2 import Body
from memos.wire.event_pb2 import Event, Revised

BATCH = 2_000


class ImportRun:
    """One import, of one operation id.

    Args:
        session: the open vault.
        passage: of the import.
        progress: told (done, total) of the items.
    """

    def __init__(self, session: Session, passage: Passage, progress: Progress) -> None:
        self._session, self._passage, self._progress = session, passage, progress
        self._seen = 0
        self._there: Collection[bytes] = ()
        self._keys = NewKeys(session, passage)
        self.operation_id = session.new_id()

    def write(
        self,
        done: Done,
        marks: Marks,
        steps: Sequence[ItemStep],
        there: Collection[bytes],
        *,
        total: int,
    ) -> None:
        """Do what is to be done with items, in their order; `there` are the memories of all that was
        imported before.
        """
        self._there = there
        for batch in batched(steps, BATCH):
            self._seen += len(batch)
            writing = [step for step in batch if not done.tell(step)]
            drafts = [self._changes(marks, step) for step in writing if step.doing is Doing.CHANGE]
            changing = iter(drafts)
            adding = iter(
                self._additions(done, marks, [s for s in writing if s.doing is Doing.ADD])
            )
            each = [
                (step, next(changing) if step.doing is Doing.CHANGE else next(adding))
                for step in writing
            ]
            self._commit(done, each)
            self._progress(self._seen, total)

    def archive(self, done: Done, marks: Marks, missing: Iterable[tuple[Imported, str]]) -> None:
        """Archive what is missing."""
        for batch in batched(list(missing), BATCH):
            drafts = []
            for one, _ in batch:
                event = self._event(Kind.ARCHIVED, one.state, expected=True)
                marks.put(event, one.identity)
                drafts.append(Draft(event))
            for committed, (_, source) in zip(
                self._session.engine.writer.commit(drafts), batch, strict=True
            ):
                try:
                    receipt_of(self._session.engine, committed)
                except MemosError as error:
                    done.refused.append(f"{source}: {error}")
                else:
                    done.archived += 1

    def _commit(self, done: Done, each: Sequence[tuple[ItemStep, Sequence[Draft]]]) -> None:
        """Append what belongs to some items together."""
        drafts = [draft for _, own in each for draft in own]
        commits = iter(self._session.engine.writer.commit(drafts))
        for step, own in each:
            results = [next(commits) for _ in own]
            try:
                for committed in results:
                    receipt_of(self._session.engine, committed)
            except MemosError as error:
                done.refused.append(f"{step.wanted.item.place}: {error}")
                continue
            if not results:
                continue
            done.cube_ids[step.wanted.identity] = results[-1].event.cube_id
            done.count(step, is_new=_is_new(results))

    def _additions(
        self, done: Done, marks: Marks, steps: Sequence[ItemStep]
    ) -> list[Sequence[Draft]]:
        """The first events of new memories; none for one that cannot be made any more."""
        additions: list[Sequence[Draft]] = []
        for step, new in zip(steps, self._keys.new_items(steps, self._there), strict=True):
            if new.why:
                done.refused.append(f"{step.wanted.item.place}: {new.why}")
                additions.append(())
                continue
            draft = create_cube(
                self._session, new.memory, operation_id=self.operation_id, identity=new.identity
            )
            marks.put(draft.event, step.wanted.identity, step.wanted.said)
            freezing = () if new.identity.is_known else self._freezing(step, draft)
            additions.append((draft, *freezing))
        return additions

    def _freezing(self, step: ItemStep, draft: Draft) -> Sequence[Draft]:
        """The freeze of what comes in frozen: as an owner's, it yields to an erase."""
        if not step.wanted.item.frozen:
            return ()
        event = new_event(
            self._session,
            Kind.FROZEN,
            draft.event.cube_id,
            draft.event.scope,
            operation_id=self.operation_id,
            passage=self._passage,
        )
        event.frozen.yields_to_erase = True
        return (Draft(event),)

    def _changes(self, marks: Marks, step: ItemStep) -> Sequence[Draft]:
        """The events that make a memory what its item is now."""
        assert step.known is not None  # noqa: S101 - only what is known changes
        state, wanted = step.known.state, step.wanted
        drafts: list[Draft] = []
        if step.restores:
            drafts.append(Draft(self._event(Kind.RESTORED, state, expected=True)))
        if step.header is not None:
            drafts.append(Draft(self._header_event(state, step.header, not drafts)))
        if step.parts:
            drafts.append(self._revision(step, state, expected=not drafts))
        for draft in drafts:
            says = wanted.said if draft.event.kind == Kind.REVISED else ""
            marks.put(draft.event, wanted.identity, says)
        return drafts

    def _revision(self, step: ItemStep, state: CubeState, *, expected: bool) -> Draft:
        """A new version, of the parts that change."""
        memory = step.wanted.memory
        event = self._event(Kind.REVISED, state, expected=expected)
        event.parts = step.parts
        event.revised.mode = Revised.MODE_OVERWRITE
        if memory.source:
            event.source_digests.extend(self._session.digests.sources(event.tenant, memory.source))
        body = Body()
        for part, name in zip(PARTS, PartVersions._fields, strict=True):
            if step.parts & part:
                getattr(body, name).CopyFrom(getattr(memory.body, name))
        before = step.body
        if body.provenance.HasField("turn") and before and before.provenance.HasField("turn"):
            body.provenance.turn.number = before.provenance.turn.number
        with self._session.engine.read() as reader:
            cube_key = reader.cube_key(state.cube_id)
        if cube_key is not None:  # erased meanwhile: the fold says so
            seal_body(cube_key, event, body)
        return Draft(event, body)

    def _header_event(self, state: CubeState, header: Header, expected: bool) -> Event:
        before = state.header
        fields = [name for name in Header._fields if getattr(header, name) != getattr(before, name)]
        return header_event(
            self._session,
            self._passage,
            state,
            header,
            fields,
            expected_version=state.version if expected else None,
            operation_id=self.operation_id,
        )

    def _event(self, kind: Kind, state: CubeState, *, expected: bool) -> Event:
        """An event of the import on a memory; of several the first is bound to its version."""
        return new_event(
            self._session,
            kind,
            state.cube_id,
            state.scope,
            operation_id=self.operation_id,
            expected_version=state.version if expected else None,
            passage=self._passage,
        )


def _is_new(results: Sequence[Committed]) -> bool:
    return results[0].outcome.result is Result.ACCEPTED
