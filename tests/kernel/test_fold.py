"""What one event means to one cube, whatever its kind."""

from __future__ import annotations

from hashlib import sha256

import pytest

from memos.kernel.cube import CubeState, Form, Header, Lifecycle, PartVersions
from memos.kernel.event import Kind
from memos.kernel.fold import fold
from memos.kernel.outcome import Outcome, Reason, Result
from memos.kernel.tenant import tenant_cube_id
from memos.wire.event_pb2 import Event
from tests.kernel.builders import SCOPE, event, folded, generated, granted, ident, revised

L = Lifecycle


FULL = CubeState(
    ident(1),
    SCOPE,
    Form.PLAINTEXT,
    L.ACTIVATED,
    3,
    5,
    9,
    Header(owner="agent:alice", readers=("agent:bob",), priority=2),
    (b"subject of acme!",),
    PartVersions(5, 4, 3, 2, 1),
    b"v" * 32,
    b"l" * 32,
    b"",  # under an erase nothing else is accepted
    ident(60),
)
"""A cube none of whose fields is what a new cube has, but for the erase."""


def test_an_event_that_only_stands_in_the_log_keeps_every_field() -> None:
    for kind in (Kind.LINKED, Kind.DECIDED):
        after, outcome, _ = fold(FULL, event(kind, 2))
        assert outcome.result is Result.ACCEPTED
        assert after == FULL._replace(sequence=10)


def test_a_new_version_keeps_every_field_but_its_own() -> None:
    after, outcome, _ = fold(FULL, revised(2))
    assert outcome.result is Result.ACCEPTED
    assert after is not None
    assert after.versions_digest != FULL.versions_digest
    assert after == FULL._replace(
        version=6,
        sequence=10,
        parts=FULL.parts._replace(content=6),
        versions_digest=after.versions_digest,
    )


def test_a_link_binds_a_cube_to_the_subjects_of_its_source_too() -> None:
    link = event(Kind.LINKED, 2)
    link.subject_digests.extend([b"another subject!", *FULL.subjects, b"a third subject!"])
    after, _, _ = fold(FULL, link)
    assert after == FULL._replace(sequence=10), "without an edge it names no source"
    link.edges.add(relation=1).other.cube_id = ident(2)
    after, outcome, _ = fold(FULL, link)
    assert outcome == Outcome(Result.ACCEPTED, 5)
    assert after is not None
    assert after.lineage_digest != FULL.lineage_digest
    assert after == FULL._replace(
        sequence=10,
        subjects=(b"a third subject!", b"another subject!", b"subject of acme!"),
        lineage_digest=after.lineage_digest,
    )


def test_the_lineage_digest_is_a_chain_over_relation_version_and_source() -> None:
    link = event(Kind.LINKED, 2)
    for relation, cube, version, digest in ((1, 2, 7, b"d" * 32), (6, 3, 8, b"e" * 32)):
        other = link.edges.add(relation=relation).other
        other.cube_id, other.version, other.digest = ident(cube), version, digest
    after, _, _ = fold(FULL, link)
    at = (5).to_bytes(8, "big")
    one = b"\x01" + at + ident(2) + (7).to_bytes(8, "big") + b"d" * 32
    two = b"\x06" + at + ident(3) + (8).to_bytes(8, "big") + b"e" * 32
    assert after is not None
    assert after.lineage_digest == sha256(sha256(FULL.lineage_digest + one).digest() + two).digest()


def test_the_versions_digest_is_a_chain_over_version_parts_and_sealed_bytes() -> None:
    change = revised(2)
    after, outcome, _ = fold(FULL, change)
    box = sha256(change.body.box).digest()
    link = (6).to_bytes(8, "big") + (1).to_bytes(4, "big") + box
    assert after is not None
    assert after.versions_digest == sha256(FULL.versions_digest + link).digest()
    assert outcome == Outcome(Result.ACCEPTED, 6, digest=box)


def test_the_first_event_of_a_cube_makes_version_one() -> None:
    state, (outcome,) = folded(generated(1))
    assert (state.version, state.sequence, state.lifecycle) == (1, 1, L.GENERATED)
    assert state.parts == PartVersions(1, 1, 1, 1, 1)
    assert outcome.result is Result.ACCEPTED
    assert len(outcome.digest) == 32


def test_a_revision_supplies_only_the_parts_it_names() -> None:
    state, _ = folded(generated(1), revised(2))
    assert state.version == 2
    assert state.parts == PartVersions(content=2, tags=1, provenance=1, metadata=1, valid_time=1)


def test_a_stale_expected_version_is_rejected_and_counted() -> None:
    state, outcomes = folded(generated(1), revised(2), revised(3, expected=1))
    assert outcomes[-1] == Outcome(Result.REJECTED, 2, Reason.CONFLICT)
    assert (state.version, state.sequence) == (2, 3)


def test_without_an_expected_version_the_last_writer_wins_and_both_versions_stay() -> None:
    state, outcomes = folded(generated(1), revised(2), revised(3))
    assert state.parts.content == 3
    assert [outcome.version for outcome in outcomes] == [1, 2, 3]


def keyed(built: Event, mac: bytes = b"mac") -> Event:
    built.idempotency_digest = b"key"
    built.command_mac = mac
    return built


def test_a_keyed_event_delivered_twice_is_a_duplicate_of_the_first() -> None:
    state, outcomes = folded(keyed(generated(1)), revised(2), keyed(generated(1)))
    assert outcomes[-1] == Outcome(Result.DUPLICATE, 1, duplicate_of=ident(1))
    assert state.version == 2


