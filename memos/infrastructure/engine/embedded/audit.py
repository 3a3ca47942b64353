"""Checking an embedded vault: what is damaged, what is still good, and the fold compared."""

from __future__ import annotations

from collections.abc import Iterable

import apsw

from memos.infrastructure.engine.embedded.creation import DATABASE_FILE
from memos.infrastructure.engine.embedded.key_presence import cubes_without_keys
from memos.infrastructure.engine.embedded.reader import EmbeddedReader
from memos.infrastructure.engine.embedded.stores import EmbeddedStores
from memos.infrastructure.engine.embedded.strange_objects import (
    strange_in_database,
    strange_in_key_file,
)
from memos.infrastructure.engine.kept_keys import lost_keys
from memos.infrastructure.keys.signer import NoteVerifier
from memos.infrastructure.keys.sqlite.key_file import subject_ids
from memos.infrastructure.keys.sqlite.key_mark import older_vault
from memos.infrastructure.log.sqlite import log_size, stored_tree
from memos.infrastructure.progress import Progress
from memos.infrastructure.reports import (
    MOST_PROBLEMS,
    PROJECTIONS_NOT_COMPARED,
    Problem,
    Verification,
)
from memos.infrastructure.sqlite.statements import row, rows
from memos.kernel.errors import Damaged
from memos.kernel.event import id_text
from memos.kernel.leaf import leaf_of
from memos.kernel.merkle import Frontier, TileRoot
from memos.kernel.note import Checkpoint, NoteError, open_note
from memos.kernel.state import checksum


def verify(stores: EmbeddedStores, progress: Progress) -> Verification:
    """Read the whole log and every head, and check them against hashes, tree and signatures."""
    problems: list[Problem] = []
    known = stores.keys.file.known_log()  # before the log, which another process may be writing
    with stores.read() as reader:
        connection = reader.connection
        _check_pages(connection, problems)
        problems.extend(strange_in_database(connection))
        with stores.keys.file.reading() as keys:
            problems.extend(strange_in_key_file(keys))
        older = older_vault(connection, known)
        if older:
            problems.append(Problem(DATABASE_FILE, f"{older}: put the newer file back"))
        notes: dict[int, str] = dict(
            rows(connection, "SELECT size, note FROM checkpoint ORDER BY size")
        )
        events = _check_log(stores, connection, notes, problems, progress)
        cubes = _check_heads(reader, problems)
        folded = row(connection, "SELECT size FROM folded")
        if folded != (events,):
            count = 0 if folded is None else folded[0]
            problems.append(
                Problem("vault", f"{count} of {events} records are folded: run `memos rebuild`")
            )
        problems += lost_keys(stores.keys)
        keys_missing = _check_keys(stores, connection, problems)
    checked = tuple(problems[:MOST_PROBLEMS])
    return Verification(
        events, cubes, len(notes), checked, keys_missing, (PROJECTIONS_NOT_COMPARED,)
    )


def _check_keys(
    stores: EmbeddedStores, connection: apsw.Connection, problems: list[Problem]
) -> int:
    """Whether every memory that nobody erased has its keys; how many have not."""
    count = 0
    with stores.keys.file.reading() as keys:
        having = subject_ids(keys)
    for cube_id in cubes_without_keys(connection, having):
        count += 1
        if len(problems) < MOST_PROBLEMS:
            why = stores.cube_keys.missing(connection, cube_id)
            problems.append(Problem(f"cube {id_text(cube_id)}", str(why)))
    return count


def _check_pages(connection: apsw.Connection, problems: list[Problem]) -> None:
    try:
        answers = [answer for (answer,) in rows(connection, "PRAGMA quick_check(20)")]
    except apsw.CorruptError as error:
        answers = [str(error)]
    problems.extend(Problem(DATABASE_FILE, answer) for answer in answers if answer != "ok")


