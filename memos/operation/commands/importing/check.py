"""Whether what an import is to do can be done whole, before any of it is."""

from __future__ import annotations

from dataclasses import dataclass

from memos.kernel.errors import Refused
from memos.operation.commands.importing.imported import Imported, Marks
from memos.operation.commands.importing.items import Items
from memos.operation.commands.importing.plan import REFUSING, Doing, ItemStep
from memos.operation.commands.importing.prune import check_prune
from memos.operation.commands.importing.request import ImportRequest


@dataclass(slots=True)
class ImportPlan:
    """What is to be done with the items of one format."""

    items: Items
    marks: Marks
    steps: list[ItemStep]
    missing: list[tuple[Imported, str]]
    staying: dict[bytes, str]
    present: int
    there: set[bytes]

    @property
    def archiving(self) -> list[tuple[Imported, str]]:
        """What of the missing `prune` archives."""
        return [one for one in self.missing if one[0].state.cube_id not in self.staying]


def check(request: ImportRequest, plans: list[ImportPlan]) -> None:
    """Go on only where what is asked for can be done whole.

    Raises:
        Refused: items are bad and not to be skipped; there is none at all; or too much is missing.
    """
    bad = [told for plan in plans for told in plan.items.refused]
    unfit = [step for plan in plans for step in plan.steps if step.doing in REFUSING]
    unread = len(bad) + sum(step.doing is Doing.INVALID for step in unfit)
    bad += (step.told for step in unfit)
    if bad and not request.skip_bad:
        raise Refused(_all(bad))
    named = request.root or ", ".join(map(str, request.paths))
    if not any(plan.steps for plan in plans):
        told = [*bad, *(told for plan in plans for told in plan.items.skipped)]
        why = f": {'; '.join(told)}" if told else ""
        raise Refused(f"{named} holds nothing to import{why}")
    if not request.prune:
        return
    check_prune(
        named,
        bad=unread,
        lacking=[told for plan in plans for told in plan.items.lacking],
        missing=sum(len(plan.missing) for plan in plans),
        present=sum(plan.present for plan in plans),
        yes=request.yes,
    )


def _all(bad: list[str]) -> str:
    """One error that names every bad item."""
    if len(bad) == 1:
        return f"{bad[0]}; nothing was imported"
    return f"{len(bad)} items cannot be imported, and nothing was: {'; '.join(bad)}"
