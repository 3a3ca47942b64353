from __future__ import annotations

import pytest

from memos.kernel.api_key import MOST_API_KEYS, MOST_KEY_SCOPES
from memos.kernel.cube import CubeState, Form
from memos.kernel.digest import cube_digest
from memos.kernel.fold import fold
from memos.kernel.outcome import Outcome, Reason, Result
from memos.kernel.tenant import tenant_cube_id
from memos.wire.event_pb2 import Event
from tests.kernel.builders import (
    TIME,
    folded,
    granted,
    ident,
    key_issued,
    key_revoked,
    key_used,
)

ILLEGAL = Reason.ILLEGAL_MOVE


def keys_of(*history: Event) -> dict[int, tuple[int, int]]:
    """Expiry and last use of the keys that a history leaves, by the number of the event that issued each."""
    state, _ = folded(*history)
    return {int.from_bytes(key.key_id): (key.expires, key.last_used) for key in state.api_keys}


def reasons(*history: Event) -> list[Reason]:
    return [outcome.reason for outcome in folded(*history)[1]]


def test_a_key_makes_the_tenant_s_cube_and_keeps_what_was_issued() -> None:
    state, _ = folded(key_issued(1, expires=TIME + 9))
    (key,) = state.api_keys
    assert (state.form, state.version) == (Form.TENANT, 1)
    assert (key.key_id, key.secret_digest) == (ident(1), b"\x01" * 32)
    assert (key.actor, key.name, key.actions) == ("agent:bob", "laptop", ("read", "write"))
    assert (key.scopes, key.origin) == (("acme/bob",), "memos/0123456789abcdef")
    assert (key.created, key.expires, key.last_used) == (TIME + 1, TIME + 9, 0)


def test_a_revoked_key_goes_at_once_and_no_key_is_revoked_twice() -> None:
    history = [key_issued(1), key_issued(2), key_revoked(3, key=1)]
    assert keys_of(*history) == {2: (0, 0)}
    assert reasons(*history, key_revoked(4, key=1))[-1] is ILLEGAL


def test_an_expired_key_goes_with_the_next_key_that_is_issued_or_revoked() -> None:
    history = [key_issued(1, expires=TIME + 5), key_issued(2), key_used(6, key=2)]
    assert set(keys_of(*history)) == {1, 2}
    assert set(keys_of(*history, key_issued(7))) == {2, 7}
    assert set(keys_of(*history, key_revoked(7, key=2))) == set()
    assert reasons(*history, key_revoked(7, key=1))[-1] is ILLEGAL


def test_a_rotation_ends_the_old_key_no_later_than_it_says() -> None:
    old = key_issued(1, expires=TIME + 50)
    assert keys_of(old, key_issued(2, replaces=1, ends=TIME + 9)) == {1: (TIME + 9, 0), 2: (0, 0)}
    assert keys_of(old, key_issued(2, replaces=1, ends=TIME + 90))[1] == (TIME + 50, 0)
    assert keys_of(old, key_issued(2, replaces=1, ends=TIME + 2)) == {2: (0, 0)}
    assert keys_of(key_issued(1), key_issued(2, replaces=1, ends=TIME + 9))[1] == (TIME + 9, 0)


def test_a_key_is_rotated_once_and_only_where_it_is_there() -> None:
    rotated = [key_issued(1), key_issued(2, replaces=1, ends=TIME + 90)]
    assert reasons(*rotated, key_issued(3, replaces=1, ends=TIME + 90))[-1] is ILLEGAL
    assert reasons(*rotated, key_issued(3, replaces=9, ends=TIME + 90))[-1] is ILLEGAL
    state, _ = folded(*rotated)
    assert [key.replaced_by for key in state.api_keys] == [ident(2), b""]
    assert [key.replaces for key in state.api_keys] == [b"", ident(1)]


def test_a_use_is_no_new_version_changes_no_digest_and_is_never_earlier_than_before() -> None:
    before, _ = folded(key_issued(1))
    after, _ = folded(key_issued(1), key_used(5, key=1), key_used(3, key=1))
    assert after.api_keys[0].last_used == TIME + 5
    assert (after.version, after.sequence) == (1, 3)
    assert cube_digest(after) == cube_digest(before)


