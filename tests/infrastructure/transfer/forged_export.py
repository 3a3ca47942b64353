"""Exports as a forger with a key of his own would make them: changed, then signed again."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from memos.infrastructure.keys.signer import NoteSigner
from memos.infrastructure.transfer import layout
from memos.infrastructure.transfer.files import file_sum, signed_text
from memos.kernel.leaf import leaf_of
from memos.kernel.merkle import Frontier
from memos.kernel.note import Checkpoint

Lines = list[dict[str, Any]]


def read_lines(path: Path) -> Lines:
    return [json.loads(line) for line in path.read_text().splitlines()]


def write_lines(path: Path, lines: Lines) -> None:
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def change_lines(export: Path, name: str, change: Callable[[Lines], Lines]) -> None:
    write_lines(export / name, change(read_lines(export / name)))


def change_manifest(export: Path, **changes: Any) -> None:
    path = export / layout.MANIFEST
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def sign_again(export: Path) -> None:
    """Make every hash, the checkpoint and the signature fit what the files now say."""
    signer = NoteSigner("memos/forger", Ed25519PrivateKey.generate())
    tree = Frontier()
    for line in read_lines(export / layout.EVENTS):
        offset = int(line["position"].partition(":")[2])
        tree.push(leaf_of(offset, line["log_time"], b64decode(line["data"])))
    change_manifest(export, verifier_key=signer.verifier_key, events=tree.size)
    checkpoint = Checkpoint(signer.name, tree.size, tree.root()).format()
    (export / layout.CHECKPOINT).write_text(signer.sign(checkpoint))
    sums = "".join(f"{file_sum(export / name)}  {name}\n" for name in layout.SUMMED).encode()
    (export / layout.CHECKSUMS).write_bytes(sums)
    (export / layout.SIGNATURE).write_text(signer.sign(signed_text(sums)))
