"""A segment as a file of its own: safetensors around one sealed buffer.

The seal needs every cube key of the segment's chain: a segment's keys and values are made of all that
stands before it, so that whatever cube of the chain is erased, the file cannot be opened any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from pathlib import Path

import torch
from torch import Tensor

from memos.activation.pool.file_header import DTYPES, FileHeader
from memos.activation.pool.int8 import Quantised, dequantise
from memos.activation.sealed_box import damaged, read_box, read_told, sealing_key, write_box
from memos.activation.segment import Segment


def chain_key(secret: bytes, cube_keys: Sequence[bytes], key: bytes) -> bytes:
    """The key that seals a segment: HKDF-SHA256 (RFC 5869) over the cube keys of its chain, in order.

    Args:
        secret: the pool's, without which no file opens.
        cube_keys: of all cubes that the segment was computed from, root first.
        key: the segment's.
    """
    material = b"".join(len(each).to_bytes(4, "big") + each for each in cube_keys)
    return sealing_key(material, b"memos/kv-segment/v1\n" + key, secret)


def write_sealed(
    path: Path, header: FileHeader, content: Tensor | Quantised, sealing: bytes
) -> int:
    """Write a segment, for its owner only, whole or not at all; the bytes of the file.

    Args:
        path: its directory is there.
        header: `content` as it describes it.
        content: keys and values, or those as int8.
        sealing: the chain's key.

    Raises:
        VaultError: it cannot be written; DiskFull where there is no room.
    """
    parts = content if isinstance(content, Quantised) else (content,)
    return write_box(path, header.to_metadata(), b"".join(map(_bytes_of, parts)), sealing)


def read_header(path: Path) -> FileHeader:
    """What a file says of its segment, unproven: only `read_sealed` shows that it was not changed.

    Raises:
        Damaged: it is not a segment's file, or not whole.
    """
    return FileHeader.from_metadata(read_told(path))


def read_sealed(path: Path, sealing: bytes) -> tuple[FileHeader, Segment]:
    """The segment in a file, bit for bit as it was stored, or, of int8, nearly; and its header, proven.

    Raises:
        Damaged: the file is not there, not whole, was changed, or is sealed under another key.
    """
    opened = read_box(path, sealing)
    header = FileHeader.from_metadata(opened.told)
    plain = bytearray(opened.plain)
    if len(plain) != content_bytes(header):
        raise damaged(path)
    return header, Segment(header.key, header.parent, header.start, _keys_values(plain, header))


def content_bytes(header: FileHeader) -> int:
    """How many bytes are sealed in a file."""
    if header.coding == "raw":
        return header.segment_bytes
    key_scales, value_scales = _scale_shapes(header)
    return 4 * (prod(key_scales) + prod(value_scales)) + prod(header.shape)


def _keys_values(plain: bytearray, header: FileHeader) -> Tensor:
    if header.coding == "raw":
        return torch.frombuffer(plain, dtype=DTYPES[header.dtype]).reshape(header.shape)
    keys, values = _scale_shapes(header)
    sizes = [4 * prod(keys), 4 * prod(values), prod(header.shape)]
    flat = torch.frombuffer(plain, dtype=torch.uint8)
    key_scales, value_scales, levels = torch.split_with_sizes(flat, sizes)
    quantised = Quantised(
        key_scales.view(torch.float32).reshape(keys),
        value_scales.view(torch.float32).reshape(values),
        levels.view(torch.int8).reshape(header.shape),
    )
    return dequantise(quantised, DTYPES[header.dtype])


def _scale_shapes(header: FileHeader) -> tuple[tuple[int, ...], tuple[int, ...]]:
    layers, _, heads, tokens, width = header.shape
    return (layers, heads, 1, width), (layers, heads, tokens, 1)


def _bytes_of(tensor: Tensor) -> bytes:
    flat = tensor.detach().contiguous().reshape(-1).view(torch.uint8)
    return flat.cpu().numpy().tobytes()
