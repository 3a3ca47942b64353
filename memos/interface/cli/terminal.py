"""The terminal: what is safe to write to it, colours, and progress on stderr."""

from __future__ import annotations

import sys
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console as RichConsole

PIPE_WIDTH = 10_000
"""Nothing is wrapped or cut for a reader that is no terminal."""

PATIENCE_SECONDS = 1.0
"""A bar is shown for what takes longer than this."""

Report = Callable[[int, int], None]
"""Told (done, of how many) now and then."""

_HARMFUL = frozenset({"Cc", "Cs", "Zl", "Zp"})
_BIDI_CONTROLS = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)


@lru_cache(maxsize=4096)
def _harmful(character: str) -> bool:
    return character in _BIDI_CONTROLS or unicodedata.category(character) in _HARMFUL


def clean(text: str, *, keep_newlines: bool = False) -> str:
    """A text with everything that could move, recolour or reorder a terminal made visible.

    Control characters, direction overrides and lone surrogates are written as escapes: a memory
    may come from anyone.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character
        if (keep_newlines and character == "\n") or not _harmful(character)
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def one_line(text: str, length: int = 100) -> str:
    """A text on one line, cut to a length in characters."""
    flat = clean(" ".join(text[: 4 * length].split()))
    return flat if len(flat) <= length and len(text) <= 4 * length else f"{flat[: length - 1]}…"


class Console:
    """Colours and the terminal's width on a terminal, plain lines of any length elsewhere."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()

    @cached_property
    def rich(self) -> RichConsole:
        """What draws more than lines; imported for whom it has something to draw."""
        from rich.console import Console as RichConsole

        width = None if self._is_terminal else PIPE_WIDTH
        return RichConsole(
            file=self._stream, width=width, highlight=False, markup=False, emoji=False
        )

    def line(self, *parts: str | tuple[str, str]) -> None:
        """Print one line of plain or (text, style) parts, never wrapped."""
        if self._is_terminal:
            from rich.text import Text

            self.rich.print(Text.assemble(*parts), soft_wrap=True)
        else:
            texts = (part if isinstance(part, str) else part[0] for part in parts)
            self._stream.write(f"{''.join(texts)}\n")


def console(*, stderr: bool = False) -> Console:
    """Where results go; or errors, questions and progress."""
    return Console(sys.stderr if stderr else sys.stdout)


def forgiving_streams() -> None:
    """Let a terminal that lacks a character show its escape, where it would end the program."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


@contextmanager
def progress(what: str) -> Iterator[Report]:
    """A bar on stderr once the work has taken a second; nothing where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console(stderr=True).rich,
        transient=True,
    )
    started = time.monotonic()
    task = bar.add_task(what, total=None)
    shown = False

    def report(done: int, total: int) -> None:
        nonlocal shown
        bar.update(task, completed=done, total=total or None)
        if not shown and time.monotonic() - started > PATIENCE_SECONDS:
            bar.start()
            shown = True

    try:
        yield report
    finally:
        if shown:
            bar.stop()
