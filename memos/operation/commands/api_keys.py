"""A tenant's API keys: issued, listed, rotated and revoked by events on the tenant's own cube."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from hashlib import sha256

from memos.infrastructure.engine.commit import Committed
from memos.infrastructure.governance.decision import Action
from memos.kernel.api_key import MOST_API_KEYS, MOST_KEY_SCOPES, issued_key
from memos.kernel.body import LAST_TIME
from memos.kernel.cube import CubeState, IssuedKey
from memos.kernel.errors import IllegalMove, InvalidInput, NotFound
from memos.kernel.event import Kind, id_text
from memos.kernel.scope import check_scopes, tenant_of
from memos.kernel.tenant import tenant_cube_id
from memos.operation.api_key import SECRET_BYTES, ApiKey, CreatedApiKey, key_text
from memos.operation.commands.authenticate import is_issued_here
from memos.operation.commands.tenant_change import change_tenant
from memos.operation.cube import as_datetime
from memos.operation.gate import Passage
from memos.operation.receipt import Receipt, receipt_of
from memos.operation.session import Session
from memos.operation.validation import (
    check_choice,
    check_duration,
    check_id,
    check_list,
    check_name,
    check_tenant,
)
from memos.wire.event_pb2 import ApiKeyIssued, Event


def create_api_key(
    session: Session,
    actor: str,
    *,
    tenant: str,
    name: str,
    actions: Iterable[str],
    scopes: Iterable[str],
    expires_after: object,
) -> CreatedApiKey:
    """See `Memory.create_api_key`."""
    named = check_tenant(tenant)
    asked = ApiKeyIssued(
        actor=check_name(actor, "actor"),
        name=check_name(name, "name", empty=True),
        actions=_checked_actions(actions),
        scopes=_checked_scopes(scopes, named),
    )
    lifetime = 0 if expires_after is None else check_duration(expires_after, "expires_after")
    secret = secrets.token_bytes(SECRET_BYTES)

    def fill(passage: Passage, state: CubeState | None, event: Event) -> None:
        event.api_key_issued.CopyFrom(asked)
        _issue(session, passage, state, event, secret, lifetime)

    committed = change_tenant(session, "create_api_key", Kind.API_KEY_ISSUED, named, fill)
    return _created(session, committed, secret)


def rotate_api_key(session: Session, key_id: str, *, tenant: str, overlap: object) -> CreatedApiKey:
    """See `Memory.rotate_api_key`."""
    named, wanted = check_tenant(tenant), check_id(key_id, "key id")
    lasting = 0 if overlap is None else check_duration(overlap, "overlap")
    secret = secrets.token_bytes(SECRET_BYTES)

    def fill(passage: Passage, state: CubeState | None, event: Event) -> None:
        old = _live_key(state, wanted, event)
        if old.replaced_by:
            raise IllegalMove(
                f"the API key {id_text(old.key_id)} was rotated already, to "
                f"{id_text(old.replaced_by)}: rotate that one"
            )
        issued = event.api_key_issued
        issued.actor, issued.name = old.actor, old.name
        issued.actions.extend(old.actions)
        issued.scopes.extend(old.scopes)
        issued.replaces, issued.replaced_expires = old.key_id, event.client_time + lasting
        lifetime = old.expires - old.created if old.expires else 0
        _issue(session, passage, state, event, secret, lifetime)

    committed = change_tenant(session, "rotate_api_key", Kind.API_KEY_ISSUED, named, fill)
    return _created(session, committed, secret)


def revoke_api_key(session: Session, key_id: str, *, tenant: str) -> Receipt:
    """See `Memory.revoke_api_key`."""
    named, wanted = check_tenant(tenant), check_id(key_id, "key id")

    def fill(passage: Passage, state: CubeState | None, event: Event) -> None:
        event.api_key_revoked.key_id = _live_key(state, wanted, event).key_id

    committed = change_tenant(session, "revoke_api_key", Kind.API_KEY_REVOKED, named, fill)
    session.remembered_keys.forget(named)
    return receipt_of(session.engine, committed)


def api_keys(session: Session, tenant: str) -> tuple[ApiKey, ...]:
    """See `Memory.api_keys`."""
    named = check_tenant(tenant)
    with session.gate.enter("api_keys") as passage:
        passage.require_administrator(named)
        with session.engine.read() as reader:
            state = reader.vault.head(tenant_cube_id(named))
        return tuple(api_key_of(session, named, key) for key in _live_keys(state, passage.time))


def _issue(
    session: Session,
    passage: Passage,
    state: CubeState | None,
    event: Event,
    secret: bytes,
    lifetime: int,
) -> None:
    """Complete an event that issues a key; `lifetime` is in microseconds, 0 for ever."""
    issued = event.api_key_issued
    passage.require_bounds(map(Action, issued.actions))
    issued.secret_digest = sha256(secret).digest()
    issued.origin = session.engine.origin
    if lifetime:
        issued.expires = max(event.client_time + lifetime, 1)
        if issued.expires > LAST_TIME:
            raise InvalidInput("a key expires before the year 10000, or never (expires_after=None)")
    ending = issued.replaced_expires <= event.client_time
    staying = sum(
        not (ending and key.key_id == issued.replaces)
        for key in _live_keys(state, event.client_time)
    )
    if staying >= MOST_API_KEYS:
        raise IllegalMove(
            f"{event.tenant} has {MOST_API_KEYS} API keys that have not ended, and no tenant has "
            "more: revoke those that nobody uses (`memos api-key list` tells when each was)"
        )


def _live_keys(state: CubeState | None, time: int) -> tuple[IssuedKey, ...]:
    return () if state is None else tuple(key for key in state.api_keys if not key.has_ended(time))


def api_key_of(session: Session, tenant: str, key: IssuedKey) -> ApiKey:
    """A tenant's key as callers see it."""
    return ApiKey(
        id_text(key.key_id),
        tenant,
        key.name,
        key.actor,
        key.actions,
        key.scopes,
        as_datetime(key.created),
        as_datetime(key.expires) if key.expires else None,
        as_datetime(key.last_used) if key.last_used else None,
        id_text(key.replaces) if key.replaces else None,
        id_text(key.replaced_by) if key.replaced_by else None,
        not is_issued_here(session, key),
    )


