"""The root key of a distributed vault is rotated: cut off anywhere it opens and is finished, and nobody
wraps under the old key behind it. `tests/scenarios/test_meaning.py` rotates one that workers follow.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from copy import copy
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from memos import Denied, Memory, WrongRootKey
from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.engine.distributed.made_settings import is_sealed_as_made
from memos.infrastructure.engine.distributed.root_rotation import rotate_root_key
from memos.infrastructure.engine.distributed.stores import Stores
from memos.infrastructure.keys.cassandra.held_root import read_root_record
from memos.infrastructure.keys.cassandra.key_store import CassandraKeyStore
from memos.infrastructure.keys.cassandra.subject_rows import SubjectRows
from memos.infrastructure.keys.cassandra.unopened_keys import unopened_keys
from memos.infrastructure.keys.root import RootKey
from memos.infrastructure.keys.root_record import RootRecord
from memos.infrastructure.progress import no_progress
from memos.infrastructure.servers import LocalServers
from memos.interface.vaults import check_root_key, create_vault, doctor
from tests.fleet import PARTITIONS, Fleet
from tests.interface.cli.support import Shell

ACTOR = "agent:alice"
ANN, BOB = b"a" * 16, b"b" * 16

pytestmark = [pytest.mark.engines, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def fleet(engines: LocalServers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """One vault for all of these, with a memory that is folded, and no worker."""
    made = Fleet(tmp_path_factory.mktemp("rotated"), engines)
    made.make(ACTOR)
    try:
        with Memory(made.path, actor=ACTOR, wait="durable") as memory:
            memory.add("She likes pottery.", scope="acme/a", subject="ann")
            memory.rebuild()
        yield made
    finally:
        made.remove()


@pytest.fixture(scope="module")
def opened(fleet: Fleet) -> Iterator[Stores]:
    with closing(Stores(fleet.settings)) as stores:
        yield stores


@pytest.fixture
def stores(fleet: Fleet, opened: Stores) -> Stores:
    """The vault with a process's own keys, and no key of before an earlier rotation beside it."""
    former = fleet.settings.root_key.with_name("root.key.old")
    former.unlink(missing_ok=True)
    opened.keys = reopened(opened)
    return opened


def reopened(stores: Stores, path: Path | None = None) -> CassandraKeyStore:
    """The keys as another process opens them; by default with the same file of the root key."""
    return CassandraKeyStore(stores.cassandra, path or stores.settings.root_key)


def rotate(stores: Stores) -> None:
    rotate_root_key(stores, None, ACTOR, no_progress)


def root_of(stores: Stores) -> RootKey:
    return RootKey.read(stores.settings.root_key)


def rows_under(stores: Stores, root: RootKey) -> int:
    """How many keys are wrapped under a root key."""
    base = stores.settings.cassandra.keyspace
    tenants = stores.cassandra.execute(f"SELECT tenant, place, wrapped FROM {base}.tenant_key")
    subjects = stores.cassandra.execute(f"SELECT tenant, subject, wrapped FROM {base}.subject_key")
    return sum(root.opens_tenant(*row) for row in tenants) + sum(
        root.opens_subject(*row) for row in subjects
    )


def elsewhere(stores: Stores, tmp_path: Path) -> Path:
    """The root key's file as another machine has it: no rotation puts anything beside it."""
    path = tmp_path / "root.key"
    shutil.copy(stores.settings.root_key, path)
    return path


class CutOffError(Exception):
    """Ends a rotation where a kill would."""


