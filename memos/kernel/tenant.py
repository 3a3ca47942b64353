"""A tenant's own cube: who administers the tenant, what its labels mean, and its API keys.

There is one a tenant, at an id that follows from the tenant's name; the first event makes it. That of
the empty name is the vault's own: it has the API keys of the whole vault.
"""

from __future__ import annotations

from hashlib import sha256

from memos.kernel.api_key import API_KEY_KINDS, api_keys_after
from memos.kernel.cube import CubeState
from memos.kernel.event import Kind, as_uuid
from memos.wire.event_pb2 import Event

ADMINISTRATOR = "administrator"
"""The one role that can be granted."""

TENANT_KINDS = frozenset({Kind.GRANTED, Kind.REVOKED, Kind.CONFIGURED}) | API_KEY_KINDS
"""The kinds that a tenant's cube takes; it takes no other, and no other cube takes them."""


_RESERVED = b"\xff" * 6
"""How the ids of tenants' cubes begin, and no other: else whoever names their own cube so would take
the place of a tenant's, whose id anybody can work out."""


def tenant_cube_id(tenant: str) -> bytes:
    """The id of a tenant's own cube."""
    digest = sha256(b"memos/tenant/v1\n" + tenant.encode()).digest()
    return as_uuid(_RESERVED + digest)


def is_reserved(cube_id: bytes) -> bool:
    """Whether an id can only be that of a tenant's cube."""
    return cube_id.startswith(_RESERVED)


def is_tenants(event: Event) -> bool:
    """Whether an event stands on the cube of its own tenant."""
    return event.scope == event.tenant and event.cube_id == tenant_cube_id(event.tenant)


def tenant_after(state: CubeState, event: Event) -> CubeState | None:
    """A tenant's facts after an event; None where it grants or revokes no known role, or issues,
    revokes or uses a key that cannot be.
    """
    if event.kind in API_KEY_KINDS:
        keys = api_keys_after(state.api_keys, event)
        return None if keys is None else state._replace(api_keys=keys)
    if event.kind == Kind.CONFIGURED:
        return state._replace(sensitivities=tuple(event.configured.sensitivities))
    granting = event.kind == Kind.GRANTED
    changed = event.granted if granting else event.revoked
    if changed.role != ADMINISTRATOR or not changed.actor:
        return None
    others = set(state.administrators) - {changed.actor}
    named = others | {changed.actor} if granting else others
    return state._replace(administrators=tuple(sorted(named)))
