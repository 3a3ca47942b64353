"""A lost or older key file: told apart from an erase, everywhere."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from memos import DamagedChange, Forgotten, KeysMissing, MemCube, Memory, doctor

ALICE = "agent:alice"


class Lost:
    """A vault of three memories; the key of the newest is not in the key file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self.open() as memory:
            self.kept = memory.add("Pottery on Mondays.", scope="acme/a", subject="ann").cube_id
            self.gone = memory.add("Pottery in June.", scope="acme/a", subject="eve").cube_id
            shutil.copy(path / "keys.db", path.parent / "yesterday")
            self.lost = memory.add("Pottery at night.", scope="acme/a", subject="bob").cube_id
            memory.erase(subject="eve")
            memory.get(self.kept)

    def open(self) -> Memory:
        return Memory(self.path, actor=ALICE)

    def put_yesterdays_back(self) -> None:
        shutil.copy(self.path / "keys.db", self.path.parent / "newest")
        shutil.copy(self.path.parent / "yesterday", self.path / "keys.db")

    def lose_a_subject(self) -> None:
        with self.open() as memory:
            keys = memory._session.engine.keys
            needed = [subject for tenant, subject, _ in keys.subjects() if tenant == "acme"]
        connection = apsw.Connection(str(self.path / "memos.db"))
        sql = "SELECT subjects FROM cube_key WHERE cube_id = ?"
        ((subject,),) = connection.execute(sql, (bytes.fromhex(self.lost.replace("-", "")),))
        connection.close()
        assert subject in needed
        connection = apsw.Connection(str(self.path / "keys.db"))
        connection.execute("DELETE FROM subject_key WHERE subject = ?", (subject,))
        connection.close()

    def lose_a_wrapped_key(self) -> None:
        connection = apsw.Connection(str(self.path / "memos.db"))
        lost = bytes.fromhex(self.lost.replace("-", ""))
        connection.execute("DELETE FROM cube_key WHERE cube_id = ?", (lost,))
        connection.close()


WAYS: list[Callable[[Lost], None]] = [
    Lost.put_yesterdays_back,
    Lost.lose_a_subject,
    Lost.lose_a_wrapped_key,
]


@pytest.fixture(params=WAYS, ids=lambda way: str(way.__name__))
def lost(request: pytest.FixtureRequest, tmp_path: Path) -> Lost:
    vault = Lost(tmp_path / "vault")
    request.param(vault)
    return vault


def test_a_missing_key_is_no_erase(lost: Lost) -> None:
    with lost.open() as memory:
        with pytest.raises(KeysMissing, match="nobody erased"):
            memory.get(lost.lost)
        with pytest.raises(KeysMissing):
            memory.get(lost.lost, version=1)
        with pytest.raises(KeysMissing):
            memory.update(lost.lost, "Pottery by day.")
        assert isinstance(memory.get(lost.gone), Forgotten)
        assert isinstance(memory.get(lost.kept), MemCube)


def test_lists_show_what_they_can_and_name_the_rest(lost: Lost, tmp_path: Path) -> None:
    with lost.open() as memory:
        hits = memory.search("pottery", scope="acme")
        assert [hit.cube_id for hit in hits] == [lost.kept]
        assert lost.lost in hits.explain["damaged"]
        assert "Mondays" in memory.context("pottery", scope="acme").text
        (change,) = memory.history(lost.lost)
        assert (change.text, change.state) == (None, "Generated")
        assert isinstance(change, DamagedChange)
        assert "nobody erased" in change.damaged
        assert not any(isinstance(c, DamagedChange) for c in memory.history(lost.gone))
        report = memory.export(tmp_path / "out", passphrase="secret")
        assert not report.complete
        assert lost.lost in report.warnings[0]
        narrowed = memory.export(tmp_path / "some", scope="acme/a", passphrase="secret")
        assert lost.lost in narrowed.warnings[0]
    with Memory.load(tmp_path / "out", tmp_path / "copy", actor=ALICE, passphrase="secret") as copy:
        assert isinstance(copy.get(lost.kept), MemCube)


