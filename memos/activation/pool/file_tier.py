"""A tier of sealed files: a directory a tenant, a file a segment, found again after a restart."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from stat import S_ISREG
from threading import Lock

from torch import Tensor

from memos.activation.pool.file_header import DTYPES, MOST_BYTES, FileHeader
from memos.activation.pool.int8 import Quantised, quantise
from memos.activation.pool.limits import Limits
from memos.activation.pool.sealed_file import (
    chain_key,
    read_header,
    read_sealed,
    write_sealed,
)
from memos.activation.pool.stored_segment import StoredSegment
from memos.activation.sealed_box import MOST_SEALED, OVERHEAD, UNFINISHED, damaged
from memos.activation.segment import Segment
from memos.infrastructure.writing import writing
from memos.kernel.errors import Damaged, VaultError
from memos.kernel.keyed_digest import keyed_digest

CubeKeys = Callable[[bytes], Sequence[bytes] | None]
"""The keys of all cubes that a segment was computed from, root first, by the segment's key; None where
one of them was destroyed. Several threads ask it at once. A VaultError of it is a miss, and nothing is
removed.
"""

READ_PER_SECOND = 5e8
"""A first guess at bytes read and opened in a second."""

_TENANT = re.compile(r"[0-9a-f]{32}")
_SEGMENT = re.compile(r"[0-9a-f]{32}\.safetensors")


def tenant_label(secret: bytes, tenant: str) -> str:
    """What stands for a tenant on the disk."""
    return keyed_digest(secret, b"kv-tenant", tenant.encode("utf-8", "surrogatepass")).hex()


class FileTier:
    """Keeps segments in files that nothing but the keys of their whole chain opens. A directory is for one
    pool at a time.

    Args:
        directory: made where it is not there.
        limits: what it may hold, in bytes of files.
        secret: the pool's, 32 bytes, kept by the caller: names are digests under it, and without it no
            file opens.
        cube_keys: gives the keys of a segment's chain.
        as_int8: whether segments are kept as int8: a quarter of fp32, half of bf16, and not exact.
    """

    name = "files"
    keeps_loaded = True
    bytes_per_second = READ_PER_SECOND

    def __init__(
        self,
        directory: Path,
        limits: Limits,
        secret: bytes,
        cube_keys: CubeKeys,
        *,
        as_int8: bool = False,
    ) -> None:
        self.limits = limits
        self.secret = secret
        self._directory = directory
        self._cube_keys = cube_keys
        self._as_int8 = as_int8
        self._counts_lock = Lock()
        self.counts: Counter[str] = Counter()

    def most_bytes(self, segment: Segment) -> int:
        return segment.bytes + OVERHEAD + MOST_BYTES

    def write(self, segment: Segment, source: StoredSegment) -> StoredSegment | None:
        dtype = str(segment.keys_values.dtype).removeprefix("torch.")
        if dtype not in DTYPES or segment.bytes > MOST_SEALED:
            self._count("unwritten")
            return None
        quantised = quantise(segment.keys_values) if self._as_int8 else None
        layers, pair, heads, tokens, width = segment.keys_values.shape
        header = FileHeader(
            source.tenant,
            segment.key,
            segment.parent,
            segment.start,
            (layers, pair, heads, tokens, width),
            dtype,
            "raw" if quantised is None else "int8",
            source.is_exact,
            source.milliseconds,
        )
        size = self._write(header, segment.keys_values if quantised is None else quantised)
        if size is None:
            self._count("unwritten")
            return None
        if quantised is not None:
            self._count("quantised")
        return _stored(header, size, source.uses)

    def read(self, stored: StoredSegment) -> Segment | None:
        path = self._path(stored.tenant, stored.key)
        cube_keys = self._cube_keys(stored.key)
        if cube_keys is None:
            self._count("closed")
            return None
        try:
            # First: of another file no more is read than there is room for.
            if path.stat().st_size != stored.bytes:
                raise damaged(path)
            header, segment = read_sealed(path, chain_key(self.secret, cube_keys, stored.key))
            if _identity(_stored(header, 0, 0)) != _identity(stored):
                raise damaged(path)
        except (Damaged, OSError):
            self._count("damaged")
            return None
        return segment

    def discard(self, stored: StoredSegment) -> None:
        _remove(self._path(stored.tenant, stored.key))

    def scan(self) -> Iterator[StoredSegment]:
        """What an earlier pool left in the directory. What is no segment's file, or was not finished, is
        removed; what has another name than such files have is left alone.
        """
        if not self._directory.is_dir():
            return
        for drawer in sorted(self._directory.iterdir()):
            if _TENANT.fullmatch(drawer.name) and drawer.is_dir() and not drawer.is_symlink():
                for path in sorted(drawer.iterdir()):
                    yield from self._found(path)

    def _write(self, header: FileHeader, content: Tensor | Quantised) -> int | None:
        """The bytes of a file; None where it cannot be sealed, or not be written."""
        path = self._path(header.tenant, header.key)
        try:
            cube_keys = self._cube_keys(header.key)
            if cube_keys is None:
                return None
            with writing(path):
                self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                path.parent.mkdir(mode=0o700, exist_ok=True)
            sealing = chain_key(self.secret, cube_keys, header.key)
            return write_sealed(path, header, content, sealing)
        except VaultError:
            return None

    def _found(self, path: Path) -> Iterator[StoredSegment]:
        if path.name.endswith(UNFINISHED):
            _remove(path)
        if not _SEGMENT.fullmatch(path.name):
            return
        try:
            if not S_ISREG(path.lstat().st_mode):
                raise damaged(path)
            header = read_header(path)
            if self._path(header.tenant, header.key) != path:
                raise damaged(path)
            yield _stored(header, path.stat().st_size, 1)
        except (Damaged, OSError):
            self._count("damaged")
            _remove(path)

    def _path(self, tenant: str, key: bytes) -> Path:
        name = keyed_digest(self.secret, b"kv-segment", tenant.encode() + key).hex()
        return self._directory / tenant / f"{name}.safetensors"

    def _count(self, name: str) -> None:
        with self._counts_lock:
            self.counts[name] += 1


def _stored(header: FileHeader, size: int, uses: int) -> StoredSegment:
    return StoredSegment(
        tenant=header.tenant,
        key=header.key,
        parent=header.parent,
        start=header.start,
        tokens=header.tokens,
        bytes=size,
        segment_bytes=header.segment_bytes,
        milliseconds=header.milliseconds,
        is_exact=header.is_exact and header.coding == "raw",
        uses=uses,
    )


def _identity(stored: StoredSegment) -> tuple[object, ...]:
    return (
        stored.tenant,
        stored.key,
        stored.parent,
        stored.start,
        stored.tokens,
        stored.segment_bytes,
        stored.is_exact,
    )


def _remove(path: Path) -> None:
    # A directory under such a name, or one that may not be written, is no segment: it stays.
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return
