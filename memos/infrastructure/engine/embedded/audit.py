"""Checking an embedded vault: what is damaged, what is still good, and the fold compared."""

from __future__ import annotations

from dataclasses import replace

import apsw

from memos.infrastructure.engine.embedded.creation import DATABASE_FILE
from memos.infrastructure.engine.embedded.reader import EmbeddedReader
from memos.infrastructure.engine.embedded.stores import EmbeddedStores
from memos.infrastructure.keys.signer import NoteVerifier
from memos.infrastructure.log.sqlite import log_size, stored_tree
from memos.infrastructure.progress import Progress
from memos.infrastructure.reports import MOST_PROBLEMS, Problem, Verification
from memos.infrastructure.sqlite.database import rows
from memos.kernel.cube import CubeState
from memos.kernel.errors import Damaged
from memos.kernel.event import Undecodable, id_text
from memos.kernel.fold import Result
from memos.kernel.keyed_fold import KeyedFold
from memos.kernel.leaf import leaf_of
from memos.kernel.merkle import Frontier
from memos.kernel.note import Checkpoint, NoteError, open_note
from memos.kernel.state import checksum, rewritten, state_to_bytes


def verify(stores: EmbeddedStores, progress: Progress) -> Verification:
    """Read the whole log and every head, and check them against hashes, tree and signatures."""
    problems: list[Problem] = []
    with stores.read() as reader:
        connection = reader.connection
        _check_pages(connection, problems)
        notes: dict[int, str] = dict(
            rows(connection, "SELECT size, note FROM checkpoint ORDER BY size")
        )
        events = _check_log(stores, connection, notes, problems, progress)
        cubes = _check_heads(reader, problems)
        folded = reader.vault.folded_size()
        if folded != events:
            problems.append(
                Problem("vault", f"{folded} of {events} records are folded: run `memos rebuild`")
            )
    return Verification(events, cubes, len(notes), tuple(problems[:MOST_PROBLEMS]))


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
    tree = Frontier()
    total = log_size(connection)
    verifier = NoteVerifier(stores.signer().verifier_key)
    sql = "SELECT offset, log_time, data, leaf FROM event ORDER BY offset"
    try:
        for offset, log_time, data, leaf in rows(connection, sql):
            size = tree.size
            if offset != size:
                problems.append(
                    Problem(f"0:{size}", f"records 0:{size} to 0:{offset - 1} are missing")
                )
                return total
            if leaf_of(offset, log_time, data) != leaf:
                problems.append(Problem(f"0:{offset}", "the record's bytes are not those written"))
            tree.push(leaf)
            size += 1
            if size in notes:
                _check_note(stores.origin, notes[size], tree, verifier, problems)
            if not size % 10_000:
                progress(size, total)
    except apsw.CorruptError as error:
        problems.append(Problem(f"0:{tree.size}", f"the log cannot be read on from here: {error}"))
        return total
    _check_tree(connection, tree, notes, problems)
    return total


def _check_tree(
    connection: apsw.Connection, tree: Frontier, notes: dict[int, str], problems: list[Problem]
) -> None:
    """Whether the records read give the tree that was stored and all that was signed."""
    stored = stored_tree(connection)
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


def _check_note(
    origin: str, note: str, tree: Frontier, verifier: NoteVerifier, problems: list[Problem]
) -> None:
    where = f"checkpoint {tree.size}"
    try:
        opened = Checkpoint.parse(open_note(note, [verifier]).text)
    except NoteError as error:
        problems.append(Problem(where, f"the signed note does not open: {error}"))
        return
    if (opened.origin, opened.size, opened.root) != (origin, tree.size, tree.root()):
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


def audit(stores: EmbeddedStores, progress: Progress) -> Verification:
    """Everything that `verify` checks, and every cube's history folded again and compared.

    Memory stays flat: one cube at a time. Names each cube whose projections differ.
    """
    checked = verify(stores, progress)
    problems = list(checked.problems)
    with stores.read() as reader:
        folded = 0
        for cube_id, stored, _ in reader.vault.heads():
            folded += _audit_cube(reader, cube_id, stored, problems)
            if not folded % 1000:
                progress(folded, checked.events)
        unfolded = _count(reader.connection, "attempt") - folded
        strays = _count(
            reader.connection, "attempt WHERE cube_id NOT IN (SELECT cube_id FROM head)"
        )
        if unfolded != strays:
            problems.append(Problem("vault", f"{unfolded - strays} attempts belong to no cube"))
    return replace(checked, problems=tuple(problems[:MOST_PROBLEMS]))


def _audit_cube(
    reader: EmbeddedReader, cube_id: bytes, stored: bytes, problems: list[Problem]
) -> int:
    """Fold one cube's records again; how many there were."""
    state: CubeState | None = None
    keyed = KeyedFold()
    attempts = reader.vault.attempts(cube_id)
    for attempt in attempts:
        try:
            state, outcome, _ = keyed.fold(state, reader.event(attempt.position))
        except (Undecodable, Damaged) as error:
            problems.append(Problem(f"cube {id_text(cube_id)}", f"{attempt.position}: {error}"))
            return len(attempts)
        kept = state if outcome.result is Result.ACCEPTED else None
        if outcome != attempt.outcome or kept != attempt.state:
            problems.append(
                Problem(
                    f"cube {id_text(cube_id)}",
                    f"{attempt.position}: what is stored is not what the fold gives: run "
                    "`memos rebuild`",
                )
            )
    if state is None or state_to_bytes(state) != rewritten(stored):
        problems.append(
            Problem(
                f"cube {id_text(cube_id)}",
                "its head is not what the fold gives: run `memos rebuild`",
            )
        )
    return len(attempts)


def _count(connection: apsw.Connection, what: str) -> int:
    return int(next(rows(connection, f"SELECT count(*) FROM {what}"))[0])
