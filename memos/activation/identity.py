"""What a model is: everything that the numbers in its KV cache depend on, beside the tokens."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Protocol

import torch
from torch import Tensor

_LABEL = b"memos model identity 1"
_BASE_LABEL = b"memos base model 1"
_CHUNK_ELEMENTS = 1 << 24
_NAMES_ONLY = frozenset(
    {"_attn_implementation", "_name_or_path", "architectures", "transformers_version"}
)
"""Of a configuration, what says where it came from and not what it computes."""


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """All that decides what a model computes of the same tokens.

    Attributes:
        weights: `digest_of_weights` of what was loaded, whatever its file is called.
        configuration: `digest_of_configuration`; RoPE is part of it.
        tokenizer: a digest of the tokenizer; empty where only token ids are used.
        dtype: of weights and cache.
        attention: the name and version of the attention that is computed.
        template: the name and version of what stands around the memories.
        libraries: versions of what computes: an upgrade recomputes, since low bits may move.
        adapters: (digest, scale) of each active adapter, in the order in which they apply.
    """

    weights: bytes
    configuration: bytes
    tokenizer: bytes
    dtype: str
    attention: str
    template: str
    libraries: str
    adapters: tuple[tuple[bytes, float], ...] = ()

    @property
    def digest(self) -> bytes:
        """One digest of it all (32 bytes)."""
        hashed = sha256(_LABEL)
        for field in (self.weights, self.configuration, self.tokenizer):
            _update_framed(hashed, field)
        for text in (self.dtype, self.attention, self.template, self.libraries):
            _update_framed(hashed, text.encode())
        for digest, scale in self.adapters:
            _update_framed(hashed, digest)
            hashed.update(struct.pack("<d", scale))
        return hashed.digest()

    @property
    def base_digest(self) -> bytes:
        """Of what was learnt and how it is asked, without adapters (32 bytes). An adapter is of one such base, on
        whatever machine and by whatever release of a library it is computed.
        """
        hashed = sha256(_BASE_LABEL)
        for field in (self.weights, self.configuration, self.tokenizer, self.template.encode()):
            _update_framed(hashed, field)
        return hashed.digest()


def digest_of_weights(tensors: Mapping[str, Tensor]) -> bytes:
    """SHA-256 over names, types, shapes and bytes of tensors, in the order of their names.

    A tensor is read in pieces of 16 Mi elements, so that a model on a GPU is never copied whole.
    """
    hashed = sha256(b"memos weights 1")
    for name in sorted(tensors):
        tensor = tensors[name].detach()
        _update_framed(hashed, name.encode())
        _update_framed(hashed, f"{tensor.dtype} {tuple(tensor.shape)}".encode())
        for piece in _pieces(tensor):
            hashed.update(piece)
    return hashed.digest()


def digest_of_configuration(configuration: Mapping[str, Any]) -> bytes:
    """SHA-256 over a configuration as transformers writes it, without the names in it."""
    kept = {name: value for name, value in configuration.items() if name not in _NAMES_ONLY}
    return sha256(json.dumps(kept, sort_keys=True, default=str).encode()).digest()


def _pieces(tensor: Tensor) -> Iterator[bytes]:
    flat = tensor.reshape(-1)
    for start in range(0, flat.numel(), _CHUNK_ELEMENTS):
        piece = flat[start : start + _CHUNK_ELEMENTS]
        yield piece.cpu().contiguous().view(torch.uint8).numpy().tobytes()


def _update_framed(hashed: _Hash, field: bytes) -> None:
    """Hash a field behind its length, so that no two lists of fields run together alike."""
    hashed.update(len(field).to_bytes(8, "big") + field)
