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
    learnt_hits: Tally
    training_milliseconds: float

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
    held = _Held()
    steps: list[Step] = []
    requested, hits, learnt_hits, changes = Tally(), Tally(), Tally(), 0
    for number, used_memories in enumerate(recording.accesses, 1):
        for used in used_memories:
            requested = requested.with_use(used)
            form = held.used(used)
            hits = hits if form is Form.PLAINTEXT else hits.with_use(used)
            learnt_hits = learnt_hits.with_use(used) if form is Form.PARAMETRIC else learnt_hits
        if number % every:
            continue
        snapshot = recording.snapshot(number, held.forms, nearness=policy.asks_nearness)
        decisions = policy.decide(snapshot, budget)
        held.take(decisions, snapshot)
        changes += len(decisions)
        steps.append(Step(number, tuple(decisions)))
    return Replayed(
        policy.name,
        tuple(steps),
        requested,
        hits,
        changes,
        held.computed_milliseconds,
        learnt_hits,
        held.training_milliseconds,
    )


class _Held:
    """What a model holds of memories while a recording is replayed: by cube the form that was decided on, and
    the text that was computed or learnt; and what that took.
    """

    def __init__(self) -> None:
        self.forms: dict[str, Form] = {}
        self.computed_milliseconds = self.training_milliseconds = 0.0
        self._computed: dict[str, int] = {}
        self._learnt: dict[str, int] = {}

    def used(self, used: UsedMemory) -> Form:
        """In which form a memory's text came to the model."""
        if self._learnt.get(used.cube_id) == used.content_version:
            return Form.PARAMETRIC
        if used.cube_id not in self._computed:
            return Form.PLAINTEXT
        is_hit = self._computed[used.cube_id] == used.content_version
        self._computed[used.cube_id] = used.content_version
        return Form.ACTIVATION if is_hit else Form.PLAINTEXT

    def take(self, decisions: Sequence[Decision], snapshot: Snapshot) -> None:
        """Carry decisions out, and learn again what has changed."""
        for decision in decisions:
            self.forms[decision.cube_id] = decision.form
            self._computed.pop(decision.cube_id, None)
            self._learnt.pop(decision.cube_id, None)
        entering = {each.cube_id for each in decisions if each.form is Form.ACTIVATION}
        for candidate in snapshot.candidates:
            text = candidate.content_version
            if candidate.cube_id in entering:
                self._computed[candidate.cube_id] = text
                self.computed_milliseconds += candidate.milliseconds
            is_learnt = self._learnt.get(candidate.cube_id) == text
            if self.forms.get(candidate.cube_id) is Form.PARAMETRIC and not is_learnt:
                self._learnt[candidate.cube_id] = text
                self.training_milliseconds += candidate.training_milliseconds


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
