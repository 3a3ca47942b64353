"""How many memories there are: of a selection, and in each scope."""

from __future__ import annotations

from memos.operation.reads.as_of import resolve
from memos.operation.reads.selected import note_views, views_of
from memos.operation.search.counting import count_fitting
from memos.operation.search.selection import Selection
from memos.operation.session import Session
from memos.operation.validation import AsOf


class Count(int):
    """How many memories there are. `not_compared` tells of those that were passed over because their
    values are of another kind than the filter's, a sentence a field.
    """

    not_compared: tuple[str, ...] = ()


def count(session: Session, selection: Selection) -> Count:
    """See `Memory.count`."""
    with session.gate.enter("count") as passage, session.engine.read() as reader:
        moment = resolve(session, passage, reader, selection.as_of)
        views = views_of(session, passage, reader, moment, selection)
        number = Count(sum(map(count_fitting, views)))
        number.not_compared = tuple(
            told for view in views for told in view.query.accepts.not_compared
        )
        note_views(passage, views)
        return number


def scopes(session: Session, prefix: str | None, as_of: AsOf | None) -> dict[str, int]:
    """See `Memory.scopes`."""
    selection = Selection(scope=prefix, as_of=as_of)
    with session.gate.enter("scopes") as passage, session.engine.read() as reader:
        moment = resolve(session, passage, reader, as_of)
        views = views_of(session, passage, reader, moment, selection)
        note_views(passage, views)
        held = (view.memories().scopes() for view in views)
        return {path: len(rows) for in_tenant in held for path, rows in in_tenant.items()}
