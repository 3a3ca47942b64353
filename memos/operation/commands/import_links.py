"""Links between notes: a name in double brackets becomes an edge, `linked`, to the memory it names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from memos.infrastructure.batches import batched
from memos.infrastructure.engine.commit import Draft
from memos.infrastructure.governance.decision import Action
from memos.kernel.errors import MemosError
from memos.kernel.event import Kind, id_text
from memos.kernel.lineage import Relation
from memos.operation.commands.draft import add_sources, new_event
from memos.operation.commands.import_items import Wanted
from memos.operation.commands.sources import source_versions
from memos.operation.gate import Passage
from memos.operation.receipt import receipt_of
from memos.operation.session import Session, live_state

LEADS_NOWHERE = "links to notes that are not in what is imported"
BATCH = 2_000


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


class Links:
    """Writes the links of an import's items.

    Args:
        session: the open vault.
        passage: of the import.
        operation_id: of the import.
    """

    def __init__(self, session: Session, passage: Passage, operation_id: bytes) -> None:
        self._session, self._passage = session, passage
        self._operation_id = operation_id
        self.refused: list[str] = []
        self.not_kept: Counter[str] = Counter()

    def write(self, wanted: Sequence[Wanted], cube_ids: Mapping[str, bytes]) -> None:
        """Link what is not linked yet; what a link names and is not here is counted."""
        linking = [one for one in wanted if one.item.links and one.identity in cube_ids]
        if not linking:
            return
        names = Names(wanted, cube_ids)
        for batch in batched(linking, BATCH):
            drafts, places = [], []
            for one in batch:
                try:
                    draft = self._draft(one, cube_ids[one.identity], names)
                except MemosError as error:
                    self.refused.append(f"{one.item.place}: its links: {error}")
                    continue
                if draft is not None:
                    drafts.append(draft)
                    places.append(one.item.place)
            commits = self._session.engine.writer.commit(drafts)
            for committed, place in zip(commits, places, strict=True):
                try:
                    receipt_of(self._session.engine, committed)
                except MemosError as error:
                    self.refused.append(f"{place}: its links: {error}")

    def _draft(self, one: Wanted, cube_id: bytes, names: Names) -> Draft | None:
        """One event with the links of a memory that are new; None where there is none."""
        targets: dict[bytes, None] = {}
        for link in one.item.links:
            target = names.find(one.memory.scope, link)
            if target is None:
                self.not_kept[LEADS_NOWHERE] += 1
            elif target != cube_id:
                targets[target] = None
        if not targets:
            return None
        with self._session.engine.read() as reader:
            there = {
                edge.source[0]
                for edge in reader.vault.edges(cube_id, downstream=False)
                if edge.relation is Relation.LINKED
            }
            new = [id_text(target) for target in targets if target not in there]
            if not new:
                return None
            state = live_state(self._passage, reader, cube_id)
        self._passage.require(Action.WRITE, state.scope, state)
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
