"""The recorded accesses of a scope, and what a policy sees of it at a moment: read from a vault.

Who asks sees what they may read, and decides on what they may also change; of all else nothing is counted,
and so nothing is told.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.index.port import View
from memos.infrastructure.vault.port import Attempt
from memos.kernel.cube import CubeState, Form
from memos.kernel.errors import InvalidInput
from memos.kernel.event import id_text
from memos.kernel.lifespan import NEVER, deadline
from memos.kernel.moment import NEWEST, Moment, reaches
from memos.kernel.outcome import Result
from memos.operation.gate import Passage
from memos.operation.reads.scope import SearchRequest, view_of
from memos.operation.scheduler.accesses import ConcernedAccesses
from memos.operation.scheduler.costs import Costs
from memos.operation.scheduler.decided import decided_form
from memos.operation.scheduler.port import RECENT_USES, Candidate, Snapshot
from memos.operation.scheduler.replay import UsedMemory
from memos.operation.scheduler.texts import Text, Texts
from memos.operation.scheduler.topics import nearness_of
from memos.operation.session import Session
from memos.wire.access_pb2 import AccessEvent

MOST_CANDIDATES = 20_000
"""A snapshot of more opens more texts than a plan should."""


class _Seen(NamedTuple):
    """A memory as it is at a moment, and the accepted attempts that made it so."""

    state: CubeState
    text: Text
    attempts: Sequence[Attempt]


class VaultRecording:
    """What is recorded of a scope, to be read while its reader is open. See `replay.Recording`.

    Args:
        session: the open vault.
        passage: where the actor's rights are asked.
        reader: where all is read.
        scope: where memories are candidates.
        costs: of the model.
    """

    def __init__(
        self, session: Session, passage: Passage, reader: Reader, scope: str, costs: Costs
    ) -> None:
        self._session = session
        self._passage = passage
        self._reader = reader
        self._scope = scope
        self._accesses = ConcernedAccesses(passage, reader, scope)
        self._texts = Texts(reader, costs)
        self._histories: dict[bytes, Sequence[Attempt]] = {}

    @cached_property
    def accesses(self) -> Sequence[Sequence[UsedMemory]]:
        """What each access used, in their order; of what was erased since, nothing."""
        return [list(self._used(access)) for access in self._accesses.recorded]

    def snapshot(self, accesses: int, forms: Mapping[str, Form], *, nearness: bool) -> Snapshot:
        """What a policy sees just behind the first so many accesses."""
        moment = self._moment(self._accesses.time_of(accesses))
        candidates = [
            self._candidate(
                seen, accesses, moment, forms.get(id_text(seen.state.cube_id), Form.PLAINTEXT)
            )
            for seen in self._seen(moment)
        ]
        return self._snapshot(candidates, accesses, moment, nearness=nearness)

    def decided_snapshot(self, accesses: int | None, time: int, *, nearness: bool) -> Snapshot:
        """What a policy sees at a time, with the forms that the log says were decided on by then.

        Args:
            accesses: only the first so many count; None for all that there are.
            time: in microseconds since 1970.
            nearness: whether candidates' nearness is asked for.
        """
        moment = self._moment(time)
        count = len(self._accesses) if accesses is None else accesses
        candidates = [
            self._candidate(seen, count, moment, decided_form(self._reader, seen.attempts))
            for seen in self._seen(moment)
        ]
        return self._snapshot(candidates, count, moment, nearness=nearness)

    def _moment(self, time: int) -> Moment:
        return self._reader.moment_at(time)._replace(read_time=time)

    def _used(self, access: AccessEvent) -> Iterator[UsedMemory]:
        for raw, version in self._accesses.versions_used(access):
            text = self._texts.of_version(raw, version)
            if text is not None:
                yield UsedMemory(id_text(raw), text.version, text.bytes, text.milliseconds)

    def _seen(self, moment: Moment) -> Iterator[_Seen]:
        """The memories that the actor may decide on and sees at a moment, those that say anything, in id
        order.

        Raises:
            InvalidInput: there are more than MOST_CANDIDATES.
        """
        view = self._view(moment)
        cube_ids = [] if view is None else sorted(view.cube_ids(np.arange(len(view))))
        if len(cube_ids) > MOST_CANDIDATES:
            raise InvalidInput(
                f"there are {len(cube_ids):,} memories in {self._scope}, and a plan looks at "
                f"{MOST_CANDIDATES:,} at most: plan for scopes below it"
            )
        self._reader.read_ahead(cube_ids, NEWEST)
        self._reader.read_histories_ahead(cube_ids)
        for raw in filter(self._accesses.concerns, cube_ids):
            attempts = self._until(raw, moment)
            for last in attempts[-1:]:
                text = self._texts.left_by(last)
                if last.state is not None and text is not None:
                    yield _Seen(last.state, text, attempts)

    def _until(self, raw: bytes, moment: Moment) -> Sequence[Attempt]:
        """The accepted attempts on a cube up to a moment."""
        history = self._histories.get(raw)
        if history is None:
            history = self._histories[raw] = [
                attempt
                for attempt in self._reader.vault.attempts(raw)
                if attempt.outcome.result is Result.ACCEPTED
            ]
        at = NEWEST if moment.at is None else moment.at
        return [attempt for attempt in history if reaches(at, attempt.ordinal)]

    def _view(self, moment: Moment) -> View | None:
        """The memories that the actor sees at a moment; None where their tenant holds nothing."""
        request = SearchRequest(scope=self._scope)
        seen = view_of(self._session, self._passage, self._reader, moment, request)
        return None if seen is None else seen.memories().true_at(moment.read_time)

    def _candidate(self, seen: _Seen, accesses: int, moment: Moment, form: Form) -> Candidate:
        state, text, attempts = seen
        uses = self._accesses.uses.get(state.cube_id, [])
        count = bisect_right(uses, accesses, key=lambda use: use.access)
        changes = changes_of(attempts)
        last_used = max((use.time for use in uses[:count]), default=0)
        costs = self._texts.costs
        return Candidate(
            cube_id=id_text(state.cube_id),
            version=state.version,
            content_version=text.version,
            tokens=text.tokens,
            bytes=text.bytes,
            milliseconds=text.milliseconds,
            form=form,
            tags=text.tags,
            priority=state.header.priority,
            uses=count,
            recent=tuple(reversed(uses[max(0, count - RECENT_USES) : count])),
            changes=len(changes) - 1,
            unchanged=max(0, moment.read_time - changes[-1]),
            unchanged_uses=sum(use.time >= changes[-1] for use in uses[:count]),
            remaining=_remaining(state, text, last_used, moment.read_time),
            adapter_bytes=costs.adapter_bytes,
            training_milliseconds=costs.training_milliseconds,
        )

    def _snapshot(
        self, candidates: Sequence[Candidate], accesses: int, moment: Moment, *, nearness: bool
    ) -> Snapshot:
        view = self._view(moment) if nearness else None
        if view is None:
            return Snapshot(candidates, accesses)
        used = self._texts_used(accesses)
        near = nearness_of(self._session, self._reader, view, self._scope, used)
        return Snapshot(
            [replace(each, nearness=near.get(each.cube_id)) for each in candidates], accesses
        )

    def _texts_used(self, accesses: int) -> Iterator[str]:
        """The texts that the first so many accesses used, the latest first, each once."""
        told: set[tuple[bytes, int]] = set()
        for access in reversed(self._accesses.recorded[:accesses]):
            for used in self._accesses.versions_used(access):
                text = None if used in told else self._texts.of_version(*used)
                told.add(used)
                if text is not None:
                    yield text.text


def changes_of(attempts: Sequence[Attempt]) -> list[int]:
    """When a memory came to say something else (microseconds since 1970), the first time when it was made.

    Args:
        attempts: those that were accepted, in order.
    """
    said = 0
    times: list[int] = []
    for attempt in attempts:
        if attempt.state is not None and attempt.state.parts.content != said:
            said = attempt.state.parts.content
            times.append(attempt.log_time)
    return times


def _remaining(state: CubeState, text: Text, last_used: int, now: int) -> int | None:
    """How long a memory is still to be shown (microseconds); None where no end is set."""
    end = deadline(state.header.lifespan, last_used)
    if text.valid_until is not None:
        end = min(end, text.valid_until)
    return None if end >= NEVER else max(0, end - now)
