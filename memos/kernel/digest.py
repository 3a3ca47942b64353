"""Digests of folded cubes, and of a vault: what a rebuild must reproduce bit for bit.

The encoding is this module's, not protobuf's, because protobuf bytes are not canonical. Its numbers
are big-endian. It holds no position, log time, usage or count of attempts, so a migrated log gives
the same.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from functools import lru_cache
from hashlib import sha256

from memos.kernel.cube import CubeState, Header, IssuedKey

_PARTS = struct.Struct(">5q")


def cube_digest(state: CubeState) -> bytes:
    """SHA-256 of one cube: identity, versions' ciphertext digests, header facts, state, lineage."""
    return sha256(
        b"".join(
            (
                b"memos/cube/v1\n",
                _field(state.cube_id),
                _text(state.scope),
                bytes((state.form, state.lifecycle, state.thaws_to)),
                _number(state.version),
                _header_bytes(state.header),
                _many(tuple(map(_field, state.subjects))),
                _PARTS.pack(*state.parts),
                state.versions_digest,
                state.lineage_digest,
                _field(state.erasing),
                _field(state.merged_into),
                *_later_facts(state),
            )
        )
    ).digest()


def _later_facts(state: CubeState) -> Iterator[bytes]:
    """Facts that came with later schemas, each only where it is stated: without them a cube has the
    digest that it always had.
    """
    if state.yields_to_erase:
        yield b"\nyields to erase"
    if state.administrators:
        yield b"\nadministrators" + _many(tuple(map(_text, state.administrators)))
    if state.sensitivities:
        yield b"\nsensitivities" + _many(tuple(map(_text, state.sensitivities)))
    if state.ended_edges:
        yield b"\nended edges" + _many(tuple(map(_field, state.ended_edges)))
    if state.api_keys:
        yield b"\nAPI keys" + _many(tuple(map(_api_key_bytes, state.api_keys)))


def _api_key_bytes(key: IssuedKey) -> bytes:
    """A key without its last use: usage is in no digest of a cube."""
    return b"".join(
        (
            _field(key.key_id),
            _field(key.secret_digest),
            _text(key.actor),
            _text(key.name),
            _many(tuple(map(_text, key.actions))),
            _many(tuple(map(_text, key.scopes))),
            _text(key.origin),
            _number(key.created),
            _number(key.expires),
            _field(key.replaces),
            _field(key.replaced_by),
        )
    )


def vault_digest(cubes: Iterable[tuple[bytes, bytes]]) -> str:
    """SHA-256, in hexadecimal, over a vault's cubes in id order: (cube id, its `cube_digest`)."""
    total = sha256(b"memos/digest/v1\n")
    for cube_id, digest in cubes:
        total.update(cube_id + digest)
    return total.hexdigest()


def _field(value: bytes) -> bytes:
    return len(value).to_bytes(4) + value


def _text(value: str) -> bytes:
    return _field(value.encode(errors="surrogatepass"))


def _number(value: int) -> bytes:
    return value.to_bytes(8, signed=True)


def _many(values: tuple[bytes, ...]) -> bytes:
    return len(values).to_bytes(4) + b"".join(values)


@lru_cache(maxsize=4096)
def _header_bytes(header: Header) -> bytes:
    span = header.lifespan
    return b"".join(
        (
            _text(header.owner),
            _many(tuple(map(_text, header.readers))),
            _many(tuple(map(_text, header.writers))),
            b"\x00"
            if span is None
            else b"\x01"
            + _number(span.after)
            + _number(span.since)
            + _number(span.renewed_by_access)
            + _number(span.half_life)
            + _number(span.then),
            _number(header.priority),
            _text(header.sensitivity),
            _text(header.purpose),
        )
    )
