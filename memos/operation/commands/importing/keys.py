"""Under which idempotency key the memory of a new item goes in, and which can go in under none."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import NamedTuple

from memos.infrastructure.batches import batched
from memos.infrastructure.governance.decision import Action
from memos.operation.commands.idempotency import Identity, identify
from memos.operation.commands.importing.items import Wanted
from memos.operation.commands.importing.plan import Doing, ItemStep
from memos.operation.commands.new_memory import NewMemory
from memos.operation.gate import Passage
from memos.operation.receipt import other_content
from memos.operation.session import Session

BATCH = 2_000
ANOTHERS = "somebody else governs what was imported from here: leave it out, or ask them"
"""Of what the caller imported once and may not read any more: the same whatever became of it."""


class NewItem(NamedTuple):
    """What an item that is not there yet becomes.

    Attributes:
        memory: with its key.
        identity: what it becomes under it.
        why: why it cannot go in; empty where it can.
    """

    memory: NewMemory
    identity: Identity
    why: str = ""


class NewKeys:
    """Finds the keys of new items.

    Args:
        session: the open vault.
        passage: of the import.
    """

    def __init__(self, session: Session, passage: Passage) -> None:
        self._session, self._passage = session, passage
        self._places: dict[bytes, str] = {}

    def checked(self, steps: Iterable[ItemStep], there: Collection[bytes]) -> list[ItemStep]:
        """The same steps; what is to be added and cannot be is refused. See `new_items`."""
        return [one for batch in batched(steps, BATCH) for one in self._checked(batch, there)]

    def _checked(self, steps: Sequence[ItemStep], there: Collection[bytes]) -> Iterator[ItemStep]:
        adding = [step for step in steps if step.doing is Doing.ADD]
        new_items = iter(self.new_items(adding, there))
        for step in steps:
            if step.doing is not Doing.ADD:
                yield step
                continue
            new, place = next(new_items), step.wanted.item.place
            first = self._places.setdefault(new.identity.ids.cube_id, place)
            same = "" if first == place else f"its idempotency key is that of {first}, too"
            why = new.why or same
            yield (
                replace(step, doing=Doing.REFUSE, why=why)
                if why
                else replace(step, keyed=new.memory)
            )

    def new_items(self, steps: Sequence[ItemStep], there: Collection[bytes]) -> list[NewItem]:
        """What new items become, each under the first key at which nothing stands that it is not: what
        was erased or has moved on keeps its own.

        Args:
            steps: those that add items.
            there: the memories of all that was imported before and that the caller may read.
        """
        found = self._identified([step.keyed or _keyed(step.wanted, 0) for step in steps])
        generation = 0
        while taken := [at for at, new in enumerate(found) if self._is_taken(new, there)]:
            generation += 1
            again = self._identified([_keyed(steps[at].wanted, generation) for at in taken])
            for at, new in zip(taken, again, strict=True):
                found[at] = new
        return found

    def _identified(self, memories: Sequence[NewMemory]) -> list[NewItem]:
        identities = identify(self._session, [memory.keyed() for memory in memories])
        hidden = self._hidden([one.ids.cube_id for one in identities if one and one.is_known])
        found = []
        for memory, identity in zip(memories, identities, strict=True):
            assert identity is not None  # noqa: S101 - each has a key
            found.append(NewItem(memory, identity, _why_not(identity, hidden)))
        return found

    def _hidden(self, cube_ids: Sequence[bytes]) -> frozenset[bytes]:
        """Which of some cubes the caller may not read."""
        if not cube_ids:
            return frozenset()
        with self._session.engine.read() as reader:
            states = [reader.vault.head(cube_id) for cube_id in cube_ids]
        return frozenset(
            state.cube_id
            for state in states
            if state is not None and not self._passage.allows(Action.READ, state)
        )

    @staticmethod
    def _is_taken(new: NewItem, there: Collection[bytes]) -> bool:
        identity = new.identity
        if new.why == ANOTHERS or not identity.is_known:
            return False
        return identity.is_erased or identity.ids.cube_id in there


def _why_not(identity: Identity, hidden: Collection[bytes]) -> str:
    if identity.ids.cube_id in hidden:
        return ANOTHERS
    return str(other_content(identity.ids.cube_id)) if identity.is_other else ""


def _keyed(wanted: Wanted, generation: int) -> NewMemory:
    """An item's memory under a key of its own: its first is the file's, where that has one."""
    memory = wanted.memory
    if memory.idempotency_key is not None and not generation:
        return memory
    named = sha256(wanted.identity.encode()).hexdigest()
    return replace(memory, idempotency_key=f"import:{named}:{generation}")
