"""What became of the items of an import, counted."""

from __future__ import annotations

from dataclasses import dataclass, field

from memos.operation.commands.importing.plan import Doing, ItemStep


@dataclass(slots=True)
class Done:
    """What became of the items of an import.

    Attributes:
        cube_ids: the memory of each item that has one, by the item's identity.
        added: how many are new.
        changed: how many changed, were moved or came back.
        moved: how many of these were found elsewhere before.
        unchanged: how many stayed as they were.
        archived: how many that are missing were archived.
        withheld: how many were erased, archived or undone before, and stay so.
        skipped: these, and others that were not imported, with the reason.
        refused: those that could not be written, with the reason.
    """

    cube_ids: dict[str, bytes] = field(default_factory=dict)
    added: int = 0
    changed: int = 0
    moved: int = 0
    unchanged: int = 0
    archived: int = 0
    withheld: int = 0
    skipped: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def count(self, step: ItemStep, *, is_new: bool) -> None:
        """Count an item that was written; `is_new` says that it was not there."""
        if step.doing is Doing.CHANGE:
            self.changed += 1
            self.moved += step.is_moved
        elif is_new:
            self.added += 1
        else:
            self.unchanged += 1

    def foresee(self, step: ItemStep) -> None:
        """Count an item as what would be done with it."""
        if not self.tell(step):
            self.count(step, is_new=True)
            if step.doing is Doing.CHANGE and step.known is not None:
                self.cube_ids[step.wanted.identity] = step.known.state.cube_id

    def tell(self, step: ItemStep) -> bool:
        """Note an item of which nothing is to be written; False where something is."""
        match step.doing:
            case Doing.KEEP:
                self.unchanged += 1
            case Doing.WITHHOLD | Doing.SKIP:
                self.withheld += step.doing is Doing.WITHHOLD
                self.skipped.append(step.told)
            case Doing.REFUSE | Doing.INVALID:
                self.refused.append(step.told)
            case _:
                return False
        if step.doing is Doing.KEEP and step.known is not None:
            self.cube_ids[step.wanted.identity] = step.known.state.cube_id
        return True
