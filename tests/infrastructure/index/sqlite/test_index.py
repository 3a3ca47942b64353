"""What the embedded index promises beyond the history that it shows."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest

from memos.infrastructure.index.port import MAX_TF, View
from memos.infrastructure.index.sqlite.index import SqliteIndex
from memos.infrastructure.index.sqlite.tables import BLOCK, TABLES
from memos.kernel.errors import Damaged
from memos.language.indexed_text import IndexedText
from tests.infrastructure.index.sqlite.support import (
    ARCHIVED,
    GENERATED,
    Vault,
    change,
    connect,
    cube_id,
)

OTHER_PROCESS = """
import sys
from pathlib import Path
from typing import Any
from tests.infrastructure.index.sqlite.support import Vault, change
vault = Vault(Path(sys.argv[1]))
first, last = int(sys.argv[2]), int(sys.argv[3])
vault.apply(*(change(offset, offset, [7, offset]) for offset in range(first, last)))
"""


def cubes(view: View, term: int) -> list[int]:
    rows, _ = view.postings(term)
    return [int.from_bytes(cube, "big") for cube in view.cube_ids(rows)]


def test_what_is_no_scope_shows_nothing(vault: Vault) -> None:
    vault.apply(change(1, 1, [7], scope="acme"))
    for nowhere in ("", "/", "//"):
        assert len(vault.index.view(nowhere)) == 0


def test_postings_of_full_blocks_and_of_the_docs_behind_them_come_together(vault: Vault) -> None:
    count = 3 * BLOCK + 5
    vault.apply(*(change(at, at, {7: 1, at: at % 9}) for at in range(100, 100 + count)))
    assert len({row[:2] for row in vault.rows("index_posting")}) == 3
    view = vault.open().view("acme")
    rows, tf = view.postings(7)
    assert rows.tolist() == list(range(count))
    assert tf.tolist() == [1] * count
    for at in (100, 99 + BLOCK, 100 + BLOCK, 99 + count):
        assert cubes(view, at) == [at]
        assert view.postings(at)[1].tolist() == [at % 9]


def test_a_change_of_state_writes_no_new_postings(vault: Vault) -> None:
    vault.apply(change(1, 1, [7]))
    docs, before = vault.rows("index_doc"), vault.index.view("acme", 1)
    vault.apply(change(1, 2, state=ARCHIVED, version=2))
    assert vault.rows("index_doc") == docs
    assert vault.index.view("acme").state.tolist() == [ARCHIVED]
    assert vault.index.view("acme", 1).state.tolist() == before.state.tolist() == [GENERATED]


@pytest.mark.parametrize("full_blocks", [True, False])
def test_a_purge_leaves_no_byte_of_a_cube_in_the_file(vault: Vault, full_blocks: bool) -> None:
    random.seed(1)
    secret = [random.getrandbits(63) for _ in range(20)]
    cube = random.getrandbits(127)
    count = BLOCK if full_blocks else 300
    vault.apply(
        *(
            change(at, at, [7, random.getrandbits(63)]) if at != 200 else change(cube, at, secret)
            for at in range(count)
        )
    )
    vault.apply(change(cube, count, [7, *secret[:3]], version=2))
    vault.apply(change(cube, count + 1, state=ARCHIVED, version=3))
    vault.connection.wal_checkpoint(mode=3)
    assert all(residues(vault.path, secret, cube))

    with vault.connection:
        report = vault.index.purge([cube_id(cube)])
    vault.connection.wal_checkpoint(mode=3)
    assert report == (2, 3, len(secret) + 4, 0)
    assert not any(residues(vault.path, secret, cube))
    assert len(vault.index.view("acme")) == count - 1


def residues(vault: Path, terms: list[int], cube: int) -> list[bool]:
    """Whether the cube's id and each term, in either byte order, is in any file of the vault."""
    held = b"".join(path.read_bytes() for path in vault.parent.iterdir())
    found = [struct.pack("<q", term) in held or struct.pack(">q", term) in held for term in terms]
    return [cube_id(cube) in held, *found]


