"""The doctor of an embedded vault tries the root key on what it wraps, and takes any argument."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import apsw
import pytest

from memos import InvalidInput, Memory, Receipt, doctor


def told(vault: Path) -> list[str]:
    return [finding.what for finding in doctor(vault) if finding.severity == "error"]


@pytest.mark.parametrize("contents", [b"", b"x", b"\xff" * 40, b"ab" * 31, b"zz" * 32])
def test_a_root_key_that_is_none_is_told(
    vault: Path, receipts: list[Receipt], contents: bytes
) -> None:
    assert receipts
    assert doctor(vault) == ()
    (vault / "root.key").write_bytes(contents)
    (found,) = told(vault)
    assert "root.key is no root key" in found


def test_the_root_key_of_another_vault_is_told(
    vault: Path, tmp_path: Path, receipts: list[Receipt]
) -> None:
    assert receipts
    Memory(tmp_path / "other").close()
    shutil.copy(tmp_path / "other" / "root.key", vault / "root.key")
    opens, settings = told(vault)
    assert "root.key opens none of the 2 keys in keys.db" in opens
    assert "sealed under root.key" in settings


def test_the_root_key_of_another_vault_is_told_before_there_is_any_key(tmp_path: Path) -> None:
    for name in ("one", "other"):
        Memory(tmp_path / name).close()
    assert doctor(tmp_path / "one") == ()
    shutil.copy(tmp_path / "other" / "root.key", tmp_path / "one" / "root.key")
    (found,) = told(tmp_path / "one")
    assert "sealed under root.key" in found


def test_keys_that_do_not_open_are_named_and_many_are_counted(
    vault: Path, receipts: list[Receipt]
) -> None:
    assert receipts
    with closing(apsw.Connection(str(vault / "keys.db"))) as keys:
        keys.execute("UPDATE tenant_key SET wrapped = x'00'")
    (found,) = told(vault)
    assert "the key of tenant 'acme' does not open under the root key" in found
    with closing(apsw.Connection(str(vault / "keys.db"))) as keys:
        for n in range(9):
            keys.execute("INSERT INTO subject_key VALUES ('acme', ?, x'00')", (bytes([n]) * 32,))
    assert len(told(vault)) == 6
    assert "so it is with 5 more keys" in told(vault)[-1]


@pytest.mark.parametrize("argument", [None, 5, b"x", "x" * 5000, "a\0b", ["x"]])
def test_what_is_no_path_is_refused(argument: object) -> None:
    with pytest.raises(InvalidInput, match="path"):
        doctor(cast(Any, argument))


def test_a_place_where_no_vault_is_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "loop").symlink_to("loop")
    for name in ("absent", "file", "file/below"):
        assert "there is no vault" in told(tmp_path / name)[0]
    assert "cannot be examined" in told(tmp_path / "loop")[0]
