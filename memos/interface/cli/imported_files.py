"""What an import on the command line works on: the files, of which `-` is stdin, and the vault."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from memos.infrastructure.engine.location import names_settings
from memos.interface.cli.command import Run
from memos.interface.memory import Memory
from memos.kernel.errors import InvalidInput

STDIN = "stdin"
"""The root of what comes by stdin and is called nothing else."""


@contextmanager
def files_of(paths: Sequence[Path]) -> Iterator[tuple[list[Path], str | None]]:
    """The files, and what their root is called where they have no place of their own.

    Raises:
        InvalidInput: one is not there, or stdin is named beside others.
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
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{STDIN}{_suffix(data)}"
        file.write_bytes(data)
        yield [file], STDIN


@contextmanager
def vault_of(run: Run, *, dry_run: bool) -> Iterator[Memory]:
    """The vault, made where there is none; of a dry run one that is gone afterwards."""
    if not dry_run or names_settings(run.vault) or run.vault.exists():
        with run.open(create=True) as memory:
            yield memory
        return
    with (
        tempfile.TemporaryDirectory() as folder,
        Memory(Path(folder) / "empty.vault", actor=run.actor) as memory,
    ):
        yield memory


def _suffix(data: bytes) -> str:
    """What a file with these contents would be called: JSON, JSON lines, or else Markdown."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return ".jsonl" if data.lstrip()[:1] == b"{" else ".md"
    return ".jsonl" if isinstance(value, dict) and "text" in value else ".json"  # a single line
