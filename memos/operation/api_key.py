"""API keys as callers see them, and the text that a caller shows: `memos_` and url-safe base64."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from memos.kernel.errors import InvalidInput, Unauthenticated
from memos.operation.validation import check_tenant

PREFIX = "memos_"
VAULT_PREFIX = f"{PREFIX}vault."
"""How the key of a whole vault begins; no base64 of a tenant's key has a dot."""
SECRET_BYTES = 32
_ID_BYTES = 16
_SECRET_END = _ID_BYTES + SECRET_BYTES
_TEXT = re.compile(rf"{PREFIX}(vault\.)?([A-Za-z0-9_-]{{64,1500}})")

_PART = re.compile(rf"{PREFIX}(vault\.)?[A-Za-z0-9_-]{{32}}")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key that has not ended; nothing of its secret is in it.

    Attributes:
        key_id: its id, that of the event that issued it.
        tenant: whose it is; None for the whole vault.
        name: what people call it.
        actor: on whose behalf it calls.
        actions: what it may do at most: of read, create, write and administer.
        scopes: what it reaches at most; empty for the whole tenant, or vault.
        created: when it was issued.
        expires: when it ends; None for never.
        last_used: when it was last used, to the hour; None for never.
        replaces: the id of the key that it was rotated from.
        replaced_by: the id of the key that it was rotated to.
        is_foreign: it came with the export of another vault, and nobody can use it here.
    """

    key_id: str
    tenant: str | None
    name: str
    actor: str
    actions: tuple[str, ...]
    scopes: tuple[str, ...]
    created: datetime
    expires: datetime | None
    last_used: datetime | None
    replaces: str | None
    replaced_by: str | None
    is_foreign: bool


@dataclass(frozen=True, slots=True)
class CreatedApiKey:
    """A new API key, and its text: told this once, and kept nowhere.

    Attributes:
        key: what a caller shows, such as in `Authorization: Bearer memos_…`.
        api_key: what is kept of it.
    """

    key: str = field(repr=False)
    api_key: ApiKey


class Presented(NamedTuple):
    """What the text of an API key says; whether it is right is not looked at. `tenant` is empty for the
    whole vault.
    """

    tenant: str
    key_id: bytes
    secret_digest: bytes


def key_text(tenant: str, key_id: bytes, secret: bytes) -> str:
    """The text of an API key: key id and secret, 48 bytes, and then its tenant; that of a key of the
    whole vault (no tenant) says so.
    """
    prefix = PREFIX if tenant else VAULT_PREFIX
    return f"{prefix}{_base64(key_id + secret + tenant.encode())}"


def presented(text: object) -> Presented:
    """What a caller shows.

    Raises:
        Unauthenticated: it is no text of an API key.
    """
    found = _TEXT.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise _malformed()
    of_vault, written = found.groups()
    try:
        raw = urlsafe_b64decode(written + "=" * (-len(written) % 4))
        key_id, secret, owner = (
            raw[:_ID_BYTES],
            raw[_ID_BYTES:_SECRET_END],
            raw[_SECRET_END:].decode(),
        )
        tenant = "" if of_vault and not owner else check_tenant(owner)
    except (ValueError, InvalidInput):
        raise _malformed() from None
    if key_text(tenant, key_id, secret) != text:  # one key has one text
        raise _malformed()
    return Presented(tenant, key_id, sha256(secret).digest())


def holds_key(text: str) -> bool:
    """Whether a text holds an API key, or the first half of one, anywhere."""
    return _PART.search(text) is not None


def _base64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def _malformed() -> Unauthenticated:
    return Unauthenticated(
        f"this is no API key: one begins with {PREFIX}, and is given whole as `memos api-key create` "
        "printed it"
    )
