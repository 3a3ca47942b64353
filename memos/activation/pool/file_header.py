"""What a segment's file says of it in clear: digests, places and shapes, nothing of the content."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal

import torch

from memos.kernel.errors import Damaged

FORMAT = "memos-kv-segment/1"
MOST_BYTES = 2_048
"""A header with all around it takes less."""

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

Coding = Literal["raw", "int8"]


@dataclass(frozen=True, slots=True)
class FileHeader:
    """What a file's sealed bytes are bound to.

    Attributes:
        tenant: the tenant's label.
        key: the segment's key.
        parent: its parent's; empty for a root.
        start: the position of its first token.
        shape: (layers, 2, kv_heads, tokens, head_dim).
        dtype: a name in `DTYPES`.
        coding: int8 is not exact.
        is_exact: whether what was stored, and all that it was computed on, was exact before the coding.
        milliseconds: what computing it took.
    """

    tenant: str
    key: bytes
    parent: bytes
    start: int
    shape: tuple[int, int, int, int, int]
    dtype: str
    coding: Coding
    is_exact: bool
    milliseconds: float

    @property
    def tokens(self) -> int:
        """How many tokens the segment holds."""
        return self.shape[3]

    @property
    def segment_bytes(self) -> int:
        """What the segment takes once it is read."""
        layers, pair, heads, tokens, width = self.shape
        return layers * pair * heads * tokens * width * DTYPES[self.dtype].itemsize

    def to_metadata(self) -> dict[str, str]:
        """The header as safetensors keeps it: texts by name."""
        return {
            "format": FORMAT,
            "tenant": self.tenant,
            "key": self.key.hex(),
            "parent": self.parent.hex(),
            "start": str(self.start),
            "shape": json.dumps(self.shape),
            "dtype": self.dtype,
            "coding": self.coding,
            "is_exact": json.dumps(self.is_exact),
            "milliseconds": self.milliseconds.hex(),
        }

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> FileHeader:
        """What `to_metadata` wrote.

        Raises:
            Damaged: it is no such header.
        """
        try:
            if metadata["format"] != FORMAT or len(metadata) != 1 + len(fields(cls)):
                raise ValueError(metadata["format"])
            layers, pair, heads, tokens, width = map(int, json.loads(metadata["shape"]))
            header = cls(
                metadata["tenant"],
                bytes.fromhex(metadata["key"]),
                bytes.fromhex(metadata["parent"]),
                int(metadata["start"]),
                (layers, pair, heads, tokens, width),
                metadata["dtype"],
                "int8" if metadata["coding"] == "int8" else "raw",
                metadata["is_exact"] == "true",
                float.fromhex(metadata["milliseconds"]),
            )
        except (KeyError, TypeError, ValueError):
            header = None
        if header is None or header.to_metadata() != metadata or not header._is_sound():
            raise Damaged(
                "the header of a cached segment is not one that was written: remove the file, and the "
                "segment is computed again"
            )
        return header

    def _is_sound(self) -> bool:
        return (
            self.dtype in DTYPES
            and min(self.shape) > 0
            and self.shape[1] == 2
            and self.start >= 0
            and 0 <= self.milliseconds < float("inf")
        )
