"""A JSON object as an importer reads it: what is not taken is counted by its name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import tzinfo
from types import TracebackType
from typing import Any, NamedTuple, Self

from memos.infrastructure.transfer.importers.item import Item, Parsed, listing, mapping
from memos.infrastructure.transfer.importers.times import read_time
from memos.kernel.errors import Refused


class Reading(NamedTuple):
    """What the readers of one file share.

    Attributes:
        zone: of times that name none.
        not_kept: how often there was what a memory does not keep, by its name.
        skipped: what gives no memory, and why.
        refused: what should give one and cannot be read, and why.
        partial: what says that more follows that is not in it.
        continuing: the pages that follow others, and may be what these say.
    """

    zone: tzinfo
    not_kept: Counter[str]
    skipped: list[str]
    refused: list[str]
    partial: list[str]
    continuing: list[str]

    @classmethod
    def begin(cls, zone: tzinfo) -> Self:
        """With nothing read yet."""
        return cls(zone, Counter(), [], [], [], [])

    def parsed(self, items: list[Item]) -> Parsed:
        """What was read."""
        return Parsed(
            items,
            self.skipped,
            self.refused,
            dict(self.not_kept),
            partial=self.partial[len(self.continuing) :],
            continues=max(0, len(self.continuing) - len(self.partial)),
        )

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """Around one item of the file: where it cannot be read, that is gathered, not raised."""
        try:
            yield
        except Refused as error:
            self.refused.append(str(error))

    def fields(self, value: Any, where: str, kind: str) -> Fields:
        """An object of the file. `kind` names it in the count of what is not kept."""
        return Fields(self, mapping(value, where), where, kind)

    def counted(self, kind: str, value: Mapping[str, Any]) -> None:
        """Count the fields of an object that say something, as not kept."""
        self.not_kept.update(f"{kind}.{name}" for name, inner in value.items() if says(inner))


class Fields:
    """One object. As a context, what was not taken at its end is counted; empty values say nothing."""

    def __init__(self, reading: Reading, value: Mapping[str, Any], where: str, kind: str) -> None:
        self.reading = reading
        self.where = where
        self.kind = kind
        self._value = value
        self._taken: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        left = {name: self._value[name] for name in self._value if name not in self._taken}
        self.reading.counted(self.kind, left)

    def __contains__(self, name: str) -> bool:
        return says(self._value.get(name))

    def is_given(self, name: str) -> bool:
        """Whether a field is there, though it may say nothing."""
        return name in self._value

    def take(self, *names: str) -> Any:
        """The first of these fields that says something; all of them count as taken."""
        self._taken.update(names)
        return next((self._value[name] for name in names if says(self._value.get(name))), None)

    def text(self, *names: str) -> str:
        """A text, or empty; an id may be a number.

        Raises:
            Refused: it is something else.
        """
        value = self.take(*names)
        if value is None:
            return ""
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if not isinstance(value, str):
            raise Refused(f"{self.where}: {names[0]!r} must be a text, not {type(value).__name__}")
        return value

    def needed(self, *names: str) -> str:
        """A text that must be there, though it may be empty.

        Raises:
            Refused: it is not.
        """
        value = self.take(*names)
        if value is None:
            value = next((self._value[name] for name in names if self._value.get(name) == ""), None)
        if not isinstance(value, (str, int)) or isinstance(value, bool):
            raise Refused(f"{self.where}: {names[0]!r} must be a text")
        return str(value)

    def time(self, *names: str) -> str | None:
        """A time as ISO 8601: that of the first of these fields which says one."""
        return read_time(self.take(*names), self.where, self.reading.zone)

    def list(self, *names: str) -> list[Any]:
        """A list, empty where there is none."""
        value = self.take(*names)
        return [] if value is None else listing(value, f"{self.where}: its {names[0]}")

    def drop(self) -> None:
        """Take all that is left without keeping it: it was counted as a whole."""
        self._taken.update(self._value)

    def inner(self, name: str, kind: str = "") -> Fields:
        """An object inside this one; without fields where there is none."""
        value = self.take(name)
        inner = {} if value is None else mapping(value, f"{self.where}: its {name}")
        return Fields(self.reading, inner, self.where, kind or f"{self.kind}.{name}")

    def object(self, name: str) -> dict[str, Any]:
        """An object inside this one, taken whole."""
        value = self.take(name)
        return {} if value is None else dict(mapping(value, f"{self.where}: its {name}"))


def says(value: Any) -> bool:
    """Whether a value says anything."""
    return value is not None and value is not False and value not in ("", [], {})
