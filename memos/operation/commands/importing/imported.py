"""What imports left in a vault: which memory each item became, known by marks in the clear envelope.

A mark is a keyed digest beside those of the source: of the item's identity, of the scope and the import's
scope under which imports of a format are looked up, and, where an item may be found elsewhere later, of
what it says. It outlives an erase, as a source's does: by it alone an erased text is known again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.infrastructure.vault.port import Attempt, LogQuery
from memos.kernel.cube import ALL_PARTS, SHOWN, CubeState, Header, PartVersions
from memos.kernel.event import Kind
from memos.kernel.header import read_header
from memos.kernel.keyed_digest import IMPORT, SOURCE, SUBJECT, keyed_digest
from memos.kernel.moment import NEWEST
from memos.kernel.scope import tenant_of
from memos.operation.gate import Passage
from memos.operation.session import Session
from memos.wire.event_pb2 import Event

CONTENT_KINDS = (Kind.GENERATED, Kind.REVISED)


@dataclass(frozen=True, slots=True)
class Imported:
    """A memory as imports left it.

    Attributes:
        state: as it is now.
        identity: the mark of the item that it is; of a former release's, the digest of its source.
        written: the version with which an import wrote each part last.
        header: its header, as far as imports wrote it.
        last: what an import did to it last.
        is_own: an item names it by its cube id: it is a memory of this vault that was printed.
        said: the marks of all that imports made it say.
        is_former: a release that kept no marks wrote it.
    """

    state: CubeState
    identity: bytes
    written: PartVersions
    header: Header
    last: Kind
    is_former: bool = False
    said: frozenset[bytes] = frozenset()
    is_own: bool = False

    @property
    def is_shown(self) -> bool:
        """Whether searches find it."""
        return self.state.lifecycle in SHOWN and not self.state.erasing


class Marks:
    """The marks of imports of one format into a scope.

    Args:
        session: the open vault.
        form: the format.
        base: the import's scope.
    """

    def __init__(self, session: Session, form: str, base: str) -> None:
        self._ring = session.digests.ring(tenant_of(base))
        self._form, self._base = form, base
        self.of_scope = cache(self._of_scope)
        self.subjects = cache(partial(self._digests, SUBJECT))

    def identities(self, identity: str) -> list[bytes]:
        """The marks under which an item may be known, that of a new one first."""
        return self._marks("item", identity)

    def said(self, scope: str, said: str) -> list[bytes]:
        """The marks of what an item of a scope says; none where it is known by an id."""
        return self._marks("said", scope, said) if said else []

    def put(self, event: Event, identity: str | bytes, said: str = "") -> None:
        """Mark an event of an import.

        Args:
            event: on the item's memory.
            identity: the item's, or the mark that one has.
            said: what the item says, where the event makes its memory say it.
        """
        mark = identity if isinstance(identity, bytes) else self.identities(identity)[0]
        event.source_digests.extend(self.said(event.scope, said)[:1])
        base = self._marks("base", self._base)[0]
        event.source_digests.extend((base, self.of_scope(event.scope)[0], mark))

    def identity_of(self, event: Event) -> bytes | None:
        """The mark of the item that an event is of; None where no import made it that kept any."""
        digests = event.source_digests
        if len(digests) < 3 or digests[-2] not in self.of_scope(event.scope):
            return None
        return digests[-1]

    def said_by(self, event: Event) -> Sequence[bytes]:
        """Of an event of an import, the mark of what it makes its memory say. One that has none gives
        a digest of another kind, which no such mark equals.
        """
        return event.source_digests[-4:-3]

    def sources(self, source: str) -> list[bytes]:
        """The digests under which a source may stand."""
        return self._digests(SOURCE, source)

    def wanted(self, scopes: Iterable[str]) -> list[bytes]:
        """The marks of imports under the same scope, and into any of these."""
        into = (mark for scope in scopes for mark in self.of_scope(scope))
        return [*self._marks("base", self._base), *into]

    def _of_scope(self, scope: str) -> list[bytes]:
        return self._marks("scope", scope)

    def _marks(self, *named: str) -> list[bytes]:
        return self._digests(IMPORT, json.dumps([self._form, *named]))

    def _digests(self, label: bytes, value: str) -> list[bytes]:
        """One digest for each key of the tenant, that of its own first."""
        return [keyed_digest(key, label, value.encode()) for key in self._ring]


def imported(
    reader: Reader,
    passage: Passage,
    marks: Marks,
    base: str,
    scopes: Sequence[str],
    former: Sequence[str],
) -> list[Imported]:
    """What imports of a format left under a scope, as far as the caller may read it.

    Args:
        reader: of the vault.
        passage: of the import.
        marks: the format's.
        base: the import's scope.
        scopes: those of its items.
        former: the sources that releases without marks gave to such imports.
    """
    sources = (digest for source in former for digest in marks.sources(source))
    query = LogQuery(scope=base, sources=(*marks.wanted(scopes), *sources))
    traces: dict[bytes, _Trace] = {}
    for attempt in reader.vault.query(query):
        if attempt.state is not None:
            trace = traces.setdefault(attempt.cube_id, _Trace())
            trace.add(attempt, reader.event(attempt.position), marks)
    permitted = passage.permitted(Action.READ)
    reader.read_ahead(list(traces), NEWEST)
    found = []
    for cube_id, trace in traces.items():
        newest = reader.vault.state_at(cube_id)
        state = None if newest is None else newest.state
        if state is None or not permitted.check(state):
            continue
        if not trace.saw_first:
            trace.add_first(reader.vault.version(cube_id, 1))
        found.append(trace.imported(state))
    return found


class _Trace:
    """The events of imports on one memory, in log order."""

    def __init__(self) -> None:
        self._identity = b""
        self._is_former = False
        self._header: dict[str, object] = {}
        self._first = Header()
        self._last = Kind.GENERATED
        self._written = PartVersions()
        self._said: set[bytes] = set()
        self.saw_first = False

    def add(self, attempt: Attempt, event: Event, marks: Marks) -> None:
        identity = marks.identity_of(event)
        is_former = identity is None
        if identity is None:
            if attempt.kind is not Kind.GENERATED or not event.source_digests:
                return  # a change that names the source is a person's
            identity = event.source_digests[-1]
        self._last = attempt.kind
        if attempt.kind is Kind.GENERATED:
            self.add_first(attempt)
        elif attempt.kind is Kind.HEADER_CHANGED:
            stated = read_header(event.header_changed.header)
            self._header |= {name: getattr(stated, name) for name in event.header_changed.fields}
        elif attempt.kind is Kind.REVISED:
            version = attempt.outcome.version
            self._written = self._written.supplied(event.parts & ALL_PARTS, version)
        if attempt.kind in CONTENT_KINDS:
            self._identity, self._is_former = identity, is_former
            self._said.update(() if is_former else marks.said_by(event))

    def add_first(self, attempt: Attempt | None) -> None:
        """The first version supplied what no later one of an import did, whoever wrote it."""
        if attempt is not None and attempt.state is not None:
            self.saw_first = True
            self._first = attempt.state.header
            later = self._written
            first = attempt.state.parts
            self._written = PartVersions(*map(max, later, first))

    def imported(self, state: CubeState) -> Imported:
        header = self._first._replace(**self._header)  # type: ignore[arg-type]
        return Imported(
            state,
            self._identity,
            self._written,
            header,
            self._last,
            self._is_former,
            frozenset(self._said),
        )


def by_identity(found: Iterable[Imported]) -> Mapping[bytes, Imported]:
    """Each memory by its mark; of several, such as one that was erased and imported anew, the one that
    is shown, or else the last.
    """
    known: dict[bytes, Imported] = {}
    for one in found:
        other = known.get(one.identity)
        if other is None or one.is_shown or not other.is_shown:
            known[one.identity] = one
    return known
