"""Governance facts as a caller states them: checked, and silent where nothing was said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from memos.kernel.cube import Header, Lifespan
from memos.operation.validation import (
    check_fields,
    check_lifespan,
    check_name,
    check_names,
    check_priority,
)

_LIFESPAN_FIELDS = {"after", "renewed_by_access", "then", "half_life"}


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
        lifespan = None if self.lifespan is None else self.lifespan._replace(since=now)
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


def read_lifespan(lifespan: str | Mapping[str, Any] | None) -> Lifespan | None:
    """A lifespan given as a duration or as a mapping; it begins when the cube is made.

    Raises:
        InvalidInput: it is neither.
    """
    if lifespan is None:
        return None
    if not isinstance(lifespan, Mapping):
        return check_lifespan(lifespan, 0)
    check_fields(lifespan, _LIFESPAN_FIELDS, "a lifespan")
    options = {name: value for name, value in lifespan.items() if name != "after"}
    return check_lifespan(lifespan.get("after"), 0, **options)
