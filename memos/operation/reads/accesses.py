"""The access log as those may read it whom it concerns: who read what, and what was denied to whom.

Administrators of a tenant see what was done in it, the owner of a memory who came to it, and all
others what they did themselves. Of what a read returned a caller is told what they may read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from heapq import nlargest

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.infrastructure.governance.usage.usage import cubes_of
from memos.kernel.errors import shorten
from memos.kernel.event import id_text
from memos.kernel.scope import check_scope, contains, tenant_of
from memos.operation.cube import as_datetime
from memos.operation.gate import Passage
from memos.operation.reads.head import is_readable
from memos.operation.session import Session, live_state
from memos.operation.validation import Time, check_id, check_limit, check_name, check_time
from memos.wire.access_pb2 import ACCESS_KIND_ACCESSED, ACCESS_KIND_DENIED, AccessEvent


@dataclass(frozen=True, slots=True)
class AccessEntry:
    """One record of the access log: who did what, where and when. `cubes` are the memories that it
    returned, or that were refused, each with its version; `rule` is the one that denied it.
    """

    event_id: str
    time: datetime
    actor: str
    action: str
    scope: str
    cubes: tuple[tuple[str, int], ...]
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessFilter:
    """Which records of the access log are wanted; `Memory.accesses` tells what each field means.

    Raises:
        InvalidInput: a field does not fit.
    """

    cube_id: str | None = None
    actor: str | None = None
    scope: str | None = None
    since: Time | None = None
    until: Time | None = None
    limit: int = 100

    def __post_init__(self) -> None:
        if self.cube_id is not None:
            check_id(self.cube_id)
        if self.actor is not None:
            object.__setattr__(self, "actor", check_name(self.actor, "actor"))
        if self.scope is not None:
            object.__setattr__(self, "scope", check_scope(self.scope))
        for name in ("since", "until"):
            value = getattr(self, name)
            if value is not None:
                check_time(value, name)
        check_limit(self.limit, "limit")

    @property
    def raw(self) -> bytes:
        """The cube's id; empty for all."""
        return b"" if self.cube_id is None else check_id(self.cube_id)

    def of(self, reader: Reader) -> Iterator[AccessEvent]:
        """The records that are wanted, whoever may see them."""
        since = None if self.since is None else check_time(self.since, "since")
        until = None if self.until is None else check_time(self.until, "until")
        for access in reader.accesses(self.raw or (self.actor or "").encode()):
            if (
                (self.actor is None or access.actor == self.actor)
                and (self.scope is None or contains(self.scope, access.scope))
                and (since is None or access.client_time >= since)
                and (until is None or access.client_time < until)
                and (not self.raw or self.raw in cubes_of(access))
            ):
                yield access


def accesses(session: Session, wanted: AccessFilter) -> list[AccessEntry]:
    """See `Memory.accesses`."""
    with session.gate.enter("accesses") as passage:
        return _entries(session, passage, ACCESS_KIND_ACCESSED, wanted)


def denials(session: Session, wanted: AccessFilter) -> list[AccessEntry]:
    """See `Memory.denials`."""
    with session.gate.enter("denials") as passage:
        return _entries(session, passage, ACCESS_KIND_DENIED, wanted)


def _entries(
    session: Session, passage: Passage, kind: int, wanted: AccessFilter
) -> list[AccessEntry]:
    # Each record is judged by its tenant and its memories.
    passage.admit_within(Action.READ, wanted.scope or "")
    with session.engine.read() as reader:
        owned = _is_owned(session, passage, reader, wanted)
        if not owned and wanted.actor not in (None, session.actor):
            _require_administrator(session, passage, wanted)
    session.access_log.flush()
    with session.engine.read() as reader:
        shown = _Shown(session.actor, passage, reader, owned=owned)
        entries = (shown.entry(access) for access in wanted.of(reader) if access.kind == kind)
        latest = nlargest(
            wanted.limit,
            (entry for entry in entries if entry is not None),
            key=lambda entry: (entry.time, entry.event_id),
        )
    return latest[::-1]


def _is_owned(session: Session, passage: Passage, reader: Reader, wanted: AccessFilter) -> bool:
    """Whether one memory is asked about, and is the caller's to decide over.

    Raises:
        Denied: it is not, and they ask for what others did.
        NotFound: there is no such memory, or none that they are told of.
    """
    if not wanted.raw:
        return False
    state = live_state(passage, reader, wanted.raw)
    passage.require(Action.READ, state.scope, state)
    if wanted.actor != session.actor:
        passage.require(Action.ADMINISTER, state.scope, state)
    return passage.allows(Action.ADMINISTER, state)


def _require_administrator(session: Session, passage: Passage, wanted: AccessFilter) -> None:
    """Go on only for who administers a tenant that is asked about: of that they are told.

    Raises:
        Denied: they administer none.
    """
    if not any(map(passage.administers, ["", *session.tenants(wanted.scope)])):
        passage.require_administrator(
            passage.tenant or tenant_of(wanted.scope or ""),
            hint=f", and whoever asks for their own: actor={shorten(session.actor)}",
        )


class _Shown:
    """What the caller is told of the access log; `owned`: they own the memory that is asked about."""

    def __init__(self, actor: str, passage: Passage, reader: Reader, *, owned: bool) -> None:
        self._actor = actor
        self._passage = passage
        self._reader = reader
        self._owned = owned
        self._administered: dict[str, bool] = {}
        self._readable: dict[bytes, bool] = {}

    def entry(self, access: AccessEvent) -> AccessEntry | None:
        """A record as it is shown; None where it is not."""
        cubes = [(cube.cube_id, cube.version) for cube in access.cubes]
        shown = [cube for cube in cubes if self._reads(cube[0])]
        if not (self._owned or self._administers(access.tenant)):
            # Of their own they are told what they were told before: not where a memory is, or by what
            # rule, that was hidden from them.
            own = access.actor == self._actor and bool(access.scope)
            if not own or len(shown) < len(cubes) or not self._reads_scope(access.scope):
                return None
        return AccessEntry(
            id_text(access.event_id),
            as_datetime(access.client_time),
            access.actor,
            access.action,
            access.scope,
            tuple((id_text(raw), version) for raw, version in shown),
            access.rule,
        )

    def _administers(self, tenant: str) -> bool:
        known = self._administered.get(tenant)
        if known is None:
            known = self._administered[tenant] = self._passage.administers(tenant)
        return known

    def _reads(self, cube_id: bytes) -> bool:
        known = self._readable.get(cube_id)
        if known is None:
            known = self._readable[cube_id] = is_readable(self._passage, self._reader, cube_id)
        return known

    def _reads_scope(self, scope: str) -> bool:
        return self._passage.allows_scope(Action.READ, scope)
