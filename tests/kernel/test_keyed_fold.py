from __future__ import annotations

from memos.kernel.consequences import consequences_of
from memos.kernel.cube import CubeState, KeyedEvent, Lifecycle
from memos.kernel.keyed_fold import KeyedFold
from memos.kernel.outcome import Outcome, Reason, Result
from memos.kernel.state import rewritten, state_from_bytes, state_to_bytes
from memos.wire.event_pb2 import Event
from memos.wire.state_pb2 import CubeState as Stored
from tests.kernel.builders import SCOPE, generated, ident, revised


def under_a_key(event: Event, mac: bytes = b"mac") -> Event:
    event.idempotency_digest, event.command_mac = b"key", mac
    return event


def folded(keyed: KeyedFold, state: CubeState | None, event: Event) -> tuple[CubeState, Outcome]:
    after, outcome, _ = keyed.fold(state, event)
    assert after is not None
    return after, outcome


def test_a_state_does_not_grow_with_its_keys() -> None:
    keyed = KeyedFold()
    state, _ = folded(keyed, None, under_a_key(generated(1)))
    sizes = set()
    for number in range(200, 300):
        state, outcome = folded(keyed, state, under_a_key(revised(number)))
        assert outcome.result is Result.ACCEPTED
        sizes.add(len(state_to_bytes(state)))
    assert max(sizes) - min(sizes) <= 4  # of the numbers of versions


def test_what_was_forgotten_is_asked_for_and_for_events_under_a_key_alone() -> None:
    asked: list[bytes] = []

    def stored(event: Event) -> KeyedEvent | None:
        asked.append(event.event_id)
        return KeyedEvent(ident(2), b"mac", 2) if event.event_id == ident(2) else None

    keyed = KeyedFold(stored)
    state, _ = folded(keyed, None, under_a_key(generated(1)))
    state, _ = folded(keyed, state, under_a_key(revised(3)))
    state, _ = folded(keyed, state, revised(4))
    assert asked == [ident(3)]
    state, _ = folded(keyed, state, under_a_key(revised(3)))  # known without being asked for
    assert asked == [ident(3)]
    keyed.forget()
    before = state
    state, outcome = folded(keyed, state, under_a_key(revised(2)))
    assert outcome == Outcome(Result.DUPLICATE, 2, duplicate_of=ident(2))
    assert state == before._replace(sequence=before.sequence + 1)
    _, outcome = folded(keyed, state, under_a_key(revised(2), mac=b"other"))
    assert outcome.reason is Reason.OTHER_CONTENT
    assert asked == [ident(3), ident(2), ident(2)]


def test_a_rejected_event_under_a_key_may_be_tried_again() -> None:
    keyed = KeyedFold()
    state, _ = folded(keyed, None, generated(1))
    early = under_a_key(revised(2))
    early.expected_version = 2
    state, outcome = folded(keyed, state, early)
    assert outcome.reason is Reason.CONFLICT
    state, _ = folded(keyed, state, revised(3))
    _, outcome = folded(keyed, state, early)
    assert outcome.result is Result.ACCEPTED


def test_a_stored_state_with_the_keys_of_then_is_the_same_cube() -> None:
    state, _ = folded(KeyedFold(), None, under_a_key(generated(1)))
    former = Stored.FromString(state_to_bytes(state))
    former.keyed.add(event_id=ident(1), command_mac=b"mac", version=1)
    assert state_from_bytes(former.SerializeToString()) == state
    assert rewritten(former.SerializeToString()) == state_to_bytes(state)
    assert rewritten(b"\xff no state") == b"\xff no state"


def test_what_follows_from_an_event_counts_once_and_may_be_tried_again_where_it_was_refused() -> (
    None
):
    """A worker that was given up for dead appends it again, when others have gone on."""
    keyed = KeyedFold()
    source, _ = folded(keyed, None, generated(1))
    merge = generated(2, 2)
    merge.generated.absorbs.add(cube_id=ident(1), scope=SCOPE, expected_version=1)
    (merged,) = consequences_of(merge)
    at_merge, outcome = folded(keyed, source, merged)
    assert (at_merge.lifecycle, outcome.result) == (Lifecycle.MERGED, Result.ACCEPTED)
    undone = at_merge._replace(lifecycle=source.lifecycle, merged_into=b"")
    again, outcome = folded(keyed, undone, merged)
    assert outcome == Outcome(Result.DUPLICATE, 1, duplicate_of=merged.event_id)
    assert again == undone._replace(sequence=undone.sequence + 1)
    other = generated(3, 3)
    other.generated.absorbs.add(cube_id=ident(1), scope=SCOPE, expected_version=1)
    (refused,) = consequences_of(other)
    state, outcome = folded(keyed, at_merge, refused)
    assert outcome.result is Result.REJECTED
    state, outcome = folded(keyed, undone._replace(sequence=state.sequence), refused)
    assert outcome.result is Result.ACCEPTED
