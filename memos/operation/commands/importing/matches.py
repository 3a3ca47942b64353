"""Which memory each item of an import is, if it was imported before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from memos.infrastructure.engine.erased_sources import is_erased
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.infrastructure.transfer.importers.item import NOTE_FILE, NOTE_HEADINGS
from memos.kernel.body import metadata_of
from memos.kernel.event import Kind, id_bytes
from memos.operation.commands.idempotency import Identity, identify
from memos.operation.commands.importing.imported import Imported, Marks, by_identity, imported
from memos.operation.commands.importing.items import Items, Wanted
from memos.operation.commands.importing.renamed import RenamedRoots, said_in, words_of
from memos.operation.commands.importing.roots import Root, is_gone
from memos.operation.commands.importing.sections import match_sections
from memos.operation.gate import Passage
from memos.operation.session import Session
from memos.wire.body_pb2 import Body


class Matcher:
    """Finds what the items of one format became before.

    Args:
        session: the open vault.
        passage: of the import.
        reader: of the vault, at one moment.
        marks: of the format.
        roots: what is imported.
    """

    def __init__(
        self,
        session: Session,
        passage: Passage,
        reader: Reader,
        marks: Marks,
        roots: Sequence[Root],
    ) -> None:
        self._session, self._passage, self._reader = session, passage, reader
        self._marks, self._roots = marks, roots
        self._bodies: dict[bytes, Body | None] = {}
        self._taken: set[bytes] = set()
        self._has_former = False
        self._left: list[Imported] = []
        self.there: set[bytes] = set()
        """The memories of all that was imported before."""
        self._unread: set[tuple[str, str]] = set()
        self._renamed = RenamedRoots(marks, self.body)

    def match(self, items: Items, base: str) -> dict[str, Imported]:
        """The memory of each item that was imported before, by its identity.

        In this order: as one of several sections under the same headings, by the marks of an import, by
        an idempotency key, by its place in a root that had another name, by what it says where that is no
        longer found elsewhere, by the headings or the place that a former release noted, and by what it
        says among what is out of sight.
        """
        scopes = list(dict.fromkeys(wanted.memory.scope for wanted in items.wanted))
        former = [f"{items.form}:{root.former}" for root in self._roots]
        found = imported(self._reader, self._passage, self._marks, base, scopes, former)
        known = by_identity(found)
        self.there = {one.state.cube_id for one in found}
        self._unread = items.unread
        matches: dict[str, Imported] = {}

        def unknown() -> list[Wanted]:
            return [one for one in items.wanted if one.identity not in matches]

        sections = match_sections(items.wanted, found, self._marks, self.body)
        for wanted, one in sections.found:
            matches |= self._take(wanted, one)
        matches |= self._by_marks([w for w in unknown() if w.identity not in sections.alike], known)
        matches |= self._by_key(unknown())
        if items.form == "memories":
            matches |= self._by_cube_id(unknown())
        self._left = [one for one in found if one.state.cube_id not in self._taken and one.is_shown]
        for wanted, one in self._renamed.find(unknown(), self._left, known):
            if one.state.cube_id not in self._taken:
                matches |= self._take(wanted, one)
        matches |= self._by_words(unknown())
        matches |= self._by_headings(unknown())
        matches |= self._by_source(unknown(), known, base)
        matches |= self._out_of_sight(unknown(), found)
        return matches

    def missing(self) -> list[tuple[Imported, str]]:
        """After `match`: the memories in sight that no item is, though they came from what is imported,
        and their sources. What former releases imported counts only where some of it is known again:
        another folder may have the same name.
        """
        missing = []
        for one in self._left:
            if one.state.cube_id in self._taken or (one.is_former and not self._has_former):
                continue
            body = self.body(one)
            if body is not None and self._is_missing(one, body):
                missing.append((one, body.provenance.source))
        return missing

    def body(self, known: Imported) -> Body | None:
        """A memory as imports wrote it last; None where it was erased."""
        cube_id = known.state.cube_id
        if cube_id not in self._bodies:
            self._bodies[cube_id] = None if is_erased(known.state) else self._open(known)
        return self._bodies[cube_id]

    def _open(self, known: Imported) -> Body | None:
        opened = {
            version: self._reader.body(known.state.cube_id, version)
            for version in set(known.written)
        }
        whole = Body()
        for part, version in known.written._asdict().items():
            body = opened[version]
            if body is None:
                return None
            if body.HasField(part):
                getattr(whole, part).CopyFrom(getattr(body, part))
        return whole

    def _take(self, wanted: Wanted, known: Imported) -> dict[str, Imported]:
        self._taken.add(known.state.cube_id)
        self._has_former |= known.is_former
        return {wanted.identity: known}

    def _by_marks(
        self, every: Iterable[Wanted], known: Mapping[bytes, Imported]
    ) -> dict[str, Imported]:
        """What an import with marks wrote."""
        matches: dict[str, Imported] = {}
        for wanted in every:
            named = dict.fromkeys((wanted.identity, wanted.unnamed))
            marks = (mark for identity in named for mark in self._marks.identities(identity))
            found = next((known[mark] for mark in marks if mark in known), None)
            if found is not None and found.state.cube_id not in self._taken:
                matches |= self._take(wanted, found)
        return matches

    def _by_key(self, every: Iterable[Wanted]) -> dict[str, Imported]:
        """What stands under an idempotency key: the item's own, or that of a former release."""
        keyed = [
            (wanted, replace(wanted.memory, idempotency_key=key))
            for wanted in every
            if (key := wanted.memory.idempotency_key or wanted.former_key)
        ]
        identities = identify(self._session, [memory.keyed() for _, memory in keyed])
        matches: dict[str, Imported] = {}
        for (wanted, _), identity in zip(keyed, identities, strict=True):
            found = None if identity is None else self._standing(identity)
            if found is not None and found.state.cube_id not in self._taken:
                matches |= self._take(wanted, found)
        return matches

    def _standing(self, identity: Identity) -> Imported | None:
        """The memory that stands under an idempotency key, as it was first written."""
        ids = identity.ids
        state = self._reader.vault.head(ids.cube_id) if identity.is_known else None
        first = self._reader.vault.version(ids.cube_id, 1) if state is not None else None
        if state is None or first is None or first.state is None:
            return None
        if not self._passage.allows(Action.READ, state):
            return None
        written, header = first.state.parts, first.state.header
        return Imported(state, b"", written, header, Kind.GENERATED, is_former=True)

    def _by_cube_id(self, unknown: Iterable[Wanted]) -> dict[str, Imported]:
        """What this vault printed itself."""
        matches: dict[str, Imported] = {}
        for wanted in unknown:
            state = self._reader.vault.head(id_bytes(wanted.item.id))
            if state is None or state.scope != wanted.memory.scope:
                continue
            if self._passage.allows(Action.READ, state) and state.cube_id not in self._taken:
                own = Imported(state, b"", state.parts, state.header, Kind.GENERATED, is_own=True)
                matches |= self._take(wanted, own)
        return matches

    def _by_words(self, unknown: Sequence[Wanted]) -> dict[str, Imported]:
        """What was moved: an item that says the same as a memory that is no longer where it was."""
        if not any(map(words_of, unknown)):
            return {}
        moved: defaultdict[tuple[str, str], list[Imported]] = defaultdict(list)
        for one in self._left:
            body = self.body(one)
            if body is not None and self._has_left(one):
                for words in said_in(body):
                    moved[one.state.scope, words].append(one)
        matches: dict[str, Imported] = {}
        for wanted in unknown:
            alike = [
                one
                for one in moved.get((wanted.memory.scope, words_of(wanted)), ())
                if one.state.cube_id not in self._taken
            ]
            if alike:
                matches |= self._take(wanted, max(alike, key=lambda one: self._near(wanted, one)))
        return matches

    def _out_of_sight(
        self, unknown: Sequence[Wanted], found: Sequence[Imported]
    ) -> dict[str, Imported]:
        """What was archived, undone or erased, and is found elsewhere. Nothing tells where an erased
        memory lay; what another memory in sight says is nothing that was erased.
        """
        in_sight = frozenset(mark for one in found if one.is_shown for mark in one.said)
        erased: dict[bytes, Imported] = {}
        hidden: defaultdict[bytes, list[Imported]] = defaultdict(list)
        for one in found if unknown else ():
            if is_erased(one.state):
                erased |= dict.fromkeys(one.said - in_sight, one)
            elif not one.is_shown and self._has_left(one):
                for mark in one.said:
                    hidden[mark].append(one)
        matches: dict[str, Imported] = {}
        for wanted in unknown:
            for mark in self._marks.said(wanted.memory.scope, wanted.said):
                alike = [one for one in hidden[mark] if one.state.cube_id not in self._taken]
                if alike:
                    near = max(alike, key=lambda one: self._near(wanted, one))
                    matches |= self._take(wanted, near)
                elif mark in erased:
                    matches[wanted.identity] = erased[mark]
        return matches

    def _has_left(self, one: Imported) -> bool:
        """Whether a memory is no longer where it was found, as far as that can be known."""
        body = self.body(one)
        if body is None or body.provenance.imported.id:
            return False
        return self._is_missing(one, body) or is_gone(body.provenance.imported)

    def _near(self, wanted: Wanted, one: Imported) -> int:
        """How much of the end of their sources is the same."""
        body = self.body(one)
        ends = zip(
            reversed((wanted.memory.source or "").split("/")),
            reversed(("" if body is None else body.provenance.source).split("/")),
            strict=False,
        )
        count = 0
        for own, other in ends:
            if own != other:
                break
            count += 1
        return count

    def _by_headings(self, unknown: Iterable[Wanted]) -> dict[str, Imported]:
        """What a release without marks imported from under the same headings of a note."""
        former: dict[tuple[str, ...], Imported] = {}
        for one in self._left:
            body = self.body(one) if one.is_former else None
            if body is None or one.state.cube_id in self._taken:
                continue
            kept = metadata_of(body)
            file, headings = kept.get(NOTE_FILE), kept.get(NOTE_HEADINGS)
            if isinstance(file, str) and isinstance(headings, list):
                former.setdefault((one.state.scope, file, *map(str, headings)), one)
        matches: dict[str, Imported] = {}
        for wanted in unknown:
            found = former.get((wanted.memory.scope, *wanted.item.section))
            if found is not None and found.state.cube_id not in self._taken:
                matches |= self._take(wanted, found)
        return matches

    def _by_source(
        self, unknown: Iterable[Wanted], known: Mapping[bytes, Imported], base: str
    ) -> dict[str, Imported]:
        """What a release without marks imported from the same place of a file: it may have put into
        the import's scope what has one of its own now.
        """
        matches: dict[str, Imported] = {}
        for wanted in unknown:
            for digest in self._marks.sources(wanted.former):
                one = known.get(digest)
                if one is None or not one.is_former:
                    continue
                if one.state.scope not in (wanted.memory.scope, base):
                    continue
                if one.state.cube_id not in self._taken:
                    matches |= self._take(wanted, one)
                    break
        return matches

    def _is_missing(self, one: Imported, body: Body) -> bool:
        """Whether a memory that no item is would be one, were it still in what is imported."""
        if one.is_former:
            return True  # it has the source that is imported
        found = body.provenance.imported
        if self._renamed.holds(found, self._unread):
            return True
        is_here = any(root.holds(found) for root in self._roots)
        return is_here and (found.root, found.path) not in self._unread
