"""The cubes that a command works on: read at their heads, and only those that the caller may use."""

from __future__ import annotations

from collections.abc import Iterable

from memos.infrastructure.engine.erased_sources import is_erased, source_erased
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.kernel.cube import CubeState
from memos.kernel.errors import Denied, IllegalMove, InvalidInput
from memos.kernel.event import id_text
from memos.kernel.lineage import CARRIES_TAINT, Relation
from memos.kernel.restriction import Restricted
from memos.kernel.scope import check_scope, tenant_of
from memos.operation.commands.cited import Cited
from memos.operation.commands.draft import NO_SOURCES, Sources, SourceVersion
from memos.operation.commands.restriction import restriction_of, sensitivities
from memos.operation.cube import Parts, open_parts
from memos.operation.gate import Passage
from memos.operation.session import Session, live_state
from memos.operation.validation import check_id


def permitted_state(
    session: Session, passage: Passage, cube_id: str, action: Action, operation: str | None = None
) -> CubeState:
    """The head of a cube with which the actor may do something.

    Raises:
        NotFound, Denied: there is none, or they may not.
    """
    raw = check_id(cube_id)
    with session.engine.read() as reader:
        state = live_state(passage, reader, raw)
    passage.require(action, state.scope, state, operation=operation)
    return state


def opened_parts(reader: Reader, state: CubeState) -> Parts:
    """The opened parts of a cube.

    Raises:
        IllegalMove: it was erased.
    """
    parts = open_parts(reader, state)
    if parts is None:
        raise IllegalMove(f"cube {id_text(state.cube_id)} is erased: nothing can change it")
    return parts


def source_versions(
    session: Session,
    passage: Passage,
    cubes: Iterable[str | Cited],
    relation: Relation,
    scope: str,
) -> Sources:
    """Versions of earlier cubes, and the subjects that come with their content.

    Args:
        session: the open vault.
        passage: where the actor's right to read each of them is asked.
        cubes: the earlier cubes: the current versions of those given by their ids alone.
        relation: what they are to the cube that is made or changed.
        scope: of that cube: all are of one tenant.

    Raises:
        NotFound, Denied: a source is not there, or the actor may not read it.
        SourceErased: a source is erased or being erased.
        InvalidInput: a source has no such version.
    """
    versions: list[SourceVersion] = []
    subjects: set[bytes] = set()
    restricted: list[Restricted] = []
    labels: tuple[str, ...] = ()
    for cube in cubes:
        cited = cube if isinstance(cube, Cited) else Cited(check_id(cube))
        raw = cited.cube_id
        with session.engine.read() as reader:
            state = live_state(passage, reader, raw)
            passage.require(Action.READ, state.scope, state, operation=relation.name.lower())
            _check_source(state, cited, scope)
            version = cited.version or state.version
            attempt = reader.vault.version(raw, version)
            if relation in CARRIES_TAINT:
                restricted.append(restriction_of(reader, state))
                labels = labels or sensitivities(reader, tenant_of(state.scope))
        digest = b"" if attempt is None else attempt.outcome.digest
        versions.append(SourceVersion(relation, raw, version, digest))
        if relation in CARRIES_TAINT:
            subjects.update(state.subjects)
    if not versions:
        return NO_SOURCES
    return Sources(tuple(versions), tuple(sorted(subjects)), tuple(restricted), labels)


def _check_source(state: CubeState, cited: Cited, scope: str) -> None:
    """Refuse a source that nothing in a scope can be made of, before a version of it is looked for."""
    if tenant_of(state.scope) != tenant_of(check_scope(scope)):
        raise Denied(
            f"cube {id_text(state.cube_id)} belongs to another tenant than {scope}: memories of two tenants "
            "meet only by a grant (rule tenant-boundary)",
            "tenant-boundary",
        )
    if is_erased(state):
        raise source_erased([state.cube_id])
    if cited.version is not None and cited.version > state.version:
        raise InvalidInput(
            f"memory {id_text(state.cube_id)} has no version {cited.version}: the last one is {state.version}"
        )
