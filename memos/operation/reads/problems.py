"""The problems of a vault, as far as the caller may see the memories that they name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.infrastructure.reports import Problem
from memos.kernel.errors import Damaged
from memos.operation.gate import Passage
from memos.operation.reads.head import is_readable
from memos.operation.session import Session

_IDS = re.compile(r"\b[0-9a-f]{8}(-?)[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}\b")
"""An id as people read it, or as 32 digits in a row's key."""


def problems_shown(
    session: Session, passage: Passage, problems: Iterable[Problem]
) -> tuple[Problem, ...]:
    """The problems, but for those that name a memory which the caller may not read: of these it is
    told how many there are.
    """
    found = tuple(problems)
    if not found or passage.permitted(Action.READ).whole_vault:
        return found
    with session.engine.stream() as reader:
        shown = tuple(
            problem
            for problem in found
            if all(_may_be_named(passage, reader, raw) for raw in _named(problem))
        )
    hidden = len(found) - len(shown)
    if not hidden:
        return found
    told = f"{hidden} problems are of memories that you may not read: an administrator sees which"
    return (*shown, Problem("memories", told))


def _named(problem: Problem) -> Iterator[bytes]:
    for text in (problem.where, problem.what):
        yield from (bytes.fromhex(found[0].replace("-", "")) for found in _IDS.finditer(text))


def _may_be_named(passage: Passage, reader: Reader, raw: bytes) -> bool:
    """Whether an id is one of no cube, or of one that the caller may read."""
    try:
        return reader.vault.head(raw) is None or is_readable(passage, reader, raw)
    except Damaged:
        return False  # nobody can tell whose it is
