"""API keys open the vault that issued them: an export carries none that opens anything elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from memos import CreatedApiKey, Memory, Unauthenticated, restore_vault
from memos.interface.vaults import migrate
from memos.kernel.event import Kind

ROOT, ALICE = "agent:root", "agent:alice"


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory(tmp_path / "team.vault", actor=ROOT) as opened:
        opened.add("She likes pottery.", scope="acme/alice")
        yield opened


OWNERS = pytest.mark.parametrize("owner", ["acme", None], ids=["a tenant", "the whole vault"])


def is_good(memory: Memory, created: CreatedApiKey) -> bool:
    try:
        return memory.as_api_key(created.key).count() == 1
    except Unauthenticated:
        return False


@OWNERS
def test_a_vault_made_of_an_export_has_the_history_of_keys_and_takes_none(
    memory: Memory, tmp_path: Path, owner: str | None
) -> None:
    created = memory.create_api_key(ALICE, tenant=owner)
    assert is_good(memory, created)
    memory.export(tmp_path / "out")
    with Memory.load(tmp_path / "out", tmp_path / "new.vault", actor=ROOT) as loaded:
        assert loaded.digest() == memory.digest()
        assert not is_good(loaded, created)
        (foreign,) = loaded.api_keys(owner)
        assert (foreign.key_id, foreign.is_foreign) == (created.api_key.key_id, True)
        own = loaded.create_api_key(ALICE, tenant=owner)
        assert (is_good(loaded, own), own.api_key.is_foreign) == (True, False)
        assert not is_good(memory, own)
        loaded.revoke_api_key(foreign.key_id, tenant=owner)
        assert [key.key_id for key in loaded.api_keys(owner)] == [own.api_key.key_id]


@OWNERS
def test_a_vault_that_takes_an_export_in_takes_no_keys(
    memory: Memory, tmp_path: Path, owner: str | None
) -> None:
    created = memory.create_api_key(ALICE, tenant=owner)
    memory.export(tmp_path / "out")
    with Memory(tmp_path / "ours", actor=ROOT) as ours:
        report = ours.import_export(tmp_path / "out")
        assert (report.events, report.left_out, report.refused) == (1, 1, ())
        assert ours.api_keys(owner) == ()
        assert not is_good(ours, created)


@OWNERS
def test_an_export_of_a_scope_holds_nothing_of_keys(
    memory: Memory, tmp_path: Path, owner: str | None
) -> None:
    created = memory.create_api_key(ALICE, tenant=owner, name="laptop")
    memory.export(tmp_path / "out", scope="acme")
    told = b"".join(file.read_bytes() for file in (tmp_path / "out").iterdir())
    for word in (b"laptop", created.api_key.key_id.encode(), Kind.API_KEY_ISSUED.title.encode()):
        assert word not in told


@OWNERS
def test_a_key_is_good_where_its_vault_was_moved_to(
    memory: Memory, tmp_path: Path, owner: str | None
) -> None:
    created = memory.create_api_key(ALICE, tenant=owner)
    memory.close()
    migrate(tmp_path / "team.vault", tmp_path / "moved.vault", actor=ROOT)
    with Memory(tmp_path / "moved.vault", actor=ROOT) as moved:
        assert is_good(moved, created)
        assert not moved.api_keys(owner)[0].is_foreign
        moved.revoke_api_key(created.api_key.key_id, tenant=owner)
        assert not is_good(moved, created)


@OWNERS
def test_a_key_is_good_in_a_vault_that_is_brought_back(
    memory: Memory, tmp_path: Path, owner: str | None
) -> None:
    created = memory.create_api_key(ALICE, tenant=owner)
    memory.backup(tmp_path / "monday")
    (tmp_path / "none.jsonl").touch()
    restore_vault(
        tmp_path / "monday", tmp_path / "back.vault", actor=ROOT, erased=[tmp_path / "none.jsonl"]
    )
    with Memory(tmp_path / "back.vault", actor=ROOT) as back:
        assert is_good(back, created)
