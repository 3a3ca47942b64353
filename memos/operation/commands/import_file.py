"""Importing a file: checked whole, then added in durable batches that a retry repeats harmlessly."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from memos.infrastructure.governance.decision import Action
from memos.infrastructure.progress import Progress
from memos.infrastructure.transfer.importers import FORMATS, Item, parse_file
from memos.kernel.errors import InvalidInput, OtherContent, Refused
from memos.kernel.outcome import Result
from memos.kernel.scope import check_scope, contains
from memos.operation.commands.draft import create_cube
from memos.operation.commands.idempotency import check_distinct, identify
from memos.operation.commands.new_memory import NewMemory
from memos.operation.commands.tags import check_tags
from memos.operation.commands.turn import place_turn
from memos.operation.gate import Passage
from memos.operation.receipt import other_content, receipt_of
from memos.operation.session import Session
from memos.operation.validation import check_choice

BATCH = 2_000


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did: `added` memories are new, `present` were imported before; `skipped`
    names what held no memory, and what was imported before and erased since: that stays erased.
    `cube_ids` are in the order of the file.
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
    scope = check_scope(scope)
    form, parsed = parse_file(path, check_choice(form, ("auto", *FORMATS), "format"))
    start = session.clock()
    with session.gate.enter("import") as passage:
        memories = [
            _checked(session, passage, item, scope, f"{form}:{path.name}", start + number)
            for number, item in enumerate(parsed.items)
        ]
        try:
            check_distinct(
                (item.place, memory.keyed())
                for item, memory in zip(parsed.items, memories, strict=True)
            )
        except InvalidInput as error:
            raise Refused(str(error)) from None
        scopes = tuple(dict.fromkeys(memory.scope for memory in memories))
        passage.admit()  # of no memory nothing is asked
        for named in scopes:
            passage.require(Action.CREATE, named)
        run = _Import(session)
        for start in range(0, len(memories), BATCH):
            places = [item.place for item in parsed.items[start : start + BATCH]]
            run.add(memories[start : start + BATCH], places)
            progress(min(start + BATCH, len(memories)), len(memories))
    present = len(run.cube_ids) - run.added
    skipped = (*parsed.skipped, *run.erased)
    return ImportReport(form, run.added, present, scopes, tuple(run.cube_ids), skipped)


class _Import:
    """One import: what it has added and found so far."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._operation_id = session.new_id()
        self.added = 0
        self.cube_ids: list[str] = []
        self.erased: list[str] = []

    def add(self, memories: Sequence[NewMemory], places: Sequence[str]) -> None:
        """Add memories in one durable batch; each has the place that a message names."""
        session, drafts, drafted = self._session, [], []
        identities = identify(session, [memory.keyed() for memory in memories])
        for memory, place, identity in zip(memories, places, identities, strict=True):
            if identity is not None and identity.is_erased:
                self.erased.append(f"{place}: what it was imported as was erased")
                continue
            if identity is not None and identity.is_other:
                raise self._other_content(identity.ids.cube_id, place)
            drafts.append(
                create_cube(session, memory, operation_id=self._operation_id, identity=identity)
            )
            drafted.append(place)
        for committed, place in zip(session.engine.writer.commit(drafts), drafted, strict=True):
            try:
                receipt = receipt_of(session.engine, committed)
            except OtherContent:
                raise self._other_content(committed.event.cube_id, place) from None
            self.cube_ids.append(receipt.cube_id)
            self.added += committed.outcome.result is Result.ACCEPTED

    def _other_content(self, cube_id: bytes, place: str) -> OtherContent:
        error = other_content(cube_id, f"{place}: ")
        return OtherContent(f"{error}; {self.added} memories before it were added")


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
        _check_tags(session, passage, memory)
    except InvalidInput as error:
        raise Refused(f"{item.place}: {error}; nothing was imported") from None
    return memory


def _check_tags(session: Session, passage: Passage, memory: NewMemory) -> None:
    """Refuse new tags that a closed vocabulary does not hold; what was imported before has its own."""
    try:
        check_tags(session, passage, memory.scope, memory.body.tags.tags)
    except InvalidInput:
        (identity,) = identify(session, [memory.keyed()])
        if identity is None or not identity.is_known:
            raise


def _scope_under(scope: str, named: str) -> str:
    """An item's scope: it is, or is put, under that of the import."""
    if not named or contains(scope, named):
        return named or scope
    return f"{scope}/{named}"
