"""The replay harness: a recorded access log fed to a policy, access by access, and what came of it.

No decision is kept anywhere but where it changes a form: all others, and these too, are taken again from
what was recorded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from memos.kernel.cube import Form
from memos.kernel.errors import InvalidInput
from memos.operation.scheduler.optimum import Kept, most_saved
from memos.operation.scheduler.port import Budget, Decision, Policy, Snapshot


class UsedMemory(NamedTuple):
    """A memory that an access used: the version that supplied its text, and what keeping and computing
    that takes.
    """

    cube_id: str
    content_version: int
    bytes: int
    milliseconds: float


class Recording(Protocol):
    """What is replayed: accesses, and what a policy sees behind each of them."""

    @property
    def accesses(self) -> Sequence[Sequence[UsedMemory]]:
        """What each access used, in their order."""
        ...

    def snapshot(self, accesses: int, forms: Mapping[str, Form], *, nearness: bool) -> Snapshot:
        """What a policy sees just behind the first so many accesses.

        Args:
            accesses: how many.
            forms: the form that was decided on last of a cube; plaintext where there is none.
            nearness: whether candidates' nearness is asked for.
        """
        ...


class Step(NamedTuple):
    """What was decided behind the first so many accesses."""

    accesses: int
    decisions: tuple[Decision, ...]


class Tally(NamedTuple):
    """Uses of memories, or hits among them: how many, of how many bytes, of how many milliseconds."""

    uses: float = 0
    bytes: float = 0
    milliseconds: float = 0

    def with_use(self, used: UsedMemory) -> Tally:
        """The same and one use more."""
        return Tally(self.uses + 1, self.bytes + used.bytes, self.milliseconds + used.milliseconds)

    def as_share_of(self, whole: Tally) -> Tally:
        """Each figure as a share of another tally's; 1 of nothing."""
        return Tally(*(part / of if of else 1.0 for part, of in zip(self, whole, strict=True)))


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a policy decided on a recording, and what that saved.

    Attributes:
        policy: its name.
        steps: every moment at which it decided, those at which nothing changed, too.
        requested: all uses; its milliseconds are what they take where nothing is kept.
        hits: the uses that found keys and values of their text; its milliseconds are what was saved.
        changes: how often a memory changed its form.
        computed_milliseconds: what computing took of memories that came into activation form.
        learnt_hits: those of the hits that came by an adapter.
        training_milliseconds: what training took of memories that came into an adapter.
    """

    policy: str
    steps: tuple[Step, ...]
    requested: Tally
    hits: Tally
    changes: int
    computed_milliseconds: float
    learnt_hits: Tally = Tally()
    training_milliseconds: float = 0.0

    @property
    def hit_rates(self) -> Tally:
        """The share of uses, bytes and milliseconds that were hits."""
        return self.hits.as_share_of(self.requested)


def replay(recording: Recording, policy: Policy, budget: Budget, every: int = 1) -> Replayed:
    """Feed a recording to a policy, which decides behind every so many accesses.

    A use is a hit where the memory is in activation form and the text that is used was computed: when the
    memory came into that form, or by a use since. It is one where the memory is in an adapter that learnt the
    text: what changes is not learnt by a use, but when the policy decides next.
    """
    if every < 1:
        raise InvalidInput("a policy decides behind every access, or every so many: pass 1 or more")
    forms: dict[str, Form] = {}
    computed: dict[str, int] = {}
    learnt: dict[str, int] = {}
    steps: list[Step] = []
    requested, hits, learnt_hits = Tally(), Tally(), Tally()
    changes, milliseconds, training = 0, 0.0, 0.0
    for number, used_memories in enumerate(recording.accesses, 1):
        for used in used_memories:
            requested = requested.with_use(used)
            if learnt.get(used.cube_id) == used.content_version:
                hits, learnt_hits = hits.with_use(used), learnt_hits.with_use(used)
            elif computed.get(used.cube_id) == used.content_version:
                hits = hits.with_use(used)
            elif used.cube_id in computed:
                computed[used.cube_id] = used.content_version
        if number % every:
            continue
        snapshot = recording.snapshot(number, forms, nearness=policy.asks_nearness)
        decisions = policy.decide(snapshot, budget)
        candidates = {each.cube_id: each for each in snapshot.candidates}
        for decision in decisions:
            forms[decision.cube_id] = decision.form
            computed.pop(decision.cube_id, None)
            learnt.pop(decision.cube_id, None)
            candidate = candidates[decision.cube_id]
            if decision.form is Form.ACTIVATION:
                computed[candidate.cube_id] = candidate.content_version
                milliseconds += candidate.milliseconds
        changes += len(decisions)
        for candidate in snapshot.candidates:
            is_learnt = learnt.get(candidate.cube_id) == candidate.content_version
            if forms.get(candidate.cube_id) is Form.PARAMETRIC and not is_learnt:
                learnt[candidate.cube_id] = candidate.content_version
                training += candidate.training_milliseconds
        steps.append(Step(number, tuple(decisions)))
    return Replayed(
        policy.name,
        tuple(steps),
        requested,
        hits,
        changes,
        milliseconds,
        learnt_hits,
        training,
    )


def optimum(recording: Recording, budget: Budget) -> Tally:
    """The most uses, bytes and milliseconds, each for itself, that any policy could make hits of that
    keeps only what a use computed (see `optimum.most_saved`).
    """

    def bound(values: Sequence[Sequence[float]]) -> float:
        kept = [
            [
                Kept(f"{used.cube_id}@{used.content_version}", used.bytes, value)
                for used, value in zip(used_memories, of_access, strict=True)
            ]
            for used_memories, of_access in zip(recording.accesses, values, strict=True)
        ]
        return most_saved(kept, budget.bytes)

    return Tally(
        bound([[1.0] * len(used_memories) for used_memories in recording.accesses]),
        bound([[float(used.bytes) for used in each] for each in recording.accesses]),
        bound([[used.milliseconds for used in each] for each in recording.accesses]),
    )
