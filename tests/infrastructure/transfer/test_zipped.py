"""An export as a zip: whole, read by any tool, and as little to be fooled as the others."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from memos import InvalidInput, Memory, Refused
from memos.infrastructure.transfer import layout

Spoil = Callable[[zipfile.ZipFile, dict[str, bytes]], None]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small export as a zip."""
    place = tmp_path_factory.mktemp("good")
    with Memory(place / "a.vault") as memory:
        memory.add("She likes pottery.", scope="acme/alice", tags=["craft"])
        memory.export(place / "out.zip")
    return place / "out.zip"


def test_a_zip_is_one_and_holds_the_files_of_an_export(good: Path, tmp_path: Path) -> None:
    assert zipfile.is_zipfile(good)
    assert stat.S_IMODE(good.stat().st_mode) == 0o600
    with zipfile.ZipFile(good) as archive:
        assert archive.namelist() == list(layout.FILES)
        assert archive.testzip() is None
        archive.extractall(tmp_path / "unpacked")
    with Memory.load(tmp_path / "unpacked", into=tmp_path / "second.vault") as loaded:
        (hit,) = loaded.search("pottery", scope="acme")
        assert hit.tags == ("craft",)


def test_what_a_name_says_is_what_is_written_or_refused(tmp_path: Path) -> None:
    with Memory(tmp_path / "a.vault") as memory:
        memory.add("One.", scope="acme")
        for name in ("out.tar.gz", "out.tgz", "out.7z", "out.jsonl", "OUT.JSON"):
            with pytest.raises(InvalidInput, match=r"ends in \.tar, \.memos or \.zip"):
                memory.export(tmp_path / name)
        assert not list(tmp_path.glob("out*"))
        memory.export(tmp_path / "out.zip")
        before = (tmp_path / "out.zip").read_bytes()
        with pytest.raises(InvalidInput, match="exists already"):
            memory.export(tmp_path / "out.zip")
        assert (tmp_path / "out.zip").read_bytes() == before


@pytest.mark.parametrize("name", ["out", "out.tar", "out.memos", "out.zip"])
def test_an_import_of_an_export_says_to_load_it(tmp_path: Path, name: str) -> None:
    with Memory(tmp_path / "a.vault") as memory:
        memory.add("One.", scope="acme")
        memory.export(tmp_path / name)
        events = memory.stats().events
        with pytest.raises(Refused, match=f"{name} is an export of MemOS.*: load it"):
            memory.import_file(tmp_path / name, scope="acme")
        assert memory.stats().events == events


def _again(good: Path, path: Path, spoil: Spoil) -> Path:
    """The zip written again, with something else in it."""
    with zipfile.ZipFile(good) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        spoil(archive, files)
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def _link(archive: zipfile.ZipFile, files: dict[str, bytes]) -> None:
    member = zipfile.ZipInfo("memories.jsonl")
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive.writestr(member, "/etc/passwd")
    del files["memories.jsonl"]


def _bomb(archive: zipfile.ZipFile, files: dict[str, bytes]) -> None:
    files["memories.jsonl"] = b" " * 50_000_000


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda archive, files: archive.writestr("../out.txt", "x"), "path traversal"),
        (lambda archive, files: archive.writestr("/srv/out.txt", "x"), "path traversal"),
        (lambda archive, files: archive.writestr("notes.txt", "x"), "does not belong"),
        (lambda archive, files: files.pop("events.jsonl"), "lacks events.jsonl"),
        (_link, "no regular file"),
        (_bomb, "100 times its own size"),
    ],
)
def test_a_hostile_zip_is_refused_whole(
    good: Path, tmp_path: Path, spoil: Spoil, reason: str
) -> None:
    path = _again(good, tmp_path / "bad.zip", spoil)
    with pytest.raises(Refused, match=reason):
        Memory.load(path, into=tmp_path / "refused.vault")
    assert [file.name for file in tmp_path.iterdir()] == ["bad.zip"]


def test_a_zip_that_was_cut_or_changed_is_refused(good: Path, tmp_path: Path) -> None:
    whole = good.read_bytes()
    for size in (2, 100, len(whole) // 2, len(whole) - 30):
        (tmp_path / "cut.zip").write_bytes(whole[:size])
        with pytest.raises(Refused):
            Memory.load(tmp_path / "cut.zip", into=tmp_path / "refused.vault")
    spoiled = bytearray(whole)
    spoiled[len(whole) // 3] ^= 1
    (tmp_path / "cut.zip").write_bytes(spoiled)
    with pytest.raises(Refused):
        Memory.load(tmp_path / "cut.zip", into=tmp_path / "refused.vault")
    assert not (tmp_path / "refused.vault").exists()
