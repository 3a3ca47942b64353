"""The root key of an embedded vault is rotated: all is as before, but for the key that opens it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from memos import Denied, Memory, Receipt, VaultError, WrongRootKey, doctor
from memos.infrastructure.child_processes import ends_with_us
from memos.infrastructure.keys.root import RootKey, create_root_file
from memos.infrastructure.keys.root_record import RootRecord
from memos.infrastructure.keys.sqlite.key_store import SqliteKeyStore
from memos.infrastructure.keys.sqlite.root_rotation import SqliteRootRotation
from memos.infrastructure.keys.sqlite.unopened_keys import opens_any, unopened_keys
from memos.interface.vaults import check_root_key
from memos.kernel.errors import InvalidInput
from tests.fleet import ROOT
from tests.interface.rotate_killed import ACTOR
from tests.interface.support import opened, text_of
from tests.opened import stores_of

SUBJECT = "ann"


@pytest.fixture
def made(vault: Path) -> Receipt:
    """The receipt of a memory under an idempotency key, in a vault with few more."""
    with Memory(vault, actor=ACTOR) as memory:
        memory.add("She likes pottery.", scope="acme/a", subject=SUBJECT)
        memory.add("It is another's.", scope="else/b")
        return memory.add("Once.", scope="acme/a", idempotency_key="k")


def rotated(vault: Path, new_key: Path | None = None) -> RootKey:
    """Rotate the root key; the one before."""
    before = RootKey.read(vault / "root.key")
    with opened(vault) as memory:
        memory.rotate_root_key(new_key)
    return before


def opens(vault: Path, key: RootKey) -> bool:
    """Whether a root key opens anything that is wrapped in the vault now."""
    with closing(apsw.Connection(str(vault / "keys.db"))) as keys:
        found = opens_any(keys, key)
        wrapped = [record for (record,) in keys.execute("SELECT record FROM root_key")]
    assert found is not None
    former = '"former": ""'
    return found or not all(former in record for record in wrapped)


def unopened(keys: SqliteKeyStore) -> list[tuple[str, str]]:
    """The keys that do not open under the root key."""
    with keys.file.reading() as connection:
        return list(unopened_keys(connection, keys.root.key))


def test_all_is_as_before_and_the_old_key_opens_nothing(vault: Path, made: Receipt) -> None:
    with opened(vault) as memory:
        signed, verifier, digest = memory.checkpoint(), memory.verifier_key(), memory.digest()
        found = memory.search("pottery", scope="acme")
        receipt = memory.erase(scope="else")
        tenant = stores_of(memory).keys.tenant_key("acme")
        digest = memory.digest()
    before = rotated(vault)
    assert doctor(vault) == ()
    assert not opens(vault, before)
    assert RootKey.read(vault / "root.key.old").fingerprint == before.fingerprint
    assert (vault / "root.key").stat().st_mode & 0o777 == 0o600
    with opened(vault) as memory:
        assert memory.verifier_key() == verifier
        assert receipt.verify(verifier)
        (event, *_) = memory.events()
        assert memory.prove(event.event_id).verify(verifier)
        assert memory.prove_consistency(signed).verify(signed.root, verifier)
        again = memory.search("pottery", scope="acme")
        assert [(hit.cube_id, hit.score) for hit in again] == [(h.cube_id, h.score) for h in found]
        assert memory.add("Once.", scope="acme/a", idempotency_key="k") == made
        assert stores_of(memory).keys.tenant_key("acme") == tenant
        assert memory.audit().problems == ()
        assert memory.digest() == digest == memory.rebuild().digest
        new = memory.add("Written since.", scope="new/tenant", subject="bob")
    shutil.copy(vault / "root.key", vault.parent / "kept.key")
    shutil.copy(vault / "root.key.old", vault / "root.key")
    with pytest.raises(WrongRootKey, match="rotated last at"):
        opened(vault)
    assert "rotated last at" in doctor(vault)[0].what
    shutil.copy(vault.parent / "kept.key", vault / "root.key")
    with opened(vault) as memory:
        assert text_of(memory, new.cube_id) == "Written since."


def test_killed_at_any_step_it_opens_and_the_command_run_again_finishes(
    vault: Path, made: Receipt, tmp_path: Path
) -> None:
    trials = tmp_path / "killed"
    trials.mkdir()
    program = [sys.executable, "-m", "tests.interface.rotate_killed", str(vault), str(trials)]
    subprocess.run(ends_with_us(program), cwd=ROOT, check=True, timeout=300)
    before = RootKey.read(vault / "root.key")
    copies = sorted(trials.iterdir(), key=lambda path: int(path.name))
    assert len(copies) > 12  # four files and three transactions, from both sides
    resumed = set()
    *cut_off, complete = copies
    with opened(complete) as memory, pytest.raises(VaultError, match="last rotation is complete"):
        memory.rotate_root_key()
    for copy in cut_off:
        with opened(copy) as memory:
            assert memory.add("Once.", scope="acme/a", idempotency_key="k") == made
            assert memory.audit().problems == ()
            resumed.add(memory.rotate_root_key().resumed)
        assert not opens(copy, before)
        assert doctor(copy) == ()
        names = {path.name for path in copy.iterdir()}
        assert names == {"keys.db", "memos.db", "root.key", "root.key.old"}
        with opened(copy) as memory:
            assert text_of(memory, made.cube_id) == "Once."
    assert resumed == {True, False}


def test_a_rotation_that_was_cut_off_is_told_and_bound_to_its_key(
    vault: Path, made: Receipt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise VaultError("the disk is gone")

    with monkeypatch.context() as patched:
        patched.setattr(SqliteRootRotation, "promote", fail)
        with pytest.raises(VaultError, match="the disk is gone"):
            rotated(vault)
    (found,) = doctor(vault)
    assert "rotation of the root key" in found.what
    assert "memos vault rotate-key" in found.mend
    assert not check_root_key(vault, vault / "root.key").fits
    checked = check_root_key(vault, vault / "root.key.new")
    assert (checked.fits, checked.unfinished, checked.rotated_by) == (True, True, ACTOR)
    create_root_file(tmp_path / "third.key")
    with pytest.raises(InvalidInput, match="finish it first"):
        rotated(vault, tmp_path / "third.key")
    with opened(vault) as memory:
        assert text_of(memory, made.cube_id) == "Once."
        assert memory.rotate_root_key().resumed
    assert not check_root_key(vault, vault / "root.key").unfinished


def test_who_has_the_vault_open_goes_on_with_the_new_key(vault: Path, made: Receipt) -> None:
    with opened(vault) as reading, opened(vault) as memory:
        assert text_of(reading, made.cube_id) == "Once."
        memory.rotate_root_key()
        assert text_of(reading, made.cube_id) == "Once."
        assert len(reading.search("pottery", scope="acme")) == 1
        new = reading.add("For a new tenant.", scope="new/tenant", subject="bob")
        assert text_of(memory, new.cube_id) == "For a new tenant."
        assert reading.audit().problems == ()


def test_who_holds_the_old_key_and_does_not_find_the_new_one_wraps_nothing(
    vault: Path, made: Receipt
) -> None:
    with opened(vault) as writing:
        rotated(vault)
        (vault / "root.key").rename(vault / "aside.key")
        (vault / "root.key.old").rename(vault / "root.key")
        for _ in range(2):
            with pytest.raises(WrongRootKey, match="rotated last at"):
                writing.add("Lost.", scope="new/tenant")
        (vault / "aside.key").replace(vault / "root.key")
        kept = writing.add("Kept.", scope="new/tenant")
        assert text_of(writing, kept.cube_id) == "Kept."
        assert writing.audit().problems == ()


def test_a_key_that_is_wrapped_while_the_root_key_is_rotated_is_not_kept(
    vault: Path, made: Receipt, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrap = RootKey.wrap_tenant

    def rotated_first(root: RootKey, tenant: str, place: int, key: bytes) -> bytes:
        wrapped = wrap(root, tenant, place, key)
        monkeypatch.setattr(RootKey, "wrap_tenant", wrap)
        rotated(vault)
        return wrapped

    with opened(vault) as writing:
        keys = stores_of(writing).keys
        monkeypatch.setattr(RootKey, "wrap_tenant", rotated_first)
        with pytest.raises(WrongRootKey, match="try again"):
            keys.tenant_key("new")
        assert "new" not in keys.tenants()
        assert keys.tenant_key("new")
        assert unopened(keys) == []


def test_a_key_that_another_process_wraps_as_a_rotation_begins_is_wrapped_anew(
    vault: Path, made: Receipt, monkeypatch: pytest.MonkeyPatch
) -> None:
    succession = RootKey.succession
    with opened(vault) as writing:
        keys = stores_of(writing).keys

        def wrapped_first(root: RootKey, *given: Any) -> RootRecord:
            keys.tenant_key("late")
            return succession(root, *given)

        monkeypatch.setattr(RootKey, "succession", wrapped_first)
        before = rotated(vault)
        assert not opens(vault, before)
        kept = keys.tenant_key("late")
    with opened(vault) as memory:
        assert stores_of(memory).keys.tenant_key("late") == kept
        assert unopened(stores_of(memory).keys) == []


def test_only_the_vaults_administrator_rotates_it(vault: Path, made: Receipt) -> None:
    kept = (vault / "root.key").read_bytes()
    with Memory(vault, actor="agent:bob") as memory, pytest.raises(Denied, match="administrator"):
        memory.rotate_root_key()
    assert (vault / "root.key").read_bytes() == kept
    assert not (vault / "root.key.new").exists()


def test_a_root_key_that_is_offered_is_checked_before_anything_is_done(
    vault: Path, made: Receipt, tmp_path: Path
) -> None:
    offered = tmp_path / "offered.key"
    for contents, match in (
        (None, "no file"),
        (b"abc", "no root key"),
        (b"\xff" * 64, "no root key"),
    ):
        if contents is not None:
            offered.write_bytes(contents)
            offered.chmod(0o600)
        with pytest.raises(InvalidInput, match=match):
            rotated(vault, offered)
    offered.unlink()
    create_root_file(offered)
    offered.chmod(0o644)
    with pytest.raises(VaultError, match="chmod 0600"):
        rotated(vault, offered)
    with pytest.raises(InvalidInput, match="the root key that the vault has"):
        rotated(vault, vault / "root.key")
    assert not (vault / "root.key.new").exists()
    offered.chmod(0o600)
    rotated(vault, offered)
    assert RootKey.read(vault / "root.key").fingerprint == RootKey.read(offered).fingerprint


def test_the_key_of_before_an_earlier_rotation_is_not_lost_to_the_next(
    vault: Path, made: Receipt
) -> None:
    first = rotated(vault)
    with pytest.raises(VaultError, match="backups of then are opened"):
        rotated(vault)
    (vault / "root.key.old").rename(vault.parent / "first.key")
    second = rotated(vault)
    assert not opens(vault, first)
    assert not opens(vault, second)
    with opened(vault) as memory:
        assert text_of(memory, made.cube_id) == "Once."
        assert memory.audit().problems == ()


def test_a_backup_of_before_opens_with_the_key_of_before_and_exports_are_as_ever(
    vault: Path, made: Receipt, tmp_path: Path
) -> None:
    shutil.copytree(vault, tmp_path / "backup")
    with opened(vault) as memory:
        memory.export(tmp_path / "before")
    rotated(vault)
    with opened(vault) as memory:
        memory.export(tmp_path / "after")
        digest, verifier = memory.digest(), memory.verifier_key()
    with opened(tmp_path / "backup") as backup:
        assert text_of(backup, made.cube_id) == "Once."
        assert backup.digest() == digest
    for name in ("before", "after"):
        path = tmp_path / f"{name}.vault"
        with Memory.load(tmp_path / name, path, actor=ACTOR, verifier_key=verifier) as loaded:
            assert loaded.digest() == digest
            assert loaded.audit().problems == ()


def test_a_vault_of_release_0_1_is_rotated(tmp_path: Path) -> None:
    vault = tmp_path / "former"
    shutil.copytree(ROOT / "tests" / "fixtures" / "release_0_1" / "vault", vault)
    with opened(vault) as memory:
        verifier, digest = memory.verifier_key(), memory.digest()
        administrator = stores_of(memory).setting("administrator")
    before = RootKey.read(vault / "root.key")
    with Memory(vault, actor=administrator) as memory:
        memory.rotate_root_key()
    assert not opens(vault, before)
    with opened(vault) as memory:
        assert (memory.verifier_key(), memory.digest()) == (verifier, digest)
        assert memory.audit().problems == ()


def test_neither_key_nor_what_the_old_one_opens_is_left_in_the_files(
    vault: Path, made: Receipt
) -> None:
    with closing(apsw.Connection(str(vault / "keys.db"))) as keys:
        sql = "SELECT wrapped FROM tenant_key UNION ALL SELECT wrapped FROM subject_key"
        wrapped = [row for (row,) in keys.execute(sql)]
    contents = (vault / "keys.db").read_bytes()
    assert all(row in contents for row in wrapped)
    rotated(vault)
    contents = (vault / "keys.db").read_bytes()
    assert not any(row in contents for row in wrapped)
    assert not re.search(rb'"former": "[0-9a-f]', contents)
    for key in ("root.key", "root.key.old"):
        text = (vault / key).read_bytes().strip()
        for name in ("keys.db", "memos.db"):
            contents = (vault / name).read_bytes()
            assert text not in contents
            assert bytes.fromhex(text.decode()) not in contents
