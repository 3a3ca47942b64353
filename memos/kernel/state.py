"""How a folded cube is stored and read back."""

from __future__ import annotations

from hashlib import sha256

from google.protobuf.message import DecodeError

from memos.kernel.cube import CubeState, Form, IssuedKey, Lifecycle, PartVersions
from memos.kernel.header import read_header, write_header
from memos.wire.state_pb2 import ApiKey
from memos.wire.state_pb2 import CubeState as Stored


def state_to_bytes(state: CubeState) -> bytes:
    """The state's stored bytes."""
    stored = Stored(
        cube_id=state.cube_id,
        scope=state.scope,
        form=int(state.form),  # type: ignore[arg-type]
        lifecycle=state.lifecycle,
        thaws_to=state.thaws_to,
        version=state.version,
        sequence=state.sequence,
        subject_digests=state.subjects,
        parts=state.parts,
        versions_digest=state.versions_digest,
        lineage_digest=state.lineage_digest,
        erasing=state.erasing,
        merged_into=state.merged_into,
        yields_to_erase=state.yields_to_erase,
        administrators=state.administrators,
        sensitivities=state.sensitivities,
        ended_edges=state.ended_edges,
        api_keys=[ApiKey(**key._asdict()) for key in state.api_keys],
    )
    write_header(state.header, stored.header)
    return stored.SerializeToString()


def state_from_bytes(data: bytes) -> CubeState:
    """The state that `state_to_bytes` stored."""
    stored = Stored.FromString(data)
    return CubeState(
        stored.cube_id,
        stored.scope,
        Form(stored.form),
        Lifecycle(stored.lifecycle),
        stored.thaws_to,
        stored.version,
        stored.sequence,
        read_header(stored.header),
        tuple(stored.subject_digests),
        PartVersions(*stored.parts),
        stored.versions_digest,
        stored.lineage_digest,
        stored.erasing,
        stored.merged_into,
        stored.yields_to_erase,
        tuple(stored.administrators),
        tuple(stored.sensitivities),
        tuple(stored.ended_edges),
        tuple(map(_read_api_key, stored.api_keys)),
    )


def _read_api_key(stored: ApiKey) -> IssuedKey:
    return IssuedKey(
        stored.key_id,
        stored.secret_digest,
        stored.actor,
        stored.name,
        tuple(stored.actions),
        tuple(stored.scopes),
        stored.origin,
        stored.created,
        stored.expires,
        stored.replaces,
        stored.replaced_by,
        stored.last_used,
    )


def rewritten(stored: bytes) -> bytes:
    """Stored bytes of any release as this one writes them; what is no state is left as it is."""
    try:
        return state_to_bytes(state_from_bytes(stored))
    except (DecodeError, ValueError, TypeError):
        return stored


def checksum(stored: bytes) -> bytes:
    """By what a damaged head row is known: the first 16 bytes of the SHA-256 of stored bytes."""
    return sha256(stored).digest()[:16]
