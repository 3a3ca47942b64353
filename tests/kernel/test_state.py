"""A folded cube reads back from its stored bytes as it was."""

from __future__ import annotations

from hashlib import sha256

from memos.kernel.cube import (
    CubeState,
    Form,
    Header,
    IssuedKey,
    Lifecycle,
    Lifespan,
    LifespanEnd,
    PartVersions,
)
from memos.kernel.state import checksum, state_from_bytes, state_to_bytes
from memos.wire.state_pb2 import CubeState as Stored
from tests.kernel.builders import ident

HEADER = Header(
    "agent:alice",
    ("agent:bob",),
    ("agent:carol",),
    Lifespan(5, 6, True, 7, LifespanEnd.ERASE),
    -3,
    "secret",
    "care",
)
FULL = CubeState(
    cube_id=ident(1),
    scope="acme/alice",
    form=Form.ACTIVATION,
    lifecycle=Lifecycle.FROZEN,
    thaws_to=2,
    version=3,
    sequence=4,
    header=HEADER,
    subjects=(b"s" * 16, b"t" * 16),
    parts=PartVersions(1, 2, 3, 4, 5),
    versions_digest=b"v" * 32,
    lineage_digest=b"l" * 32,
    erasing=ident(8),
    merged_into=ident(9),
    yields_to_erase=True,
    administrators=("agent:dan", "agent:eve"),
    sensitivities=("public", "secret"),
    ended_edges=(b"e" * 16, b"f" * 16),
    api_keys=(
        IssuedKey(
            key_id=ident(5),
            secret_digest=b"k" * 32,
            actor="agent:bob",
            name="laptop",
            actions=("read", "write"),
            scopes=("acme/bob", "acme/shared"),
            origin="memos/0123456789abcdef",
            created=6,
            expires=7,
            replaces=ident(8),
            replaced_by=ident(9),
            last_used=10,
        ),
    ),
)


def test_every_field_of_a_state_reads_back() -> None:
    assert all(FULL)  # else a field would be tested with nothing in it
    assert all(FULL.api_keys[0])
    assert state_from_bytes(state_to_bytes(FULL)) == FULL


def test_each_field_is_stored_under_its_own_name() -> None:
    stored = Stored.FromString(state_to_bytes(FULL))
    assert (stored.cube_id, stored.scope, stored.form) == (ident(1), "acme/alice", 2)
    assert (stored.lifecycle, stored.thaws_to, stored.version, stored.sequence) == (5, 2, 3, 4)
    assert list(stored.parts) == [1, 2, 3, 4, 5]
    assert list(stored.subject_digests) == [b"s" * 16, b"t" * 16]
    assert (stored.versions_digest, stored.lineage_digest) == (b"v" * 32, b"l" * 32)
    assert (stored.erasing, stored.merged_into) == (ident(8), ident(9))
    assert list(stored.administrators) == ["agent:dan", "agent:eve"]
    assert list(stored.sensitivities) == ["public", "secret"]
    assert list(stored.ended_edges) == [b"e" * 16, b"f" * 16]
    (key,) = stored.api_keys
    assert (key.key_id, key.secret_digest, key.actor) == (ident(5), b"k" * 32, "agent:bob")
    assert (key.name, key.origin) == ("laptop", "memos/0123456789abcdef")
    assert (list(key.actions), list(key.scopes)) == (
        ["read", "write"],
        ["acme/bob", "acme/shared"],
    )
    assert (key.created, key.expires, key.last_used) == (6, 7, 10)
    assert (key.replaces, key.replaced_by) == (ident(8), ident(9))


def test_a_checksum_is_half_of_sha_256() -> None:
    assert checksum(b"stored") == sha256(b"stored").digest()[:16]
