"""Exporting memories with their history: what an export holds, and what it says of each memory."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from memos.infrastructure.engine.dump import Dumpable, DumpSelection
from memos.infrastructure.governance.decision import Action
from memos.infrastructure.progress import Progress
from memos.infrastructure.transfer.export.dumper import Dumped, MemDumper
from memos.infrastructure.transfer.files import NewFiles
from memos.infrastructure.transfer.layout import base64_text
from memos.infrastructure.transfer.manifest import Base, read_base
from memos.infrastructure.transfer.package import check_target, publish, staged
from memos.infrastructure.transfer.wrapping import Wrapping, wrap
from memos.infrastructure.vault.port import LogQuery
from memos.kernel.body import is_text
from memos.kernel.cube import NO_MEMORY, CubeState, Form
from memos.kernel.errors import InvalidInput, KeysMissing, VaultError
from memos.kernel.event import Kind, id_text
from memos.kernel.outcome import Result
from memos.kernel.scope import check_scope, contains
from memos.operation.cube import (
    DamagedCube,
    Forgotten,
    MemCube,
    as_datetime,
    state_title,
    try_cube,
)
from memos.operation.permitted import Permitted
from memos.operation.reads.head import made_from
from memos.operation.reads.records import require_everything
from memos.operation.search.filters import MemoryFilter, compile_filter
from memos.operation.session import Session

IN_CLEAR = (
    "the keys and texts in this export are in clear: whoever has it can read every memory in it; "
    "pass recipient= or passphrase= to wrap them"
)
KNOWN_CUBES = 100_000
MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What an export holds. `complete` is the whole vault, whose digest `load` brings back, or what
    came of it behind `since`; `keys` says how they are wrapped: clear, passphrase or x25519.
    """

    path: Path
    complete: bool
    since: Path | None
    events: int
    memories: int
    tombstones: int
    keys: str
    verifier_key: str
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """What is to be exported, and where to. See `Memory.export`.

    Raises:
        InvalidInput: a field does not fit, or the path is taken.
    """

    path: Path
    scope: str | None = None
    filter: Mapping[str, Any] | None = None
    recipient: str | bytes | None = None
    passphrase: str | None = field(default=None, repr=False)
    since: Path | None = None

    def __post_init__(self) -> None:
        check_target(self.path)
        if self.since is not None and (self.scope is not None or self.filter is not None):
            raise InvalidInput(
                "since= is for the whole vault: leave scope= and filter= out, or since="
            )
        if self.scope is not None:
            object.__setattr__(self, "scope", check_scope(self.scope))


def export(session: Session, request: ExportRequest, progress: Progress) -> ExportReport:
    """See `Memory.export`."""
    wrapping = wrap(request.recipient, request.passphrase)
    accepts = compile_filter(request.filter)
    with session.gate.enter("export") as passage:
        permitted = passage.permitted(Action.READ)
        if request.since is not None and passage.is_narrowed:
            raise InvalidInput(
                f"since= is for the whole vault, and this caller is narrowed to the tenant "
                f"{passage.tenant}: leave since= out, or open the vault without tenant="
            )
        scope = request.scope or passage.within or None
        if scope is None and request.filter is None:
            hint = "; pass scope= for what you may read"
            with session.engine.stream() as reader:
                require_everything(passage, reader, hint=hint)
        else:
            passage.require(Action.READ, scope or "")
        base = _base_of(session, request)
        session.access_log.flush()
        choice = _Choice(permitted, scope, request.filter, accepts)
        try:
            dumped, selection = _dump(session, request.path, choice, wrapping, progress, base)
        except KeysMissing:
            if not choice.is_everything or base is not None:
                raise
            # Whole it cannot be: what opens is exported, and what does not is named.
            choice.is_everything = False
            dumped, selection = _dump(session, request.path, choice, wrapping, progress)
        passage.note(scope or "", at=dumped.at)
        return _report(session, request, selection, dumped, wrapping, choice)


def _base_of(session: Session, request: ExportRequest) -> Base | None:
    if request.since is None:
        return None
    return read_base(request.since, request.path, session.engine.proofs.signer().verifier_key)


def _dump(
    session: Session,
    path: Path,
    choice: _Choice,
    wrapping: Wrapping,
    progress: Progress,
    base: Base | None = None,
) -> tuple[Dumped, DumpSelection]:
    with staged(path) as stage, closing(NewFiles(stage)) as files:
        with session.engine.dump() as source:
            selection = choice.selection(source)
            if base is not None:
                selection = replace(selection, since=base.end)
            dumper = MemDumper(
                source,
                session.engine,
                files,
                selection,
                wrapping,
                describe_clear if wrapping.in_clear else describe_sealed,
                progress,
                base,
            )
            dumped = dumper.dump(as_datetime(session.clock()).isoformat())
        _check_not_erased_since(session, dumped)
        publish(files, path)
    return dumped, selection


