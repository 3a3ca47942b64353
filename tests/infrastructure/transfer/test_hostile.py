"""Hostile exports are refused whole, with the reason, and leave nothing behind."""

from __future__ import annotations

import io
import shutil
import tarfile
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memos import Memory, Refused
from memos.infrastructure.transfer import layout
from memos.wire.event_pb2 import Event
from tests.infrastructure.transfer.forged_export import (
    Lines,
    change_lines,
    change_manifest,
    sign_again,
)

Build = Callable[[tarfile.TarFile], None]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small export with a live, a changed and an erased memory."""
    place = tmp_path_factory.mktemp("good")
    with Memory(place / "a.vault") as memory:
        kept = memory.add("She likes pottery.", scope="acme/alice", tags=["craft"])
        gone = memory.add("Forget me.", scope="acme/alice", subject="bob")
        memory.update(kept.cube_id, "She likes glazing.")
        memory.erase(cube_id=gone.cube_id)
        memory.search("glazing", scope="acme")
        memory.export(place / "out")
        memory.export(place / "out.memos")
    return place


@pytest.fixture
def export(good: Path, tmp_path: Path) -> Path:
    """A copy of it, to be spoiled."""
    shutil.copytree(good / "out", tmp_path / "out")
    return tmp_path / "out"


def refusal(path: Path, **options: Any) -> str:
    """Why loading is refused, alone and into a vault; nothing may be left of it."""
    target = path.parent / "refused.vault"
    before = sorted(file.name for file in path.parent.iterdir())
    with pytest.raises(Refused) as caught:
        Memory.load(path, into=target, **options)
    assert sorted(file.name for file in path.parent.iterdir()) == before
    with Memory(path.parent / "other.vault") as other:
        own = other.digest()
        with pytest.raises(Refused):
            other.import_export(path, **options)
        assert other.digest() == own
        assert other.stats().events == 0
    shutil.rmtree(path.parent / "other.vault")
    return str(caught.value)


@pytest.mark.parametrize("name", layout.FILES)
def test_one_flipped_bit_in_any_file_is_refused(export: Path, name: str) -> None:
    whole = (export / name).read_bytes()
    for place in sorted({0, len(whole) // 3, len(whole) // 2, len(whole) - 2}):
        spoiled = bytearray(whole)
        spoiled[place] ^= 0x04
        (export / name).write_bytes(spoiled)
        with pytest.raises(Refused):
            Memory.load(export, into=export.parent / "refused.vault")
    assert not (export.parent / "refused.vault").exists()


@pytest.mark.parametrize("name", layout.FILES)
def test_a_truncated_or_missing_file_is_refused(export: Path, name: str) -> None:
    whole = (export / name).read_bytes()
    (export / name).write_bytes(whole[: len(whole) // 2])
    assert refusal(export)
    (export / name).unlink()
    assert f"lacks {name}" in refusal(export)


def test_a_truncated_tar_is_refused_wherever_it_ends(good: Path, tmp_path: Path) -> None:
    whole = (good / "out.memos").read_bytes()
    end = whole.rstrip(b"\0")
    for size in (0, 100, 512, 700, len(whole) // 2, len(end) - 1):
        (tmp_path / "cut.memos").write_bytes(whole[:size])
        assert refusal(tmp_path / "cut.memos")


def test_a_flipped_bit_in_a_tar_header_is_refused(good: Path, tmp_path: Path) -> None:
    spoiled = bytearray((good / "out.memos").read_bytes())
    spoiled[3] ^= 1
    (tmp_path / "bad.memos").write_bytes(spoiled)
    assert "damaged" in refusal(tmp_path / "bad.memos")


def _tar(path: Path, build: Build) -> Path:
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
        build(tar)
    return path


def _member(name: str, kind: bytes = tarfile.REGTYPE, data: bytes = b"x", link: str = "") -> Build:
    def build(tar: tarfile.TarFile) -> None:
        member = tarfile.TarInfo(name)
        member.type = kind
        member.linkname = link
        member.size = len(data) if kind == tarfile.REGTYPE else 0
        tar.addfile(member, io.BytesIO(data) if kind == tarfile.REGTYPE else None)

    return build


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (_member("../escaped"), "path traversal"),
        (_member("/etc/escaped"), "path traversal"),
        (_member("a/../../escaped"), "path traversal"),
        (_member("./../manifest.json"), "path traversal"),
        (_member("manifest.json", tarfile.SYMTYPE, link="/etc/passwd"), "no regular file"),
        (_member("manifest.json", tarfile.LNKTYPE, link="/etc/passwd"), "no regular file"),
        (_member("manifest.json", tarfile.CHRTYPE), "no regular file"),
        (_member("manifest.json", tarfile.FIFOTYPE), "no regular file"),
        (_member("manifest.json", tarfile.DIRTYPE), "no regular file"),
        (_member("extra.txt"), "does not belong"),
        (_member("sub/manifest.json"), "does not belong"),
        (_member("manifest.json", data=b"x" * (2**20 + 1)), "at most"),
        (_member("m" * 200), "no regular file"),  # a long-name header comes first
    ],
)
def test_what_never_belongs_into_a_tar_is_refused(
    tmp_path: Path, build: Build, reason: str
) -> None:
    assert reason in refusal(_tar(tmp_path / "bad.memos", build))


def test_a_member_that_comes_twice_is_refused(tmp_path: Path) -> None:
    def build(tar: tarfile.TarFile) -> None:
        _member("manifest.json")(tar)
        _member("./manifest.json")(tar)

    assert "twice" in refusal(_tar(tmp_path / "bad.memos", build))


def test_a_member_that_claims_more_than_is_there_is_refused(tmp_path: Path) -> None:
    member = tarfile.TarInfo("events.jsonl")
    member.size = 2**40
    (tmp_path / "bad.memos").write_bytes(
        member.tobuf(tarfile.GNU_FORMAT, "utf-8", "strict") + bytes(2048)
    )
    assert "truncated or forged" in refusal(tmp_path / "bad.memos")


def test_a_tar_made_by_tar_itself_of_the_directory_is_taken(export: Path) -> None:
    with tarfile.open(export.parent / "again.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
        tar.add(export, arcname=".")
    Memory.load(export.parent / "again.tar", into=export.parent / "b.vault").close()


def test_what_is_no_export_at_all_is_refused(tmp_path: Path) -> None:
    (tmp_path / "noise.memos").write_bytes(b"This is no tar file. " * 100)
    assert "no tar" in refusal(tmp_path / "noise.memos")
    assert "no export" in refusal(tmp_path / "absent.memos")
    (tmp_path / "folder").mkdir()
    assert "lacks" in refusal(tmp_path / "folder")


def test_a_link_in_the_directory_is_refused(export: Path) -> None:
    (export / "events.jsonl").rename(export.parent / "elsewhere")
    (export / "events.jsonl").symlink_to(export.parent / "elsewhere")
    assert "no regular file" in refusal(export)


def test_a_line_beyond_the_limit_is_refused(export: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "MAX_LINE_BYTES", 300)
    assert "bytes long" in refusal(export)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"major": 2}, "format 2"),
        ({"major": "1"}, "'major' must be"),
        ({"format": "other"}, "format 'other'"),
        ({"keys": {"method": "rot13"}}, "not known"),
        ({"keys": []}, "'keys' must be"),
        ({"keys": {"method": "passphrase", "kdf": "scrypt", "n": 2**40, "r": 8, "p": 1}}, "'n'"),
        ({"digest": "0" * 64}, "another digest"),
        ({"cubes": -1}, "'cubes' must be"),
    ],
)
def test_a_manifest_that_is_wrong_is_refused_though_well_signed(
    export: Path, changes: dict[str, Any], reason: str
) -> None:
    change_manifest(export, **changes)
    sign_again(export)
    target = export.parent / "refused.vault"
    with pytest.raises(Refused, match=reason):
        Memory.load(export, into=target, passphrase="x")
    assert not target.exists()


def test_an_export_signed_by_a_stranger_loads_unless_a_key_is_asked_for(
    export: Path, good: Path
) -> None:
    sign_again(export)
    with Memory(good / "a.vault") as first:
        wanted = first.verifier_key()
    assert "not by the vault" in refusal(export, verifier_key=wanted)
    Memory.load(export, into=export.parent / "b.vault").close()


def _without(number: int) -> Callable[[Lines], Lines]:
    return lambda lines: [line for place, line in enumerate(lines) if place != number]


def _edit(number: int, **changes: Any) -> Callable[[Lines], Lines]:
    def change(lines: Lines) -> Lines:
        lines[number].update(changes)
        return lines

    return change


def _event(number: int, change: Callable[[Event], object]) -> Callable[[Lines], Lines]:
    """Change an event's own bytes, and what the line tells of them."""

    def edit(lines: Lines) -> Lines:
        event = Event.FromString(b64decode(lines[number]["data"]))
        change(event)
        lines[number]["data"] = b64encode(event.SerializeToString()).decode()
        return lines

    return edit


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        (layout.EVENTS, _without(0), "skip"),
        (layout.EVENTS, lambda lines: lines[:-1], "tombstones"),
        (layout.EVENTS, lambda lines: [lines[1], lines[0], *lines[2:]], "skip"),
        (layout.EVENTS, _edit(0, kind="Erased"), "not what the event's bytes say"),
        (layout.EVENTS, _edit(0, position="1:0"), "no position"),
        (layout.EVENTS, _edit(0, log_time=-1), "'log_time'"),
        (layout.EVENTS, _edit(0, log_time=2**62), "'log_time'"),
        (layout.EVENTS, _edit(0, sequence=7), "number 7"),
        (layout.EVENTS, _edit(0, data="%%"), "no base64"),
        (layout.EVENTS, _event(0, lambda e: setattr(e, "tenant", "acme2")), "another tenant"),
        (layout.EVENTS, _event(0, lambda e: setattr(e, "scope", "acme/..")), "no scope"),
        (layout.EVENTS, _event(0, lambda e: setattr(e, "schema_major", 9)), "upgrade"),
        (layout.EVENTS, _event(0, lambda e: setattr(e.body, "box", b"x" * 40)), "do not open"),
        (layout.EVENTS, _event(0, lambda e: setattr(e, "actor", "user:eve")), "'actor'"),
        (layout.TOMBSTONES, _without(0), "without its key"),
        (layout.TOMBSTONES, lambda lines: [*lines, *lines], "tombstones"),
        (layout.CUBE_KEYS, _without(0), "without its key"),
        (layout.CUBE_KEYS, lambda lines: [*lines, *lines], "fits no cube"),
        (layout.CUBE_KEYS, _edit(0, key=b64encode(bytes(31)).decode()), "31 bytes"),
        (layout.CUBE_KEYS, _edit(0, key=b64encode(bytes(32)).decode()), "do not open"),
        (layout.CUBE_KEYS, _edit(0, cube_id="nobody"), "no id"),
        (layout.ACCESSES, _edit(0, data=b64encode(b"\xff\xff").decode()), "no vault wrote"),
        (layout.ERASURES, _edit(0, receipt=7), "'receipt' must be a text"),
    ],
)
def test_a_forged_line_is_refused_though_well_signed(
    export: Path, name: str, change: Callable[[Lines], Lines], reason: str
) -> None:
    change_lines(export, name, change)
    sign_again(export)
    target = export.parent / "refused.vault"
    with pytest.raises(Refused, match=reason):
        Memory.load(export, into=target)
    assert [file.name for file in export.parent.iterdir()] == ["out"]


def test_json_that_is_none_or_too_deep_is_refused(export: Path) -> None:
    for text in ("{", "[]", "[" * 100_000, '{"a":' * 100_000):
        (export / layout.TOMBSTONES).write_text(text + "\n")
        sign_again(export)
        assert layout.TOMBSTONES in refusal(export)
