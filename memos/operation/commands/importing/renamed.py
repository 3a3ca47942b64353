"""Roots of an import that were imported before by another name: by one, now by their path, or the reverse."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from memos.infrastructure.index.projection import content_text
from memos.operation.commands.importing.imported import Imported, Marks
from memos.operation.commands.importing.items import Wanted
from memos.operation.commands.importing.roots import Root
from memos.wire.body_pb2 import Body
from memos.wire.body_pb2 import Imported as Found


class _Renamed(NamedTuple):
    """A root as it was imported, and as it is now."""

    before: Root
    now: Root


class RenamedRoots:
    """Finds the memories of items under the former name of their root.

    A root is the same where at least half of the items that are found at their places in it say the same
    as there: then all of its items are those, changed ones too.

    Args:
        marks: of the format.
        body: a memory as imports wrote it last.
    """

    def __init__(self, marks: Marks, body: Callable[[Imported], Body | None]) -> None:
        self._marks, self._body = marks, body
        self._renamed: list[_Renamed] = []

    def find(
        self, unknown: Sequence[Wanted], left: Sequence[Imported], known: Mapping[bytes, Imported]
    ) -> Iterator[tuple[Wanted, Imported]]:
        """The items whose memory was found under a former name.

        Args:
            unknown: items of which no memory is known.
            left: memories in sight that no item is.
            known: all that was imported before, by its mark.
        """
        found: set[str] = set()
        for renamed in self._candidates(unknown, left):
            placed = self._placed(renamed, [w for w in unknown if w.identity not in found], known)
            alike = sum(words_of(one) in said_in(self._body(is_now)) for one, is_now in placed)
            if 2 * alike >= len(placed) > 0:
                self._renamed.append(renamed)
                found.update(one.identity for one, _ in placed)
                yield from placed

    def holds(self, found: Found, unread: Collection[tuple[str, str]]) -> bool:
        """Whether what was found there would be found again, were it still in what is imported, and
        was not left `unread`.
        """
        for before, now in self._renamed:
            if before.held(found):
                inner = found.path.removeprefix(before.below).lstrip("/")
                path = "/".join(filter(None, (now.below, inner)))
                return (now.name, path) not in unread
        return False

    def _candidates(
        self, unknown: Sequence[Wanted], left: Sequence[Imported]
    ) -> Iterator[_Renamed]:
        """What roots may have been called: by items that say the same at the same place, the most
        first.
        """
        saying: defaultdict[tuple[str, str], list[Found]] = defaultdict(list)
        for one in left if any(map(words_of, unknown)) else ():
            body = self._body(one)
            if body is not None and not body.provenance.imported.id:
                for words in said_in(body):
                    saying[one.state.scope, words].append(body.provenance.imported)
        votes: Counter[_Renamed] = Counter()
        for wanted in unknown:
            for found in saying.get((wanted.memory.scope, words_of(wanted)), ()):
                before = wanted.root.as_known(found, wanted.item)
                if before is not None:
                    votes[_Renamed(before, wanted.root)] += 1
        yield from (renamed for renamed, _ in votes.most_common())

    def _placed(
        self, renamed: _Renamed, unknown: Sequence[Wanted], known: Mapping[bytes, Imported]
    ) -> list[tuple[Wanted, Imported]]:
        """The memories that stand at the places of items in a root, by its former name."""
        same: Counter[str] = Counter()
        placed = []
        for wanted in unknown:
            if wanted.root == renamed.now:
                identity = wanted.identity_in(renamed.before, same)
                marks = self._marks.identities(identity)
                one = next((known[mark] for mark in marks if mark in known), None)
                if one is not None:
                    placed.append((wanted, one))
        return placed


def words_of(wanted: Wanted) -> str:
    """By what an item is known that was moved; nothing of what has an id of its own."""
    item = wanted.item
    if item.own_id or wanted.memory.idempotency_key:
        return ""
    return item.words if item.section else content_text(wanted.memory.body)


def said_in(body: Body | None) -> set[str]:
    """What a memory says, with and without the line that tells where it is from."""
    text = "" if body is None else content_text(body)
    return {text, text.partition("\n\n")[2]} - {""}
