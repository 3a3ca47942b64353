from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from memos.kernel.api_key import API_KEY_KINDS
from memos.kernel.cube import CubeState, Lifecycle
from memos.kernel.digest import cube_digest
from memos.kernel.event import Kind, Undecodable, decode
from memos.kernel.keyed_fold import KeyedFold
from memos.kernel.outcome import Outcome, Result
from memos.kernel.state import state_from_bytes, state_to_bytes
from memos.kernel.tenant import ADMINISTRATOR, TENANT_KINDS, tenant_cube_id
from memos.wire.event_pb2 import Event
from tests.kernel.builders import SCOPE, event, ident

PLACES = st.integers(0, 3)


@st.composite
def any_event(draw: st.DrawFn) -> Event:
    """An event on one cube, valid or absurd."""
    kind = draw(st.sampled_from(list(Kind)))
    built = event(kind, draw(st.integers(1, 30)), operation=draw(st.integers(1, 4)))
    built.cube_id = ident(draw(st.sampled_from([1, 1, 1, 2])))
    built.scope = draw(st.sampled_from([SCOPE, SCOPE, SCOPE, "acme", ""]))
    built.parts = draw(st.sampled_from([0, 1, 3, 31, 2**32 - 1]))
    built.body.box = draw(st.binary(max_size=8))
    if draw(st.booleans()):
        built.expected_version = draw(st.sampled_from([0, 1, 2, 3, 2**63]))
    if draw(st.booleans()):
        built.idempotency_digest = b"key"
        built.command_mac = draw(st.sampled_from([b"a", b"b"]))
    for _ in range(draw(st.integers(0, 2))):
        edge = built.edges.add(relation=draw(st.integers(0, 9)))
        edge.other.cube_id = draw(st.binary(max_size=20))
        edge.other.version = draw(st.integers(0, 2**64 - 1))
    _fill_detail(draw, built, kind)
    return built


def _fill_detail(draw: st.DrawFn, built: Event, kind: Kind) -> None:  # noqa: C901 - a table
    if kind is Kind.GENERATED:
        built.generated.form = draw(st.integers(0, 9))  # type: ignore[assignment]
        for _ in range(draw(st.integers(0, 2))):
            built.generated.absorbs.add(cube_id=draw(st.binary(max_size=16)), scope="acme")
    elif kind is Kind.HEADER_CHANGED:
        built.header_changed.fields.extend(draw(st.lists(st.sampled_from(["owner", "nonsense"]))))
        built.header_changed.header.lifespan.then = draw(st.integers(0, 9))  # type: ignore[assignment]
    elif kind is Kind.EXPIRED:
        built.expired.expected_sequence = draw(PLACES)
        built.expired.then = draw(st.integers(0, 9))  # type: ignore[assignment]
    elif kind is Kind.ROLLED_BACK:
        for _ in range(draw(st.integers(0, 2))):
            target = built.rolled_back.targets.add(cube_id=ident(1), scope=SCOPE)
            target.action = draw(st.integers(0, 9))  # type: ignore[assignment]
            target.to_version = draw(st.integers(0, 2**63))
            target.expected_sequence = draw(PLACES)
            target.restoration.content = draw(st.integers(0, 2**63))
            target.reactivate = draw(st.booleans())
    elif kind is Kind.FROZEN:
        built.frozen.yields_to_erase = draw(st.booleans())
    elif kind is Kind.THAWED:
        built.thawed.freeze_only = draw(st.booleans())
    elif kind in TENANT_KINDS:
        if draw(st.booleans()):
            built.cube_id, built.scope = tenant_cube_id(built.tenant), built.tenant
        if kind is Kind.API_KEY_ISSUED:
            draw_api_key(draw, built)
        elif kind in API_KEY_KINDS:
            getattr(built, kind.name.lower()).key_id = ident(draw(st.integers(1, 9)))
        elif kind is not Kind.CONFIGURED:
            detail = getattr(built, kind.name.lower())
            detail.role = draw(st.sampled_from([ADMINISTRATOR, "king"]))
            detail.actor = draw(st.sampled_from(["agent:bob", ""]))
    elif kind in (Kind.ERASE_REQUESTED, Kind.ERASE_WITHDRAWN, Kind.ERASED):
        detail = getattr(built, kind.name.lower())
        for _ in range(draw(st.integers(0, 2))):
            detail.targets.add(cube_id=draw(st.binary(max_size=16)), scope="acme")
        if kind is Kind.ERASE_REQUESTED:
            detail.ends_freezes = draw(st.booleans())


