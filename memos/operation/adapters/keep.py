"""The cube of an adapter: begun before it is trained, so that what ends a memory meanwhile ends the training's
file too; and its next version, once the gate has spoken.
"""

from __future__ import annotations

from typing import NamedTuple

from memos.infrastructure.engine.commit import Draft
from memos.infrastructure.engine.port import Transaction
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.infrastructure.keys.envelope import seal_body
from memos.kernel.cube import CubeState, Form, Header
from memos.kernel.errors import Conflict, IllegalMove
from memos.kernel.event import Kind, id_text
from memos.kernel.lifecycle import CONTENT_STATES
from memos.kernel.lineage import Relation
from memos.kernel.restriction import looser, strictest
from memos.operation.adapter_manifest import MEDIA_TYPE, AdapterManifest
from memos.operation.adapters.adapter import adapters_for
from memos.operation.adapters.cluster import Cluster
from memos.operation.adapters.verdict import verdict
from memos.operation.commands.body import put_content
from memos.operation.commands.draft import Sources, add_sources, create_cube, new_event
from memos.operation.commands.new_memory import NewMemory
from memos.operation.cube import open_parts
from memos.operation.gate import Passage
from memos.operation.receipt import raise_rejected
from memos.operation.session import Session, live_state
from memos.wire.body_pb2 import Body

_BASE = "model_digest"
"""The metadata that an adapter's cube begins with: on which base it is, in hex."""


class Base(NamedTuple):
    """The model that an adapter is of.

    Attributes:
        name: to call it.
        digest: of all that its numbers depend on, in hex.
    """

    name: str
    digest: str


def begin(
    session: Session, passage: Passage, scope: str, cluster: Cluster, base: Base
) -> CubeState:
    """The cube of these sources on a base: one that stands, or a new one. Its versions are trainings of the same
    memories, whatever their versions; others have a cube of their own, and so a header of their own.
    """
    count = len(sources_of(cluster.sources))
    memory = NewMemory(
        scope=scope,
        text=f"{count} {'memory' if count == 1 else 'memories'} as an adapter of {base.name}",
        metadata={_BASE: base.digest},
    )
    made = create_cube(session, memory, cluster.sources, form=Form.PARAMETRIC)

    def keep(transaction: Transaction) -> CubeState:
        standing = _standing(passage, transaction.reader(), scope, cluster.sources, base)
        if standing is not None:
            return standing
        committed = transaction.append(made)
        raise_rejected(committed)
        assert committed.state is not None  # noqa: S101 # it was accepted
        return committed.state

    return session.engine.writer.transact(keep)


def sources_of(sources: Sources) -> frozenset[bytes]:
    """The cubes that an adapter of these holds."""
    return frozenset(
        each.cube_id for each in sources.versions if each.relation is Relation.DISTILLED_INTO
    )


def _standing(
    passage: Passage, reader: Reader, scope: str, sources: Sources, base: Base
) -> CubeState | None:
    edges = reader.vault.edges(sources.versions[0].cube_id, downstream=True)
    made = {edge.derived[0] for edge in edges if edge.relation is Relation.DISTILLED_INTO}
    for raw in sorted(made, reverse=True):
        state = reader.vault.head(raw)
        if (
            state is not None
            and state.scope == scope
            and state.form is Form.PARAMETRIC
            and state.lifecycle in CONTENT_STATES
            and not state.erasing
            and passage.allows(Action.READ, state)
            and passage.allows(Action.WRITE, state)
            and _is_of(reader, state, sources, base)
        ):
            return state
    return None


def _is_of(reader: Reader, state: CubeState, sources: Sources, base: Base) -> bool:
    """Whether a cube was begun for these sources on this base, and is no looser than they are now."""
    edges = reader.vault.edges(state.cube_id, downstream=False, version=1)
    begun = {edge.source[0] for edge in edges if edge.relation is Relation.DISTILLED_INTO}
    parts = open_parts(reader, state)
    if begun != sources_of(sources) or parts is None:
        return False
    bound = strictest(Header(owner=state.header.owner), sources.restricted, sources.labels)
    is_looser = looser(state.header, bound, sources.labels)
    return parts.metadata_dict().get(_BASE) == base.digest and not is_looser


def promote(
    session: Session,
    passage: Passage,
    state: CubeState,
    sources: Sources,
    manifest: AdapterManifest,
) -> CubeState:
    """What was trained as the next version, and the gate's word on it.

    Raises:
        Conflict: a memory is no longer as it was read, or the cube has moved on.
        NotFound, Denied, IllegalMove: the cube is gone, or not the actor's to write.
    """

    def keep(transaction: Transaction) -> CubeState:
        reader = transaction.reader()
        now = live_state(passage, reader, state.cube_id)
        passage.require(Action.WRITE, now.scope, now)
        outdated = adapters_for(passage, reader).of_version(now, manifest)
        if outdated:
            raise Conflict(
                f"the adapter is not kept: {'; '.join(each.reason for each in outdated)}: distil again",
                now.version,
            )
        cube_key = adapter_key(reader, now)
        committed = transaction.append(
            _distilled(session, passage, state, cube_key, sources, manifest)
        )
        raise_rejected(committed)
        decided = verdict(
            session,
            passage,
            state,
            cube_key,
            job=bytes.fromhex(manifest.job),
            settings=manifest.settings,
            evaluation=manifest.evaluation,
        )
        raise_rejected(transaction.append(decided))
        assert committed.state is not None  # noqa: S101 # it was accepted
        return committed.state

    return session.engine.writer.transact(keep)


def adapter_key(reader: Reader, state: CubeState) -> bytes:
    """The key of an adapter's cube.

    Raises:
        IllegalMove: it is erased, or about to be.
    """
    key = reader.cube_key(state.cube_id)
    if key is None:
        raise IllegalMove(
            f"adapter {id_text(state.cube_id)} is erased, as a memory is that it was made with: distil what "
            "is left"
        )
    return key


def _distilled(
    session: Session,
    passage: Passage,
    state: CubeState,
    cube_key: bytes,
    sources: Sources,
    manifest: AdapterManifest,
) -> Draft:
    event = new_event(
        session,
        Kind.DISTILLED,
        state.cube_id,
        state.scope,
        expected_version=state.version,
        passage=passage,
    )
    event.distilled.manifest_digest = manifest.digest
    event.distilled.model_id = manifest.model
    event.subject_digests.extend(sources.subjects)
    body = Body()
    event.parts = put_content(body, MEDIA_TYPE, manifest.content)
    add_sources(event, sources.versions, binding=True)
    seal_body(cube_key, event, body)
    return Draft(event, body)
