"""Leases: one holder at a time, and none that was killed or paused holds one for long."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from memos import VaultError
from memos.infrastructure.servers import LocalServers
from memos.infrastructure.vault.cassandra import lease as leases
from memos.infrastructure.vault.cassandra.lease import Holder, Lease, awaited_lease, holders
from tests.infrastructure.cassandra_vault import Keyspaces, keyspaces
from tests.waiting import wait_until

PATIENCE_SECONDS = 300


@pytest.fixture(scope="module")
def shared(engines: LocalServers) -> Iterator[Keyspaces]:
    with keyspaces(engines) as opened:
        yield opened


def test_a_lease_has_one_holder_who_is_named_until_it_is_let_go(shared: Keyspaces) -> None:
    store = shared.cassandra
    with Lease(store, "one") as first, Lease(store, "one") as second, Lease(store, "two") as other:
        assert first.take()
        assert not second.take()
        assert other.take()
        assert (first.is_held(), second.is_held()) == (True, False)
        held = holders(store)
        assert held.keys() == {"one", "two"}
        assert ", process " in held["one"].place
        assert 0 <= time.time() - held["one"].since / 1_000_000 < PATIENCE_SECONDS
    assert holders(store) == {}


def test_a_lease_is_renewed_while_its_holder_lives(
    shared: Keyspaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = shared.cassandra
    monkeypatch.setattr(leases, "RENEWALS", 600)  # ten a second
    cql = f"SELECT WRITETIME(holder) FROM {store.settings.keyspace}.lease WHERE name = ?"
    with Lease(store, "kept") as kept:
        assert kept.take()
        taken = store.execute(cql, (kept.name,))
        wait_until(lambda: store.execute(cql, (kept.name,)) > taken)
        kept.check()


def test_a_lease_that_is_not_renewed_ends_and_its_holder_learns_it(
    shared: Keyspaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = shared.cassandra
    monkeypatch.setattr(leases, "RENEWALS", 0.01)  # as of a process that is paused
    with Lease(store, "lost", 3) as lost, Lease(store, "lost") as next_one:
        wait_until(lost.take)
        wait_until(lambda: "lost" not in holders(store))
        with pytest.raises(VaultError, match=r"the lease of lost ended .* run the same again"):
            lost.check()
        assert next_one.take()
        assert (lost.is_held(), next_one.is_held()) == (False, True)


def test_who_waits_for_a_lease_is_told_once_whose_it_is_and_gets_it(shared: Keyspaces) -> None:
    store = shared.cassandra
    first = Lease(store, "asked for")
    assert first.take()
    told: list[Holder] = []

    def end(holder: Holder) -> None:
        told.append(holder)
        first.release()

    with awaited_lease(store, "asked for", end) as second:
        assert second.is_held()
    assert [", process " in holder.place for holder in told] == [True]
    assert holders(store) == {}
