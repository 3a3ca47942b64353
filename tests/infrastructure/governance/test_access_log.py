"""The access log: every access written once, in order, of its query a digest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from memos.infrastructure.governance import access_log
from memos.infrastructure.governance.access_log import Access, AccessLog, unwritten_accesses
from memos.infrastructure.governance.query_keys import DAY, RETENTION_DAYS
from memos.infrastructure.governance.query_texts.port import QueryText, QueryTexts
from memos.infrastructure.keys.sqlite.key_store import SqliteKeyStore, create_root
from memos.infrastructure.reports import EXAMINE
from memos.kernel.errors import Damaged, LogUnavailable
from memos.wire.access_pb2 import ACCESS_KIND_ACCESSED, ACCESS_KIND_DENIED, AccessEvent
from tests.waiting import wait_until


class NoTexts:
    """A vault that keeps no texts of queries, as by default."""

    def set_lifetime(self, lifetime: int) -> None:
        raise NotImplementedError

    def lifetime(self) -> int:
        return 0

    def keep(self, texts: Sequence[QueryText]) -> None:
        raise AssertionError("a text was to be kept")

    def end(self, now: int) -> None:
        pass

    def kept(self, tenant: str, now: int) -> list[QueryText]:
        return []


class Store:
    """A vault that is at times out of reach: what was written, and real keys."""

    name = "a vault"

    def __init__(self, keys: SqliteKeyStore) -> None:
        self.keys = keys
        self.events: list[AccessEvent] = []
        self.is_out_of_reach = False
        self.queries: QueryTexts = NoTexts()
        self.breaks: type[Exception] = LogUnavailable
        self.settings: dict[str, str] = {}

    @property
    def writer(self) -> Store:
        return self

    def append_accesses(self, accesses: Sequence[AccessEvent]) -> None:
        if self.is_out_of_reach:
            raise self.breaks(f"out of reach: {EXAMINE}")
        self.events.extend(accesses)

    def setting(self, name: str) -> str:
        return self.settings.get(name, "")

    def keep_setting(self, name: str, value: str) -> None:
        self.settings[name] = value


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    create_root(tmp_path)
    keys = SqliteKeyStore(tmp_path, create=True)
    keys.tenant_key("acme")  # of a tenant that has something
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


@pytest.mark.parametrize("version", ["x", b"x", 1.5, -1, 2**64])
def test_an_access_that_no_record_can_hold_holds_up_no_other_and_is_told(
    store: Store, version: Any, tmp_path: Path
) -> None:
    store.name = str(tmp_path)
    log = AccessLog(store, b"")
    log.record(access(1))
    log.record(access(2)._replace(cubes=[(b"c" * 16, version)]))
    log.record(access(3))
    log.flush()
    assert [event.client_time for event in store.events] == [1, 3]
    assert (log.waiting, log.lost, log.failure) == (0, 1, "")
    (finding,) = unwritten_accesses(Path(store.name))
    assert "1 were lost: one by agent:alice is none that a record can hold" in finding.what
    log.close()


def test_an_access_that_waits_for_its_store_is_lost_once(store: Store, tmp_path: Path) -> None:
    store.name = str(tmp_path)
    store.is_out_of_reach = True
    log = AccessLog(store, b"")
    log.record(access(1)._replace(scope=5))  # type: ignore[arg-type]
    for _ in range(3):
        with pytest.raises(LogUnavailable):
            log.flush()
    store.is_out_of_reach = False
    log.close()
    assert log.lost == 1


def asked(store: Store, query: str, time: int) -> bytes:
    """What is written of a query."""
    log = AccessLog(store, b"")
    log.record(access(time, query=query))
    log.close()
    event = store.events[-1]
    assert query.encode() not in event.SerializeToString()
    assert not event.HasField("query")
    return event.query_digest


def test_of_a_query_a_digest_is_kept_that_tells_equal_ones_of_a_day(store: Store) -> None:
    first = asked(store, "where is Ann?", 5 * DAY)
    assert len(first) == 16
    assert asked(store, "where is Ann?", 6 * DAY - 1) == first
    assert asked(store, "where is Bob?", 5 * DAY) != first
    assert asked(store, "where is Ann?", 6 * DAY) != first


def test_the_key_of_a_days_queries_dies_with_the_retention(store: Store) -> None:
    day = 500
    digests = {asked(store, "where is Ann?", (day + past) * DAY) for past in range(3)}
    assert len(list(store.keys.subjects())) == len(digests) == 3
    asked(store, "where is Ann?", (day + 2 + RETENTION_DAYS) * DAY)
    assert len(list(store.keys.subjects())) == 2, "the keys of two days are gone"
    # Nobody can tell any more what was asked: under the name of that day there is another key.
    assert asked(store, "where is Ann?", day * DAY) not in digests


@pytest.mark.parametrize("pause", [RETENTION_DAYS + 1, 200, 500, 5000])
def test_the_keys_of_a_tenant_that_is_asked_no_more_die_too(store: Store, pause: int) -> None:
    asked(store, "where is Ann?", 500 * DAY)
    log = AccessLog(store, b"")
    log.record(access((500 + pause) * DAY))
    log.close()
    assert list(store.keys.subjects()) == []


def test_keys_die_where_a_vault_does_not_say_of_which_days_they_are(store: Store) -> None:
    for said in ("", "x", "-5", "9" * 5000):
        asked(store, "where is Ann?", 500 * DAY)
        store.settings = dict.fromkeys(store.settings, said)
        AccessLog(store, b"").end_outlived(600 * DAY)
        assert list(store.keys.subjects()) == [], said


def test_keys_outlive_no_clock_that_was_ahead_for_a_while(store: Store) -> None:
    log = AccessLog(store, b"")
    log.end_outlived(90_000 * DAY)
    asked(store, "where is Ann?", 500 * DAY)
    log.end_outlived(600 * DAY)
    assert list(store.keys.subjects()) == []


def test_what_cannot_be_ended_is_told_and_holds_up_no_access(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(tenant: str, subjects: object) -> int:
        raise Damaged("a key stays")

    log = AccessLog(store, b"")
    with monkeypatch.context() as broken:
        broken.setattr(store.keys, "destroy", damaged)
        log.record(access(500 * DAY))
        log.flush()
        assert (len(store.events), log.failure) == (1, "a key stays")
    log.record(access(500 * DAY))
    log.close()
    assert (len(store.events), log.failure) == (2, "")


def test_of_a_tenant_that_has_nothing_the_access_is_kept_and_no_key_is_made(store: Store) -> None:
    log = AccessLog(store, b"")
    for number in range(3):
        log.record(Access("agent:eve", "search", f"nobody{number}/x", 5 * DAY, query="who?"))
    log.close()
    assert [(event.tenant, event.query_digest) for event in store.events] == [
        (f"nobody{number}", b"") for number in range(3)
    ]
    assert store.keys.tenants() == ["acme"]
    assert list(store.keys.subjects()) == []


@pytest.mark.parametrize("error", [LogUnavailable, OSError, KeyError, RuntimeError])
def test_no_error_of_a_store_ends_the_background_writer(
    store: Store, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_log, "FLUSH_SECONDS", 0.01)
    store.breaks, store.is_out_of_reach = error, True
    log = AccessLog(store, b"")
    log.record(access(1))
    wait_until(lambda: "out of reach" in log.failure)
    (finding,) = unwritten_accesses(Path(store.name))
    assert "1 accesses wait" in finding.what
    assert EXAMINE not in finding.what  # whoever reads it has asked the doctor
    store.is_out_of_reach = False
    wait_until(lambda: [event.client_time for event in store.events] == [1])
    assert not log.failure
    assert list(unwritten_accesses(Path(store.name))) == []
    log.close()


def test_what_waits_is_bounded_and_what_is_lost_is_counted(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_log, "MOST_WAITING", 10)
    store.is_out_of_reach = True
    log = AccessLog(store, b"")
    for number in range(25):
        log.record(access(number))
    assert (log.waiting, log.lost) == (10, 15)
    store.is_out_of_reach = False
    log.close()
    assert [event.client_time for event in store.events] == list(range(10))