def test_verify_and_doctor_count_such_memories(lost: Lost) -> None:
    with lost.open() as memory:
        verification = memory.verify()
    assert verification.keys_missing == 1
    assert [p.where for p in verification.problems] == [f"cube {lost.lost}"]
    findings = [f.what for f in doctor(lost.path) if f.severity == "error"]
    assert any("keys of 1 memories are missing" in what for what in findings)


def test_such_a_memory_can_still_be_archived_and_erased(lost: Lost) -> None:
    with lost.open() as memory:
        memory.archive(lost.lost)
        memory.erase(cube_id=lost.lost)
        assert isinstance(memory.get(lost.lost), Forgotten)
        assert memory.verify().keys_missing == 0


def test_a_rebuild_names_what_it_cannot_index(lost: Lost) -> None:
    with lost.open() as memory:
        before = memory.digest()
        rebuilt = memory.rebuild()
        assert rebuilt.digest == before
        assert len(rebuilt.unreadable) == 1


def test_an_older_key_file_is_known_and_says_from_when_it_is(tmp_path: Path) -> None:
    vault = Lost(tmp_path / "vault")
    assert doctor(vault.path) == ()
    vault.put_yesterdays_back()
    (older, *_) = [f for f in doctor(vault.path) if f.severity == "error"]
    assert "keys.db is an older one" in older.what
    with vault.open() as memory:
        with pytest.raises(
            KeysMissing, match=r"is of 20.*last used with one of 20.*put that newer"
        ):
            memory.get(vault.lost)
        for number in range(9):  # however much it is used since
            memory.add("New.", scope="acme/a", subject=f"new {number}")
        with pytest.raises(KeysMissing, match="put that newer"):
            memory.get(vault.lost)
    assert any("is an older one" in finding.what for finding in doctor(vault.path))


def test_no_new_key_takes_the_place_of_a_missing_one(tmp_path: Path) -> None:
    vault = Lost(tmp_path / "vault")
    vault.put_yesterdays_back()
    with vault.open() as memory:
        with pytest.raises(KeysMissing):
            memory.add("Pottery for Bob.", scope="acme/b", subject="bob")
        assert isinstance(memory.get(memory.add("Other.", scope="acme/b").cube_id), MemCube)
    shutil.copy(tmp_path / "newest", vault.path / "keys.db")
    with vault.open() as memory:
        assert isinstance(memory.get(vault.lost), MemCube)
        assert isinstance(memory.get(vault.kept), MemCube)


def test_a_lost_tenant_key_is_not_made_anew(tmp_path: Path) -> None:
    vault = Lost(tmp_path / "vault")
    connection = apsw.Connection(str(vault.path / "keys.db"))
    connection.execute("DELETE FROM tenant_key WHERE tenant = 'acme'")
    connection.close()
    with vault.open() as memory:
        with pytest.raises(KeysMissing, match="tenant 'acme'"):
            memory.add("More.", scope="acme/a")
        assert isinstance(memory.get(vault.kept), MemCube)
        memory.add("Elsewhere.", scope="rival/a")


def test_a_key_file_of_an_earlier_release_gets_a_state_when_it_is_written(tmp_path: Path) -> None:
    vault = Lost(tmp_path / "vault")
    connection = apsw.Connection(str(vault.path / "keys.db"))
    connection.execute("DROP TABLE written")
    connection.close()
    connection = apsw.Connection(str(vault.path / "memos.db"))
    connection.execute("DELETE FROM setting WHERE name = 'key_file'")
    connection.close()
    assert doctor(vault.path) == ()
    with vault.open() as memory:
        memory.add("New.", scope="acme/a", subject="carl")
    assert doctor(vault.path) == ()
    shutil.copy(tmp_path / "yesterday", vault.path / "keys.db")
    connection = apsw.Connection(str(vault.path / "keys.db"))
    connection.execute("DROP TABLE written")
    connection.close()
    assert any("is an older one" in finding.what for finding in doctor(vault.path))