def test_the_same_key_with_other_content_is_rejected() -> None:
    _, outcomes = folded(keyed(generated(1)), revised(2), keyed(generated(1), mac=b"other"))
    assert outcomes[-1] == Outcome(Result.REJECTED, 2, Reason.OTHER_CONTENT)


def test_a_cube_never_changes_its_scope() -> None:
    stranger = revised(2)
    stranger.scope = "acme/alice/chat-2"
    state, outcomes = folded(generated(1), stranger)
    assert outcomes[-1].reason is Reason.WRONG_SCOPE
    assert state.scope == "acme/alice/chat-1"


def test_a_header_change_touches_only_the_fields_it_names() -> None:
    first = event(Kind.HEADER_CHANGED, 2)
    first.header_changed.header.readers.append("agent:bob")
    first.header_changed.fields.append("readers")
    second = event(Kind.HEADER_CHANGED, 3)
    second.header_changed.header.priority = 7
    second.header_changed.fields.append("priority")
    state, _ = folded(generated(1), first, second)
    assert (state.header.readers, state.header.priority) == (("agent:bob",), 7)
    assert state.header.owner == "agent:alice"
    assert state.version == 3


def test_a_merge_absorbs_its_sources_by_consequences_with_stable_ids() -> None:
    merge = generated(10, cube=5)
    for cube in (1, 2):
        merge.generated.absorbs.add(cube_id=ident(cube), scope="acme/alice/chat-1")
    _, _, first = fold(None, merge)
    _, _, second = fold(None, merge)
    assert [f.SerializeToString() for f in first] == [f.SerializeToString() for f in second]
    assert [(f.kind, f.cube_id, f.cause_id) for f in first] == [
        (Kind.MERGED, ident(1), ident(10)),
        (Kind.MERGED, ident(2), ident(10)),
    ]
    state, _ = folded(generated(1), first[0])
    assert (state.lifecycle, state.merged_into) == (L.MERGED, ident(5))


def test_a_source_refuses_a_merge_that_was_made_of_another_version() -> None:
    merge = generated(1, cube=9)
    merge.generated.absorbs.add(cube_id=ident(1), scope=SCOPE, expected_version=1)
    merge.generated.absorbs.add(cube_id=ident(2), scope=SCOPE)
    _, _, (bound, unbound) = fold(None, merge)
    state = folded(generated(2), revised(3))[0]
    refused, outcome, _ = fold(state, bound)
    assert (outcome.result, outcome.reason) == (Result.REJECTED, Reason.CONFLICT)
    assert refused is not None
    assert (refused.lifecycle, refused.version) == (Lifecycle.GENERATED, 2)
    assert not unbound.HasField("expected_version")
    absorbed, outcome, _ = fold(folded(generated(2))[0], bound)
    assert outcome.result is Result.ACCEPTED
    assert absorbed is not None
    assert absorbed.merged_into == ident(9)


NOT_FOUND = (None, Outcome(Result.REJECTED, 0, Reason.NOT_FOUND), ())


def test_an_event_on_a_cube_that_is_not_there_is_rejected() -> None:
    assert fold(None, revised(1)) == NOT_FOUND
    for kind in (Kind.ROLLED_BACK, Kind.ERASE_REQUESTED):
        assert fold(None, event(kind, 1, operation=99)) == NOT_FOUND


def test_no_memory_begins_where_only_a_tenant_s_own_cube_stands() -> None:
    squatter = generated(1)
    squatter.cube_id = tenant_cube_id("acme")
    assert fold(None, squatter) == NOT_FOUND


def test_a_grant_on_another_id_than_its_tenant_s_makes_no_cube() -> None:
    astray = granted(1, "agent:eve")
    astray.cube_id = ident(1)
    assert fold(None, astray) == NOT_FOUND


def test_a_cube_that_is_not_there_is_at_version_0() -> None:
    first = generated(1)
    first.expected_version = 0
    state, (outcome,) = folded(first)
    assert (outcome.result, state.version) == (Result.ACCEPTED, 1)
    first.expected_version = 1
    assert fold(None, first) == (None, Outcome(Result.REJECTED, 0, Reason.CONFLICT), ())


@pytest.mark.parametrize(
    ("stated", "form"),
    [
        (Form.PLAINTEXT, Form.PLAINTEXT),
        (Form.ACTIVATION, Form.ACTIVATION),
        (Form.PARAMETRIC, Form.PARAMETRIC),
        (Form.OPERATION, Form.PLAINTEXT),
        (Form.TENANT, Form.PLAINTEXT),
        (99, Form.PLAINTEXT),
    ],
)
def test_a_new_memory_has_the_form_that_it_states_where_that_is_a_memory_s(
    stated: int, form: Form
) -> None:
    first = generated(1)
    first.generated.form = stated  # type: ignore[assignment]
    assert folded(first)[0].form is form


def test_a_new_cube_is_as_its_first_event_says() -> None:
    first = generated(1)
    first.generated.header.readers.append("agent:bob")
    first.subject_digests[:] = [b"t" * 16, b"s" * 16, b"t" * 16]
    state, _ = folded(first)
    assert state == CubeState(
        ident(1),
        SCOPE,
        Form.PLAINTEXT,
        L.GENERATED,
        0,
        1,
        1,
        Header("agent:alice", ("agent:bob",)),
        (b"s" * 16, b"t" * 16),
        PartVersions(1, 1, 1, 1, 1),
        state.versions_digest,
        bytes(32),
    )
    assert folded(event(Kind.CACHED, 1))[0].header == Header("agent:alice"), "whoever made it"
