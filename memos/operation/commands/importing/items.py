"""What is to be imported: every item of every file, checked, with what it is known by."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from hashlib import sha256
from typing import Any, NamedTuple

from memos.infrastructure.transfer.importers import Item, Parsed, parse_file
from memos.kernel.errors import InvalidInput, Refused
from memos.kernel.scope import contains
from memos.operation.commands.importing.roots import Root
from memos.operation.commands.new_memory import NewMemory
from memos.operation.commands.turn import place_turn
from memos.operation.validation import MAX_NAME_BYTES
from memos.wire.body_pb2 import Imported as Found

ORIGIN = "external retrieval"


class Wanted(NamedTuple):
    """An item as the memory that is to be.

    Attributes:
        item: as the file has it.
        root: what it was found in.
        memory: what `add` would make of it.
        identity: what it is known by.
        unnamed: what it would be known by, had its root no name.
        said: what it says, and of a turn behind what, by which it is known wherever it is found; empty
            of what has an id of its own.
        former: the source that releases without marks gave it.
        former_key: the idempotency key that they gave it; empty where what they made of it differs.
    """

    item: Item
    root: Root
    memory: NewMemory
    identity: str
    unnamed: str
    said: str
    former: str
    former_key: str

    @property
    def has_source(self) -> bool:
        """Whether the file names its source."""
        return "source" in self.item.fields

    def identity_in(self, root: Root, same: Counter[str]) -> str:
        """What it would be known by in another root, where these say the same already."""
        return _identity(self.item, self.memory.scope, root.found(self.item), self.memory, same)


@dataclass(slots=True)
class Items:
    """What files hold, checked.

    Attributes:
        form: the format; of several files, the formats.
        wanted: the memories to be, in order.
        skipped: what holds no memory, and why.
        refused: what cannot be one, and why.
        not_kept: what the formats have that is not kept, and how many times.
        partial: what says that more follows that is not in it.
        continues: how many pages follow one that is not in their file: it may be another file's.
        unread: the places whose contents are not known.
    """

    form: str = ""
    wanted: list[Wanted] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    not_kept: Counter[str] = field(default_factory=Counter)
    partial: list[str] = field(default_factory=list)
    continues: int = 0
    unread: set[tuple[str, str]] = field(default_factory=set)

    @property
    def lacking(self) -> list[str]:
        """What says that more follows that is in no file."""
        return self.partial[self.continues :]


@dataclass(frozen=True, slots=True)
class Given:
    """What an import gives to every item."""

    scope: str
    subject: str | None
    tags: tuple[str, ...]
    start: int
    """Microseconds since 1970: orders the turns of a conversation over several imports."""
    zone: tzinfo = UTC
    """Of times that name none."""


def read_items(given: Given, sources: Iterable[Root], form: str) -> dict[str, Items]:
    """Read files, by their formats; of each its items, in order.

    Raises:
        InvalidInput: there is no such format or file.
    """
    by_form: dict[str, Items] = {}
    order = given.start
    several = list(sources)
    for root in several:
        try:
            named, parsed = parse_file(root.path, form, given.zone)
        except Refused as error:
            told = str(error) if len(several) == 1 else f"{root.path}: {error}"
            by_form.setdefault("", Items()).refused.append(told)
            continue
        if len(several) > 1:
            parsed = parsed.within(root.path)
        items = by_form.setdefault(named, Items(named))
        _take(items, given, root, parsed, order)
        order += len(parsed.items)
    return by_form


def _take(items: Items, given: Given, root: Root, parsed: Parsed, order: int) -> None:
    items.skipped += parsed.skipped
    items.partial += parsed.partial
    items.continues += parsed.continues
    items.refused += parsed.refused
    items.not_kept.update(parsed.not_kept)
    for name in parsed.unread:
        found = root.found(Item("", "", {}, section=(name,)))
        items.unread.add((found.root, found.path))
    before = {wanted.identity: wanted for wanted in items.wanted}
    here: dict[str, Wanted] = {}
    same: Counter[str] = Counter()
    said_before = ""
    for number, item in enumerate(parsed.items):
        try:
            wanted = _wanted(items.form, given, root, item, order + number, same, said_before)
            said_before = str(item.fields.get("text"))
        except InvalidInput as error:
            items.refused.append(f"{item.place}: {error}")
            continue
        first = before.get(wanted.identity)
        if first is not None and first.item.fields == item.fields:
            items.skipped.append(f"{item.place}: it is {first.item.place} again")
            continue
        first = first or here.setdefault(wanted.identity, wanted)
        if first is wanted:
            items.wanted.append(wanted)
        else:
            items.refused.append(f"{item.place}: its id is that of {first.item.place}, too")


def _wanted(
    form: str,
    given: Given,
    root: Root,
    item: Item,
    order: int,
    same: Counter[str],
    said_before: str,
) -> Wanted:
    """One item as a memory; a turn as `add_conversation` takes it.

    Raises:
        InvalidInput: it does not fit.
    """
    scope = _scope_under(given.scope, item.scope)
    found = root.found(item)
    arguments: dict[str, Any] = {
        "source": _source(f"{form}:{root.label}", item),
        "origin": ORIGIN,
        **({} if given.subject is None else {"subject": given.subject}),
        **item.fields,
        "scope": scope,
    }
    if given.tags:
        own = item.fields.get("tags") or ()
        arguments["tags"] = [*own, *given.tags] if isinstance(own, (list, tuple)) else own
    turn = None
    if item.said is not None:
        turn = place_turn(scope, number=order, **item.said._asdict())
    memory = NewMemory.of_item(arguments, turn=turn, imported=found)
    former = f"{form}:{root.former}/{item.name}"
    identity = unnamed = _identity(item, scope, found, memory, same)
    if root.name:
        unnamed = _identity(item, scope, root.found_here(item), memory, same)
    return Wanted(
        item,
        root,
        memory,
        identity,
        unnamed,
        _said(item, memory, said_before),
        former,
        "" if item.section else _former_key({**item.fields, "scope": scope}, former),
    )


def _identity(item: Item, scope: str, found: Found, memory: NewMemory, same: Counter[str]) -> str:
    """What an item is known by, as JSON: its own id, its id in its file, its place in a note, or else
    what it says, and where; the second that says the same is the second.
    """
    if item.own_id or memory.idempotency_key:
        return json.dumps(["id", scope, item.own_id or memory.idempotency_key])
    if item.id:
        return json.dumps(["id in file", scope, found.root, found.path, item.id])
    if item.section:
        return json.dumps(["section", scope, found.root, found.path, *item.section[1:]])
    said = sha256(memory.body.content.inline).hexdigest()
    place = json.dumps(["words", scope, found.root, found.path, said])
    same[place] += 1
    return json.dumps([place, same[place]])


def _said(item: Item, memory: NewMemory, before: str) -> str:
    """What an item says, as JSON. A turn says the same only behind the same words, by the same speaker
    and at the same time: many say no more than "ok".
    """
    if item.own_id or memory.idempotency_key:
        return ""
    if item.section:
        return json.dumps(
            ["section", item.words] if item.words else ["headings", *item.section[1:]]
        )
    text = memory.body.content.inline.decode("utf-8", "replace")
    if item.said is None:
        return json.dumps(["text", text])
    return json.dumps(["turn", item.said.role, item.said.speaker, item.said.at, before, text])


def _former_key(fields: Mapping[str, Any], former: str) -> str:
    """The key that releases without marks gave an item: made of its content and place."""
    if "idempotency_key" in fields:
        return ""
    arguments = {"source": former, "origin": ORIGIN, **fields}
    try:
        content = json.dumps(arguments, sort_keys=True).encode()
    except TypeError:  # it has what those releases did not read
        return ""
    return f"import:{sha256(content).hexdigest()}"


def _source(label: str, item: Item) -> str:
    """The default source: the file, and the item in it; as much of it as a source may have."""
    inner = "/".join(item.section) if item.section else item.name
    source = f"{label}/{inner}"
    while len(source.encode("utf-8", "replace")) > MAX_NAME_BYTES:
        source = source[: -max(1, (len(source.encode("utf-8", "replace")) - MAX_NAME_BYTES) // 4)]
    return source


def _scope_under(scope: str, named: str) -> str:
    """An item's scope: it is, or is put, under that of the import."""
    if not named or contains(scope, named):
        return named or scope
    return f"{scope}/{named}"


def each_wanted(by_form: Mapping[str, Items]) -> Iterator[Wanted]:
    """All items, in order."""
    for items in by_form.values():
        yield from items.wanted
