"""An event of another vault is taken where a release could have written it, and else told why not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from memos.kernel.event import Kind
from memos.kernel.foreign import MAX_TEXT_BYTES, objection
from memos.kernel.tenant import tenant_cube_id
from memos.wire.event_pb2 import Event
from tests.kernel.builders import (
    event,
    generated,
    granted,
    ident,
    restored_to,
    revised,
    sealed,
)

Change = Callable[[Event], object]


def whole() -> Event:
    """A new memory that says all that an envelope can."""
    built = generated(1)
    built.cause_id = ident(3)
    built.policy_digest = bytes(5)
    built.source_digests.extend([b"s" * 16, b"t" * 16])
    built.idempotency_digest, built.command_mac = b"k" * 16, b"m" * 16
    edge = built.edges.add(relation=1)
    edge.other.cube_id, edge.other.version, edge.other.digest = ident(2), 2**63 - 1, bytes(32)
    built.generated.absorbs.add(cube_id=ident(2), scope=built.scope, expected_version=1)
    built.generated.header.readers.extend(["agent:bob", ""])
    built.generated.header.priority = -(2**31)
    built.generated.header.lifespan.since = -(2**63)
    built.service = "é" * (MAX_TEXT_BYTES // 2)
    return built


def erased(number: int = 1) -> Event:
    """The request to erase two memories."""
    built = event(Kind.ERASE_REQUESTED, number)
    for cube in (2, 3):
        built.erase_requested.targets.add(cube_id=ident(cube), scope=built.scope)
    return built


@pytest.mark.parametrize(
    "built",
    [
        whole(),
        revised(2),
        sealed(event(Kind.TAGGED, 2), parts=2, box=bytes(70_000)),
        event(Kind.DECIDED, 2),
        granted(2, "agent:bob"),
        restored_to(2, 1, 1, 2, operation=77),
        erased(),
    ],
    ids=lambda built: Kind(built.kind).title,
)
def test_what_a_release_writes_is_taken(built: Event) -> None:
    assert objection(built) == ""


def named(name: str, value: object) -> Change:
    """A field of the envelope gets a value."""
    return lambda built: setattr(built, name, value)


REFUSED: list[tuple[Callable[[], Event], Change, str]] = [
    (whole, named("event_id", bytes(15)), "event_id has 15 bytes, and an id has 16"),
    (whole, named("operation_id", b"o" * 17), "operation_id has 17 bytes, and an id has 16"),
    (whole, named("command_mac", bytes(20)), "command_mac has 20 bytes, and such a digest has 16"),
    (
        whole,
        lambda built: built.source_digests.append(bytes(31)),
        "source_digests has 31 bytes, and such a digest has 16",
    ),
    (
        whole,
        named("actor", "a" * (MAX_TEXT_BYTES + 1)),
        "actor has 1025 bytes, more than 1024",
    ),
    (whole, named("service", "é" * 513), "service has 1026 bytes, more than 1024"),
    (whole, named("kind", 99), "kind is 99, which is not known"),
    (whole, named("kind", -1), "kind is -1, which is not known"),
    (whole, named("cube_id", b""), "cube_id is missing"),
    (whole, named("composed_from", 2**63), f"composed_from is {2**63}, more than can be kept"),
    (
        whole,
        lambda built: built.generated.header.readers.append("r" * 2000),
        "generated.header.readers has 2000 bytes, more than 1024",
    ),
    (
        whole,
        lambda built: setattr(built.generated.header.lifespan, "then", 7),
        "generated.header.lifespan.then is 7, which is not known",
    ),
    (
        whole,
        lambda built: setattr(built.edges[0], "relation", 0),
        "edges.relation is missing",
    ),
    (
        whole,
        lambda built: setattr(built.edges[0].other, "cube_id", b""),
        "edges.other.cube_id is missing",
    ),
    (
        whole,
        lambda built: setattr(built.edges[0].other, "version", 2**64 - 1),
        f"edges.other.version is {2**64 - 1}, more than can be kept",
    ),
    (
        erased,
        lambda built: setattr(built.erase_requested.targets[1], "cube_id", b"short"),
        "erase_requested.targets.cube_id has 5 bytes, and an id has 16",
    ),
    (
        lambda: restored_to(2, 1, 1, 2, operation=77),
        lambda built: setattr(built.rolled_back.targets[0], "action", 0),
        "rolled_back.targets.action is missing",
    ),
    (
        lambda: granted(2, "agent:bob"),
        lambda built: setattr(built.granted, "role", ""),
        "granted.role is missing",
    ),
    (whole, named("tenant", "rival"), "scope is of another tenant"),
    (whole, named("scope", "rival/notes"), "scope is of another tenant"),
    (
        whole,
        named("cube_id", tenant_cube_id("acme")),
        "cube_id is one that only a tenant's own cube has",
    ),
    (whole, named("parts", 32), "parts has the bits 0x20, which are not known"),
    (
        whole,
        lambda built: built.ClearField("subject_digests"),
        "subject_digests is empty: nobody could have it erased",
    ),
]


@pytest.mark.parametrize(
    ("made", "change", "told"), REFUSED, ids=[told[:50] for _, _, told in REFUSED]
)
def test_what_no_release_writes_is_told_with_its_field(
    made: Callable[[], Event], change: Change, told: str
) -> None:
    built = made()
    change(built)
    assert objection(built) == told


def test_of_several_values_each_is_looked_at_and_the_first_that_is_none_is_told() -> None:
    built = whole()
    built.source_digests.extend([bytes(3), bytes(4)])
    assert objection(built) == "source_digests has 3 bytes, and such a digest has 16"


@pytest.mark.parametrize(
    ("put", "fitting"),
    [
        (lambda built, value: built.subject_digests.append(value), 16),
        (lambda built, value: built.source_digests.append(value), 16),
        (lambda built, value: setattr(built, "idempotency_digest", value), 16),
        (lambda built, value: setattr(built, "command_mac", value), 16),
        (lambda built, value: setattr(built.edges[0].other, "digest", value), 32),
        (lambda built, value: built.erase_requested.subject_digests.append(value), 16),
        (
            lambda built, value: built.rolled_back.targets.add(
                cube_id=ident(2), action=1, ended_subject_digests=[value]
            ),
            16,
        ),
        (lambda built, value: setattr(built.api_key_issued, "secret_digest", value), 32),
        (lambda built, value: setattr(built.api_key_issued, "replaces", value), 16),
    ],
)
def test_each_digest_has_the_one_size_in_which_vaults_write_it(
    put: Callable[[Event, bytes], object], fitting: int
) -> None:
    for size in (16, 32):
        built = whole()
        put(built, bytes([7]) * size)
        assert (objection(built) == "") == (size == fitting)