class _Choice:
    """Which cubes to export: all, or those that fit, that the actor may read and that have keys."""

    def __init__(
        self,
        permitted: Permitted,
        scope: str | None,
        request: Mapping[str, Any] | None,
        accepts: MemoryFilter,
    ) -> None:
        self._permitted = permitted
        self._scope = scope
        self._request = request
        self.accepts = accepts
        self.is_everything = scope is None and request is None
        self.left_out: dict[str, str] = {}
        """Cubes that would be exported and whose keys are missing, each with what to do."""

    def selection(self, source: Dumpable) -> DumpSelection:
        """The choice among the cubes of a moment."""
        if self.is_everything:
            return DumpSelection()

        def chosen(state: CubeState) -> bool:
            try:
                return (
                    self._fits(state)
                    and self._lists_what_may_be_read(source, state)
                    and self._opens(source, state)
                )
            except KeysMissing as error:
                self.left_out[id_text(state.cube_id)] = str(error)
                return False

        return DumpSelection(lru_cache(KNOWN_CUBES)(chosen), self._scope, self._request)

    def _fits(self, state: CubeState) -> bool:
        if state.form in NO_MEMORY:
            return False
        if self._scope is not None and not contains(self._scope, state.scope):
            return False
        return self._permitted.check(state)

    def _lists_what_may_be_read(self, source: Dumpable, state: CubeState) -> bool:
        """Whether the actor may read all that a memory in another form than plaintext was made of, and lists."""
        if state.form is Form.PLAINTEXT:
            return True
        named = source.reader.vault.heads_many(made_from(source.reader, state))
        return all(map(self._permitted.check, named.values()))

    def _opens(self, source: Dumpable, state: CubeState) -> bool:
        if self._request is None:
            source.reader.cube_key(state.cube_id)
            return True
        cube = _cube(source, state.cube_id)
        return isinstance(cube, MemCube) and self.accepts(cube)


def _cube(source: Dumpable, cube_id: bytes) -> MemCube | Forgotten | DamagedCube | None:
    attempt = source.reader.vault.state_at(cube_id, source.at)
    return None if attempt is None else try_cube(source.reader, attempt)


def describe_clear(source: Dumpable, cube_id: bytes) -> Mapping[str, Any]:
    """A memory as it is now, for people."""
    cube = _cube(source, cube_id)
    if isinstance(cube, DamagedCube):
        return {**describe_sealed(source, cube_id), "damaged": cube.reason}
    if cube is None or isinstance(cube, Forgotten):
        raise VaultError(
            f"cube {id_text(cube_id)} cannot be opened: run `memos verify`, then `memos doctor`"
        )
    content = {} if is_text(cube.media_type) else {"payload": base64_text(cube.payload)}
    return {
        **describe_sealed(source, cube_id),
        "text": cube.text,
        "tags": cube.tags,
        "subject": _subject(source, cube_id),
        "metadata": dict(cube.metadata),
        "source": cube.source,
        "origin": cube.origin,
        "semantic_type": cube.semantic_type,
        "media_type": cube.media_type,
        "valid_from": None if cube.valid_from is None else cube.valid_from.isoformat(),
        "valid_until": None if cube.valid_until is None else cube.valid_until.isoformat(),
        "created": cube.created.isoformat(),
        "changed": cube.changed.isoformat(),
        **content,
    }


def _subject(source: Dumpable, cube_id: bytes) -> str:
    """Whom a memory was said to be about; empty where that is its scope, or was not kept."""
    first = source.reader.body(cube_id, 1)
    return "" if first is None else first.subject


def describe_sealed(source: Dumpable, cube_id: bytes) -> Mapping[str, Any]:
    """A memory without what is sealed: all that may stand beside wrapped keys."""
    state, usage = source.state(cube_id), source.reader.usage(cube_id)
    header = state.header
    return {
        "cube_id": id_text(cube_id),
        "version": state.version,
        "state": state_title(state.lifecycle),
        "scope": state.scope,
        "owner": header.owner,
        "readers": header.readers,
        "writers": header.writers,
        "priority": header.priority,
        "sensitivity": header.sensitivity,
        "purpose": header.purpose,
        "lifespan": None if header.lifespan is None else header.lifespan._asdict(),
        "uses": usage.uses,
    }


def _check_not_erased_since(session: Session, dumped: Dumped) -> None:
    """An export must not carry what was erased while it was being written."""
    erased = LogQuery(kind=Kind.ERASED, after=dumped.at)
    with session.engine.stream() as reader:
        if any(attempt.outcome.result is Result.ACCEPTED for attempt in reader.vault.query(erased)):
            raise VaultError("memories were erased while this was exported: export again")


def _report(
    session: Session,
    request: ExportRequest,
    selection: DumpSelection,
    dumped: Dumped,
    wrapping: Wrapping,
    choice: _Choice,
) -> ExportReport:
    """What the caller is told."""
    left_out = choice.left_out
    warnings = [*((IN_CLEAR,) if wrapping.in_clear else ()), *choice.accepts.not_compared]
    if left_out:
        named = ", ".join(sorted(left_out)[:MOST_NAMED])
        warnings.append(
            f"{len(left_out)} memories are left out, since their keys are missing: {named}"
            f"{' and others' if len(left_out) > MOST_NAMED else ''}; {next(iter(left_out.values()))}"
        )
    return ExportReport(
        request.path,
        selection.chosen is None,
        request.since,
        dumped.events,
        dumped.memories,
        dumped.tombstones,
        str(wrapping.described["method"]),
        session.engine.proofs.signer().verifier_key,
        tuple(warnings),
    )