def test_a_purge_is_seen_through_every_cache_that_holds_the_cube(vault: Vault) -> None:
    vault.apply(change(1, 1, [7]), change(2, 2, [7]), change(3, 3, [7], scope="acme/b"))
    watcher = vault.open()
    for scope in ("acme", "acme/a", "acme/b"):
        watcher.view(scope)
    other = watcher.view("acme/b").doc
    with vault.connection:
        vault.index.purge([cube_id(1), cube_id(9), cube_id(1)])
    assert cubes(watcher.view("acme"), 7) == [2, 3]
    assert cubes(watcher.view("acme/a"), 7) == [2]
    assert cubes(watcher.view("acme/a", 1), 7) == []
    assert watcher.view("acme/b").doc is other  # untouched scopes are not read again


def test_clear_removes_everything_and_the_same_changes_bring_it_back(vault: Vault) -> None:
    changes = [change(at, at, [7, at]) for at in range(10)] + [change(3, 10, [80], version=2)]
    vault.apply(*changes)
    before = {table: vault.rows(table) for table in TABLES}
    watcher = vault.open()
    watcher.view("acme")
    with vault.connection:
        vault.index.clear()
    assert len(watcher.view("acme")) == 0
    for one in changes:
        vault.apply(one)
    assert {table: vault.rows(table) for table in TABLES} == before
    assert cubes(watcher.view("acme"), 80) == [3]


def test_what_was_rolled_back_was_never_there(vault: Vault) -> None:
    vault.apply(change(1, 1, [7]))
    vault.connection.execute("BEGIN IMMEDIATE")
    vault.index.apply([change(2, 2, [7], scope="acme/new")])
    assert cubes(vault.index.view("acme"), 7) == [1]
    vault.connection.execute("ROLLBACK")
    vault.apply(change(3, 2, [7]))
    assert cubes(vault.index.view("acme"), 7) == [1, 3]
    assert len(vault.rows("index_scope")) == 1


def test_what_another_process_wrote_is_seen(vault: Vault) -> None:
    for first, last in ((1, 3), (3, 5 + BLOCK)):
        command = [sys.executable, "-c", OTHER_PROCESS, str(vault.path), str(first), str(last)]
        subprocess.run(command, check=True, cwd=Path(__file__).parents[3], timeout=240)
        assert cubes(vault.index.view("acme"), 7) == list(range(1, last))
    vault.apply(change(9_000, 9_000, [7]))
    assert cubes(vault.index.view("acme"), 7)[-1] == 9_000


@pytest.mark.usefixtures("small_blocks")
def test_a_reader_in_an_older_transaction_sees_its_own_time(vault: Vault) -> None:
    vault.apply(change(1, 1, [7]), change(2, 2, [7]), change(3, 3, [7]))
    older, newer = connect(vault.path), connect(vault.path)
    current = older
    index = SqliteIndex(vault.connection, lambda: current)
    with older:
        assert cubes(index.view("acme"), 7) == [1, 2, 3]
        vault.apply(*(change(at, at, [7]) for at in range(4, 9)))
        with vault.connection:
            vault.index.purge([cube_id(2)])
        current = newer
        assert cubes(index.view("acme"), 7) == [1, 3, 4, 5, 6, 7, 8]
        current = older
        assert cubes(index.view("acme"), 7) == [1, 2, 3]
    assert cubes(index.view("acme"), 7) == [1, 3, 4, 5, 6, 7, 8]


