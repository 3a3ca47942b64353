"""A replay counts what a policy's decisions would have saved, use by use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from memos.kernel.cube import Form
from memos.kernel.errors import InvalidInput
from memos.operation.scheduler.policies.lasting import Lasting
from memos.operation.scheduler.policies.lru import Lru
from memos.operation.scheduler.port import Budget, Snapshot
from memos.operation.scheduler.replay import Tally, UsedMemory, optimum, replay
from tests.operation.scheduler.candidates import candidate, snapshot


class Recorded:
    """Accesses of memories of 100 bytes and 10 ms, `a2` for a at its second text."""

    def __init__(self, *asked: str) -> None:
        self.accesses: Sequence[Sequence[UsedMemory]] = [
            [UsedMemory(name[0], int(name[1:] or 1), 100, 10.0) for name in access.split()]
            for access in asked
        ]

    def snapshot(self, accesses: int, forms: Mapping[str, Form], *, nearness: bool) -> Snapshot:
        assert not nearness
        uses: dict[str, list[int]] = {}
        texts: dict[str, int] = {}
        for number, used in enumerate(self.accesses[:accesses], 1):
            for memory in used:
                uses.setdefault(memory.cube_id, []).append(number)
                texts[memory.cube_id] = memory.content_version
        return snapshot(
            *(
                candidate(
                    name,
                    numbers,
                    content_version=texts[name],
                    form=forms.get(name, Form.PLAINTEXT),
                    training_milliseconds=5.0,
                )
                for name, numbers in uses.items()
            ),
            accesses=accesses,
        )


def test_hits_changes_and_what_is_computed_are_counted() -> None:
    replayed = replay(Recorded("a", "a b", "a", "b", "a"), Lru(), Budget(100))
    # a; then of a and b, used together, the first by its id: a; a; b in the place of a; a again.
    assert [
        [(decision.cube_id, decision.form.name) for decision in step.decisions]
        for step in replayed.steps
    ] == [
        [("a", "ACTIVATION")],
        [],
        [],
        [("a", "PLAINTEXT"), ("b", "ACTIVATION")],
        [("b", "PLAINTEXT"), ("a", "ACTIVATION")],
    ]
    assert replayed.requested == Tally(6, 600, 60.0)
    assert replayed.hits == Tally(2, 200, 20.0)
    assert tuple(replayed.hit_rates) == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    assert (replayed.changes, replayed.computed_milliseconds) == (5, 30.0)


def test_a_policy_that_decides_less_often_changes_less_and_later() -> None:
    replayed = replay(Recorded("a", "b", "a", "a", "b"), Lru(), Budget(100), every=2)
    assert [step.accesses for step in replayed.steps] == [2, 4]
    assert (replayed.hits.uses, replayed.changes) == (0, 3)
    with pytest.raises(InvalidInput):
        replay(Recorded("a"), Lru(), Budget(100), every=0)


def test_what_was_computed_of_a_former_text_is_no_hit() -> None:
    replayed = replay(Recorded("a", "a", "a2", "a2"), Lru(), Budget(100))
    assert (replayed.hits.uses, replayed.changes) == (2, 1)


def test_what_an_adapter_learnt_is_a_hit_and_what_has_changed_is_learnt_again() -> None:
    replayed = replay(Recorded("a", "a", "a2", "a2"), Lasting(), Budget(0, parametric_bytes=100))
    assert (replayed.hits, replayed.learnt_hits) == (Tally(2, 200, 20.0), Tally(2, 200, 20.0))
    assert (replayed.changes, replayed.training_milliseconds) == (1, 10.0)
    assert replayed.computed_milliseconds == 0


def test_the_optimum_knows_what_comes() -> None:
    recorded = Recorded("a", "b", "c", "a", "b", "c", "a")
    assert replay(recorded, Lru(), Budget(100)).hits.uses == 0
    best = optimum(recorded, Budget(100))
    assert 2 <= best.uses < 3  # one memory is kept at a time: a twice; its bound may keep parts
    assert best.milliseconds == pytest.approx(10 * best.uses, rel=0.01)
    assert optimum(recorded, Budget(300)) == Tally(4, 400, 40.0)


def test_nothing_is_a_share_of_nothing() -> None:
    empty = replay(Recorded(), Lru(), Budget(100))
    assert empty.hit_rates == Tally(1, 1, 1)
    assert optimum(Recorded(), Budget(100)) == Tally()
