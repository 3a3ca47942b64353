"""Whatever is put into a vault's files beside what they are made of is told, and no erase calls its
memories gone beside it.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import apsw
import pytest

from memos import EraseUnfinished, Memory, doctor

ALICE = "agent:alice"

PUT_IN = {
    "a trigger and a table that keep cubes' keys": (
        "memos.db",
        (
            "CREATE TABLE query_kept (wrapped BLOB);"
            "CREATE TRIGGER query_t AFTER DELETE ON cube_key BEGIN"
            " INSERT INTO query_kept VALUES (old.wrapped); END"
        ),
    ),
    "a trigger and a table that keep subjects' keys": (
        "keys.db",
        (
            "CREATE TABLE kept (wrapped BLOB);"
            "CREATE TRIGGER t AFTER DELETE ON subject_key BEGIN"
            " INSERT INTO kept VALUES (old.wrapped); END"
        ),
    ),
    "a view": ("memos.db", "CREATE VIEW texts AS SELECT * FROM event"),
    "a guard that guards nothing": (
        "memos.db",
        (
            "DROP TRIGGER event_is_never_removed;"
            "CREATE TRIGGER event_is_never_removed BEFORE DELETE ON event BEGIN SELECT 1; END"
        ),
    ),
    "tables of query texts that nobody asked for": (
        "memos.db",
        "CREATE TABLE query_text (access_id BLOB PRIMARY KEY)",
    ),
}


def put_into(vault: Path, file: str, sql: str) -> None:
    with closing(apsw.Connection(str(vault / file))) as connection:
        connection.execute(sql)


@pytest.mark.parametrize(
    ("what", "keeps_queries"),
    [
        *((what, False) for what in PUT_IN),
        *((what, True) for what in PUT_IN if "nobody asked for" not in what),
    ],
)
def test_it_is_told_by_all_who_look(tmp_path: Path, what: str, keeps_queries: bool) -> None:
    file, sql = PUT_IN[what]
    vault = tmp_path / "vault"
    with Memory(vault, actor=ALICE) as memory:
        if keeps_queries:
            memory.keep_queries("30d")
        cube = memory.add("a secret", scope="acme/a", subject="bob").cube_id
        assert memory.verify().ok
        assert memory.audit().ok
        assert doctor(vault) == ()
    put_into(vault, file, sql)
    assert any(finding.severity == "error" for finding in doctor(vault))
    with Memory(vault, actor=ALICE) as memory:
        assert not memory.verify().ok
        assert not memory.audit().ok
        assert not memory.erase(cube_id=cube).gone


def test_a_subjects_key_that_does_not_go_is_told_and_the_erase_goes_on_when_it_does(
    tmp_path: Path,
) -> None:
    vault = tmp_path / "vault"
    with Memory(vault, actor=ALICE) as memory:
        memory.add("a secret", scope="acme/a", subject="bob")
    put_into(
        vault,
        "keys.db",
        "CREATE TRIGGER t BEFORE DELETE ON subject_key BEGIN SELECT raise(ignore); END",
    )
    with Memory(vault, actor=ALICE) as memory:
        with pytest.raises(EraseUnfinished, match="keeps the keys of 1 subject"):
            memory.erase(subject="bob")
        put_into(vault, "keys.db", "DROP TRIGGER t")
        receipt = memory.erase(subject="bob")
        assert receipt.gone
        assert [one.kind for one in receipt.artefacts].count("subject key") == 1
