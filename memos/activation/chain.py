"""The keys of a chain of segments: what each depends on, and whose it is."""

from __future__ import annotations

import hmac
from array import array
from collections.abc import Sequence
from hashlib import sha256

from memos.activation.identity import ModelIdentity
from memos.kernel.errors import InvalidInput

LEAST_SECRET_BYTES = 16
_LABEL = b"memos segment 1"


def chain_keys(
    segments: Sequence[Sequence[int]], identity: ModelIdentity, tenant_secret: bytes
) -> tuple[bytes, ...]:
    """The key of each segment (32 bytes), root first.

    A key is HMAC-SHA256, under the tenant's secret, over the parent's key, the model's identity and the
    segment's token ids. So the same text is another segment behind another memory, in another model,
    and with another tenant, who can neither hit it nor tell that it is there.

    Args:
        segments: the token ids of each segment, in canonical order.
        identity: of the model.
        tenant_secret: at least 16 bytes, of this tenant only.

    Raises:
        InvalidInput: a segment is empty, an id is none, or the secret is too short.
    """
    if len(tenant_secret) < LEAST_SECRET_BYTES:
        raise InvalidInput(
            f"a tenant's secret of {len(tenant_secret)} bytes can be guessed: give at least "
            f"{LEAST_SECRET_BYTES} random ones"
        )
    model = identity.digest
    keys: list[bytes] = []
    parent = b""
    for number, ids in enumerate(segments):
        parent = hmac.digest(tenant_secret, _message(parent, model, ids, number), sha256)
        keys.append(parent)
    return tuple(keys)


def _message(parent: bytes, model: bytes, ids: Sequence[int], number: int) -> bytes:
    if not ids:
        raise InvalidInput(f"segment {number} holds no token: leave it out")
    try:
        encoded = array("Q", ids).tobytes()
    except (OverflowError, TypeError) as error:
        raise InvalidInput(f"segment {number} holds what is no token id: {error}") from error
    return _LABEL + bytes([len(parent)]) + parent + model + encoded
