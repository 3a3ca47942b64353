"""Links between notes: a name in double brackets is an edge, `linked`, to the memory it names, as long as
it stands in the note.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from memos.infrastructure.batches import batched
from memos.infrastructure.engine.commit import Draft
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.infrastructure.vault.port import Attempt, LogQuery
from memos.kernel.cube import ZERO_DIGEST, CubeState
from memos.kernel.errors import MemosError
from memos.kernel.event import Kind, id_text
from memos.kernel.lineage import Relation
from memos.operation.commands.draft import add_sources, new_event
from memos.operation.commands.importing.imported import Marks
from memos.operation.commands.importing.items import Wanted
from memos.operation.commands.importing.plan import Doing, ItemStep
from memos.operation.commands.rollback_plan import fill_targets, unlink_target
from memos.operation.commands.sources import source_versions
from memos.operation.commands.taint import Histories
from memos.operation.commands.undone_links import NO_LINKS, UndoneLinks, undone_links
from memos.operation.gate import Passage
from memos.operation.receipt import receipt_of
from memos.operation.session import Session, live_state
from memos.wire.event_pb2 import EndedEdge

LEADS_NOWHERE = "links to notes that are not in what is imported"
BATCH = 2_000
_GOING = (Doing.ADD, Doing.CHANGE, Doing.KEEP)


class Names:
    """What links can name: notes by file, with and without folder and suffix, their headings, and
    items by id.

    Args:
        wanted: the items.
        cube_ids: the memory of each, by its identity.
    """

    def __init__(self, wanted: Iterable[Wanted], cube_ids: Mapping[str, bytes]) -> None:
        self._named: dict[tuple[str, str, str], bytes] = {}
        for one in wanted:
            cube_id = cube_ids.get(one.identity)
            if cube_id is None:
                continue
            item, scope = one.item, one.memory.scope
            if item.id:
                self._named.setdefault((scope, _name(item.id), ""), cube_id)
            if item.section:
                file, *headings = item.section
                path = PurePosixPath(file)
                for name in (file, path.with_suffix("").as_posix(), path.name, path.stem):
                    for heading in {"", *headings[-1:]}:
                        key = (scope, _name(name), _name(heading))
                        self._named.setdefault(key, cube_id)

    def find(self, scope: str, link: str) -> bytes | None:
        """The memory that a link names: `Note`, `folder/Note` or `Note#Heading`."""
        note, _, heading = link.partition("#")
        heading = heading.rpartition("#")[2]
        named = self._named.get((scope, _name(note), _name(heading)))
        return named or self._named.get((scope, _name(note), ""))


def _name(name: str) -> str:
    return name.strip().casefold()


def leading_nowhere(steps: Sequence[ItemStep]) -> Counter[str]:
    """How many links would lead nowhere, were each item imported that is to be."""
    going = {
        step.wanted.identity: step.wanted.identity.encode()
        for step in steps
        if step.doing in _GOING
    }
    here = [step.wanted for step in steps if step.wanted.identity in going]
    names = Names(here, going)
    links = ((one.memory.scope, link) for one in here for link in one.item.links)
    lost = sum(names.find(scope, link) is None for scope, link in links)
    return Counter({LEADS_NOWHERE: lost} if lost else {})


class Links:
    """Makes the links of an import's items what the items say: new ones, and an end of those that an
    import made and that stand no more.

    Args:
        session: the open vault.
        passage: of the import.
        operation_id: of the import.
    """

    def __init__(self, session: Session, passage: Passage, operation_id: bytes) -> None:
        self._session, self._passage = session, passage
        self._operation_id = operation_id
        self._by_imports: dict[bytes, bool] = {}
        self.refused: list[str] = []
        self.not_kept: Counter[str] = Counter()

    def write(self, marks: Marks, steps: Sequence[ItemStep], cube_ids: Mapping[str, bytes]) -> None:
        """Link what is not linked yet, and end what is linked no more; what a link names and is not
        here is counted.
        """
        linking = [step.wanted for step in steps if _may_link(step, cube_ids)]
        if not linking:
            return
        names = Names((step.wanted for step in steps), cube_ids)
        here = frozenset(cube_ids.values())
        for batch in batched(linking, BATCH):
            drafts, places = [], []
            for one in batch:
                try:
                    own = self._drafts(marks, one, cube_ids[one.identity], names, here)
                except MemosError as error:
                    self.refused.append(f"{one.item.place}: its links: {error}")
                    continue
                drafts += own
                places += [one.item.place] * len(own)
            commits = self._session.engine.writer.commit(drafts)
            for committed, place in zip(commits, places, strict=True):
                try:
                    receipt_of(self._session.engine, committed)
                except MemosError as error:
                    self.refused.append(f"{place}: its links: {error}")

    def _drafts(
        self, marks: Marks, one: Wanted, cube_id: bytes, names: Names, here: frozenset[bytes]
    ) -> list[Draft]:
        """One event with the links of a memory that are new, and one that ends those that are gone."""
        found = [names.find(one.memory.scope, link) for link in one.item.links]
        lost = found.count(None)
        if lost:
            self.not_kept[LEADS_NOWHERE] += lost
        targets = dict.fromkeys(at for at in found if at is not None and at != cube_id)
        with self._session.engine.read() as reader:
            there = {
                edge.source[0]
                for edge in reader.vault.edges(cube_id, downstream=False)
                if edge.relation is Relation.LINKED
            }
            new = [id_text(target) for target in targets if target not in there]
            # A link that leads nowhere may have led to what is not imported this time.
            gone = {at for at in there - targets.keys() if not lost or at in here}
            ended = self._made_by_imports(reader, marks, cube_id, gone) if gone else ()
            if not (new or ended):
                return []
            state = live_state(self._passage, reader, cube_id)
        self._passage.require(Action.WRITE, state.scope, state)
        drafts = [self._linking(state, new)] if new else []
        if ended:
            drafts.append(self._ending(state, ended, behind=len(drafts)))
        for draft in drafts:
            marks.put(draft.event, one.identity)
        return drafts

    def _made_by_imports(
        self, reader: Reader, marks: Marks, cube_id: bytes, sources: Collection[bytes]
    ) -> tuple[EndedEdge, ...]:
        """The links from some sources that imports alone made: what a person linked stays."""
        histories = Histories(reader)
        made = (
            attempt
            for attempt in histories.attempts(cube_id)
            if attempt.kind is Kind.LINKED and self._is_of_import(reader, marks, attempt)
        )
        links = undone_links(reader, histories, made).get(cube_id, NO_LINKS)
        return tuple(edge for edge in links.edges if edge.other.cube_id in sources)

    def _is_of_import(self, reader: Reader, marks: Marks, attempt: Attempt) -> bool:
        """Whether an import wrote an attempt: releases up to 0.1 marked other events of it alone."""
        operation = attempt.operation_id
        if operation not in self._by_imports:
            ours = (reader.event(at.position) for at in _of_operation(reader, attempt))
            self._by_imports[operation] = any(marks.identity_of(event) for event in ours)
        return self._by_imports[operation]

    def _linking(self, state: CubeState, new: Iterable[str]) -> Draft:
        sources = source_versions(self._session, self._passage, new, Relation.LINKED, state.scope)
        event = new_event(
            self._session,
            Kind.LINKED,
            state.cube_id,
            state.scope,
            operation_id=self._operation_id,
            expected_version=state.version,
            passage=self._passage,
        )
        add_sources(event, sources.versions)
        return Draft(event)

    def _ending(self, state: CubeState, ended: tuple[EndedEdge, ...], *, behind: int) -> Draft:
        """The event that takes links back, behind so many others of this import on the memory."""
        event = new_event(
            self._session,
            Kind.ROLLED_BACK,
            state.cube_id,
            state.scope,
            operation_id=self._operation_id,
            passage=self._passage,
        )
        fill_targets(event, [unlink_target(state, UndoneLinks(ended))])
        event.rolled_back.targets[0].expected_sequence += behind
        return Draft(event)


def _may_link(step: ItemStep, cube_ids: Mapping[str, bytes]) -> bool:
    """Whether an item has links, or its memory may have some."""
    if step.wanted.identity not in cube_ids:
        return False
    known = step.known
    return bool(step.wanted.item.links) or (
        known is not None and known.state.lineage_digest != ZERO_DIGEST
    )


def _of_operation(reader: Reader, attempt: Attempt) -> Iterator[Attempt]:
    """An attempt, and all others of its operation."""
    yield attempt
    yield from reader.vault.query(LogQuery(operation_id=attempt.operation_id))