def test_a_use_of_a_key_that_ended_or_never_was_is_rejected() -> None:
    assert reasons(key_issued(1), key_used(2, key=9))[-1] is ILLEGAL
    assert reasons(key_issued(1, expires=TIME + 2), key_used(2, key=1))[-1] is ILLEGAL
    missing = Outcome(Result.REJECTED, 0, Reason.NOT_FOUND)
    assert fold(None, key_used(1, key=1)) == (None, missing, ())
    assert fold(None, key_revoked(1, key=1)) == (None, missing, ())


def broken(name: str) -> Event:
    issued = key_issued(2)
    match name:
        case "digest":
            issued.api_key_issued.secret_digest = b"short"
        case "actor":
            issued.api_key_issued.actor = ""
        case "actions":
            issued.api_key_issued.ClearField("actions")
        case "another tenant's scope":
            issued.api_key_issued.scopes.append("rival/bob")
        case "scopes":
            issued.api_key_issued.scopes.extend(["acme/bob"] * MOST_KEY_SCOPES)
    return issued


@pytest.mark.parametrize("name", ["digest", "actor", "actions", "another tenant's scope", "scopes"])
def test_a_key_that_is_not_whole_is_issued_to_nobody(name: str) -> None:
    assert reasons(key_issued(1), broken(name))[-1] is ILLEGAL
    assert fold(None, broken(name))[0] is None


def test_a_tenant_has_no_more_keys_than_one_head_holds() -> None:
    state: CubeState | None = None
    for number in range(1, MOST_API_KEYS + 1):
        issued = key_issued(1)
        issued.event_id = ident(number)
        state, outcome, _ = fold(state, issued)
        assert outcome.result is Result.ACCEPTED
    one_more = key_issued(2)
    one_more.event_id = ident(1000)
    assert fold(state, one_more)[1].reason is ILLEGAL
    in_the_place_of_one = key_issued(2, replaces=1, ends=TIME)
    in_the_place_of_one.event_id = ident(1001)
    after, outcome, _ = fold(state, in_the_place_of_one)
    assert outcome.result is Result.ACCEPTED
    assert after is not None
    assert len(after.api_keys) == MOST_API_KEYS


def test_keys_and_administrators_of_a_tenant_leave_each_other_alone() -> None:
    state, _ = folded(granted(1, "agent:alice"), key_issued(2), granted(3, "agent:carol"))
    assert state.administrators == ("agent:alice", "agent:carol")
    assert [key.key_id for key in state.api_keys] == [ident(2)]


def of_vault(issued: Event) -> Event:
    """The event on the vault's own cube."""
    issued.tenant, issued.scope, issued.cube_id = "", "", tenant_cube_id("")
    issued.api_key_issued.ClearField("scopes")
    return issued


def test_a_key_of_the_whole_vault_is_on_the_vault_s_cube_and_has_no_scopes() -> None:
    state, outcome, _ = fold(None, of_vault(key_issued(1)))
    assert outcome.result is Result.ACCEPTED
    assert state is not None
    assert (state.scope, [key.scopes for key in state.api_keys]) == ("", [()])
    for scope in ("acme/bob", "acme"):
        bounded = of_vault(key_issued(2))
        bounded.api_key_issued.scopes.append(scope)
        assert fold(state, bounded)[1].reason is ILLEGAL


def test_a_tenant_s_event_makes_no_key_on_the_vault_s_cube() -> None:
    forged = key_issued(1)
    forged.cube_id = tenant_cube_id("")
    assert fold(None, forged)[1].reason is Reason.NOT_FOUND
    state, _, _ = fold(None, of_vault(key_issued(1)))
    forged = key_issued(2)
    forged.cube_id = tenant_cube_id("")
    assert fold(state, forged)[1].reason is Reason.WRONG_SCOPE


def test_a_key_of_another_tenant_s_cube_is_refused() -> None:
    forged = key_issued(1)
    forged.cube_id = tenant_cube_id("rival")
    assert fold(None, forged)[1].reason is Reason.NOT_FOUND
