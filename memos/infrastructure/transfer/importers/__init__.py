"""Importers: what other programs wrote, as memories to be. One file a format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, tzinfo
from pathlib import Path

from memos.infrastructure.transfer.importers import (
    chatgpt,
    claude,
    claude_code,
    fine_tune,
    gemini,
    jsonl,
    langchain,
    langgraph,
    letta,
    locomo,
    markdown,
    mem0,
    memories,
    messages,
    responses,
    threads,
    ui_messages,
)
from memos.infrastructure.transfer.importers.document import (
    Document,
    holds_conversations,
    load,
)
from memos.infrastructure.transfer.importers.fields import Reading
from memos.infrastructure.transfer.importers.item import Item, Parsed
from memos.infrastructure.transfer.importers.note_files import SUFFIXES
from memos.infrastructure.transfer.importers.recognition import described, recognise
from memos.infrastructure.transfer.package import is_export
from memos.kernel.errors import InvalidInput, Refused

READERS: Mapping[str, Callable[[Document, Reading], list[Item]]] = {
    "jsonl": jsonl.read,
    "messages": messages.read,
    "responses": responses.read,
    "threads": threads.read,
    "langchain": langchain.read,
    "ui-messages": ui_messages.read,
    "gemini": gemini.read,
    "fine-tune": fine_tune.read,
    "chatgpt": chatgpt.read,
    "claude": claude.read,
    "claude-code": claude_code.read,
    "letta": letta.read,
    "langgraph": langgraph.read,
    "locomo": locomo.read,
    "mem0": mem0.read,
    "memories": memories.read,
}
"""What reads the JSON of each format."""

FORMATS = ("markdown", *READERS)


def parse_file(path: Path, form: str, zone: tzinfo = UTC) -> tuple[str, Parsed]:
    """The format of a file (found out where `form` is auto) and its items.

    Args:
        path: the file, or a folder of Markdown.
        form: one of FORMATS, or auto.
        zone: of times that name none.

    Raises:
        InvalidInput: there is no such format or file.
        Refused: the file is not of that format.
    """
    if form != "auto" and form not in FORMATS:
        raise InvalidInput(f"format={form!r} is not known: choose auto, {', '.join(FORMATS)}")
    try:
        if not path.exists():
            raise InvalidInput(f"there is no file {path}")
        _check_no_export(path)
        if form == "auto" and _is_markdown(path):
            form = "markdown"
        if form == "markdown":
            return form, markdown.parse(path, zone)
        reading = Reading.begin(zone)
        document = load(path, reading)
        form = _recognised(document) if form == "auto" else form
        return form, reading.parsed(READERS[form](document, reading))
    except OSError as error:  # a folder holds what may not be read, or is gone meanwhile
        named = error.filename or path
        raise Refused(f"{named} cannot be read: {error.strerror}; nothing was imported") from error


def _is_markdown(path: Path) -> bool:
    if path.is_dir():
        return not holds_conversations(path)
    return path.suffix.lower() in SUFFIXES


def _recognised(document: Document) -> str:
    form = "jsonl" if document.is_empty else recognise(document)
    if not form:
        raise Refused(
            f"the format of {document.name} is not clear: it looks like {described(document)}; "
            f"say which with format=...: {', '.join(FORMATS)}"
        )
    return form


def _check_no_export(path: Path) -> None:
    """Refuse what is loaded, with its history, and not imported."""
    if is_export(path):
        raise Refused(
            f"{path.name} is an export of MemOS, which holds more than an import takes: load it "
            "(memos load, Memory.load or import_export)"
        )


__all__ = ["FORMATS", "Item", "Parsed", "parse_file"]