def _check_log(
    stores: EmbeddedStores,
    connection: apsw.Connection,
    notes: dict[int, str],
    problems: list[Problem],
    progress: Progress,
) -> int:
    tiles: list[TileRoot] = []
    tree = Frontier(on_tile=tiles.append)
    last_time = 0
    total = log_size(connection)
    verifier = _verifier(stores, problems)
    sql = "SELECT offset, log_time, data, leaf FROM event ORDER BY offset"
    try:
        for offset, log_time, data, leaf in rows(connection, sql):
            size = tree.size
            if offset != size:
                problems.append(
                    Problem(f"0:{size}", f"records 0:{size} to 0:{offset - 1} are missing")
                )
                return total
            made = leaf_of(offset, log_time, data)
            if made != leaf:
                problems.append(Problem(f"0:{offset}", "the record's bytes are not those written"))
            tree.push(leaf if len(leaf) == len(made) else made)
            last_time = log_time
            size += 1
            if size in notes and verifier is not None:
                _check_note(notes[size], tree, verifier, problems)
            if not size % 10_000:
                progress(size, total)
    except apsw.CorruptError as error:
        problems.append(Problem(f"0:{tree.size}", f"the log cannot be read on from here: {error}"))
        return total
    _check_tree(connection, tree, notes, problems)
    _check_tiles(connection, tiles, problems)
    stored = row(connection, "SELECT log_time FROM frontier")
    if stored != (last_time,):
        problems.append(Problem("log", "the last log time is not that of the last record"))
    return total


def _verifier(stores: EmbeddedStores, problems: list[Problem]) -> NoteVerifier | None:
    """Who checks what was signed; None where what it takes is damaged, which is a problem then."""
    try:
        return NoteVerifier(stores.signer().verifier_key)
    except Damaged as error:
        problems.append(Problem("checkpoints", f"none of them could be checked: {error}"))
        return None


def _check_tiles(
    connection: apsw.Connection, tiles: Iterable[TileRoot], problems: list[Problem]
) -> None:
    """Whether the tree's inner nodes, by which proofs are made, are those of the records."""
    expected = {(tile.level, tile.index): tile.hash for tile in tiles}
    stored = {
        (level, at): node
        for level, at, node in rows(connection, "SELECT level, position, hash FROM tile")
    }
    wrong = {
        place
        for place in expected.keys() | stored.keys()
        if expected.get(place) != stored.get(place)
    }
    problems.extend(
        Problem(f"tile {level}/{at}", "it is not what the records give")
        for level, at in sorted(wrong)
    )


def _check_tree(
    connection: apsw.Connection, tree: Frontier, notes: dict[int, str], problems: list[Problem]
) -> None:
    """Whether the records read give the tree that was stored and all that was signed."""
    try:
        stored = stored_tree(connection)
    except Damaged as error:
        problems.append(Problem("log", str(error)))
        return
    if stored.size != tree.size:
        problems.append(
            Problem("log", f"{tree.size} records are there of the {stored.size} that were written")
        )
    elif stored.root() != tree.root():
        problems.append(Problem("log", "the records' hashes do not give the root that was stored"))
    problems.extend(
        Problem(f"checkpoint {size}", f"the log has only {tree.size} records: some are lost")
        for size in notes
        if size > tree.size
    )


def _check_note(note: str, tree: Frontier, verifier: NoteVerifier, problems: list[Problem]) -> None:
    where = f"checkpoint {tree.size}"
    try:
        opened = Checkpoint.parse(open_note(note, [verifier]).text)
    except NoteError as error:
        problems.append(Problem(where, f"the signed note does not open: {error}"))
        return
    if (opened.origin, opened.size, opened.root) != (verifier.name, tree.size, tree.root()):
        problems.append(Problem(where, "the log is not the one that was signed"))


def _check_heads(reader: EmbeddedReader, problems: list[Problem]) -> int:
    count = 0
    try:
        for cube_id, state, check in reader.vault.heads():
            count += 1
            if checksum(state) != check:
                problems.append(
                    Problem(f"cube {id_text(cube_id)}", "its head is damaged: run `memos rebuild`")
                )
    except apsw.CorruptError as error:
        problems.append(Problem("vault", f"the heads cannot be read: {error}; run `memos rebuild`"))
    return count
