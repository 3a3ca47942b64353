"""What mem0's `get_all` returns: `{"results": [...]}`, its pages, or the bare list of older releases."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from memos.infrastructure.transfer.importers.document import Document
from memos.infrastructure.transfer.importers.fields import Fields, Reading
from memos.infrastructure.transfer.importers.item import Item, present
from memos.infrastructure.transfer.importers.turns import digest_of, segment
from memos.kernel.errors import Refused

_KEPT = ("user_id", "agent_id", "run_id", "app_id", "actor_id", "role", "updated_at")


def read(document: Document, reading: Reading) -> list[Item]:
    """Read memories; each user is a scope and a subject, else each agent, app or run a scope.

    `created_at` becomes the start of the valid time, `expiration_date` its end and that of the
    lifespan. What is immutable is frozen. A relation is a memory of its own, linked to those of its
    user that name its ends.
    """
    items: list[Item] = []
    seen: set[tuple[str, str]] = set()
    relations: list[Item] = []
    for page in _pages(document, reading):
        found = []
        for place, given in page.results:
            with reading.gathering(), reading.fields(given, place, "memory") as memory:
                item = _item(memory)
                if (item.scope, item.id) in seen:
                    raise Refused(f"{place}: there are two memories {item.id!r}")
                seen.add((item.scope, item.id))
                found.append(item)
        items += found
        relations += _relations(page.relations, found, reading)
    return [*items, *{(item.scope, item.id): item for item in relations}.values()]


class _Page(NamedTuple):
    """One page: its memories, each with its place, and its relations."""

    results: list[tuple[str, Any]]
    relations: list[Any]


def _pages(document: Document, reading: Reading) -> Iterator[_Page]:
    value = document.value
    if isinstance(value, dict):
        yield _page(reading, value, "")
        return
    entries = document.entries(called="the file")
    if any(isinstance(entry, dict) and "results" in entry for entry in entries):
        for number, entry in enumerate(entries, 1):
            with reading.gathering():
                yield _page(reading, entry, f"page {number}, ", follows=number > 1)
    else:
        yield _Page(list(document.numbered(entries, "result")), [])


def _page(reading: Reading, value: Any, within: str, *, follows: bool = False) -> _Page:
    with reading.fields(value, f"{within or 'the '}page".strip(), "page") as page:
        results = page.list("results", "memories")
        page.take("count")
        if page.take("previous") or follows:
            reading.continuing.append(page.where)
        if page.take("next"):
            reading.partial.append(f"{page.where}: it says that another page follows")
        places = [(f"{within}result {number}", given) for number, given in enumerate(results, 1)]
        return _Page(places, page.list("relations"))


def _item(memory: Fields) -> Item:
    own = memory.needed("id")
    text = memory.needed("memory", "data", "text")
    user = memory.text("user_id")
    scope = user or memory.text("agent_id") or memory.text("app_id") or memory.text("run_id")
    kept = {name: value for name in _KEPT if (value := memory.take(name)) is not None}
    memory.take("hash", "score")
    until = memory.time("expiration_date")
    immutable = bool(memory.take("immutable"))
    if immutable and until is not None:  # what is frozen has no end
        memory.reading.not_kept["memory.immutable, of what expires"] += 1
        immutable = False
    fields = present(
        text=text,
        tags=memory.list("categories") or None,
        metadata={**memory.object("metadata"), **kept, "mem0_id": own},
        subject=user or None,
        valid_from=memory.time("created_at"),
        valid_until=until,
        lifespan=None if until is None else {"until": until},
    )
    return Item(
        memory.where, own, fields, segment(scope) if scope else "", id=own, frozen=immutable
    )


def _relations(relations: list[Any], found: list[Item], reading: Reading) -> Iterator[Item]:
    """Relations between entities, as memories linked to those that name them. Each is of the user whose
    memory first named its source, or else its target: which stays so when other users come.
    """
    oldest_first = sorted(found, key=lambda item: str(item.fields.get("valid_from", "~")))
    for number, given in enumerate(relations, 1):
        place = f"relation {number}"
        with reading.gathering(), reading.fields(given, place, "relation") as relation:
            ends = [
                relation.needed(*names)
                for names in (("source",), ("relationship", "relation"), ("target", "destination"))
            ]
            naming = (
                one for end in (ends[0], ends[2]) for one in oldest_first if _names(one, (end,))
            )
            first = next(naming, next(iter(oldest_first), None))
            scope = "" if first is None else first.scope
            subject = None if first is None else first.fields.get("subject")
            name = f"relation/{digest_of(ends)}"
            fields = present(
                text=" ".join(ends).replace("_", " "),
                semantic_type="relation",
                subject=subject,
                metadata=dict(zip(("source", "relationship", "target"), ends, strict=True)),
            )
            named = (item for item in found if item.scope == scope)
            links = tuple(item.id for item in named if _names(item, (ends[0], ends[2])))
            yield Item(place, name, fields, scope, id=name, links=links)


def _names(item: Item, ends: Sequence[str]) -> bool:
    """Whether a memory's text has one of some names in it, as a word."""
    text = str(item.fields["text"]).casefold()
    words = (re.escape(end.casefold().replace("_", " ")) for end in ends if end)
    return any(re.search(rf"(?<!\w){word}(?!\w)", text) for word in words)
