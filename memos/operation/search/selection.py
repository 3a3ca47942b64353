"""Which memories are meant: by their ids, or in scopes and under them, as far as a filter fits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from memos.kernel.cube import Lifecycle
from memos.kernel.errors import InvalidInput
from memos.kernel.scope import check_scopes
from memos.operation.search.filters import MemoryFilter, compile_filter
from memos.operation.validation import AsOf, check_flag, check_id, check_list


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Memories named by their ids; or those in and under scopes, as far as a filter fits them, in some
    states, at a moment. `Memory.list` and `Memory.archive_many` tell what each field means.

    Attributes:
        scopes: those of `scope`, in order; None means every one that the actor may read.
        accepts: the filter, checked; it tells which memories it passed over.

    Raises:
        InvalidInput: a field does not fit, or memories that are named are narrowed, too.
    """

    cube_ids: Iterable[str] | None = None
    scope: str | Iterable[str] | None = None
    filter: Mapping[str, Any] | None = None
    states: frozenset[Lifecycle] | None = None
    as_of: AsOf | None = None
    facts: bool = False
    scopes: tuple[str, ...] | None = field(init=False, compare=False)
    accepts: MemoryFilter = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        scope = self.scope
        if not (scope is None or isinstance(scope, str)):
            scope = check_list(scope, "scope")
        put(self, "scopes", None if scope is None else check_scopes(scope))
        put(self, "accepts", compile_filter(self.filter))
        check_flag(self.facts, "facts")
        if self.cube_ids is None:
            return
        if self.scope is not None or self.filter is not None:
            raise InvalidInput(
                "say which memories: cube_ids=, or scope= and, where not all of it is meant, filter="
            )
        named = check_list(self.cube_ids, "cube_ids")
        if not named:
            raise InvalidInput("cube_ids names no memory")
        for cube_id in named:
            check_id(cube_id)
        put(self, "cube_ids", tuple(dict.fromkeys(named)))

    def __str__(self) -> str:
        if self.cube_ids is not None:
            count = len(tuple(self.cube_ids))
            return (
                "the id that is named" if count == 1 else f"any of the {count} ids that are named"
            )
        within = "every scope" if self.scopes is None else ", ".join(self.scopes)
        fits = "" if self.filter is None else ", as far as the filter fits"
        passed_over = "".join(f"; {told}" for told in self.accepts.not_compared)
        return f"{within}{fits}{passed_over}"

    def check_bounded(self) -> None:
        """Refuse what stands for all that the actor may read: no command is for that.

        Raises:
            InvalidInput: neither ids nor scopes are named.
        """
        if self.cube_ids is None and self.scopes is None:
            raise InvalidInput(
                "say which memories: cube_ids=, or scope= and, where not all of it is meant, filter="
            )
