"""The whole audit of an embedded vault: every stored row beside what the log folds to, both ways."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import apsw
from google.protobuf.message import DecodeError

from memos.infrastructure.engine.embedded.audit import verify
from memos.infrastructure.engine.embedded.comparison import (
    IndexComparison,
    differences,
    know_states,
    name_of,
)
from memos.infrastructure.engine.embedded.key_presence import keys_of_no_cube
from memos.infrastructure.engine.embedded.reader import EmbeddedReader
from memos.infrastructure.engine.embedded.rebuild import Refolded
from memos.infrastructure.engine.embedded.scratch import (
    LIVE,
    Scratch,
    columns_of,
    scratch,
)
from memos.infrastructure.engine.embedded.stores import EmbeddedStores
from memos.infrastructure.engine.embedded.vector_audit import vector_problems
from memos.infrastructure.engine.reader import has_no_key
from memos.infrastructure.keys.envelope import open_body
from memos.infrastructure.keys.settings_seal import SEAL, is_sealed
from memos.infrastructure.keys.sqlite.key_mark import mark_of, settings_of
from memos.infrastructure.keys.sqlite.unopened_keys import unopened_keys
from memos.infrastructure.progress import Progress
from memos.infrastructure.reports import MOST_PROBLEMS, Problem, Verification
from memos.infrastructure.sqlite.statements import rows
from memos.infrastructure.vault.sqlite.writer import TABLES as VAULT_TABLES
from memos.kernel.cube import Lifecycle
from memos.kernel.errors import Damaged
from memos.kernel.outcome import Result
from memos.kernel.scope import tenant_of
from memos.kernel.state import state_from_bytes
from memos.wire.access_pb2 import AccessEvent

COMPARED = (*VAULT_TABLES, "usage", "cube_key")
"""Tables compared row by row with what the fold gives."""

NOT_COMPARED = {
    "checkpoint: one that was removed": "nothing else says that it was signed; whoever keeps a "
    "note can prove the loss",
    "setting: those of a vault that an earlier release made": "it sealed none",
    "setting: key_file, where it is lower or gone": "it only tells that a key file is older",
    "setting: taken_erases": "it only tells up to where the list of erases was taken",
    "setting: query_keys": "it only tells up to which day the keys of queries are gone",
    "setting: query_texts; query_text, query_cube and query_erased": "texts of queries that a vault was told to "
    "keep for a while: no log has them",
    "access: log_time, and of data what no usage is counted from": "the access log is under no "
    "tree: whoever holds the vault can rewrite it",
    "erasure: the receipts of a log that came from elsewhere": "they are signed by vaults whose "
    "keys may not be known here",
    "migrated": "places in an earlier log, which its own proofs hold",
    "index_scope: docs and changed, where memories of the scope were erased": "texts that are gone "
    "were counted; both have bounds that are checked",
    "index_scope: purged, and index_state: purges and cleared": "they only tell open readers to "
    "read again",
    "index_model: name": "a label; the digest is compared by opening what is sealed under it",
    "index_set_aside": "what a model refuses no log says; the doctor names it",
    "index_vector: vector": "a number that only says what is newer",
    "keys.db: keys that no memory needs, such as those of queries, and rings' last keys": "nothing "
    "else says that they were there",
    "keys.db: written": "it only tells that a key file is older",
    "keys.db: known_log, where it is gone": "it only tells that a vault is older",
}
"""What no audit can compare, each with its reason."""


def audit(stores: EmbeddedStores, progress: Progress) -> Verification:
    """Everything that `verify` checks, and every stored row compared with a fresh fold of the log.

    The fold goes to a scratch database, so memory stays flat, and the vault may be written
    meanwhile: all is of one moment.
    """
    checked = verify(stores, progress)
    problems = list(checked.problems)
    with scratch(stores) as fresh:
        for problem in _problems(stores, fresh, progress):
            problems.append(problem)
            if len(problems) >= MOST_PROBLEMS:
                break
    said = dict.fromkeys(problems)
    not_compared = tuple(f"{what} ({why})" for what, why in NOT_COMPARED.items())
    return replace(checked, problems=tuple(said), not_compared=not_compared)


def _problems(stores: EmbeddedStores, fresh: Scratch, progress: Progress) -> Iterator[Problem]:
    connection = fresh.connection
    know_states(connection)
    for refolded in fresh.fold(progress):
        yield from _body(fresh, refolded)
    yield from fresh.kept_keys.problems()
    yield from _key_file(stores)
    keyless = set[bytes]()
    yield from _keys(fresh, keyless)
    present = {column.table for column in columns_of(connection, LIVE)}
    for table in COMPARED:
        if table in present:
            names = [column.name for column in sorted(fresh.columns) if column.table == table]
            yield from differences(connection, table, names)
    yield from _accesses(connection)
    yield from _settings(stores)
    yield from IndexComparison(connection, keyless).problems()
    reader = EmbeddedReader(connection, fresh.cube_keys, stores.index.view)
    yield from vector_problems(connection, fresh.cube_keys, reader)


def _body(fresh: Scratch, refolded: Refolded) -> Iterator[Problem]:
    """A key is checked by opening what was sealed under it."""
    event, outcome = refolded.event, refolded.outcome
    if event is None or outcome is None or outcome.result is not Result.ACCEPTED:
        return
    if not event.HasField("body"):
        return
    try:
        key = fresh.cube_keys.key(fresh.connection, event.cube_id)
        if key is not None:
            open_body(key, event)
    except Damaged as error:
        yield Problem(str(refolded.record.position), f"its body does not open: {error}")


def _keys(fresh: Scratch, keyless: set[bytes]) -> Iterator[Problem]:
    """Whether every memory's key opens; those of which it does not are added to `keyless`, with those
    of tenants whose own keys are lost.
    """
    connection = fresh.connection
    sql = "SELECT cube_id, scope, state FROM main.head WHERE lifecycle <> ? ORDER BY cube_id"
    for cube_id, scope, stored in rows(connection, sql, (int(Lifecycle.ERASED),)):
        if tenant_of(scope) in fresh.kept_keys.lost:
            keyless.add(cube_id)
        try:
            key = fresh.cube_keys.key(connection, cube_id)
        except Damaged as error:
            key = None
            if not has_no_key(state_from_bytes(stored)):
                yield Problem(f"cube {cube_id.hex()}", str(error))
        if key is None:
            keyless.add(cube_id)
    for cube_id in keys_of_no_cube(connection):
        yield Problem(
            f"cube {name_of(cube_id)}",
            "there is a key of it in cube_key, and the log has made no such memory: the record that "
            "made it is damaged, or somebody put the key there; leave it, it opens nothing else",
        )


def _key_file(stores: EmbeddedStores) -> Iterator[Problem]:
    """Every row of the key file opens under the root key, and a ring has no gap."""
    keys = stores.keys
    with stores.database.reading() as connection:
        mark = mark_of(connection)
    keys.refresh()  # another process may have changed the file, before it wrote the mark
    if mark.changes > keys.file.written.changes:
        yield Problem("keys.db", str(keys.file.missing("what was written last")))
    with keys.file.reading() as connection:
        unopened = list(unopened_keys(connection, keys.root.key))
    for name, what in unopened:
        yield Problem("keys.db", f"the key of {name} {what}: put the file back from your backup")


def _settings(stores: EmbeddedStores) -> Iterator[Problem]:
    """Whether the settings are those that were sealed; an earlier release sealed none."""
    with stores.database.reading() as connection:
        settings = settings_of(connection)
    seal = settings.get(SEAL)
    if (seal or stores.keys.file.seals_settings) and not is_sealed(
        stores.keys, settings, seal or ""
    ):
        yield Problem("setting", "the settings are not those that the vault was made with")


def _accesses(connection: apsw.Connection) -> Iterator[Problem]:
    expected = 0
    for position, data in rows(connection, f"SELECT position, data FROM {LIVE}.access ORDER BY 1"):
        if position != expected:
            yield Problem(f"access {expected}", "it is missing")
        expected = position + 1
        try:
            AccessEvent.FromString(data)
        except (DecodeError, TypeError) as error:
            yield Problem(f"access {position}", f"it is no access: {error}")