@pytest.mark.usefixtures("small_blocks")
def test_searching_while_others_write_always_shows_one_moment(vault: Vault) -> None:
    vault.apply(change(0, 0, [7]))
    # A change of state follows each add: at every moment all texts but the newest are archived.
    changes = [
        one
        for at in range(1, 150)
        for one in (
            change(at, 2 * at, [7]),
            change(at - 1, 2 * at + 1, state=ARCHIVED, version=2),
        )
    ]

    local = threading.local()

    def reader_of_thread() -> apsw.Connection:
        if not hasattr(local, "reader"):
            local.reader = connect(vault.path)
        reader: apsw.Connection = local.reader
        return reader

    index = SqliteIndex(vault.connection, reader_of_thread)

    def search() -> None:
        for _ in range(100):
            view = index.view("acme")
            assert len(view.postings(7)[0]) == len(view) == 1 + view.at // 2
            generated = np.flatnonzero(view.state == GENERATED)
            assert len(generated) == (1 if view.at % 2 or len(view) == 1 else 2)

    with ThreadPoolExecutor(4) as pool:
        searches = [pool.submit(search) for _ in range(3)]
        for one in changes:
            vault.apply(one)
        for done in searches:
            done.result()


def test_caches_stay_within_their_bound(vault: Vault) -> None:
    changes = [change(at, at, range(20), scope=f"acme/{at % 50}") for at in range(500)]
    vault.apply(*changes)
    index = vault.open(cache_bytes=100_000)
    for _ in range(2):
        for scope in [*(f"acme/{n}" for n in range(50)), *(f"none/{n}" for n in range(1000))]:
            index.view(scope)
            assert index._held == sum(kept.nbytes for kept in index._snapshots.values())
            assert index._held <= 100_000
    whole = vault.open(cache_bytes=1)
    assert len(whole.view("acme")) == 500
    assert list(whole._snapshots) == [("acme",)]


def test_a_change_that_cannot_be_is_refused_and_named(vault: Vault) -> None:
    vault.apply(change(1, 5, [7]))
    with pytest.raises(Damaged, match="changes up to 5, and 5 comes only now: run `memos rebuild`"):
        vault.apply(change(2, 5, [7]))
    with pytest.raises(ValueError, match="offset 7 does not follow 8"):
        vault.apply(change(2, 8, [7]), change(3, 7, [7]))
    with pytest.raises(Damaged, match="has no text: run `memos rebuild`"):
        vault.apply(change(2, 6))
    with pytest.raises(Damaged, match="is not in scope acme/b: run `memos rebuild`"):
        vault.apply(change(1, 6, [7], scope="acme/b"))
    assert len(vault.index.view("acme")) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"cube_id": b"short"},
        {"cube_id": bytes(17)},
        {"version": 2**31},
        {"state": 256},
        {"flags": -1},
    ],
)
def test_a_value_that_a_reader_could_not_hold_is_refused(
    vault: Vault, wrong: dict[str, Any]
) -> None:
    with pytest.raises(apsw.ConstraintError):
        vault.apply(change(1, 1, [7])._replace(**wrong))
    assert vault.rows("index_span") == []


@pytest.mark.usefixtures("small_blocks")
def test_a_reader_takes_up_the_blocks_that_are_written_while_it_follows(vault: Vault) -> None:
    watcher = vault.open()
    for at in range(50):
        vault.apply(change(at, at, [7]))
        watcher.view("acme")
    settled, loose = watcher._snapshots[("acme",)].recent
    assert len(settled.term) + len(loose.term) < 8


def test_terms_beyond_the_usual_are_kept(vault: Vault) -> None:
    many = dict.fromkeys(range(-5_000, 5_000), 1) | {3: 10 * MAX_TF, 4: 0}
    vault.apply(change(1, 1, {9_999: 10**6}), change(2, 2, many))
    for index in (vault.index, vault.open()):
        view = index.view("acme")
        assert view.postings(9_999)[1].tolist() == [MAX_TF]
        assert [view.postings(term)[1].tolist() for term in (-5_000, 3, 4)] == [[1], [MAX_TF], [0]]
    vault.apply(change(3, 3)._replace(text=IndexedText({}, 0)))
    assert len(vault.index.view("acme")) == 3
