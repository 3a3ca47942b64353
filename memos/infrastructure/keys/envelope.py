"""Envelope encryption: bodies under a cube's key, cube keys under their subjects' keys."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.protobuf.message import DecodeError

from memos.kernel.body import check_body
from memos.kernel.errors import Damaged, Unreadable
from memos.kernel.keyed_digest import DIGEST_BYTES, keyed_digest
from memos.wire.body_pb2 import Body
from memos.wire.event_pb2 import Event

SUITE = 1
"""AES-256-GCM with a random 96-bit nonce before the ciphertext."""

KEY_BYTES = 32
NONCE_BYTES = 12


def new_key() -> bytes:
    """A fresh 256-bit key."""
    return os.urandom(KEY_BYTES)


def encrypt(key: bytes, plain: bytes, bound_to: bytes) -> bytes:
    """Nonce and ciphertext, bound to `bound_to`."""
    return _encrypt(AESGCM(key), plain, bound_to)


def wrap_key(wrapping: bytes, key: bytes, bound_to: bytes) -> bytes:
    """`encrypt` under a key that wraps many others."""
    return _encrypt(_cipher(wrapping), key, bound_to)


def _encrypt(cipher: AESGCM, plain: bytes, bound_to: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, plain, bound_to)


@lru_cache(maxsize=256)
def _cipher(key: bytes) -> AESGCM:
    return AESGCM(key)


def decrypt(key: bytes, box: bytes, bound_to: bytes) -> bytes:
    """What `encrypt` sealed.

    Raises:
        Damaged: the key is another one, or the bytes or what they are bound to were changed.
    """
    try:
        return AESGCM(key).decrypt(box[:NONCE_BYTES], box[NONCE_BYTES:], bound_to)
    except (InvalidTag, ValueError):
        raise Damaged(
            "sealed bytes do not open: they were changed, or belong to another key; "
            "put them, or that key, back from your backup"
        ) from None


def _binding(event: Event) -> bytes:
    tenant = event.tenant.encode("utf-8", "surrogatepass")
    return b"memos/body/v1\n" + event.event_id + event.cube_id + tenant


def seal_body(key: bytes, event: Event, body: Body) -> None:
    """Put `body` into `event`, sealed and bound to its tenant, cube and event."""
    event.body.suite = SUITE
    event.body.box = encrypt(key, body.SerializeToString(), _binding(event))


def open_body(key: bytes, event: Event) -> Body:
    """The body of an event.

    Raises:
        Damaged: it does not open.
        Unreadable: it opens, and holds a value that this release cannot read.
    """
    if event.body.suite != SUITE:
        raise Damaged(f"the body is sealed with suite {event.body.suite}, which is not known here")
    try:
        body = Body.FromString(decrypt(key, event.body.box, _binding(event)))
    except DecodeError as error:
        raise Unreadable(f"the body opens, but is no body: {error}") from None
    check_body(body)
    return body


def wrapping_key(subject_keys: Sequence[bytes]) -> bytes:
    """The key that wraps a cube's key: gone as soon as one of the subjects' keys is gone."""
    if len(subject_keys) == 1:
        return subject_keys[0]
    return sha256(b"memos/wrap/v1\n" + b"".join(sorted(subject_keys))).digest()


def split_subjects(joined: bytes | None) -> list[bytes]:
    """The subject digests that a key row lists, joined one behind the other; none of a damaged one."""
    joined = joined or b""
    return [joined[at : at + DIGEST_BYTES] for at in range(0, len(joined), DIGEST_BYTES)]


def command_mac(cube_key: bytes, command: Any) -> bytes:
    """Tells a retry from another command under the same idempotency key.

    Keyed with the cube's key, which travels with an export and ends with its subject's.
    """
    text = json.dumps(command, sort_keys=True, default=repr).encode()
    return keyed_digest(cube_key, b"command", text)
