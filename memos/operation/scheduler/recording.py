"""The recorded accesses of a scope, and what a policy sees of it at a moment: read from a vault.

Who asks sees what they may read, and decides on what they may also change; of all else nothing is counted,
and so nothing is told.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.infrastructure.governance.usage.usage import counts_as_use, cubes_of
from memos.infrastructure.index.port import View
from memos.infrastructure.vault.port import Attempt
from memos.kernel.cube import CubeState, Form, Lifecycle
from memos.kernel.errors import Damaged
from memos.kernel.event import id_text
from memos.kernel.moment import Moment
from memos.kernel.scope import contains, tenant_of
from memos.operation.cube import parts_left_by
from memos.operation.gate import Passage
from memos.operation.reads.scope import SearchRequest, view_of
from memos.operation.scheduler.costs import Costs
from memos.operation.scheduler.topics import nearness_of
from memos.operation.scheduler.port import RECENT_USES, Candidate, Snapshot, Use
from memos.operation.scheduler.replay import UsedMemory
from memos.operation.session import Session
from memos.wire.access_pb2 import AccessEvent


class _Text(NamedTuple):
    """What a version of a memory says, and the version that supplied it."""

    text: str
    tags: tuple[str, ...]
    content_version: int
    tokens: int


class _RecordedAccess(NamedTuple):
    """An access: its time, and what it used, each at its version."""

    time: int
    cubes: tuple[tuple[bytes, int], ...]


class VaultRecording:
    """What is recorded of a scope up to a time, to be read while its reader is open. See `Recording`.

    Args:
        session: the open vault.
        passage: where the actor's rights are asked.
        reader: where all is read.
        scope: where memories are candidates.
        costs: of the model.
        until: the time, in microseconds since 1970.
    """

    def __init__(
        self,
        session: Session,
        passage: Passage,
        reader: Reader,
        scope: str,
        costs: Costs,
        until: int,
    ) -> None:
        self._session = session
        self._passage = passage
        self._reader = reader
        self._scope = scope
        self._costs = costs
        self._until = until
        self._concerned: dict[bytes, bool] = {}
        self._texts: dict[tuple[bytes, int], _Text | None] = {}

    @cached_property
    def accesses(self) -> Sequence[Sequence[UsedMemory]]:
        """What each access used, in their order."""
        return [list(self._used(access)) for access in self._recorded]

    def snapshot(self, accesses: int, forms: Mapping[str, Form], *, nearness: bool) -> Snapshot:
        """What a policy sees just behind the first so many accesses."""
        time = self._recorded[accesses - 1].time
        return self._snapshot(
            accesses, time, lambda raw, _: forms.get(id_text(raw), Form.PLAINTEXT), nearness
        )

    def newest(self, form_of: Callable[[bytes, Moment], Form], *, nearness: bool) -> Snapshot:
        """What a policy sees at the end of the recording.

        Args:
            form_of: the form of a cube that was decided on last at a moment.
            nearness: whether candidates' nearness is asked for.
        """
        return self._snapshot(len(self._recorded), self._until, form_of, nearness)

    @cached_property
    def _recorded(self) -> Sequence[_RecordedAccess]:
        """The accesses that used a candidate, in the order of their times."""
        tenant = tenant_of(self._scope).encode()
        found = sorted(
            (
                access
                for access in self._reader.accesses(tenant)
                if access.client_time <= self._until and counts_as_use(access.action, access.rule)
            ),
            key=lambda access: (access.client_time, access.event_id),
        )
        recorded = (
            _RecordedAccess(access.client_time, self._concerned_by(access)) for access in found
        )
        return [access for access in recorded if access.cubes]

    @cached_property
    def _uses(self) -> Mapping[bytes, list[Use]]:
        """The uses of each cube, in their order."""
        uses: dict[bytes, list[Use]] = {}
        for number, access in enumerate(self._recorded, 1):
            for raw, _ in access.cubes:
                uses.setdefault(raw, []).append(Use(number, access.time))
        return uses

    def _concerned_by(self, access: AccessEvent) -> tuple[tuple[bytes, int], ...]:
        versions = {cube.cube_id: cube.version for cube in access.cubes}
        return tuple((raw, versions[raw]) for raw in cubes_of(access) if self._is_concerned(raw))

    def _is_concerned(self, raw: bytes) -> bool:
        """Whether a cube is a memory of the scope that the actor may decide on."""
        known = self._concerned.get(raw)
        if known is None:
            head = self._reader.vault.head(raw)
            known = self._concerned[raw] = head is not None and self._may_decide(head)
        return known

    def _may_decide(self, head: CubeState) -> bool:
        return (
            head.form is Form.PLAINTEXT
            and head.lifecycle is not Lifecycle.ERASED
            and not head.erasing
            and contains(self._scope, head.scope)
            and self._passage.allows(Action.READ, head)
            and self._passage.allows(Action.WRITE, head)
        )

    def _used(self, access: _RecordedAccess) -> Iterator[UsedMemory]:
        for raw, version in access.cubes:
            attempt = self._reader.vault.version(raw, version)
            text = None if attempt is None else self._text(attempt)
            if text is not None:
                yield UsedMemory(
                    id_text(raw),
                    text.content_version,
                    self._costs.bytes_of(text.tokens),
                    self._costs.milliseconds_of(text.tokens),
                )

    def _snapshot(
        self,
        accesses: int,
        time: int,
        form_of: Callable[[bytes, Moment], Form],
        nearness: bool,
    ) -> Snapshot:
        moment = self._reader.moment_at(time)._replace(read_time=time)
        view = self._view(moment)
        if view is None:
            return Snapshot((), accesses)
        cube_ids = sorted(view.cube_ids(np.arange(len(view))))
        self._reader.read_histories_ahead(cube_ids)
        near = self._nearness(view, accesses) if nearness else {}
        candidates = []
        for raw in cube_ids:
            attempt = self._reader.vault.state_at(raw, moment.at) if moment.at is not None else None
            if attempt is None or not self._is_concerned(raw):
                continue
            candidate = self._candidate(attempt, accesses, form_of(raw, moment), near.get(raw))
            if candidate is not None:
                candidates.append(candidate)
        return Snapshot(tuple(candidates), accesses)

    def _view(self, moment: Moment) -> View | None:
        """The memories that the actor sees at a moment; None where there are none."""
        request = SearchRequest(scope=self._scope)
        seen = view_of(self._session, self._passage, self._reader, moment, request)
        memories = None if seen is None else seen.memories()
        return memories if memories is not None and len(memories) else None

    def _candidate(
        self, attempt: Attempt, accesses: int, form: Form, nearness: float | None
    ) -> Candidate | None:
        """A memory as an attempt left it; None where there is no text to compute anything of."""
        text = self._text(attempt)
        if text is None or attempt.state is None:
            return None
        uses = self._uses.get(attempt.cube_id, [])
        count = bisect_right(uses, accesses, key=lambda use: use.access)
        return Candidate(
            cube_id=id_text(attempt.cube_id),
            version=attempt.state.version,
            content_version=text.content_version,
            tokens=text.tokens,
            bytes=self._costs.bytes_of(text.tokens),
            milliseconds=self._costs.milliseconds_of(text.tokens),
            form=form,
            tags=text.tags,
            priority=attempt.state.header.priority,
            uses=count,
            recent=tuple(reversed(uses[max(0, count - RECENT_USES) : count])),
            nearness=nearness,
        )

    def _text(self, attempt: Attempt) -> _Text | None:
        """What a version says; None where it says nothing, or cannot be read."""
        state = attempt.state
        if state is None:
            return None
        key = (attempt.cube_id, state.version)
        if key not in self._texts:
            self._texts[key] = self._opened(attempt, state)
        return self._texts[key]

    def _opened(self, attempt: Attempt, state: CubeState) -> _Text | None:
        try:
            parts = parts_left_by(self._reader, attempt)
        except Damaged:
            return None  # it can be neither computed nor shown; `audit` tells of it
        tokens = 0 if parts is None else self._costs.count_tokens(parts.text)
        if parts is None or not tokens:
            return None
        return _Text(parts.text, parts.tag_list, state.parts.content, tokens)

    def _nearness(self, view: View, accesses: int) -> Mapping[bytes, float]:
        """How near each memory of a view is to those that the last accesses used."""
        used = (
            (raw, version)
            for access in reversed(self._recorded[:accesses])
            for raw, version in access.cubes
        )
        return nearness_of(self._session, self._reader, view, self._scope, self._texts_of(used))

    def _texts_of(self, used: Iterator[tuple[bytes, int]]) -> Iterator[str]:
        for raw, version in dict.fromkeys(used):
            attempt = self._reader.vault.version(raw, version)
            text = None if attempt is None else self._text(attempt)
            if text is not None:
                yield text.text
