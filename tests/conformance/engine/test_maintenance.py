"""The contract of maintenance (see `memos.infrastructure.engine.port`)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from memos.infrastructure.vault.cassandra.tables import VERSION
from memos.kernel.cube import Lifecycle
from memos.kernel.errors import VaultError
from memos.kernel.event import id_text
from memos.language.indexed_text import EXTRACTION
from tests.conformance.engine.vault import EngineVault
from tests.waiting import wait_until


def test_a_sound_vault_has_no_problems(vault: EngineVault) -> None:
    vault.add("one")
    seen: list[tuple[int, int]] = []
    for check in (vault.engine.maintenance.verify, vault.engine.maintenance.audit):
        result = check(lambda done, total: seen.append((done, total)))
        assert result.problems == ()
        assert result.events > 0
        assert result.cubes > 0


def test_a_damaged_head_is_named_and_a_rebuild_mends_it(vault: EngineVault) -> None:
    vault.add("good")
    damaged = vault.add("damaged").event.cube_id
    maintenance = vault.engine.maintenance
    digest = maintenance.digest()
    vault.damage_head(damaged)
    for check in (maintenance.verify, maintenance.audit):
        assert {problem.where for problem in check().problems} == {f"cube {id_text(damaged)}"}
    rebuilt = maintenance.rebuild()
    assert rebuilt.digest == digest
    assert (rebuilt.undecodable, rebuilt.unreadable) == ((), ())
    fresh = vault.open()
    assert fresh.maintenance.verify().problems == ()
    assert fresh.maintenance.digest() == digest
    with fresh.read() as reader:
        view = reader.view(vault.tenant)
        assert damaged in reader.rows_of(view, [damaged])
    removed = maintenance.remove_generations(outlived=False)
    left = maintenance.generations()
    assert {each.state for each in left} <= {"live"}
    assert not {each.number for each in removed} & {each.number for each in left}
    assert maintenance.remove_generations(outlived=True) == ()
    assert fresh.maintenance.digest() == digest


def test_the_digest_tells_of_every_change_and_of_no_use(vault: EngineVault) -> None:
    maintenance = vault.engine.maintenance
    cube_id = vault.add("one").event.cube_id
    before, usage = maintenance.digest(), maintenance.usage_digest()
    vault.engine.writer.append_accesses([vault.access(cube_id)])
    wait_until(lambda: vault.uses(cube_id) == 1, "its use is counted")
    assert maintenance.digest() == before
    assert maintenance.usage_digest() != usage
    vault.commit(vault.revision(cube_id, "two"))
    assert maintenance.digest() != before


def test_the_figures_count_what_is_there(vault: EngineVault) -> None:
    maintenance = vault.engine.maintenance
    before = maintenance.figures()
    one, two = vault.commit(vault.memory("one"), vault.memory("two"))
    after = maintenance.figures()
    assert after.events == before.events + 2
    assert one.event.scope == two.event.scope
    generated = (one.event.scope, int(Lifecycle.GENERATED))
    assert Counter(after.memories) - Counter(before.memories) == {generated: 2}


def test_the_figures_count_nothing_that_extractors_keep_of_their_work(
    vault: EngineVault,
) -> None:
    before = vault.engine.maintenance.figures()
    vault.commit(vault.memory("", origin=EXTRACTION))
    after = vault.engine.maintenance.figures()
    assert after.memories == before.memories
    assert after.events == before.events + 1


def test_tables_that_have_a_version_tell_it(vault: EngineVault) -> None:
    version = vault.engine.maintenance.table_version()
    assert version == (None if vault.is_embedded else VERSION)


def test_a_vault_is_backed_up_and_verified_or_says_where_the_runbook_is(
    vault: EngineVault, tmp_path: Path
) -> None:
    vault.add("one")
    maintenance = vault.engine.maintenance
    if not vault.is_embedded:
        with pytest.raises(VaultError, match=r"docs/backup\.md"):
            maintenance.backup(tmp_path / "monday", None)
        return
    made = maintenance.backup(tmp_path / "monday", tmp_path / "keys")
    assert (made.events, made.cubes, made.keys) == (1, 1, str(tmp_path / "keys"))
    assert {path.name for path in (tmp_path / "monday").iterdir()} == {"memos.db", "backup.json"}