def _live_key(state: CubeState | None, key_id: bytes, event: Event) -> IssuedKey:
    for key in _live_keys(state, event.client_time):
        if key.key_id == key_id:
            return key
    raise NotFound(
        f"{event.tenant} has no API key {id_text(key_id)} that has not ended: `memos api-key list` "
        "names them"
    )


def _created(session: Session, committed: Committed, secret: bytes) -> CreatedApiKey:
    event = committed.event
    receipt_of(session.engine, committed)
    session.remembered_keys.forget(event.tenant)
    key = issued_key(event)
    return CreatedApiKey(
        key_text(event.tenant, key.key_id, secret), api_key_of(session, event.tenant, key)
    )


def _checked_actions(actions: Iterable[str]) -> list[str]:
    known = [action.value for action in Action]
    asked = {check_choice(action, known, "actions") for action in check_list(actions, "actions")}
    if not asked:
        raise InvalidInput(f"a key is for one action at least: choose of {', '.join(known)}")
    return [action for action in known if action in asked]


def _checked_scopes(scopes: Iterable[str], tenant: str) -> tuple[str, ...]:
    listed = check_list(scopes, "scopes")
    if not listed:
        return ()
    checked = check_scopes(listed)
    outside = [scope for scope in checked if tenant_of(scope) != tenant]
    if outside:
        raise InvalidInput(f"a key of {tenant} reaches scopes of {tenant} only, not {outside[0]}")
    if len(checked) > MOST_KEY_SCOPES:
        raise InvalidInput(
            f"a key names at most {MOST_KEY_SCOPES} scopes, not {len(checked)}: name one above them"
        )
    return () if tenant in checked else checked
