from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos.operation.reads.quote import estimate_tokens, quote

ANY_TEXT = st.text(st.characters(codec=None))


@given(ANY_TEXT)
def test_a_quote_is_one_line_that_reads_back_as_the_text(text: str) -> None:
    quoted = quote(text)
    assert json.loads(quoted) == text
    assert quoted.splitlines() == [quoted]
    assert json.JSONDecoder().raw_decode(quoted)[1] == len(quoted), "nothing ends it before its end"


@given(ANY_TEXT)
def test_a_quote_holds_no_angle_bracket_and_nothing_that_steers_or_hides(text: str) -> None:
    quoted = quote(text)
    assert not {"<", ">"} & set(quoted)
    kinds = {unicodedata.category(each) for each in quoted if each not in "\u200c\u200d"}
    assert not kinds & {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}


@pytest.mark.parametrize("text", ["She likes pottery.", "東京都", "Ça va, Zoë?", "👩‍🎨 نمی‌خواهم"])
def test_a_plain_text_in_any_script_is_quoted_as_it_is(text: str) -> None:
    assert quote(text) == f'"{text}"'


@pytest.mark.parametrize("hidden", ["\u202e", "\u200b", "\U000e0041", "\ufeff", "\ud800", "\x9b"])
def test_what_a_reader_cannot_see_is_written_out(hidden: str) -> None:
    assert hidden not in quote(f"a{hidden}b")
    assert "\\u" in quote(f"a{hidden}b")


def test_tokens_are_counted_by_runs() -> None:
    assert estimate_tokens("") == 0
    assert estimate_tokens("She likes pottery.") == 1 + 1 + 2 + 1
    assert estimate_tokens("2023-05-08") == 2 + 1 + 1 + 1 + 1
    assert estimate_tokens("東京都") == 3
    assert estimate_tokens("  \n\t ") == 0


@given(ANY_TEXT, ANY_TEXT)
def test_two_lines_have_as_many_tokens_as_each_apart(one: str, other: str) -> None:
    assert estimate_tokens(f"{one}\n{other}") == estimate_tokens(one) + estimate_tokens(other)
