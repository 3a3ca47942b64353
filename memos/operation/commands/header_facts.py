"""Governance facts as a caller states them: checked, and silent where nothing was said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from memos.kernel.cube import Header, Lifespan
from memos.kernel.errors import InvalidInput
from memos.operation.validation import (
    check_fields,
    check_lifespan,
    check_name,
    check_names,
    check_priority,
    check_time,
)

_LIFESPAN_FIELDS = {"after", "until", "renewed_by_access", "then", "half_life"}
_TO_A_MOMENT = -1
"""The `since` of a lifespan whose `after` is a moment yet, in microseconds since 1970."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderFacts:
    """Who may do what with a memory, and how long it lives; None where nothing is said.

    Raises:
        InvalidInput: a fact does not fit.
    """

    owner: str | None = None
    readers: Iterable[str] | None = None
    writers: Iterable[str] | None = None
    priority: int | None = None
    sensitivity: str | None = None
    purpose: str | None = None
    lifespan: Lifespan | None = None

    def __post_init__(self) -> None:
        put = object.__setattr__
        if self.owner is not None:
            put(self, "owner", check_name(self.owner, "owner"))
        for name in ("readers", "writers"):
            names = getattr(self, name)
            if names is not None:
                put(self, name, check_names(names, name))
        if self.priority is not None:
            check_priority(self.priority)
        if self.sensitivity is not None:
            put(self, "sensitivity", check_name(self.sensitivity, "sensitivity", empty=True))
        if self.purpose is not None:
            put(self, "purpose", check_name(self.purpose, "purpose", empty=True))

    def header(self, actor: str, now: int) -> Header:
        """The header of a new cube: the actor owns it unless another is named."""
        lifespan = None if self.lifespan is None else _begun(self.lifespan, now)
        return Header(
            self.owner or actor,
            tuple(self.readers or ()),
            tuple(self.writers or ()),
            lifespan,
            self.priority or 0,
            self.sensitivity or "",
            self.purpose or "",
        )

    def changes(self) -> dict[str, Any]:
        """The facts that were stated, by their names in `Header`."""
        stated = {
            "owner": self.owner,
            "readers": self.readers,
            "writers": self.writers,
            "priority": self.priority,
            "sensitivity": self.sensitivity,
            "purpose": self.purpose,
        }
        return {name: value for name, value in stated.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class LifespanChange:
    """What is to change of a memory's lifespan; None stays as it is, and where all is None, it has none
    any more. An empty text takes away the end, or the half-life. See `Memory.set_lifespan`.

    Raises:
        InvalidInput: a field does not fit.
    """

    after: str | None = None
    renewed_by_access: bool | None = None
    then: str | None = None
    half_life: str | None = None

    def __post_init__(self) -> None:
        self._stated()

    def of(self, before: Lifespan | None, now: int) -> Lifespan | None:
        """The lifespan that a memory gets; a new end is counted from now.

        Raises:
            InvalidInput: it says how a memory ends that has no end.
        """
        if self == LifespanChange():
            return None
        was, stated = before or Lifespan(0, now), self._stated()
        span = was if not self.after else was._replace(since=now)
        named = [field.name for field in fields(self) if getattr(self, field.name) is not None]
        span = span._replace(**{name: getattr(stated, name) for name in named})
        if not span.after and (self.then is not None or self.renewed_by_access):
            raise InvalidInput(
                "the memory has no end of which that could be said: pass after=, too"
            )
        return span if span.after or span.half_life else None

    def _stated(self) -> Lifespan:
        return check_lifespan(
            _unless_empty(self.after),
            0,
            renewed_by_access=False if self.renewed_by_access is None else self.renewed_by_access,
            then="archive" if self.then is None else self.then,
            half_life=_unless_empty(self.half_life),
        )


def _unless_empty(duration: str | None) -> str | None:
    return None if isinstance(duration, str) and not duration else duration


def read_lifespan(lifespan: str | Mapping[str, Any] | None) -> Lifespan | None:
    """A lifespan given as a duration or as a mapping; it begins when the cube is made, and ends a
    duration `after` that, or at the moment `until`.

    Raises:
        InvalidInput: it is neither.
    """
    if lifespan is None:
        return None
    if not isinstance(lifespan, Mapping):
        return check_lifespan(lifespan, 0)
    check_fields(lifespan, _LIFESPAN_FIELDS, "a lifespan")
    options = {name: value for name, value in lifespan.items() if name not in ("after", "until")}
    span = check_lifespan(lifespan.get("after"), 0, **options)
    if lifespan.get("until") is None:
        return span
    if span.after or span.renewed_by_access:
        raise InvalidInput("a lifespan that ends until= a moment has no after= and is not renewed")
    moment = max(1, check_time(lifespan["until"], "until"))
    return span._replace(after=moment, since=_TO_A_MOMENT)


def _begun(span: Lifespan, now: int) -> Lifespan:
    """A lifespan that begins now; one whose moment has passed is over already."""
    if span.since != _TO_A_MOMENT:
        return span._replace(since=now)
    since = min(now, span.after - 1)
    return span._replace(after=span.after - since, since=since)


def is_same_span(stated: Lifespan | None, begun: Lifespan | None) -> bool:
    """Whether a lifespan that was read is the one that a memory has, whenever that began."""
    if stated is None or begun is None:
        return stated is begun
    if stated.since == _TO_A_MOMENT:
        begun = begun._replace(after=begun.since + begun.after)
    return stated == begun._replace(since=stated.since)
