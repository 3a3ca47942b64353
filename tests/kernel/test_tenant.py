from __future__ import annotations

from memos.kernel.cube import CubeState, Form
from memos.kernel.event import Kind
from memos.kernel.fold import fold
from memos.kernel.outcome import Outcome, Reason, Result
from memos.kernel.tenant import TENANT_KINDS, tenant_cube_id
from memos.wire.event_pb2 import Event
from tests.kernel.builders import event, generated, granted, revoked, tenant_event


def folded(*history: Event) -> CubeState:
    state = None
    for each in history:
        state, outcome, _ = fold(state, each)
        assert outcome.result is Result.ACCEPTED
    assert state is not None
    return state


def test_a_grant_makes_the_tenant_s_cube_and_a_revocation_takes_the_actor_out() -> None:
    state = folded(granted(1, "agent:bob"), granted(2, "agent:alice"), granted(3, "agent:bob"))
    assert (state.form, state.version, state.header.owner) == (Form.TENANT, 3, "")
    assert state.administrators == ("agent:alice", "agent:bob")
    state, _, _ = fold(state, revoked(4, "agent:bob"))  # type: ignore[assignment]
    assert state.administrators == ("agent:alice",)
    assert folded(revoked(1, "agent:bob")).administrators == ()


def test_configured_states_all_labels_of_a_tenant_and_leaves_its_administrators() -> None:
    configured = tenant_event(Kind.CONFIGURED, 2)
    configured.configured.sensitivities.extend(["public", "secret"])
    state = folded(granted(1, "agent:bob"), configured)
    assert state.sensitivities == ("public", "secret")
    assert state.administrators == ("agent:bob",)
    assert folded(configured, tenant_event(Kind.CONFIGURED, 3)).sensitivities == ()


def test_an_unknown_role_is_granted_to_nobody() -> None:
    unknown = granted(1, "agent:bob")
    unknown.granted.role = "king"
    illegal = Outcome(Result.REJECTED, 0, Reason.ILLEGAL_MOVE)
    assert fold(None, unknown) == (None, illegal, ())
    nobody = granted(1, "")
    assert fold(None, nobody) == (None, illegal, ())


def test_a_grant_stands_on_the_cube_of_its_own_tenant_and_on_no_other() -> None:
    forged = granted(1, "agent:eve", "rival")
    forged.cube_id = tenant_cube_id("acme")
    assert fold(None, forged)[1].reason is Reason.NOT_FOUND
    deeper = granted(1, "agent:eve")
    deeper.scope = "acme/eve"
    assert fold(None, deeper)[1].reason is Reason.NOT_FOUND
    memory = folded(generated(1))
    at_memory = granted(2, "agent:eve")
    at_memory.cube_id, at_memory.scope = memory.cube_id, memory.scope
    after, outcome, _ = fold(memory, at_memory)
    assert outcome.reason is Reason.ILLEGAL_MOVE
    assert after is not None
    assert after.administrators == ()


def test_a_tenant_s_cube_takes_nothing_but_its_own_kinds() -> None:
    state = folded(granted(1, "agent:bob"))
    for kind in set(Kind) - TENANT_KINDS:
        other = event(kind, 50, scope="acme", operation=77)
        other.cube_id = state.cube_id
        after, outcome, consequences = fold(state, other)
        assert outcome.reason is Reason.ILLEGAL_MOVE, kind
        assert (after, consequences) == (state._replace(sequence=2), ())
