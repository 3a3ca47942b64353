"""Importers: what other programs wrote, as memories to be. One file a format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from memos.infrastructure.transfer.importers import jsonl, locomo, markdown, mem0, messages
from memos.infrastructure.transfer.importers.item import Item, Parsed, read_json
from memos.infrastructure.transfer.importers.note_files import SUFFIXES
from memos.kernel.errors import InvalidInput, Refused

FORMATS: Mapping[str, Callable[[Path], Parsed]] = {
    "jsonl": jsonl.parse,
    "messages": messages.parse,
    "locomo": locomo.parse,
    "markdown": markdown.parse,
    "mem0": mem0.parse,
}


def parse_file(path: Path, form: str) -> tuple[str, Parsed]:
    """The format of a file (found out where `form` is auto) and its items.

    Raises:
        InvalidInput: there is no such format or file.
        Refused: the file is not of that format.
    """
    if form != "auto" and form not in FORMATS:
        raise InvalidInput(f"format={form!r} is not known: choose auto, {', '.join(FORMATS)}")
    try:
        if not path.exists():
            raise InvalidInput(f"there is no file {path}")
        if form == "auto":
            form = _guess(path)
        return form, FORMATS[form](path)
    except OSError as error:  # a folder holds what may not be read, or is gone meanwhile
        named = error.filename or path
        raise Refused(f"{named} cannot be read: {error.strerror}; nothing was imported") from error


def _guess(path: Path) -> str:
    suffix = path.suffix.lower()
    if path.is_dir() or suffix in SUFFIXES:
        return "markdown"
    if suffix in (".jsonl", ".ndjson"):
        return "jsonl"
    if suffix == ".json":
        form = _guess_json(read_json(path))
        if form:
            return form
    raise Refused(f"the format of {path.name} is not clear: pass format=, {', '.join(FORMATS)}")


def _guess_json(value: Any) -> str:
    if isinstance(value, dict):
        marks = {"messages": "messages", "results": "mem0", "conversation": "locomo"}
        return next((form for mark, form in marks.items() if mark in value), "")
    first = value[0] if isinstance(value, list) and value else None
    if isinstance(first, dict):
        marks = {"role": "messages", "memory": "mem0", "conversation": "locomo"}
        return next((form for mark, form in marks.items() if mark in first), "")
    return ""


__all__ = ["FORMATS", "Item", "Parsed", "parse_file"]
