"""What an import on the command line works on: the files, of which `-` is stdin, and the vault."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from memos import ImportReport
from memos.infrastructure.engine.location import names_settings
from memos.interface.cli.command import Run
from memos.interface.memory import Memory
from memos.kernel.errors import InvalidInput

STDIN = "stdin"
"""The root of what comes by stdin and is called nothing else."""

_ZIP = b"PK\x03\x04"


@contextmanager
def files_of(paths: Sequence[Path]) -> Iterator[tuple[list[Path], str | None]]:
    """The files, and what their root is called where they have no place of their own.

    Raises:
        InvalidInput: one is not there, stdin is empty, or named beside others.
    """
    for path in paths:
        if str(path) != "-" and not path.exists():  # before a vault is made for it
            raise InvalidInput(f"there is no file {path}")
    if Path("-") not in paths:
        yield list(paths), None
        return
    if len(paths) > 1:
        raise InvalidInput("- is stdin, and stands alone: import the other files by themselves")
    data = sys.stdin.buffer.read()
    if not data.strip():
        raise InvalidInput("stdin is empty: there is nothing to import from it")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{STDIN}{_suffix(data)}"
        file.write_bytes(data)
        yield [file], STDIN


def import_into(
    run: Run, *, dry_run: bool, imports: Callable[[Memory, bool], ImportReport]
) -> ImportReport:
    """Import into the vault. One that is not there yet is made once a dry run was not refused.

    Args:
        run: of the command.
        dry_run: nothing is to be written.
        imports: imports into an open vault, or says what it would do.
    """
    if not (names_settings(run.vault) or run.vault.exists()):
        with (
            tempfile.TemporaryDirectory() as folder,
            Memory(Path(folder) / "empty.vault", actor=run.actor) as memory,
        ):
            foreseen = imports(memory, True)
        if dry_run:
            return foreseen
    with run.open(create=True) as memory:
        return imports(memory, dry_run)


def _suffix(data: bytes) -> str:
    """What a file with these contents would be called: a zip, JSON, JSON lines, or else Markdown."""
    if data.startswith(_ZIP):
        return ".zip"
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return ".jsonl" if data.lstrip()[:1] == b"{" else ".md"
    return ".jsonl" if isinstance(value, dict) and "text" in value else ".json"  # a single line
