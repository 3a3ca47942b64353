"""The access log: every access written once, in order, its query sealed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from memos.infrastructure.governance.access_log import Access, AccessLog
from memos.infrastructure.keys.envelope import decrypt
from memos.infrastructure.keys.sqlite.key_store import SqliteKeyStore, create_root
from memos.kernel.errors import LogUnavailable
from memos.kernel.keyed_digest import keyed_digest
from memos.wire.access_pb2 import ACCESS_KIND_ACCESSED, ACCESS_KIND_DENIED, AccessEvent


class Store:
    """A vault that is at times out of reach: what was written, and real keys."""

    def __init__(self, keys: SqliteKeyStore) -> None:
        self.keys = keys
        self.events: list[AccessEvent] = []
        self.is_out_of_reach = False

    @property
    def writer(self) -> Store:
        return self

    def append_accesses(self, accesses: Sequence[AccessEvent]) -> None:
        if self.is_out_of_reach:
            raise LogUnavailable("out of reach")
        self.events.extend(accesses)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    create_root(tmp_path)
    keys = SqliteKeyStore(tmp_path, create=True)
    yield Store(keys)
    keys.close()


def access(number: int, *, query: str = "", rule: str = "") -> Access:
    cubes = [(b"c" * 16, 1)]
    return Access("agent:alice", "search", "acme/a", number, cubes, query=query, rule=rule)


def test_accesses_are_written_once_in_order(store: Store) -> None:
    log = AccessLog(store, b"policy")
    for number in range(250):
        log.record(access(number))
    log.close()
    assert [event.client_time for event in store.events] == list(range(250))
    assert {event.policy_digest for event in store.events} == {b"policy"}
    assert {(event.tenant, event.scope, event.actor) for event in store.events} == {
        ("acme", "acme/a", "agent:alice")
    }


def test_what_could_not_be_written_waits_in_order(store: Store) -> None:
    log = AccessLog(store, b"")
    log.record(access(1))
    log.flush()
    store.is_out_of_reach = True
    for number in (2, 3):
        log.record(access(number))
    with pytest.raises(LogUnavailable):
        log.flush()
    store.is_out_of_reach = False
    log.record(access(4))
    log.close()
    assert [event.client_time for event in store.events] == [1, 2, 3, 4]


def test_a_denial_names_its_rule(store: Store) -> None:
    log = AccessLog(store, b"")
    log.record(access(1))
    log.record(access(2, rule="owner"))
    log.close()
    assert [(event.kind, event.rule) for event in store.events] == [
        (ACCESS_KIND_ACCESSED, ""),
        (ACCESS_KIND_DENIED, "owner"),
    ]


def test_a_query_is_sealed_under_the_key_of_the_searched_scope(store: Store) -> None:
    log = AccessLog(store, b"")
    log.record(access(1, query="where is Ann?"))
    log.close()
    (event,) = store.events
    assert b"Ann" not in event.SerializeToString()
    subject = keyed_digest(store.keys.tenant_key("acme"), b"subject", b"acme/a")
    key = store.keys.subject_key("acme", subject, create=False)
    assert key is not None
    assert decrypt(key, event.query.box, event.event_id) == b"where is Ann?"
