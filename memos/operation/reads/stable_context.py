"""Context that prompt caches can keep: a pinned block that stays the same to the byte from turn to turn,
and a delta with what else a query needs.

A provider's prompt cache, or a KV cache, serves the longest prefix of a prompt that it has seen. What is
found anew for each query breaks the prefix where it stands. So the pinned block stands in front of the
history and changes rarely; a delta stands behind the history, where it stays, and holds only what neither the
pinned block nor an earlier delta has.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from heapq import nlargest
from types import NoneType

from memos.kernel.errors import InvalidInput, shorten
from memos.kernel.event import id_bytes
from memos.kernel.moment import At
from memos.operation.cube import as_datetime
from memos.operation.gate import Passage
from memos.operation.reads.context_block import (
    FRAME,
    Citation,
    ContextBlock,
    compose,
    framed,
    quoted_line,
)
from memos.operation.reads.context_state import MOST_USED, ContextState, CubeVersion
from memos.operation.reads.found import found_for, places_of
from memos.operation.reads.labels import by_cube
from memos.operation.reads.pinned_memories import (
    memories_in_force,
    standing_memories,
    versions_in_force,
)
from memos.operation.reads.quote import CountTokens
from memos.operation.reads.scope import SearchRequest, open_scope
from memos.operation.search.filters import compile_filter
from memos.operation.search.hits import Hit
from memos.operation.search.scope_view import ScopeView
from memos.operation.session import Session

OFTEN = 2
"""In how many turns a memory was found, from which on it may go into the pinned block."""


@dataclass(frozen=True, slots=True)
class HeldMemory:
    """A memory that was found and stands in no block, for an adapter answers from it.

    Attributes:
        cite: the memory.
        artefact, artefact_version: the adapter's cube.
    """

    cite: Citation
    artefact: str
    artefact_version: int


Hold = Callable[[ScopeView, Sequence[Hit], Callable[[], Sequence[Hit]]], Sequence[HeldMemory]]
"""Of found memories, best first, those that are to stand in no block; where that is asked, beside which others that the
prompt has.
"""


@dataclass(frozen=True, slots=True)
class StableContext:
    """Two blocks for a prompt: `pinned` in front of the history, `delta` behind it, where it stays.

    `changed` says why the pinned block is another than in the turn before, or why the deltas before this one
    are to be taken out of the history, in words; it is empty where both stay as they are. `state` is for the
    next turn, in this process or another one. `held` are the memories that were found and stand in neither,
    because an adapter of the model that is asked holds them.
    """

    pinned: ContextBlock
    delta: ContextBlock
    changed: tuple[str, ...]
    state: str
    held: tuple[HeldMemory, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StableRequest:
    """What a turn asks for.

    Attributes:
        search: which memories fit the query.
        budget_tokens: how many tokens the delta may have.
        pinned_tokens: how many the pinned block may have.
        history_tokens: how many the deltas in the history may have together, before the pinned block takes in
            what was found most often and they are taken out.
        state: what the turn before gave; None begins anew.
        asked: a digest of what a state belongs to.

    Raises:
        InvalidInput: filter or moment are none.
    """

    search: SearchRequest
    budget_tokens: int
    pinned_tokens: int
    history_tokens: int
    state: str | None = None
    asked: str = field(init=False)

    def __post_init__(self) -> None:
        search = self.search
        compile_filter(search.filter)
        if not isinstance(search.as_of, (str, tuple, datetime, NoneType)):
            raise InvalidInput(
                f"as_of must be a cut's name, a position or a time, not {shorten(search.as_of)}"
            )
        said = json.dumps(
            [search.scopes, search.filter, str(search.as_of)], sort_keys=True, default=str
        )
        digest = sha256(said.encode("utf-8", "surrogatepass")).hexdigest()
        object.__setattr__(self, "asked", digest[:16])


def pinned_context(
    session: Session,
    passage: Passage,
    request: StableRequest,
    cube_ids: Sequence[str],
    count_tokens: CountTokens,
    *,
    leaves_out: bool = False,
) -> StableContext:
    """A context before its first turn: the memories that are tagged for the pinned block, and others behind
    them, whatever is asked. The delta is empty.

    Args:
        session: the open vault.
        passage: of the call.
        request: without a state; its query is not read.
        cube_ids: the others.
        count_tokens: counts the block.
        leaves_out: whether others that are not to be shown in these scopes are left out.

    Raises:
        InvalidInput: one of the others is not to be shown, or they do not fit.
    """
    nothing = ContextBlock("", (), 0, ())
    context = StableContext(nothing, nothing, (), str(ContextState(request.asked)))
    with open_scope(session, passage, request.search) as scope_view:
        if scope_view is None:
            return context
        turn = _Turn(scope_view, request, ContextState(request.asked), count_tokens)
        context, at = turn.pinned(cube_ids, leaves_out=leaves_out), scope_view.view.at
    cited = [(id_bytes(cite.cube_id), cite.version) for cite in context.pinned.citations]
    passage.note(request.search.within, cited, at)
    return context


def stable_context(
    session: Session, request: StableRequest, count_tokens: CountTokens, hold: Hold | None = None
) -> StableContext:
    """See `Memory.context_session`.

    Args:
        session: the open vault.
        request: what the turn asks for.
        count_tokens: counts the blocks.
        hold: takes found memories out of the delta.

    Raises:
        InvalidInput: the state is none, or of another context.
    """
    before = ContextState(request.asked)
    if request.state is not None:
        before = ContextState.parse(request.state, request.asked)
    nothing = ContextBlock("", (), 0, ())
    with session.gate.enter("context") as passage:
        turn = StableContext(nothing, nothing, (), str(before))
        at: At = 0
        with open_scope(session, passage, request.search) as scope_view:
            if scope_view is not None:
                at = scope_view.view.at
                turn = _Turn(scope_view, request, before, count_tokens, hold).taken()
                unlike = scope_view.query.accepts.not_compared
                turn = replace(turn, delta=replace(turn.delta, not_compared=unlike))
        cited = [
            (id_bytes(cite.cube_id), cite.version)
            for block in (turn.pinned, turn.delta)
            for cite in block.citations
        ]
        cited += [(id_bytes(each.cite.cube_id), each.cite.version) for each in turn.held]
        adapters = dict.fromkeys((each.artefact, each.artefact_version) for each in turn.held)
        cited += [(id_bytes(cube_id), version) for cube_id, version in adapters]
        left_out = [id_bytes(cite.cube_id) for cite in turn.delta.left_out]
        passage.note(request.search.within, cited, at, request.search.text, left_out)
        return turn


class _Turn:
    """One turn, in what the actor sees of the scopes."""

    def __init__(
        self,
        scope_view: ScopeView,
        request: StableRequest,
        before: ContextState,
        count: CountTokens,
        hold: Hold | None = None,
    ) -> None:
        self._scope_view = scope_view
        self._request = request
        self._before = before
        self._count = count
        self._hold = hold
        self._read_time = as_datetime(scope_view.query.read_time)

    def taken(self) -> StableContext:
        """Both blocks, and the state that they leave."""
        before = self._before
        hits, superseded = found_for(self._scope_view)
        standing = standing_memories(self._scope_view)
        held = memories_in_force(self._scope_view, [cube_id for cube_id, _ in before.pinned])
        versions = {cube_id: hit.version for cube_id, hit in held.items()}
        versions |= versions_in_force(self._scope_view, [cube_id for cube_id, _ in before.sent])
        versions = {i: version for i, version in versions.items() if i not in superseded}
        changed = self._changes(versions, standing)
        pinned = self._composed(standing, hits) if changed else self._block(list(held.values()))
        sent = () if changed else before.sent
        in_prompt = {cube_id for cube_id, _ in (*versions_of(pinned), *sent)}
        elsewhere = self._held(hits, in_prompt, superseded)
        delta = self._delta(hits, {*in_prompt, *(each.cite.cube_id for each in elsewhere)})
        state = ContextState(
            self._request.asked,
            versions_of(pinned),
            tuple(standing),
            self._used(hits, {*in_prompt, *(cite.cube_id for cite in delta.citations)}),
            (*sent, *versions_of(delta)),
            delta.tokens + (0 if changed else before.sent_tokens),
        )
        return StableContext(pinned, delta, tuple(changed), str(state), elsewhere)

    def _held(
        self, hits: Sequence[Hit], in_prompt: Set[str], superseded: Set[str]
    ) -> tuple[HeldMemory, ...]:
        """What is not said, for an adapter holds it: it was not sent, and is in no block."""
        if self._hold is None:
            return ()
        elsewhere = {*in_prompt, *superseded}

        def beside() -> list[Hit]:
            told = {hit.cube_id: hit for hit in hits if hit.cube_id in elsewhere}
            told |= memories_in_force(self._scope_view, sorted(in_prompt - told.keys()))
            return list(told.values())

        new = [hit for hit in hits if hit.cube_id not in elsewhere]
        return tuple(self._hold(self._scope_view, new, beside))

    def pinned(self, cube_ids: Sequence[str], *, leaves_out: bool) -> StableContext:
        """The pinned block before anything was asked: standing memories, and these behind them."""
        standing = standing_memories(self._scope_view)
        given = [cube_id for cube_id in dict.fromkeys(cube_ids) if cube_id not in standing]
        shown = memories_in_force(self._scope_view, given)
        absent = [cube_id for cube_id in given if cube_id not in shown]
        if absent and not leaves_out:
            raise InvalidInput(
                f"{', '.join(absent)} cannot be shown in {', '.join(self._request.search.scopes)}: it is not "
                "there, not yours to read, archived, over, or superseded"
            )
        block = self._block([*standing.values(), *shown.values()])
        if block.tokens > self._request.pinned_tokens:
            raise InvalidInput(
                f"these memories take {block.tokens:,} tokens, and pinned_tokens is "
                f"{self._request.pinned_tokens:,}: give fewer, or more tokens"
            )
        used = tuple((cube_id, OFTEN) for cube_id in shown)
        asked = self._request.asked
        state = ContextState(asked, versions_of(block), tuple(standing), used)
        return StableContext(block, ContextBlock("", (), 0, ()), (), str(state))

    def _changes(self, versions: Mapping[str, int], standing: Mapping[str, Hit]) -> list[str]:
        """Why what stands in the prompt cannot stay as it is, given the versions in force of what does."""
        before = self._before
        changed = []
        if tuple(standing) != before.standing:
            changed.append("what is tagged policy or pinned changed")
        for cube_id, version in (*before.pinned, *before.sent):
            label = by_cube([cube_id])[cube_id]
            if cube_id not in versions:
                changed.append(f"[{label}] is no longer to be shown")
            elif versions[cube_id] != version:
                changed.append(f"[{label}] was changed")
        if before.sent_tokens >= self._request.history_tokens:
            changed.append("the deltas in the history have grown long")
        return changed

    def _composed(self, standing: Mapping[str, Hit], hits: Sequence[Hit]) -> ContextBlock:
        """The pinned block anew: what is tagged for it, then what was found in several turns, most
        often first as far as the budget goes; it stands in the order of first use.
        """
        found = {hit.cube_id for hit in hits}
        used = {cube_id: times + (cube_id in found) for cube_id, times in self._before.used}
        held = {cube_id for cube_id, _ in self._before.pinned}
        often = [
            i for i, times in used.items() if i not in standing and (times >= OFTEN or i in held)
        ]
        known = dict(standing) | memories_in_force(self._scope_view, often)
        by_use = sorted((i for i in often if i in known), key=lambda i: -used[i])
        chosen: list[Hit] = []
        room = self._request.pinned_tokens - self._count(FRAME)
        for cube_id in [*standing, *by_use]:
            size = self._count(self._line(known[cube_id]))
            if size <= room:
                chosen.append(known[cube_id])
                room -= size
        places = {cube_id: place for place, cube_id in enumerate([*standing, *often])}
        chosen.sort(key=lambda hit: places[hit.cube_id])
        while chosen and self._block(chosen).tokens > self._request.pinned_tokens:
            chosen.pop()  # a counter may give a whole more than its lines
        return self._block(chosen)

    def _block(self, hits: Sequence[Hit]) -> ContextBlock:
        labels = by_cube([hit.cube_id for hit in hits])
        cites = [Citation(hit.cube_id, hit.version, labels[hit.cube_id]) for hit in hits]
        text = framed(
            quoted_line(hit, self._read_time, [cite]) for hit, cite in zip(hits, cites, strict=True)
        )
        return ContextBlock(text, tuple(cites), self._count(text) if text else 0, ())

    def _line(self, hit: Hit) -> str:
        cite = Citation(hit.cube_id, hit.version, by_cube([hit.cube_id])[hit.cube_id])
        return quoted_line(hit, self._read_time, [cite])

    def _delta(self, hits: Sequence[Hit], in_prompt: Set[str]) -> ContextBlock:
        """What else the query needs."""
        new = [hit for hit in hits if hit.cube_id not in in_prompt]
        return compose(
            new,
            places_of(self._scope_view, new),
            self._read_time,
            self._request.budget_tokens,
            self._count,
            self._scope_view.query.text,
            by_cube,
        )

    def _used(self, hits: Sequence[Hit], in_prompt: Set[str]) -> tuple[tuple[str, int], ...]:
        """In how many turns each memory was found that stood in the prompt, this one counted."""
        used = dict(self._before.used)
        for hit in hits:
            if hit.cube_id in in_prompt:
                used[hit.cube_id] = used.get(hit.cube_id, 0) + 1
        latest = enumerate(used.items())
        kept = nlargest(MOST_USED, latest, key=lambda ranked: (ranked[1][1], ranked[0]))
        return tuple(entry for _, entry in sorted(kept))


def versions_of(block: ContextBlock) -> tuple[CubeVersion, ...]:
    """What a block cites, at which versions."""
    return tuple((cite.cube_id, cite.version) for cite in block.citations)
