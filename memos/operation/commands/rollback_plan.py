"""Rollback: walk the taint, plan what each cube goes back to, write the compensating events.

Nothing is removed. Each cube goes back to its last clean parts, or is archived where it has none;
the clean sources of an undone merge come back; later clean versions stay.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.vault.port import Attempt, LogQuery
from memos.kernel.cube import NO_MEMORY, CubeState, Header, Lifecycle, PartVersions
from memos.kernel.event import Kind, id_text
from memos.kernel.header import HEADER_FIELDS, read_header, write_header
from memos.kernel.lineage import Relation
from memos.kernel.lineage import clean_parts as find_clean_parts
from memos.kernel.outcome import Result
from memos.operation.commands.taint import Histories, tainted_parts
from memos.operation.commands.undone_links import NO_LINKS, UndoneLinks, undone_links
from memos.wire.event_pb2 import Event, RollbackTarget

_HEADER_KINDS = frozenset({Kind.HEADER_CHANGED, Kind.ROLLED_BACK})
_MOVING_KINDS = frozenset({Kind.ARCHIVED, Kind.EXPIRED, Kind.RESTORED, Kind.ROLLED_BACK})
"""What moves a cube out of sight or back: to undo it takes the cube to where it was."""

_HIDDEN = frozenset({Lifecycle.ARCHIVED, Lifecycle.EXPIRED})
_IN_SIGHT = frozenset({Lifecycle.GENERATED, Lifecycle.ACTIVATED})


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """What a rollback does to one cube: `action` is restore, archive, unmerge, absorb or unlink;
    `unlinks` tells that links of it end, too. In a plan `text` is how the memory's text begins now, and
    `text_after` how it begins then; they are empty where there is none, and in what was done.
    """

    cube_id: str
    scope: str
    action: str
    from_version: int
    to_version: int
    reactivates: bool = False
    unlinks: bool = False
    text: str = ""
    text_after: str = ""

    def __str__(self) -> str:
        if self.action == "unlink":
            effect = "links of it end: what made them is undone"
        elif self.action == "restore" and self.to_version != self.from_version:
            effect = f"back to version {self.to_version}"
        elif self.action == "restore" and self.reactivates:
            effect = "in sight again: what put it out of sight is undone"
        elif self.action == "restore":
            effect = (
                "its text stays; of all else, such as tags, source and header, what is undone goes"
            )
        elif self.action == "archive" and self.to_version:
            effect = "archived again: what brought it back is undone"
        elif self.action == "archive":
            effect = "archived: no clean version is left"
        elif self.action == "absorb":
            effect = "merged again: what undid the merge is undone"
        else:
            effect = "comes back: the merge that absorbed it is undone"
        line = f"{self.cube_id} ({self.scope}) version {self.from_version}: {effect}"
        if self.text_after not in ("", self.text):
            return f"{line}\n    now   {self.text}\n    then  {self.text_after}"
        return f"{line}\n    {self.text}" if self.text else line


@dataclass(frozen=True, slots=True)
class PlannedTarget:
    """A planned change and what the compensating event needs for it; `into` absorbs the cube, and
    `links` are those that end.
    """

    change: PlannedChange
    state: CubeState
    parts: PartVersions
    header: Header
    into: bytes = b""
    links: UndoneLinks = NO_LINKS


def attempts_to_undo(reader: Reader, query: LogQuery) -> Iterator[Attempt]:
    """The accepted attempts that a rollback is asked to undo."""
    for attempt in reader.vault.query(query):
        if attempt.outcome.result is Result.ACCEPTED and attempt.state is not None:
            yield attempt


class Planner:
    """Plans one rollback, at the position that its reader sees.

    Args:
        reader: where the cubes are read.
        shown: which cubes the plan is about, where it is only to be shown; what lies behind
            another one is left out with it. By default all.
    """

    def __init__(self, reader: Reader, shown: Callable[[bytes], bool] | None = None) -> None:
        self._reader = reader
        self._shown = shown
        self._histories = Histories(reader, shown)

    def undo(self, attempts: Iterable[Attempt]) -> list[PlannedTarget]:
        """Undo these attempts and everything that their content reached."""
        shown = self._shown
        undone = [a for a in attempts if shown is None or shown(a.cube_id)]
        seeds = [(a.cube_id, a.outcome.version) for a in undone if a.outcome.digest]
        links = undone_links(self._reader, self._histories, undone)
        self._histories.ended = frozenset(key for one in links.values() for key in one.keys)
        tainted = tainted_parts(seeds, self._histories)
        moves = {a.event_id for a in undone if a.kind in _MOVING_KINDS}
        moved = {a.cube_id for a in undone if a.kind in _MOVING_KINDS}
        targets = {}
        for cube_id in sorted(tainted.keys() | moved | links.keys()):
            target = self._plan_cube(cube_id, tainted.get(cube_id, {}), moves)
            if cube_id in links:
                target = self._unlinking(cube_id, target, links[cube_id])
            if target is not None:
                targets[cube_id] = target
        lost = [raw for raw in tainted if self._is_lost(raw, tainted[raw])]
        return self._with_unmerged(self._without_lost(targets), lost)

    def to_version(self, state: CubeState, version: Attempt) -> list[PlannedTarget]:
        """Take one cube to an earlier version, and undo what came from the later ones."""
        assert version.state is not None  # noqa: S101 - it is an accepted version
        later = [
            (state.cube_id, attempt.outcome.version)
            for attempt in self._histories.attempts(state.cube_id)
            if attempt.outcome.digest and attempt.outcome.version > version.outcome.version
        ]
        tainted = tainted_parts(later, self._histories)
        targets = {}
        for cube_id in sorted(tainted.keys() - {state.cube_id}):
            target = self._plan_cube(cube_id, tainted[cube_id], ())
            if target is not None:
                targets[cube_id] = target
        change = PlannedChange(
            id_text(state.cube_id), state.scope, "restore", state.version, version.outcome.version
        )
        targets[state.cube_id] = PlannedTarget(
            change, state, version.state.parts, version.state.header
        )
        return self._with_unmerged(targets)

    def _plan_cube(
        self, cube_id: bytes, tainted: Mapping[int, int], moves: Collection[bytes]
    ) -> PlannedTarget | None:
        state = self._reader.vault.head(cube_id)
        if state is None or state.form in NO_MEMORY or state.lifecycle is Lifecycle.ERASED:
            return None
        clean = find_clean_parts(self._histories.versions(cube_id), tainted)
        if clean is None:
            return None if state.lifecycle in _HIDDEN else _planned("archive", state, 0)
        to_version, parts = clean
        header = self._clean_header(cube_id, tainted, state.header)
        stays = parts == state.parts and header == state.header
        before = self._state_before(cube_id, moves)
        if stays and before is not None:
            if before.lifecycle in _HIDDEN and state.lifecycle not in _HIDDEN:
                return _planned("archive", state, state.version)
            if before.lifecycle is Lifecycle.MERGED and before.version == state.version:
                return replace(_planned("absorb", state, state.version), into=before.merged_into)
        reactivates = (
            before is not None and before.lifecycle in _IN_SIGHT and state.lifecycle in _HIDDEN
        )
        if stays and not reactivates:
            return None
        change = PlannedChange(
            id_text(cube_id), state.scope, "restore", state.version, to_version, reactivates
        )
        return PlannedTarget(change, state, parts, header)

    def _is_lost(self, cube_id: bytes, tainted: Mapping[int, int]) -> bool:
        """Whether nothing clean is left of a cube that is out of sight already: a source that refused
        when that was undone is still absorbed by it.
        """
        state = self._reader.vault.head(cube_id)
        if state is None or not (state.lifecycle in _HIDDEN or state.lifecycle is Lifecycle.ERASED):
            return False
        return find_clean_parts(self._histories.versions(cube_id), tainted) is None

    def _unlinking(
        self, cube_id: bytes, target: PlannedTarget | None, links: UndoneLinks
    ) -> PlannedTarget | None:
        """The change that is planned, if any, and links that end with it."""
        state = self._reader.vault.head(cube_id)
        if state is None or state.lifecycle is Lifecycle.ERASED:
            return None
        planned = target or _planned("unlink", state, state.version)
        change = replace(planned.change, unlinks=True)
        return replace(planned, change=change, links=links)

    def _clean_header(self, cube_id: bytes, tainted: Mapping[int, int], current: Header) -> Header:
        """The header that the clean changes alone give."""
        attempts = self._histories.attempts(cube_id)
        if not any(a.kind in _HEADER_KINDS and a.outcome.version in tainted for a in attempts):
            return current
        states = [attempt.state for attempt in attempts]
        header = current if states[0] is None else states[0].header
        for before, attempt in zip(states, attempts[1:], strict=False):
            if attempt.kind not in _HEADER_KINDS or attempt.outcome.version in tainted:
                continue
            header = header._replace(**self._header_fields(attempt, before))
        return header

    def _header_fields(self, attempt: Attempt, before: CubeState | None) -> dict[str, Any]:
        """The header facts that a change set: a rollback, those that it gave another value."""
        if attempt.kind is not Kind.ROLLED_BACK:
            changed = self._reader.event(attempt.position).header_changed
            written = read_header(changed.header)
            return {
                field: getattr(written, field) for field in changed.fields if field in HEADER_FIELDS
            }
        if attempt.state is None or before is None:
            return {}
        after = attempt.state.header
        return {
            field: getattr(after, field)
            for field in HEADER_FIELDS
            if getattr(after, field) != getattr(before.header, field)
        }

    def _state_before(self, cube_id: bytes, moves: Collection[bytes]) -> CubeState | None:
        """The cube where the moves that stay left it; None where the last move is one of them."""
        stayed, before = None, None
        undone = False
        for attempt in self._histories.attempts(cube_id):
            state = attempt.state
            if state is None:
                continue
            if state.lifecycle is not before:
                undone = attempt.event_id in moves
                before = state.lifecycle
            if not undone:
                stayed = state
        return stayed if undone else None

    def _without_lost(self, targets: dict[bytes, PlannedTarget]) -> dict[bytes, PlannedTarget]:
        """Absorb a cube again only where what absorbs it is in sight afterwards."""

        def shows(cube_id: bytes) -> bool:
            planned = targets.get(cube_id)
            if planned is not None and planned.change.action not in RESTORING:
                return False
            head = self._reader.vault.head(cube_id)
            reactivates = planned is not None and planned.change.reactivates
            return reactivates or (head is not None and head.lifecycle in _IN_SIGHT)

        return {raw: t for raw, t in targets.items() if not t.into or shows(t.into)}

    def _with_unmerged(
        self, targets: dict[bytes, PlannedTarget], lost: Iterable[bytes] = ()
    ) -> list[PlannedTarget]:
        """Bring back the sources that an archived merge had absorbed, or one that was lost before."""
        gone = [at for at, target in targets.items() if target.change.action == "archive"]
        for cube_id in dict.fromkeys((*gone, *lost)):
            for source, state in absorbed_by(self._reader, cube_id):
                planned = targets.get(source)
                if planned is None:
                    targets[source] = unmerge_target(state)
                elif planned.change.action in RESTORING:
                    change = replace(planned.change, action="restore", reactivates=True)
                    targets[source] = replace(planned, change=change)
        shown = self._shown
        return [targets[at] for at in sorted(targets) if shown is None or shown(at)]


def absorbed_by(reader: Reader, cube_id: bytes) -> Iterator[tuple[bytes, CubeState]]:
    """The cubes that were merged into a cube, and still are: each once."""
    edges = reader.vault.edges(cube_id, downstream=False)
    merged = (edge.source[0] for edge in edges if edge.relation is Relation.MERGED_INTO)
    for source in dict.fromkeys(merged):
        state = reader.vault.head(source)
        if state is not None and state.merged_into == cube_id and _is_merged(state):
            yield source, state


def _is_merged(state: CubeState) -> bool:
    """Whether a cube is Merged, or will be when it is thawed."""
    frozen = state.lifecycle is Lifecycle.FROZEN
    return (state.thaws_to if frozen else state.lifecycle) == Lifecycle.MERGED


def unmerge_target(state: CubeState) -> PlannedTarget:
    """A clean source of an undone merge comes back as it was."""
    return _planned("unmerge", state, state.version)


def unlink_target(state: CubeState, links: UndoneLinks) -> PlannedTarget:
    """Links of a cube end, and all else of it stays."""
    return replace(_planned("unlink", state, state.version), links=links)


def _planned(action: str, state: CubeState, to_version: int) -> PlannedTarget:
    """A change that leaves parts and header as they are."""
    change = PlannedChange(id_text(state.cube_id), state.scope, action, state.version, to_version)
    return PlannedTarget(change, state, state.parts, state.header)


RESTORING = frozenset({"restore", "unlink"})
"""The actions that leave a cube where it is, with parts and a header that it had."""

_ACTIONS = {
    "restore": RollbackTarget.ACTION_RESTORE,
    "unlink": RollbackTarget.ACTION_RESTORE,
    "archive": RollbackTarget.ACTION_ARCHIVE,
    "unmerge": RollbackTarget.ACTION_UNMERGE,
    "absorb": RollbackTarget.ACTION_ABSORB,
}


def fill_targets(event: Event, targets: Iterable[PlannedTarget]) -> None:
    """Write a plan into the operation's event."""
    for planned in targets:
        target = event.rolled_back.targets.add(
            cube_id=planned.state.cube_id,
            scope=planned.state.scope,
            action=_ACTIONS[planned.change.action],
            to_version=planned.change.to_version,
            expected_sequence=planned.state.sequence,
            reactivate=planned.change.reactivates,
            into_cube_id=planned.into,
        )
        target.ended_edges.extend(planned.links.edges)
        target.ended_subject_digests.extend(planned.links.subjects)
        if planned.change.action in RESTORING:
            kept = target.restoration
            kept.content, kept.tags, kept.provenance, kept.metadata, kept.valid_time = planned.parts
            write_header(planned.header, kept.header)


def target_size(target: PlannedTarget) -> int:
    """How many bytes a planned change takes in the operation's event."""
    alone = Event()
    fill_targets(alone, [target])
    return alone.ByteSize()
