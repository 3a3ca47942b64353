"""A package of one tenant reaches nothing of another, whatever its events point at."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from memos import Memory, Refused
from memos.infrastructure.transfer import layout
from memos.kernel.event import id_bytes
from memos.kernel.lineage import Relation
from memos.kernel.tenant import tenant_cube_id
from memos.operation.commands.draft import Sources, SourceVersion, create_cube
from memos.operation.commands.new_memory import NewMemory
from tests.infrastructure.transfer.forged_export import change_lines, sign_again

LOW_ID = bytes(8) + b"\x80" + bytes(7)
"""It sorts before any other: what an operation takes from the first of its cubes is of this one."""


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    """A vault of two tenants, of which eve administers one."""
    path = tmp_path / "vault"
    with Memory(path, actor="agent:root") as root:
        root.grant_administrator("rival", "agent:eve")
        root.add("ours", scope="rival/x")
    return path


def forge(tmp_path: Path, cube_id: bytes, source: str = "") -> Path:
    """A package of eve's: a memory of the rival's under an id, made of a memory of anybody's."""
    named = (SourceVersion(Relation.DERIVED_FROM, id_bytes(source), 1, b""),) if source else ()
    with Memory(tmp_path / "forged", actor="agent:eve") as forged:
        session = forged._session
        session.engine.writer.commit(
            [
                create_cube(
                    session,
                    NewMemory(text="bait", scope="rival/x"),
                    Sources(named),
                    cube_id=cube_id,
                )
            ]
        )
        forged.export(tmp_path / "package", scope="rival")
    return tmp_path / "package"


def take(vault: Path, package: Path) -> object:
    with Memory(vault, actor="agent:eve", tenant="rival") as eve:
        return eve.import_export(package)


def test_what_claims_to_be_made_of_another_tenants_memory_stops_and_follows_none_of_its_erases(
    vault: Path, tmp_path: Path
) -> None:
    with Memory(vault, actor="agent:root") as root:
        root.grant_administrator("acme", "agent:carol")
        ann = root.add("Ann was here.", scope="acme/x", subject="ann", source="web:a").cube_id
    take(vault, forge(tmp_path, LOW_ID, ann))
    with Memory(vault, actor="agent:eve", tenant="rival") as eve:
        (bait,) = [hit.cube_id for hit in eve.search("bait", scope="rival")]
        eve.freeze(bait)
    with Memory(vault, actor="agent:carol", tenant="acme") as carol:
        plan = carol.rollback(source="web:a", dry_run=True)
        assert [change.cube_id for change in plan.changes] == [ann]
        receipt = carol.erase(subject="ann")
        assert (receipt.cube_ids, receipt.gone, receipt.left) == ((ann,), True, ())
    destroyed = {a.name for a in receipt.artefacts if a.kind == "subject key"}
    assert destroyed
    connection = apsw.Connection(str(vault / "keys.db"))
    kept = {bytes(s).hex() for (s,) in connection.execute("SELECT subject FROM subject_key")}
    connection.close()
    assert not destroyed & kept
    with Memory(vault, actor="agent:eve", tenant="rival") as eve:
        assert [hit.text for hit in eve.search("bait", scope="rival")] == ["bait"]
        assert not [entry for entry in eve.events() if "Eras" in entry.kind]


def test_no_memory_takes_the_place_of_another_tenants_own_cube(vault: Path, tmp_path: Path) -> None:
    forged = tmp_path / "forged"
    with Memory(forged, actor="agent:eve") as memory:
        session = memory._session
        item = NewMemory(text="squat", scope="rival/x")
        draft = create_cube(session, item, cube_id=tenant_cube_id("acme"))
        (committed,) = session.engine.writer.commit([draft])
        assert committed.outcome.reason.name == "NOT_FOUND"
    with Memory(vault, actor="agent:root") as root:
        root.grant_administrator("acme", "agent:carol")
        assert root.administrators("acme") == ("agent:carol",)


def test_a_record_under_the_id_of_another_tenants_memory_is_not_taken(
    vault: Path, tmp_path: Path
) -> None:
    with Memory(vault, actor="agent:alice") as alice:
        plan = alice.add("Alice's plan.", scope="acme/x").cube_id
    with Memory(tmp_path / "forged", actor="agent:alice") as forged:
        session = forged._session
        item = NewMemory(text="b", scope="rival/x")
        session.engine.writer.commit([create_cube(session, item, cube_id=id_bytes(plan))])
        forged.update(plan, "forged")
        forged.export(tmp_path / "package", scope="rival")
    take(vault, tmp_path / "package")
    with Memory(vault, actor="agent:alice") as alice:
        assert [change.entry.kind for change in alice.history(plan)] == ["Generated"]


def test_what_is_no_receipt_is_not_kept_as_one(vault: Path, tmp_path: Path) -> None:
    package = tmp_path / "package"
    with Memory(tmp_path / "forged", actor="agent:eve") as forged:
        gone = forged.add("gone", scope="rival/x", subject="ann").cube_id
        forged.add("kept", scope="rival/x")
        forged.erase(cube_id=gone)
        forged.export(package)

    def forge_receipts(lines: list[dict[str, object]]) -> list[dict[str, object]]:
        return [{**line, "receipt": "no receipt"} for line in lines]

    change_lines(package, layout.ERASURES, forge_receipts)
    sign_again(package)
    with pytest.raises(Refused, match="receipt"):
        take(vault, package)
    with Memory(vault, actor="agent:root") as root:
        assert root.audit().problems == ()
