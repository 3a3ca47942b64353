"""A file around bytes that are sealed: safetensors with one buffer, and beside it what is told in clear."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import torch
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from memos.infrastructure.keys.envelope import KEY_BYTES, decrypt, encrypt
from memos.infrastructure.keys.root import sync_directory
from memos.infrastructure.writing import writing
from memos.kernel.errors import Damaged

UNFINISHED = ".unfinished"
"""How the names of files end that are being written."""

SEALED = "sealed"
"""The one tensor of a file."""

OVERHEAD = 28
"""Bytes of a nonce and a tag."""

MOST_SEALED = 2**31 - 1 - OVERHEAD
"""The most bytes that are sealed at once."""


class OpenedBox(NamedTuple):
    """What a file tells in clear, proven, and what was sealed in it."""

    told: Mapping[str, str]
    plain: bytes


def sealing_key(secret: bytes, info: bytes, salt: bytes | None = None) -> bytes:
    """What seals a file: HKDF-SHA256 (RFC 5869) over a secret.

    Args:
        secret: ends where the file is to open no more.
        info: which file of which kind it is.
        salt: another secret that is needed besides.
    """
    return HKDF(SHA256(), KEY_BYTES, salt=salt, info=info).derive(secret)


def write_box(path: Path, told: Mapping[str, str], plain: bytes, sealing: bytes) -> int:
    """Write a file, for its owner only, whole or not at all; its bytes.

    Args:
        path: its directory is there.
        told: in clear; what is sealed is bound to it.
        plain: at most `MOST_SEALED` bytes.
        sealing: 32 bytes; nothing else opens it.

    Raises:
        VaultError: it cannot be written; DiskFull where there is no room.
    """
    box = encrypt(sealing, plain, _binding(told))
    data = save({SEALED: torch.frombuffer(bytearray(box), dtype=torch.uint8)}, dict(told))
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}{UNFINISHED}")
    try:
        with writing(path):
            handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            take_place(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
    return len(data)


def take_place(unfinished: Path, path: Path) -> None:
    """Have a file that was written whole stand under its name, also after the machine fails.

    Another process at the same may have removed it as one that nobody finishes: then it has come to its own end.
    """
    with suppress(FileNotFoundError):
        unfinished.replace(path)
    sync_directory(path.parent)


def remove_unfinished(path: Path) -> None:
    """Remove what processes that were killed had begun to write in the place of a file."""
    for left in path.parent.glob(f".{path.name}.*{UNFINISHED}"):
        left.unlink(missing_ok=True)


def read_told(path: Path) -> dict[str, str]:
    """What a file tells in clear, unproven: only `read_box` shows that it was not changed.

    Raises:
        Damaged: it is no such file, or not whole.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise damaged(path) from error


def read_box(path: Path, sealing: bytes) -> OpenedBox:
    """What `write_box` wrote.

    Raises:
        Damaged: the file is not there, not whole, was changed, or is sealed under another key.
    """
    try:
        with safe_open(path, framework="pt") as file:
            told = file.metadata() or {}
            box = file.get_tensor(SEALED)
    except (OSError, SafetensorError) as error:
        raise damaged(path) from error
    flat = box.contiguous().reshape(-1).view(torch.uint8)
    return OpenedBox(told, decrypt(sealing, flat.numpy().tobytes(), _binding(told)))


def damaged(path: Path) -> Damaged:
    """The error of a file that is not what was written."""
    return Damaged(f"{path} is not what was written there: remove it, and it is computed again")


def _binding(told: Mapping[str, str]) -> bytes:
    return json.dumps(dict(told), sort_keys=True).encode()
