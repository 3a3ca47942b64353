"""The terminal: what is safe to write to it, colours, and progress on stderr."""

from __future__ import annotations

import sys
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

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


def console(*, stderr: bool = False) -> Console:
    """Colours and the terminal's width on a terminal, plain lines of any length elsewhere."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else PIPE_WIDTH
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False)


def forgiving_streams() -> None:
    """Let a terminal that lacks a character show its escape, where it would end the program."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


@contextmanager
def progress(what: str) -> Iterator[Report]:
    """A bar on stderr once the work has taken a second; nothing where stderr is no terminal."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
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
