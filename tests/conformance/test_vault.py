"""The contract of a vault (see `memos.infrastructure.vault.port`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.vault.port import LogQuery
from memos.kernel.event import DETAILS, SCHEMA, Kind
from memos.kernel.outcome import Reason, Result
from memos.wire.event_pb2 import Event, RollbackTarget
from tests.conformance.backends import VaultStore, cassandra_vault, sqlite_vault
from tests.infrastructure.cassandra_vault import keyspaces

ONE, TWO, THREE = (bytes([n]) * 16 for n in (1, 2, 3))


BACKENDS = [
    "sqlite",
    pytest.param("cassandra", marks=[pytest.mark.engines, pytest.mark.timeout(900)]),
]


@pytest.fixture(scope="module")
def servers(request: pytest.FixtureRequest) -> Iterator[Callable[[], CassandraSession]]:
    """A connection to keyspaces of this module, made when a test first asks."""
    with ExitStack() as opened:
        made: list[CassandraSession] = []

        def connected() -> CassandraSession:
            if not made:
                engines = request.getfixturevalue("engines")
                made.append(opened.enter_context(keyspaces(engines)).cassandra)
            return made[0]

        yield connected


@pytest.fixture(params=BACKENDS)
def vault(
    request: pytest.FixtureRequest, servers: Callable[[], CassandraSession], tmp_path: Path
) -> Iterator[VaultStore]:
    backend = request.param
    opening = sqlite_vault(tmp_path) if backend == "sqlite" else cassandra_vault(servers())
    with opening as opened:
        yield opened


def event(number: int, kind: Kind, cube_id: bytes, **given: object) -> Event:
    made = Event(
        event_id=number.to_bytes(16, "big"),
        schema_major=SCHEMA[0],
        schema_minor=SCHEMA[1],
        kind=kind.value,  # type: ignore[arg-type]
        tenant="acme",
        scope="acme/a",
        actor="agent:alice",
        cube_id=cube_id,
        operation_id=number.to_bytes(16, "big"),
        parts=31,
    )
    getattr(made, DETAILS[kind]).SetInParent()
    for name, value in given.items():
        if isinstance(value, list):
            getattr(made, name).extend(value)
        else:
            setattr(made, name, value)
    return made


def test_an_unknown_cube_has_no_head_no_version_and_no_attempts(vault: VaultStore) -> None:
    assert vault.reader.head(ONE) is None
    assert vault.reader.state_at(ONE) is None
    assert vault.reader.version(ONE, 1) is None
    assert vault.reader.attempts(ONE) == []


def test_a_head_is_the_cube_after_its_last_record(vault: VaultStore) -> None:
    vault.take([event(1, Kind.GENERATED, ONE), event(2, Kind.REVISED, ONE)])
    head = vault.reader.head(ONE)
    assert head is not None
    assert (head.version, head.sequence, head.scope) == (2, 2, "acme/a")
    vault.take([event(3, Kind.ARCHIVED, ONE)])
    archived = vault.reader.head(ONE)
    assert archived is not None
    assert (archived.lifecycle.name, archived.version) == ("ARCHIVED", 2)


def test_a_cube_is_read_as_it_was_at_every_offset(vault: VaultStore) -> None:
    vault.take(
        [
            event(1, Kind.GENERATED, ONE),
            event(2, Kind.GENERATED, TWO),
            event(3, Kind.REVISED, ONE),
            event(4, Kind.ARCHIVED, ONE),
        ]
    )
    states = [vault.reader.state_at(ONE, offset) for offset in range(4)]
    shown = [(a.state.version, a.state.lifecycle.name) for a in states if a and a.state]
    assert shown == [(1, "GENERATED"), (1, "GENERATED"), (2, "GENERATED"), (2, "ARCHIVED")]
    assert vault.reader.state_at(TWO, 0) is None
    assert [len(vault.reader.attempts(ONE, offset)) for offset in range(4)] == [1, 1, 2, 3]


def test_a_rejected_attempt_is_kept_with_its_reason_and_changes_no_state(
    vault: VaultStore,
) -> None:
    vault.take([event(1, Kind.GENERATED, ONE), event(2, Kind.REVISED, ONE, expected_version=7)])
    attempt = vault.reader.attempts(ONE)[1]
    assert (attempt.outcome.result, attempt.outcome.reason) == (Result.REJECTED, Reason.CONFLICT)
    assert attempt.state is None
    now = vault.reader.state_at(ONE)
    assert now is not None
    assert now.position.offset == 0
    head = vault.reader.head(ONE)
    assert head is not None
    assert (head.version, head.sequence) == (1, 2)


def test_a_version_is_the_attempt_that_made_it(vault: VaultStore) -> None:
    vault.take(
        [
            event(1, Kind.GENERATED, ONE),
            event(2, Kind.ARCHIVED, ONE),
            event(3, Kind.RESTORED, ONE),
            event(4, Kind.REVISED, ONE),
        ]
    )
    found = [vault.reader.version(ONE, n) for n in (1, 2, 3)]
    assert [None if each is None else each.position.offset for each in found] == [0, 3, None]


def test_edges_are_read_both_ways(vault: VaultStore) -> None:
    derived = event(2, Kind.GENERATED, TWO)
    edge = derived.edges.add(relation=1)
    edge.other.cube_id, edge.other.version, edge.other.digest = ONE, 1, b"d" * 32
    vault.take([event(1, Kind.GENERATED, ONE), derived])
    (up,) = vault.reader.edges(TWO, downstream=False)
    assert (up.source, up.derived, up.source_digest) == ((ONE, 1), (TWO, 1), b"d" * 32)
    assert vault.reader.edges(ONE, downstream=True) == [up]
    assert vault.reader.edges(ONE, downstream=False) == []


def test_an_edge_that_was_undone_is_not_read_until_it_is_made_again(vault: VaultStore) -> None:
    def link(number: int) -> Event:
        made = event(number, Kind.LINKED, TWO)
        edge = made.edges.add(relation=1)
        edge.other.cube_id, edge.other.version, edge.other.digest = ONE, 1, b"d" * 32
        return made

    undo = event(4, Kind.ROLLED_BACK, TWO)
    target = undo.rolled_back.targets.add(cube_id=TWO, scope="acme/a", expected_sequence=2)
    target.action = RollbackTarget.ACTION_ARCHIVE
    ended = target.ended_edges.add(relation=1, version=1)
    ended.other.cube_id, ended.other.version = ONE, 1
    vault.take(
        [event(1, Kind.GENERATED, ONE), event(2, Kind.GENERATED, TWO), link(3), undo],
    )
    assert vault.reader.edges(TWO, downstream=False) == []
    assert vault.reader.edges(ONE, downstream=True) == []
    assert vault.reader.edges(ONE, downstream=True, version=1) == []
    vault.take([link(5)])
    (made,) = vault.reader.edges(ONE, downstream=True)
    assert made.derived == (TWO, 1)


def test_the_log_query_narrows_by_every_field(vault: VaultStore) -> None:
    vault.take(
        [
            event(1, Kind.GENERATED, ONE, source_digests=[b"s" * 16]),
            event(2, Kind.GENERATED, TWO, actor="agent:bob", scope="acme/ab"),
            event(3, Kind.REVISED, ONE, operation_id=b"o" * 16),
            event(4, Kind.REVISED, TWO, scope="acme/ab"),
        ]
    )

    def offsets(wanted: LogQuery) -> list[int]:
        return [attempt.position.offset for attempt in vault.reader.query(wanted)]

    assert offsets(LogQuery()) == [0, 1, 2, 3]
    assert offsets(LogQuery(actor="agent:bob")) == [1]
    assert offsets(LogQuery(kind=Kind.REVISED)) == [2, 3]
    assert offsets(LogQuery(scope="acme/a")) == [0, 2]
    assert offsets(LogQuery(scope="acme")) == [0, 1, 2, 3]
    assert offsets(LogQuery(cube_id=TWO)) == [1, 3]
    assert offsets(LogQuery(operation_id=b"o" * 16)) == [2]
    assert offsets(LogQuery(sources=(b"s" * 16,))) == [0]
    assert offsets(LogQuery(after=0, upto=2)) == [1, 2]
    assert offsets(LogQuery(actor="agent:bob", kind=Kind.REVISED)) == []


def test_cubes_are_found_by_their_subjects_in_id_order(vault: VaultStore) -> None:
    vault.take(
        [
            event(1, Kind.GENERATED, THREE, subject_digests=[b"a" * 16, b"b" * 16]),
            event(2, Kind.GENERATED, ONE, subject_digests=[b"a" * 16]),
            event(3, Kind.GENERATED, TWO, subject_digests=[b"c" * 16]),
        ]
    )
    assert vault.reader.cubes_of_subjects([b"a" * 16]) == [ONE, THREE]
    assert vault.reader.cubes_of_subjects([b"b" * 16, b"c" * 16]) == [TWO, THREE]
    assert vault.reader.cubes_of_subjects([b"d" * 16]) == []
