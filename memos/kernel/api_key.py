"""A tenant's API keys, or the whole vault's, as the fold keeps them, on the cube of that tenant, or the
vault's.

Only keys that have not ended are kept: a revoked one goes at once, an expired one with the next event
that issues or revokes a key. What was issued stays in the log.
"""

from __future__ import annotations

from memos.kernel.cube import IssuedKey
from memos.kernel.event import Kind
from memos.kernel.scope import contains
from memos.wire.event_pb2 import ApiKeyIssued, Event

MOST_API_KEYS = 256
"""How many keys that have not ended a tenant has at most: all stand in one head."""

MOST_KEY_SCOPES = 16
"""How many scopes a key names at most."""

API_KEY_KINDS = frozenset({Kind.API_KEY_ISSUED, Kind.API_KEY_REVOKED, Kind.API_KEY_USED})
DIGEST_BYTES = 32


def api_keys_after(keys: tuple[IssuedKey, ...], event: Event) -> tuple[IssuedKey, ...] | None:
    """A tenant's keys after an event of API_KEY_KINDS; None where it cannot be accepted."""
    if event.kind == Kind.API_KEY_USED:
        return _with_used(keys, event.api_key_used.key_id, event.client_time)
    live = tuple(key for key in keys if not key.has_ended(event.client_time))
    if event.kind == Kind.API_KEY_ISSUED:
        return _with_issued(live, event)
    others = tuple(key for key in live if key.key_id != event.api_key_revoked.key_id)
    return others if len(others) < len(live) else None


def issued_key(event: Event) -> IssuedKey:
    """The key that an event issues."""
    issued = event.api_key_issued
    return IssuedKey(
        event.event_id,
        issued.secret_digest,
        issued.actor,
        issued.name,
        tuple(issued.actions),
        tuple(issued.scopes),
        issued.origin,
        event.client_time,
        issued.expires,
        issued.replaces,
    )


def _with_used(
    keys: tuple[IssuedKey, ...], key_id: bytes, time: int
) -> tuple[IssuedKey, ...] | None:
    """The keys with a later last use of one; all stay, for a use changes no digest."""
    if not any(key.key_id == key_id and not key.has_ended(time) for key in keys):
        return None
    return tuple(
        key._replace(last_used=max(key.last_used, time)) if key.key_id == key_id else key
        for key in keys
    )


def _with_issued(live: tuple[IssuedKey, ...], event: Event) -> tuple[IssuedKey, ...] | None:
    issued = event.api_key_issued
    if not _is_whole(issued, event.tenant) or event.event_id in {key.key_id for key in live}:
        return None
    if issued.replaces:
        if not any(key.key_id == issued.replaces and not key.replaced_by for key in live):
            return None
        live = _with_replaced(live, event)
    if len(live) >= MOST_API_KEYS:
        return None
    return (*live, issued_key(event))


def _is_whole(issued: ApiKeyIssued, tenant: str) -> bool:
    """Whether a key names who calls and what they may do, and reaches nothing of other tenants. One
    of the whole vault (no tenant) has no scopes.
    """
    return bool(
        len(issued.secret_digest) == DIGEST_BYTES
        and issued.actor
        and issued.actions
        and len(issued.scopes) <= MOST_KEY_SCOPES
        and all(contains(tenant, scope) for scope in issued.scopes)
    )


def _with_replaced(live: tuple[IssuedKey, ...], event: Event) -> tuple[IssuedKey, ...]:
    """The keys where the one that is replaced ends as the event says, if not before."""
    issued, ends = event.api_key_issued, event.api_key_issued.replaced_expires
    if ends <= event.client_time:
        return tuple(key for key in live if key.key_id != issued.replaces)
    return tuple(
        key._replace(expires=min(key.expires or ends, ends), replaced_by=event.event_id)
        if key.key_id == issued.replaces
        else key
        for key in live
    )
