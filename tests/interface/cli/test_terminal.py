from __future__ import annotations

import os
import pty
import sys
from contextlib import suppress

import pytest

from memos.interface.cli import terminal
from memos.interface.serialise import document


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("日本語 עברית 🎈 café", "日本語 עברית 🎈 café"),
        ("\x1b[31m\x07\x00\x7f\x9b", r"\x1b[31m\x07\x00\x7f\x9b"),
        ("a\u202eb\u2066c\u200f", r"a\u202eb\u2066c\u200f"),
        ("\ud800", r"\ud800"),
        ("a\tb\r\nc", r"a\tb\r\nc"),
    ],
)
def test_only_what_could_steer_a_terminal_is_escaped(text: str, shown: str) -> None:
    assert terminal.clean(text) == shown


def test_line_breaks_stay_where_a_text_is_shown_whole() -> None:
    assert terminal.clean("a\nb\x1b", keep_newlines=True) == "a\nb\\x1b"


def test_a_long_text_is_cut_to_one_line() -> None:
    cut = terminal.one_line("word\n" * 1000, 20)
    assert len(cut) == 20
    assert cut.endswith("…")
    assert terminal.one_line("a\n b", 20) == "a b"


def test_json_is_ascii_whatever_the_text_holds() -> None:
    line = document("get", {"text": "日本 \ud800 \x1b \u2028"})
    assert line.isascii()
    assert "\x1b" not in line


def whole(terminal_side: int) -> bytes:
    """All that was written to a terminal whose other side is closed."""
    shown = b""
    # Linux tells the end as an error.
    with os.fdopen(terminal_side, "rb", buffering=0) as written, suppress(OSError):
        while part := written.read(65_536):
            shown += part
    return shown


def test_a_bar_is_shown_on_a_terminal_and_only_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(terminal, "PATIENCE_SECONDS", -1.0)
    with terminal.progress("verifying") as report:
        report(1, 2)
    assert capsys.readouterr().err == ""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as screen, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", screen)
        patch.setenv("TERM", "xterm")
        with terminal.progress("verifying") as report:
            report(1, 2)
    shown = whole(ours)
    assert b"verifying" in shown
    assert b"1/2" in shown