def draw_api_key(draw: st.DrawFn, built: Event) -> None:
    issued = built.api_key_issued
    issued.secret_digest = draw(st.sampled_from([b"k" * 32, b""]))
    issued.actor = draw(st.sampled_from(["agent:bob", ""]))
    issued.actions.extend(draw(st.lists(st.sampled_from(["read", "nonsense"]), max_size=2)))
    issued.scopes.extend(draw(st.lists(st.sampled_from(["acme", "rival/a"]), max_size=1)))
    issued.expires = draw(st.integers(-(2**63), 2**63 - 1))
    issued.replaces = draw(st.sampled_from([b"", ident(1), ident(2)]))
    issued.replaced_expires = draw(st.integers(-(2**63), 2**63 - 1))


def run(history: list[Event]) -> tuple[CubeState | None, list[Outcome]]:
    state, outcomes, keyed = None, [], KeyedFold()
    for each in history:
        state, outcome, _ = keyed.fold(state, each)
        outcomes.append(outcome)
    return state, outcomes


@given(st.lists(any_event(), max_size=25))
@settings(max_examples=400, deadline=None)
def test_no_sequence_of_events_raises_or_leaves_an_illegal_state(history: list[Event]) -> None:
    state, before, keyed = None, None, KeyedFold()
    for each in history:
        before = state
        state, outcome, consequences = keyed.fold(state, each)
        assert outcome.result in Result
        if state is None:
            continue
        assert state.lifecycle in Lifecycle
        assert all(0 <= part <= state.version for part in state.parts)
        assert outcome.result is Result.ACCEPTED or not consequences
        if before is not None:
            assert state.sequence == before.sequence + 1
            assert state.scope == before.scope
            assert state.cube_id == before.cube_id
            assert state.version - before.version in (0, 1)
            if outcome.result is not Result.ACCEPTED:
                assert state == before._replace(sequence=state.sequence)
            if before.lifecycle is Lifecycle.ERASED:
                assert state.lifecycle is Lifecycle.ERASED


@given(st.lists(any_event(), max_size=20))
@settings(max_examples=200, deadline=None)
def test_a_history_folds_the_same_through_bytes_at_every_step(history: list[Event]) -> None:
    expected, outcomes = run(history)
    state: CubeState | None = None
    again, keyed = [], KeyedFold()
    for each in history:
        stored = None if state is None else state_from_bytes(state_to_bytes(state))
        try:
            event_again = decode(each.SerializeToString())
        except Undecodable:
            event_again = each
        state, outcome, _ = keyed.fold(stored, event_again)
        again.append(outcome)
    assert again == outcomes
    assert (state is None) == (expected is None)
    if state is not None and expected is not None:
        assert cube_digest(state) == cube_digest(expected)


@given(st.lists(any_event(), max_size=15), st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_redelivered_keyed_events_change_nothing_but_the_count(history, random) -> None:  # type: ignore[no-untyped-def]
    """Keyed events may be delivered again at any later point, however often."""
    for number, each in enumerate(history):
        each.event_id = ident(1000 + number)
        each.idempotency_digest = b"key"
        each.command_mac = b"mac"
    expected, outcomes = run(history)
    accepted = [
        each
        for each, outcome in zip(history, outcomes, strict=True)
        if outcome.result is Result.ACCEPTED
    ]
    repeated = list(history)
    for each in accepted:
        at = next(i for i, other in enumerate(repeated) if other is each)
        for _ in range(random.randint(0, 2)):
            copy = Event()
            copy.CopyFrom(each)
            repeated.insert(random.randint(at + 1, len(repeated)), copy)
    if any(each.kind in (Kind.EXPIRED, Kind.ROLLED_BACK) for each in history):
        return  # these look at the sequence, which counts deliveries
    state, _ = run(repeated)
    if expected is None:
        assert state is None
    else:
        assert state is not None
        assert cube_digest(state) == cube_digest(expected)