class Effects:
    """Ends what writes, to Cassandra or as a file gets its name, before or behind its n-th write."""

    def __init__(self, patched: pytest.MonkeyPatch, ends_at: int) -> None:
        self._left = ends_at
        for name in ("execute", "concurrently"):
            patched.setattr(CassandraSession, name, self._around(getattr(CassandraSession, name)))
        patched.setattr(os, "replace", self._around(os.replace))

    def _around(self, effect: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if str(args[1]).startswith("SELECT"):
                return effect(*args, **kwargs)
            self._step()
            done = effect(*args, **kwargs)
            self._step()
            return done

        return call

    def _step(self) -> None:
        self._left -= 1
        if not self._left:
            raise CutOffError


def cut_off(stores: Stores, at: int) -> bool:
    """Whether a rotation was cut off at a write; False where it has fewer."""
    with pytest.MonkeyPatch.context() as patched:
        Effects(patched, at)
        try:
            rotate(stores)
        except CutOffError:
            return True
    return False


def test_cut_off_at_any_write_it_opens_and_the_command_run_again_finishes(stores: Stores) -> None:
    settings, signing = stores.settings, stores.keys.signing_key().private_bytes_raw()
    former, at, resumed = settings.root_key.with_name("root.key.old"), 1, set()
    stores.keys.subject_key("acme", ANN)
    kept, count = dict(keys_of(stores)), rows_under(stores, root_of(stores))
    while True:
        before = root_of(stores)
        was_cut_off = cut_off(stores, at)
        stores.keys = reopened(stores)
        assert dict(keys_of(stores)) == kept
        assert stores.keys.signing_key().private_bytes_raw() == signing
        assert is_sealed_as_made(settings, stores.cassandra, stores.keys)
        record = read_root_record(stores.cassandra)
        if record is None or (
            record.is_complete and root_of(stores).fingerprint == before.fingerprint
        ):
            rotate(stores)
        elif not record.is_complete:
            resumed.add(rotate_root_key(stores, None, ACTOR, no_progress).resumed)
        assert rows_under(stores, before) == 0
        assert rows_under(stores, root_of(stores)) == count
        former.unlink()
        if not was_cut_off:
            break
        at += 1
    assert at > 16
    assert resumed == {True}


def keys_of(stores: Stores) -> Iterator[tuple[object, bytes]]:
    yield from ((tenant, stores.keys.ring(tenant)[0]) for tenant in stores.keys.tenants())
    yield from (((tenant, subject), key) for tenant, subject, key in stores.keys.subjects())


def test_who_has_only_the_old_key_opens_and_wraps_nothing_more(
    stores: Stores, tmp_path: Path
) -> None:
    path = elsewhere(stores, tmp_path)
    stale = reopened(stores, path)
    ann = stale.subject_key("acme", ANN)
    rotate(stores)
    subject, tenant = token_hex(8).encode(), token_hex(4)
    calls: list[Callable[[], object]] = [
        lambda: stale.subject_keys.get([("acme", ANN)], create=False, fresh=True),
        lambda: stale.subject_key("acme", subject),
        lambda: stale.tenant_key(tenant),
        lambda: stale.add_tenant_key(tenant, bytes(32)),
        lambda: reopened(stores, path),
    ]
    for call in calls:
        with pytest.raises(WrongRootKey, match=f"{path} is not the root key of .* rotated last at"):
            call()
    fresh = reopened(stores)
    assert fresh.subject_key("acme", subject, create=False) is None
    assert tenant not in fresh.tenants()
    assert list(unopened_keys(stores.cassandra, fresh.root)) == []
    shutil.copy(stores.settings.root_key, path)
    assert stale.subject_keys.get([("acme", ANN)], create=False, fresh=True) == {("acme", ANN): ann}
    assert stale.tenant_key(tenant) == fresh.tenant_key(tenant)


@pytest.mark.parametrize("finds_the_new_key", [True, False])
def test_a_key_that_is_wrapped_while_the_root_key_is_rotated_is_not_kept_under_the_old(
    stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finds_the_new_key: bool
) -> None:
    path = None if finds_the_new_key else elsewhere(stores, tmp_path)
    writing, before = reopened(stores, path), root_of(stores)
    subject = token_hex(8).encode()
    wrap = RootKey.wrap_subject

    def rotated_first(root: RootKey, tenant: str, named: bytes, key: bytes) -> bytes:
        wrapped = wrap(root, tenant, named, key)
        monkeypatch.setattr(RootKey, "wrap_subject", wrap)
        rotate(stores)
        return wrapped

    monkeypatch.setattr(RootKey, "wrap_subject", rotated_first)
    if finds_the_new_key:
        made = writing.subject_key("acme", subject)
        assert reopened(stores).subject_key("acme", subject, create=False) == made is not None
    else:
        with pytest.raises(WrongRootKey):
            writing.subject_key("acme", subject)
        assert reopened(stores).subject_key("acme", subject, create=False) is None
    assert rows_under(stores, before) == 0


def begun(stores: Stores) -> RootRecord:
    """A rotation that is cut off before anything is wrapped anew."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            "memos.infrastructure.engine.distributed.root_rotation.renew_all", end_as_killed
        )
        with pytest.raises(CutOffError):
            rotate(stores)
    record = read_root_record(stores.cassandra)
    assert record is not None
    return record


def end_as_killed(*_: object) -> None:
    raise CutOffError


def test_what_is_written_under_while_it_lasts_is_wrapped_anew_first(stores: Stores) -> None:
    ann, tenant = stores.keys.subject_key("acme", ANN), stores.keys.tenant_key("acme")
    before = root_of(stores)
    count = rows_under(stores, before)
    assert not begun(stores).is_complete
    assert rows_under(stores, before) == count
    during = reopened(stores)
    assert during.subject_keys.get([("acme", ANN)], create=False) == {("acme", ANN): ann}
    assert rows_under(stores, before) == count
    assert during.subject_keys.get([("acme", ANN)], create=True, fresh=True) == {("acme", ANN): ann}
    assert during.tenant_key("acme") == tenant
    assert rows_under(stores, before) == count - 2
    rotate(stores)
    assert rows_under(stores, before) == 0


def test_a_key_that_is_destroyed_while_it_is_wrapped_anew_is_destroyed(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores.keys.subject_key("acme", BOB)
    begun(stores)
    destroying, renewing = reopened(stores), reopened(stores)
    read = SubjectRows.wrapped_among

    def renewed_behind(rows: SubjectRows, *given: Any) -> Any:
        found = read(rows, *given)
        renewing.subject_keys.get([("acme", BOB)], create=True, fresh=True)
        return found

    monkeypatch.setattr(SubjectRows, "wrapped_among", renewed_behind)
    assert destroying.destroy("acme", [BOB]) == 1
    rotate(stores)
    assert reopened(stores).subject_key("acme", BOB, create=False) is None


def test_of_two_who_rotate_at_once_one_is_told(stores: Stores, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    path = elsewhere(stores, tmp_path / "other")
    other = reopened(stores, path)
    rotate(stores)
    found = read_root_record(stores.cassandra)
    succession = other.root.key.succession(RootKey(bytes(32)), 0, ACTOR)
    assert not other.root.keep(None, succession)
    assert read_root_record(stores.cassandra) == found


def test_a_worker_that_does_not_find_the_new_key_waits_for_it(
    stores: Stores, fleet: Fleet, tmp_path: Path
) -> None:
    away = copy(fleet)
    away.directory, away.path = tmp_path, tmp_path / "memos.toml"
    shutil.copy(fleet.path, away.path)
    root = elsewhere(stores, tmp_path)
    fleet.start("fold")
    away.start("index")
    fleet.await_said("fold", "goes on from", PARTITIONS)
    away.await_said("index", "goes on from", PARTITIONS)
    rotate(stores)
    with Memory(fleet.path, actor=ACTOR, wait="durable") as memory:
        made = memory.add("Kilns are hot.", scope="acme/a", subject=token_hex(4))
        away.await_said("index", "rotated last at")
        assert "try 1 of" not in away.said("index")  # it waits; what is refused is given up
        shutil.copy(stores.settings.root_key, root)
        memory.wait_for(made)
        assert [hit.cube_id for hit in memory.search("kilns", scope="acme")] == [made.cube_id]
    assert (fleet.stop("fold"), away.stop("index")) == (0, 0)


def test_operators_are_told_and_only_the_administrator_rotates(
    stores: Stores, fleet: Fleet, tmp_path: Path
) -> None:
    path, before = stores.settings.root_key, elsewhere(stores, tmp_path)
    with Memory(fleet.path, actor="agent:bob") as memory, pytest.raises(Denied):
        memory.rotate_root_key()
    assert check_root_key(fleet.path, before).fits
    begun(stores)
    assert "rotation of the root key" in "\n".join(found.what for found in doctor(fleet.path))
    shell = Shell(fleet.path)
    rotated = shell.json("vault", "rotate-key", str(fleet.path))
    assert rotated == {
        "key_file": str(path),
        "former_file": f"{path}.old",
        "resumed": True,
    }
    create_vault(fleet.path, actor=ACTOR)
    told = shell.run("vault", "check-key", "--key", str(before), "--json")
    assert (told.code, told.result["ok"], told.result["rotated_by"]) == (6, False, ACTOR)
    assert shell.json("vault", "check-key", "--key", str(path))["ok"]
    assert "rotation of the root key" not in "\n".join(f.what for f in doctor(fleet.path))
    with Memory(fleet.path, actor=ACTOR) as memory:
        assert len(memory.search("pottery", scope="acme")) == 1
        assert memory.audit().problems == ()
