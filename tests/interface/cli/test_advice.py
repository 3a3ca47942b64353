"""What is advised of a damaged vault: it destroys no key, and does not send in a circle."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from memos import Memory, doctor
from tests.interface.cli.support import Shell
from tests.interface.support import damage

ALICE = "agent:alice"

pytestmark = pytest.mark.filterwarnings("ignore:.*is an older one")
DESTROYS = re.compile(r"\b(empty|remove|delete|take away|throw|overwrite|rm)\b")
ADVISED = re.compile(r"`memos ([a-z]+)[^`]*`")

ARGUMENTS = {
    "add": ("more", "--scope", "acme/a", "--subject", "somebody new"),
    "search": ("memory", "--scope", "acme"),
    "stats": (),
    "doctor": (),
    "verify": (),
    "audit": (),
    "rebuild": (),
}
"""The doors that are tried, and those that may be advised."""


def removed(path: Path) -> None:
    path.unlink()


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def noise(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 40)


def halved(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def a_page_of_noise(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096 * 2)
        file.write(bytes(range(256)) * 16)


def a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_link_to_itself(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def a_queue(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def anothers(path: Path) -> None:
    shutil.copy(path.parents[1] / "another" / path.name, path)


WAYS = [removed, emptied, noise, halved, a_directory, a_link_to_itself, a_queue, anothers]
FILES: list[tuple[str, Callable[[Path], None]]] = [
    *((name, way) for name in ("memos.db", "keys.db", "root.key") for way in WAYS),
    ("memos.db", a_page_of_noise),
    ("keys.db", a_page_of_noise),
]
ROWS = [
    "UPDATE head SET state = 5",
    "UPDATE event SET data = 5 WHERE offset = 3",
    "UPDATE event SET data = x'00' WHERE offset = 3",
    "UPDATE setting SET value = x'00' WHERE name = 'vault_id'",
    "INSERT INTO setting VALUES ('owed_erases', '[1')",
    "UPDATE cube_key SET wrapped = x'00'",
    "DELETE FROM cube_key",
    "DELETE FROM head",
    "DELETE FROM event WHERE offset = 3",
    "DELETE FROM frontier",
    "DROP TABLE head",
    "DROP TABLE event",
    "DROP TABLE attempt",
    "DROP TABLE setting",
    "DROP TABLE folded",
    "DROP TABLE index_doc",
    "CREATE TABLE another (x)",
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vault, and beside it another."""
    place = tmp_path_factory.mktemp("advice")
    for name in ("vault", "another"):
        with Memory(place / name, actor=ALICE) as memory:
            for n in range(12):
                memory.add(f"memory {n} of {name}", scope="acme/a", subject=f"subject {n % 3}")
            memory.checkpoint()
    return place


@pytest.fixture
def shell(whole: Path, tmp_path: Path) -> Shell:
    shutil.copytree(whole, tmp_path / "place")
    return Shell(tmp_path / "place" / "vault")


def told(shell: Shell, door: str) -> str:
    ran = shell.run(door, *ARGUMENTS[door])
    return ran.out + ran.err


def check_advice(shell: Shell) -> None:
    """Every door's advice, and what the commands say that it names."""
    aside = shell.vault.with_name("as it was")
    shutil.copytree(shell.vault, aside, symlinks=True, copy_function=copied)
    says: dict[str, str] = {}
    for door in ARGUMENTS:
        shutil.rmtree(shell.vault)
        shutil.copytree(aside, shell.vault, symlinks=True, copy_function=copied)
        says[door] = told(shell, door)
        assert not DESTROYS.search(says[door].replace(str(shell.vault), "")), (door, says[door])
    for door in ARGUMENTS:
        for way in ways(says, (door,)):
            assert len(set(way)) == len(way), "\n".join(f"{one}: {says[one]}" for one in way)


def copied(source: str, target: str) -> None:
    if Path(source).is_fifo():
        os.mkfifo(target)
    else:
        shutil.copy2(source, target)


def ways(says: dict[str, str], begun: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Where somebody comes who does what is advised."""
    advised = {name for name in ADVISED.findall(says[begun[-1]]) if name in ARGUMENTS}
    if not advised or begun[-1] in begun[:-1]:
        yield begun
        return
    for name in sorted(advised):
        yield from ways(says, (*begun, name))


@pytest.mark.parametrize(("name", "way"), FILES)
def test_advice_on_a_damaged_file_destroys_no_key_and_does_not_go_in_a_circle(
    shell: Shell, name: str, way: Callable[[Path], None]
) -> None:
    way(shell.vault / name)
    assert [finding for finding in doctor(shell.vault) if finding.severity == "error"]
    check_advice(shell)


@pytest.mark.parametrize("sql", ROWS)
def test_advice_on_damaged_rows_destroys_no_key_and_does_not_go_in_a_circle(
    shell: Shell, sql: str
) -> None:
    if sql.startswith("DROP"):
        with closing(apsw.Connection(str(shell.vault / "memos.db"))) as connection:
            connection.execute(sql)
    else:
        damage(shell.vault, sql)
    check_advice(shell)


@pytest.mark.parametrize("name", ["keys.db", "root.key"])
def test_keys_whose_database_is_gone_are_to_be_kept(shell: Shell, name: str) -> None:
    (shell.vault / "memos.db").unlink()
    (shell.vault / name).unlink()
    (left,) = {"keys.db", "root.key"} - {name}
    for door in ("add", "search", "verify"):
        said = told(shell, door)
        assert f"{left}, which a vault's memories are opened with" in said
        assert "Keep them" in said
    assert not (shell.vault / "memos.db").exists()
