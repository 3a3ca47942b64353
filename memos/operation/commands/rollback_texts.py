"""What the plan of a rollback tells of the memories that it is about: what they say, and are going to say."""

from __future__ import annotations

from dataclasses import replace

from memos.infrastructure.engine.reader import Reader
from memos.kernel.cube import PartVersions
from memos.kernel.errors import Damaged
from memos.operation.commands.chosen import title_of
from memos.operation.commands.rollback_plan import PlannedTarget
from memos.operation.cube import open_parts


def with_texts(reader: Reader, target: PlannedTarget) -> PlannedTarget:
    """A planned change that tells what the memory says, and what it is going to say."""

    def text_of(parts: PartVersions) -> str:
        try:
            opened = open_parts(reader, target.state._replace(parts=parts))
        except Damaged:
            return ""  # what cannot be read is rolled back all the same
        return "" if opened is None else title_of(opened.text)

    change = replace(
        target.change, text=text_of(target.state.parts), text_after=text_of(target.parts)
    )
    return replace(target, change=change)
