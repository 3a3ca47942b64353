"""Checkpoints of a tree as text, as they stand in a signed note."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos.kernel.note import Checkpoint, NoteError, open_note
from tests.kernel.signers import LOG, sign_note

ROOT = bytes(range(32))


def test_a_checkpoint_is_origin_size_root_and_extensions_a_line_each() -> None:
    text = "example.com/log\n0\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
    assert Checkpoint("example.com/log", 0, ROOT).format() == text
    with_extensions = Checkpoint("example.com/log", 0, ROOT, ("one", "two words"))
    assert with_extensions.format() == text + "one\ntwo words\n"


ONE_LINE = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)


@given(
    ONE_LINE,
    st.integers(0, 2**64 - 1),
    st.binary(min_size=32, max_size=32),
    st.lists(ONE_LINE, max_size=3),
)
def test_any_checkpoint_comes_back_from_its_signed_note(
    origin: str, size: int, root: bytes, extensions: list[str]
) -> None:
    checkpoint = Checkpoint(origin, size, root, tuple(extensions))
    note = sign_note(checkpoint.format(), [LOG])
    assert Checkpoint.parse(open_note(note, [LOG]).text) == checkpoint


VALID = Checkpoint("example.com/log", 12, ROOT).format()


MALFORMED_CHECKPOINTS = {
    "empty": "",
    "blank lines": "\n\n\n",
    "no last newline": VALID.removesuffix("\n"),
    "no origin": VALID.replace("example.com/log", ""),
    "a leading zero": VALID.replace("12", "012"),
    "a plus": VALID.replace("12", "+12"),
    "a minus": VALID.replace("12", "-12"),
    "a space": VALID.replace("12", " 12"),
    "an underscore": VALID.replace("12", "1_2"),
    "digits not of ASCII": VALID.replace("12", "\u0661\u0662"),
    "no size": VALID.replace("12", ""),
    "a size over 64 bits": VALID.replace("12", str(2**64)),
    "a size of 5000 digits": VALID.replace("12", "9" * 5000),
    "no padding": VALID.replace("=", ""),
    "a space in base64": VALID.replace("AAEC", "AA EC"),
    "a short root": VALID.replace("AAEC", ""),
    "the other base64 alphabet": VALID.replace("AAEC", "AA-C"),
    "an empty extension": VALID + "\n",
    "an empty extension before another": VALID + "\nextension\n",
    "a tab": VALID + "a\tb\n",
    "carriage returns": VALID.replace("\n", "\r\n"),
}


@pytest.mark.parametrize("text", MALFORMED_CHECKPOINTS.values(), ids=MALFORMED_CHECKPOINTS.keys())
def test_a_malformed_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(NoteError, match="malformed"):
        Checkpoint.parse(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a\nb\n", "malformed: a checkpoint is at least three whole lines"),
        (VALID.replace("12", "9" * 50 + "x"), f"malformed: '{'9' * 40}' is not a tree size"),
    ],
)
def test_a_malformed_checkpoint_is_told_in_full(text: str, told: str) -> None:
    with pytest.raises(NoteError) as refused:
        Checkpoint.parse(text)
    assert (str(refused.value), refused.value.fault) == (told, "malformed")


def test_what_is_no_base64_is_told_by_what_it_should_be() -> None:
    with pytest.raises(NoteError, match=r"malformed: .*\broot\b"):
        Checkpoint.parse(VALID.replace("=", ""))


CHECKPOINT = Checkpoint("log", 1, ROOT)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"origin": ""}, "'' is not one non-empty checkpoint line"),
        ({"origin": "evil\n999"}, r"'evil\n999' is not one non-empty checkpoint line"),
        ({"extensions": ("",)}, "'' is not one non-empty checkpoint line"),
        ({"extensions": ("a\nb",)}, r"'a\nb' is not one non-empty checkpoint line"),
        ({"extensions": ("\ud800",)}, "a lone surrogate, which UTF-8 cannot hold"),
        ({"size": -1}, "no tree has size -1"),
        ({"size": 2**64}, "no tree has size 18446744073709551616"),
        ({"root": ROOT[:31]}, "a root is 32 bytes, not 31"),
    ],
    ids=lambda case: next(iter(case)) if isinstance(case, dict) else "",
)
def test_values_that_would_read_as_another_checkpoint_make_none(
    change: dict[str, object], told: str
) -> None:
    with pytest.raises(NoteError) as refused:
        replace(CHECKPOINT, **change)  # type: ignore[arg-type]
    assert (str(refused.value), refused.value.fault) == (f"malformed: {told}", "malformed")


def test_the_first_and_the_largest_tree_have_checkpoints() -> None:
    for size in (0, 2**64 - 1):
        checkpoint = replace(CHECKPOINT, size=size)
        assert Checkpoint.parse(checkpoint.format()) == checkpoint
