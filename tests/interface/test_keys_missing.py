"""A lost or older key file: told apart from an erase, everywhere."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from memos import DamagedChange, Forgotten, KeysMissing, MemCube, Memory, NotFound, doctor
from memos.infrastructure.engine.embedded.comparison import name_of
from memos.infrastructure.engine.embedded.stores import EmbeddedStores
from memos.infrastructure.keys.sqlite.key_file import tenant_ids
from memos.operation.commands.migrate import migrate
from tests.interface.cli.support import Shell
from tests.opened import stores_of

ALICE = "agent:alice"

pytestmark = pytest.mark.filterwarnings("ignore:.*is an older one")
"""An opening warns of that; see the test of it."""


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


@pytest.mark.parametrize("way", [Lost.lose_a_subject, Lost.lose_a_wrapped_key])
def test_who_may_not_read_such_a_memory_is_told_that_there_is_one_and_not_which(
    tmp_path: Path, way: Callable[[Lost], None]
) -> None:
    vault = Lost(tmp_path / "vault")
    with vault.open() as memory:
        memory.set_header(vault.lost, readers=["agent:bob"])
    way(vault)
    with vault.open() as memory, Memory(vault.path, actor="agent:mal") as mal:
        for told, hidden in ((memory.verify(), mal.verify()), (memory.audit(), mal.audit())):
            assert vault.lost in str(told) or vault.lost.replace("-", "") in str(told)
            for text in (vault.lost, vault.lost.replace("-", "")):
                assert text not in str(hidden)
            assert (hidden.ok, hidden.keys_missing) == (False, told.keys_missing)
            assert [p.where for p in hidden.problems][-1:] == ["memories"]
    with Memory(vault.path, actor="agent:bob") as bob:
        assert vault.lost in str(bob.verify())


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


@pytest.mark.parametrize("subject", ["ann", "somebody new"])
def test_an_older_vault_beside_its_key_file_is_told_whatever_is_written_to_it_since(
    tmp_path: Path, subject: str
) -> None:
    vault = Lost(tmp_path / "vault")
    shutil.copy(vault.path / "memos.db", tmp_path / "older")
    with vault.open() as memory:
        added = memory.add("Acknowledged.", scope="acme/a", subject=subject).cube_id
    assert doctor(vault.path) == ()
    shutil.copy(tmp_path / "older", vault.path / "memos.db")
    for _ in range(3):
        (finding,) = [each for each in doctor(vault.path) if each.severity == "error"]
        assert "memos.db: it is an older one" in finding.what
        with vault.open() as memory:
            for checked in (memory.verify(), memory.audit()):
                assert "memos.db" in [problem.where for problem in checked.problems]
            with pytest.raises(NotFound):
                memory.get(added)
            memory.add("Other.", scope="acme/a", subject="another")


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


def lose_tenant_key(path: Path, tenant: str = "acme") -> None:
    connection = apsw.Connection(str(path / "keys.db"))
    connection.execute("DELETE FROM tenant_key WHERE tenant = ?", (tenant,))
    assert connection.changes() == 1
    connection.close()


@pytest.fixture
def keyless(tmp_path: Path) -> Lost:
    """A vault of two tenants and a named cut, whose key of tenant acme is lost."""
    vault = Lost(tmp_path / "vault")
    with vault.open() as memory:
        memory.add("Chess.", scope="rival/a", subject="zoe", source="web:z")
        memory.add("Sourced.", scope="acme/a", source="web:y", idempotency_key="a key")
        memory.name_cut("here")
    lose_tenant_key(vault.path)
    return vault


NEEDS_TENANT: dict[str, Callable[[Memory, Lost], object]] = {
    "search": lambda memory, _: memory.search("pottery", scope="acme"),
    "search below": lambda memory, _: memory.search("pottery", scope="acme/a/b"),
    "search at a cut": lambda memory, _: memory.search("pottery", scope="acme", as_of="here"),
    "context": lambda memory, _: memory.context("pottery", scope="acme"),
    "stable context": lambda memory, _: memory.context("pottery", scope="acme", stable=True),
    "tags": lambda memory, _: memory.tags("acme"),
    "vocabulary": lambda memory, _: memory.vocabulary("acme"),
    "add": lambda memory, _: memory.add("More.", scope="acme/b"),
    "add with a key": lambda memory, _: memory.add(
        "Sourced.", scope="acme/a", source="web:y", idempotency_key="a key"
    ),
    "update": lambda memory, vault: memory.update(vault.kept, "Pottery by day."),
    "update of a source": lambda memory, vault: memory.update(vault.kept, "Day.", source="web:x"),
    "erase a subject": lambda memory, _: memory.erase(subject="ann"),
    "roll back a source": lambda memory, _: memory.rollback(source="web:y"),
    "events of a source": lambda memory, _: list(memory.events(source="web:y")),
    "rebuild": lambda memory, _: memory.rebuild(),
    "export": lambda memory, vault: memory.export(vault.path.parent / "out", passphrase="secret"),
    "export a scope": lambda memory, vault: memory.export(
        vault.path.parent / "out", scope="acme", passphrase="secret"
    ),
}


@pytest.mark.parametrize("name", NEEDS_TENANT)
def test_what_needs_a_lost_tenant_key_says_so_and_makes_no_other(keyless: Lost, name: str) -> None:
    with keyless.open() as memory:
        digest = memory.digest()
        with pytest.raises(KeysMissing, match=r"tenant 'acme'.*keys\.db"):
            NEEDS_TENANT[name](memory, keyless)
        assert memory.digest() == digest
        with stores_of(memory).keys.file.reading() as keys:
            assert "acme" not in tenant_ids(keys)


def test_what_needs_no_tenant_key_goes_on_without_it(keyless: Lost) -> None:
    with keyless.open() as memory:
        assert isinstance(memory.get(keyless.kept), MemCube)
        assert memory.history(keyless.kept)
        assert memory.search("chess", scope="rival")
        memory.add("More chess.", scope="rival/a")
        memory.archive(keyless.kept)
        memory.erase(cube_id=keyless.kept)
        assert isinstance(memory.get(keyless.kept), Forgotten)
    with Memory(keyless.path, actor=ALICE, tenant="rival") as memory:
        assert memory.erase(subject="zoe").cube_ids
        with pytest.raises(NotFound):
            memory.erase(subject="ann")


def test_a_lost_tenant_key_is_named_by_every_check(keyless: Lost) -> None:
    with keyless.open() as memory:
        for report in (memory.verify(), memory.audit()):
            assert [p.where for p in report.problems] == ["tenant 'acme'"]
            assert "keys.db" in report.problems[0].what
    (found,) = [f.what for f in doctor(keyless.path) if f.severity == "error"]
    assert "tenant 'acme'" in found


def test_a_tenant_key_that_is_put_back_is_as_it_was(keyless: Lost) -> None:
    with keyless.open() as memory, pytest.raises(KeysMissing):
        memory.rebuild()
    shutil.copy(keyless.path.parent / "yesterday", keyless.path.parent / "putback")
    old = apsw.Connection(str(keyless.path.parent / "putback"))
    ((wrapped,),) = old.execute("SELECT wrapped FROM tenant_key WHERE tenant = 'acme'")
    old.close()
    connection = apsw.Connection(str(keyless.path / "keys.db"))
    connection.execute("INSERT INTO tenant_key VALUES ('acme', 0, ?)", (wrapped,))
    connection.close()
    with keyless.open() as memory:
        assert memory.search("pottery", scope="acme")
        assert memory.audit().ok
        assert memory.erase(subject="ann").cube_ids == (keyless.kept,)


def test_the_key_of_named_cuts_is_not_made_anew(keyless: Lost) -> None:
    lose_tenant_key(keyless.path, "")
    with keyless.open() as memory:
        with pytest.raises(KeysMissing):
            memory.get(keyless.kept, as_of="here")
        with pytest.raises(KeysMissing):
            memory.name_cut("here")
        assert "tenant ''" in [p.where for p in memory.verify().problems]


def test_a_tenant_whose_memories_are_all_erased_keeps_its_key(tmp_path: Path) -> None:
    with Memory(tmp_path / "vault", actor=ALICE) as memory:
        memory.erase(cube_id=memory.add("Gone.", scope="acme/a").cube_id)
        memory.rebuild()
    lose_tenant_key(tmp_path / "vault")
    with Memory(tmp_path / "vault", actor=ALICE) as memory, pytest.raises(KeysMissing):
        memory.add("More.", scope="acme/a")


def test_a_ring_without_its_first_key_has_no_other_in_its_place(tmp_path: Path) -> None:
    vault = Lost(tmp_path / "vault")
    with vault.open() as memory:
        stores_of(memory).keys.add_tenant_key("acme", bytes(range(32)))
    connection = apsw.Connection(str(vault.path / "keys.db"))
    connection.execute("DELETE FROM tenant_key WHERE tenant = 'acme' AND place = 0")
    connection.close()
    with vault.open() as memory:
        for call in (
            lambda: memory.search("pottery", scope="acme"),
            lambda: memory.add("More.", scope="acme/a"),
            memory.rebuild,
        ):
            with pytest.raises(KeysMissing, match="tenant 'acme'"):
                call()
        assert "tenant 'acme'" in [p.where for p in memory.verify().problems]


def test_a_vault_without_a_tenant_key_takes_no_export_and_is_not_moved(
    keyless: Lost, tmp_path: Path
) -> None:
    with Memory(tmp_path / "other", actor=ALICE) as other:
        other.add("From elsewhere.", scope="acme/a")
        other.export(tmp_path / "out", passphrase="secret")
    with keyless.open() as memory:
        with pytest.raises(KeysMissing, match="tenant 'acme'"):
            memory.import_export(tmp_path / "out", passphrase="secret")
        with stores_of(memory).keys.file.reading() as keys:
            assert "acme" not in tenant_ids(keys)
    with pytest.raises(KeysMissing, match="tenant 'acme'"):
        migrate(keyless.path, tmp_path / "moved", actor=ALICE)


@pytest.mark.parametrize("cube_id", [b"\x07" * 16, b"", b"short"])
def test_a_key_of_no_cube_is_named(tmp_path: Path, cube_id: bytes) -> None:
    vault = Lost(tmp_path / "vault")
    connection = apsw.Connection(str(vault.path / "memos.db"))
    sql = "INSERT INTO cube_key SELECT ?, tenant, subjects, wrapped FROM cube_key LIMIT 1"
    connection.execute(sql, (cube_id,))
    connection.close()
    with vault.open() as memory:
        (problem,) = memory.audit().problems
        assert "the log has made no such memory" in problem.what
        assert problem.where == f"cube {name_of(cube_id)}"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("memos.db", r"memos\.db: it is an older one, or another.*put the newer file back"),
        ("keys.db", r"keys\.db is an older one, of 20.*put the newer file back"),
    ],
)
def test_an_opening_warns_of_an_older_file_until_the_newer_one_is_back(
    tmp_path: Path, name: str, told: str
) -> None:
    vault = Lost(tmp_path / "vault")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        vault.open().close()
        shutil.copy(vault.path / name, tmp_path / "older")
        with vault.open() as memory:
            memory.add("Acknowledged.", scope="acme/a", subject="somebody new")
        vault.open().close()
    shutil.copy(vault.path / name, tmp_path / "newer")
    shutil.copy(tmp_path / "older", vault.path / name)
    for _ in range(2):
        with pytest.warns(UserWarning, match=told):
            vault.open().close()
        with pytest.warns(UserWarning, match=told), vault.open() as memory:
            memory.add("Written since.", scope="acme/a", subject="ann")
    shutil.copy(tmp_path / "newer", vault.path / name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if name == "keys.db":
            vault.open().close()


def test_the_command_line_says_a_warning_in_one_line(tmp_path: Path) -> None:
    vault = Lost(tmp_path / "vault")
    vault.put_yesterdays_back()
    ran = Shell(vault.path).process("stats")
    assert ran.code == 0
    (line,) = ran.err.splitlines()
    assert line.startswith("warning: ")
    assert "keys.db is an older one" in line


def test_what_another_writes_amid_an_opening_makes_no_file_an_older_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = Lost(tmp_path / "vault")
    warn = EmbeddedStores._warn_of_older

    def another_writes_before(stores: EmbeddedStores, connection: apsw.Connection) -> None:
        monkeypatch.undo()
        with vault.open() as another:
            another.add("Amid it.", scope="acme/a", subject="somebody new")
        warn(stores, connection)

    monkeypatch.setattr(EmbeddedStores, "_warn_of_older", another_writes_before)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        vault.open().close()
