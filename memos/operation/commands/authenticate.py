"""Who asks, by the API key that they show: the key's actor, bounded by what the key is for."""

from __future__ import annotations

import time
from functools import partial
from hmac import compare_digest

from memos.infrastructure.engine.commit import Draft
from memos.infrastructure.governance.decision import Action, Subject
from memos.infrastructure.log.ancestry import migrated_origin
from memos.kernel.cube import IssuedKey
from memos.kernel.errors import Unauthenticated, VaultError
from memos.kernel.event import Kind, id_text
from memos.kernel.tenant import tenant_cube_id
from memos.operation.api_key import presented
from memos.operation.commands.draft import new_event
from memos.operation.cube import as_datetime
from memos.operation.session import Session

NOTED_EVERY = 3_600_000_000
"""The resolution of a key's last use: an event at most so often, in microseconds."""

_NO_DIGEST = bytes(32)


def as_api_key(session: Session, text: str) -> Session:
    """See `Memory.as_api_key`."""
    shown = presented(text)
    with session.gate.enter("as_api_key") as passage:
        passage.admit()
        key = _looked_up(session, shown.tenant, shown.key_id)
        is_right = compare_digest(
            shown.secret_digest, _NO_DIGEST if key is None else key.secret_digest
        )
        if (
            key is None
            or not is_right
            or not is_issued_here(session, key)
            or session.subject.tenant not in ("", shown.tenant)
        ):
            raise _unknown()
        _check_expiry(key, passage.time)
    principal = session.for_subject(
        _subject(shown.tenant, key), partial(_check_again, session, shown.tenant, shown.key_id)
    )
    if key.last_used + NOTED_EVERY <= passage.time or not key.last_used:
        _note_use(principal, key)
    return principal


def is_issued_here(session: Session, key: IssuedKey) -> bool:
    """Whether a key was issued in this vault, or in the one that was migrated here: what comes with an
    export opens nothing.
    """
    engine = session.engine
    return key.origin == engine.origin or key.origin == migrated_origin(engine.setting)


def _check_again(session: Session, tenant: str, key_id: bytes, time: int) -> None:
    """Whether a key that let somebody in is still good. Its secret was compared then.

    Raises:
        Unauthenticated: it was revoked or has expired.
    """
    key = _looked_up(session, tenant, key_id)
    if key is None:
        raise _unknown()
    _check_expiry(key, time)


def _check_expiry(key: IssuedKey, time: int) -> None:
    if key.has_ended(time):
        raise Unauthenticated(
            f"the API key {id_text(key.key_id)} expired at {as_datetime(key.expires).isoformat()}: "
            "an administrator of its tenant, or of the vault, makes another "
            "(memos api-key create)"
        )


def _unknown() -> Unauthenticated:
    return Unauthenticated(
        "this API key is not known here, or was revoked: an administrator of its tenant, "
        "or of the vault, makes another (memos api-key create)"
    )


def _looked_up(session: Session, tenant: str, key_id: bytes) -> IssuedKey | None:
    """The key of this id, as it is or was a moment ago."""
    remembered = session.remembered_keys.get(tenant, key_id)
    if remembered is not None:
        return remembered
    now = time.monotonic()
    with session.engine.read() as reader:
        state = reader.vault.head(tenant_cube_id(tenant))
    keys = () if state is None else state.api_keys
    if keys:  # else anybody's guesses would take the place of what is remembered
        session.remembered_keys.keep(tenant, keys, now)
    return next((key for key in keys if key.key_id == key_id), None)


def _subject(tenant: str, key: IssuedKey) -> Subject:
    """The principal that the gate sees. An action that this release does not know gives nothing."""
    actions = frozenset(action for action in Action if action.value in key.actions)
    return Subject(key.actor, tenant, actions=actions, scopes=key.scopes)


def _note_use(principal: Session, key: IssuedKey) -> None:
    """Note that a key is used. Whoever asks is served also where that cannot be written."""
    if principal.reads_only or not principal.remembered_keys.tries(key.key_id):
        return
    tenant = principal.subject.tenant
    event = new_event(principal, Kind.API_KEY_USED, tenant_cube_id(tenant), tenant)
    event.api_key_used.key_id = key.key_id
    try:
        principal.engine.writer.commit([Draft(event)])
    except VaultError:
        return  # the next use notes it
    principal.remembered_keys.forget(tenant)
