"""Importing a file: checked whole, then added in durable batches that a retry repeats harmlessly."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from memos.infrastructure.governance.decision import Action
from memos.infrastructure.progress import Progress
from memos.infrastructure.transfer.importers import Item, parse_file
from memos.kernel.errors import InvalidInput, OtherContent, Refused
from memos.kernel.fold import Result
from memos.kernel.scope import check_scope, contains
from memos.operation.commands.creation import Addition, check_addition, draft_addition
from memos.operation.commands.turn import placed
from memos.operation.receipt import receipt_of
from memos.operation.session import Session

BATCH = 2_000


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did: `added` memories are new, `present` were imported before; `skipped`
    names what held no memory. `cube_ids` are in the order of the file.
    """

    format: str
    added: int
    present: int
    scopes: tuple[str, ...]
    cube_ids: tuple[str, ...]
    skipped: tuple[str, ...]


def import_items(
    session: Session, path: Path, scope: str, form: str, progress: Progress
) -> ImportReport:
    """See `Memory.import_file`."""
    check_scope(scope)
    form, parsed = parse_file(path, form)
    start = session.clock()
    additions = [
        _checked(session, item, scope, form, path.name, start + number)
        for number, item in enumerate(parsed.items)
    ]
    scopes = tuple(dict.fromkeys(addition.scope for addition in additions))
    for each in scopes:
        session.require(Action.CREATE, each, operation="import")
    added = 0
    cube_ids: list[str] = []
    operation_id = session.new_id()
    for batch in _batches(additions):
        drafts = [draft_addition(session, addition, operation_id) for addition in batch]
        for committed, item in zip(
            session.engine.writer.commit(drafts), parsed.items[len(cube_ids) :], strict=False
        ):
            try:
                receipt = receipt_of(session.engine, committed)
            except OtherContent as error:
                raise OtherContent(
                    f"{item.place}: {error}; {added} memories before it were added"
                ) from None
            cube_ids.append(receipt.cube_id)
            added += committed.outcome.result is Result.ACCEPTED
        progress(len(cube_ids), len(additions))
    return ImportReport(
        form, added, len(cube_ids) - added, scopes, tuple(cube_ids), tuple(parsed.skipped)
    )


def _batches(additions: Sequence[Addition]) -> Iterator[Sequence[Addition]]:
    for start in range(0, len(additions), BATCH):
        yield additions[start : start + BATCH]


def _checked(
    session: Session, item: Item, scope: str, form: str, file: str, number: int
) -> Addition:
    """One item as a checked `add`; a turn as `add_conversation` takes it, ordered by `number`.

    Raises:
        Refused: it does not fit; the message names its place.
    """
    wanted = {
        "source": f"{form}:{file}/{item.name}",
        "origin": "external retrieval",
        **item.fields,
        "scope": _scope_under(scope, item.scope),
    }
    if "idempotency_key" not in wanted:
        # By content and place: a file that has grown adds only what is new.
        told = json.dumps(wanted, sort_keys=True).encode()
        wanted["idempotency_key"] = f"import:{sha256(told).hexdigest()}"
    try:
        said = item.said
        turn = None if said is None else placed(wanted["scope"], number=number, **said._asdict())
        return check_addition(session, wanted, turn=turn)
    except InvalidInput as error:
        raise Refused(f"{item.place}: {error}; nothing was imported") from None


def _scope_under(scope: str, named: str) -> str:
    """An item's scope: it is, or is put, under that of the import."""
    if not named or contains(scope, named):
        return named or scope
    return f"{scope}/{named}"
