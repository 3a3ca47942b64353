from __future__ import annotations

import errno
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from memos.activation.pool.file_header import MOST_BYTES, FileHeader
from memos.activation.pool.int8 import quantise
from memos.activation.pool.sealed_file import (
    chain_key,
    read_header,
    read_sealed,
    write_sealed,
)
from memos.activation.sealed_box import OVERHEAD, SEALED
from memos.kernel.errors import Damaged, DiskFull
from tests.activation.pool.segments import SECRET, content_of

KEY, PARENT = bytes(range(32)), bytes(range(32, 64))
SEALING = chain_key(SECRET, [b"a" * 32, b"b" * 32], KEY)


def header_of(dtype: str = "float32") -> FileHeader:
    return FileHeader(
        "00" * 16, KEY, PARENT, 7, (2, 2, 2, 4, 8), dtype, "raw", is_exact=True, milliseconds=12.5
    )


def written(path: Path) -> Path:
    write_sealed(path, header_of(), content_of(KEY, 4), SEALING)
    return path


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_a_segment_comes_back_bit_for_bit(tmp_path: Path, dtype: str) -> None:
    path = tmp_path / "one.safetensors"
    stored = content_of(KEY, 4, getattr(torch, dtype))
    stored[0, 0, 0, 0, :3] = torch.tensor([float("nan"), -0.0, float("inf")])
    size = write_sealed(path, header_of(dtype), stored, SEALING)
    header, segment = read_sealed(path, SEALING)
    assert header == header_of(dtype)
    assert (segment.key, segment.parent, segment.start, segment.tokens) == (KEY, PARENT, 7, 4)
    assert segment.keys_values.dtype == stored.dtype
    assert torch.equal(segment.keys_values.view(torch.uint8), stored.view(torch.uint8))
    assert segment.keys_values.is_contiguous()
    assert size == path.stat().st_size <= stored.nbytes + OVERHEAD + MOST_BYTES


def test_int8_comes_back_nearly_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "one.safetensors"
    stored = content_of(KEY, 4)
    quantised = quantise(stored)
    assert quantised is not None
    write_sealed(path, replace(header_of(), coding="int8"), quantised, SEALING)
    header, segment = read_sealed(path, SEALING)
    assert header.coding == "int8"
    off = (segment.keys_values - stored).abs().max().item()
    assert 0 < off <= stored.abs().max().item() / 127 / 2 * 1.001


def test_a_file_is_safetensors_of_one_buffer_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = written(tmp_path / "one.safetensors")
    with safe_open(path, framework="pt") as file:
        assert list(file.keys()) == [SEALED]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_no_stored_value_stands_in_a_file(tmp_path: Path) -> None:
    data = written(tmp_path / "one.safetensors").read_bytes()
    plain = content_of(KEY, 4).numpy().tobytes()
    assert not any(plain[at : at + 8] in data for at in range(0, len(plain), 8))


def test_the_seal_needs_every_cube_key_in_its_place_and_the_secret() -> None:
    one, two = b"a" * 32, b"b" * 32
    keys = {
        SEALING,
        chain_key(SECRET, [one], KEY),
        chain_key(SECRET, [two], KEY),
        chain_key(SECRET, [two, one], KEY),
        chain_key(SECRET, [one + two], KEY),
        chain_key(SECRET, [one, two], PARENT),
        chain_key(bytes(32), [one, two], KEY),
        chain_key(SECRET, [], KEY),
    }
    assert len(keys) == 8


def test_no_other_key_opens_a_file(tmp_path: Path) -> None:
    path = written(tmp_path / "one.safetensors")
    with pytest.raises(Damaged):
        read_sealed(path, chain_key(SECRET, [b"a" * 32], KEY))


def test_a_file_with_any_byte_changed_does_not_open(tmp_path: Path) -> None:
    whole = written(tmp_path / "one.safetensors").read_bytes()
    path = tmp_path / "changed.safetensors"
    for at in [*range(700), *range(700, len(whole), 97), len(whole) - 1]:
        changed = bytearray(whole)
        changed[at] ^= 1
        path.write_bytes(changed)
        with pytest.raises(Damaged):
            read_sealed(path, SEALING)


def test_a_file_that_was_cut_off_anywhere_or_continued_does_not_open(tmp_path: Path) -> None:
    whole = written(tmp_path / "one.safetensors").read_bytes()
    path = tmp_path / "cut.safetensors"
    for end in [0, 1, 7, 8, 9, 100, 500, len(whole) // 2, len(whole) - 1]:
        path.write_bytes(whole[:end])
        with pytest.raises(Damaged):
            read_sealed(path, SEALING)
    path.write_bytes(whole + b"\x00")
    with pytest.raises(Damaged):
        read_sealed(path, SEALING)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("start", "8"),
        ("shape", "[2, 2, 4, 2, 8]"),
        ("dtype", "float16"),
        ("coding", "int8"),
        ("parent", "00" * 32),
        ("tenant", "11" * 16),
        ("is_exact", "false"),
        ("milliseconds", (1.0).hex()),
        ("format", "memos-kv-segment/2"),
        ("shape", "[2, 2, 2, 4]"),
        ("shape", "[2, 2, 2, 0, 8]"),
        ("shape", "nonsense"),
        ("dtype", "float8"),
        ("milliseconds", "nan"),
    ],
)
def test_a_header_that_was_changed_does_not_open(tmp_path: Path, name: str, value: str) -> None:
    path = written(tmp_path / "one.safetensors")
    with safe_open(path, framework="pt") as file:
        sealed = file.get_tensor(SEALED)
    save_file({SEALED: sealed}, path, {**header_of().to_metadata(), name: value})
    with pytest.raises(Damaged):
        read_sealed(path, SEALING)


def test_a_foreign_file_is_no_segment(tmp_path: Path) -> None:
    path = tmp_path / "foreign.safetensors"
    save_file({"weight": torch.zeros(4)}, path, {"format": "pt"})
    with pytest.raises(Damaged):
        read_header(path)
    with pytest.raises(Damaged):
        read_sealed(path, SEALING)
    with pytest.raises(Damaged):
        read_sealed(tmp_path / "missing", SEALING)


def test_a_content_of_another_size_than_its_header_says_is_no_segment(tmp_path: Path) -> None:
    path = tmp_path / "one.safetensors"
    write_sealed(path, header_of(), content_of(KEY, 3), SEALING)
    with pytest.raises(Damaged):
        read_sealed(path, SEALING)


def test_a_write_that_fails_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "one.safetensors")
    before = path.read_bytes()

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFull):
        write_sealed(path, header_of(), content_of(KEY, 4), SEALING)
    assert (path.read_bytes(), list(tmp_path.iterdir())) == (before, [path])
