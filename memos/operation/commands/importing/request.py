"""What is to be imported, and how."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from memos.infrastructure.transfer.importers import FORMATS
from memos.infrastructure.transfer.importers.times import zone_of
from memos.kernel.errors import InvalidInput
from memos.kernel.scope import check_scope
from memos.operation.validation import (
    check_choice,
    check_flag,
    check_list,
    check_name,
    check_names,
    check_path,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRequest:
    """What is to be imported, and how. See `Memory.import_file`.

    Raises:
        InvalidInput: an argument does not fit.
    """

    path: str | Path | Iterable[str | Path]
    scope: str
    format: str = "auto"
    root: str | None = None
    subject: str | None = None
    tags: Iterable[str] = ()
    timezone: str = "UTC"
    prune: bool = False
    yes: bool = False
    again: bool = False
    dry_run: bool = False
    skip_bad: bool = False

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "scope", check_scope(self.scope))
        check_choice(self.format, ("auto", *FORMATS), "format")
        paths = [self.path] if isinstance(self.path, (str, Path)) else check_list(self.path, "path")
        put(self, "path", tuple(check_path(path) for path in paths))
        if not self.path:
            raise InvalidInput("path names no file: pass at least one")
        for name in ("root", "subject"):
            if getattr(self, name) is not None:
                put(self, name, check_name(getattr(self, name), name))
        if self.root is not None and (
            self.root.startswith("/") or self.root != self.root.strip("/")
        ):
            raise InvalidInput("root is a name such as handbook, without a slash at its ends")
        put(self, "tags", check_names(self.tags, "tags"))
        zone_of(self.timezone)
        for name in ("prune", "yes", "again", "dry_run", "skip_bad"):
            check_flag(getattr(self, name), name)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files and folders."""
        return tuple(path for path in self.path if isinstance(path, Path))  # type: ignore[union-attr]
