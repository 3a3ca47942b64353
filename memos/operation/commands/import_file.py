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
from memos.operation.commands.draft import create_cube
from memos.operation.commands.new_memory import NewMemory
from memos.operation.commands.tags import check_tags
from memos.operation.commands.turn import place_turn
from memos.operation.gate import Passage
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


def import_file(
    session: Session, path: Path, scope: str, form: str, progress: Progress
) -> ImportReport:
    """See `Memory.import_file`."""
    check_scope(scope)
    form, parsed = parse_file(path, form)
    start = session.clock()
    with session.gate.enter("import") as passage:
        memories = [
            _checked(session, passage, item, scope, f"{form}:{path.name}", start + number)
            for number, item in enumerate(parsed.items)
        ]
        scopes = tuple(dict.fromkeys(memory.scope for memory in memories))
        passage.admit()  # of no memory nothing is asked
        for named in scopes:
            passage.require(Action.CREATE, named)
        added = 0
        cube_ids: list[str] = []
        operation_id = session.new_id()
        for batch in _batches(memories):
            drafts = [create_cube(session, memory, operation_id=operation_id) for memory in batch]
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
            progress(len(cube_ids), len(memories))
    return ImportReport(
        form, added, len(cube_ids) - added, scopes, tuple(cube_ids), tuple(parsed.skipped)
    )


def _batches(memories: Sequence[NewMemory]) -> Iterator[Sequence[NewMemory]]:
    for start in range(0, len(memories), BATCH):
        yield memories[start : start + BATCH]


def _checked(
    session: Session, passage: Passage, item: Item, scope: str, origin: str, order: int
) -> NewMemory:
    """One item as a memory; a turn as `add_conversation` takes it, ordered by `order`.

    Raises:
        Refused: it does not fit; the message names its place.
    """
    arguments = {
        "source": f"{origin}/{item.name}",
        "origin": "external retrieval",
        **item.fields,
        "scope": _scope_under(scope, item.scope),
    }
    if "idempotency_key" not in arguments:
        # By content and place: a file that has grown adds only what is new.
        content = json.dumps(arguments, sort_keys=True).encode()
        arguments["idempotency_key"] = f"import:{sha256(content).hexdigest()}"
    try:
        turn = None
        if item.said is not None:
            turn = place_turn(arguments["scope"], number=order, **item.said._asdict())
        memory = NewMemory.of_item(arguments, turn=turn)
        check_tags(session, passage, memory.scope, memory.body.tags.tags)
    except InvalidInput as error:
        raise Refused(f"{item.place}: {error}; nothing was imported") from None
    return memory


def _scope_under(scope: str, named: str) -> str:
    """An item's scope: it is, or is put, under that of the import."""
    if not named or contains(scope, named):
        return named or scope
    return f"{scope}/{named}"
