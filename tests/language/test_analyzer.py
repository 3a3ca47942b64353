from __future__ import annotations

import threading
import unicodedata
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos.language.analyzer import TIE, TURN, Analyzer
from memos.language.english.language import ENGLISH
from memos.language.tokens import Tokenizer

KEY = bytes(range(32))
ANALYZER = Analyzer(KEY)
TOKENIZER = Tokenizer(ENGLISH.clitics)


def words(text: str) -> list[str]:
    return TOKENIZER.tokenize(text).words


def finds(query: str, text: str) -> bool:
    """Whether every term of the query, or another spelling of it, is a term of the text."""
    asked = ANALYZER.query_terms(query)
    indexed = ANALYZER.index_terms(text).terms
    terms = {**indexed, **ANALYZER.further_terms(text, indexed)}
    return bool(asked) and all(
        any(each in terms for each in (term.term, *(other.term for other in term.others)))
        for term in asked
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Caroline's dog, they'll don't", ["caroline", "dog", "they", "don"]),
        ("Caroline’s dog", ["caroline", "dog"]),
        ("O'Brien l'amour rock'n'roll", ["o", "brien", "l", "amour", "rock", "n", "roll"]),
        (
            "1,000,000 at 3.14, 1,2 and 12,3456",
            ["1000000", "at", "3", "14", "1", "2", "and", "12", "3456"],
        ),
        ("snake_case user@mail.org", ["snake", "case", "user", "mail", "org"]),
        ("CAFÉ cafe\u0301 Straße ﬁne İzmir", ["cafe", "cafe", "strasse", "fine", "izmir"]),
        ("Ёлка Άθήνα", ["елка", "αθηνα"]),
        ("东京都 abc猫", ["东京", "京都", "abc", "猫"]),
        ("ｶﾞｽ", ["ガス"]),
        ("ภาษา", ["ภา", "าษ", "ษา"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("한국어 문장", [unicodedata.normalize("NFC", "한국어"), "문장"]),
        ("שָׁלוֹם مَرحَبا", ["שלום", "مرحبا"]),
        ("party 🎉❤️!", ["party", "🎉", "❤"]),
        ("\ud800abc \udfff \u0301", ["abc"]),
        ("—…!?", []),
        ("", []),
    ],
)
def test_text_of_any_script_becomes_its_folded_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("painted", "She paints; painting is what she likes."),
        ("CAFÉ", "at the cafe"),
        ("cafe", "at the café"),
        ("京都", "東京都に住んでいます"),
        ("猫", "猫が好きです"),
        ("都", "東京都"),
        ("to be or not to be", "Whether to be, or not to be"),
        ("1000", "1,000 runners"),
        ("where did Caroline move", "Caroline moved from Sweden"),
        ("Lodz", "Łódź"),
        ("Łódź", "in Lodz"),
        ("Mueller", "Frau Müller"),
        ("thé", "du thé vert"),
        ("서울", "서울에서 산다"),
        ("ירושלים", "גר בירושלים"),
        ("القاهرة", "بالقاهرة"),
        ("🇩🇪", "from 🇩🇪 to 🇫🇷"),
        ("type O", "she is of type O"),
        ("c++", "C++ for all"),
    ],
)
def test_a_query_finds_the_text_in_its_own_words(query: str, text: str) -> None:
    assert finds(query, text)


def test_stop_words_are_asked_for_only_where_a_query_has_nothing_else() -> None:
    assert [t.surface for t in ANALYZER.query_terms("What is it? It is")] == ["what", "is", "it"]
    assert [t.surface for t in ANALYZER.query_terms("What is pottery to her?")] == ["pottery"]
    assert ANALYZER.query_terms("?!") == []


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("thé", "the tea"),
        ("type O", "type o'clock"),
        ("C++", "for all"),
        ("🇩🇪", "🇫🇷"),
        ("ירושלים", "בחיפה"),
        ("555-123-4567", "555-765-4321"),
    ],
)
def test_what_is_another_word_is_not_found(query: str, text: str) -> None:
    assert not finds(query, text)


def test_stop_words_of_a_query_break_ties_and_more_where_they_turn_its_meaning() -> None:
    ties = {term.surface: term.weight for term in ANALYZER.tie_terms("is the heater off")}
    assert ties == {"is": TIE, "the": TIE, "off": TURN}
    assert TIE < TURN < 1
    assert ANALYZER.tie_terms("to be or not to be") == []
    assert ANALYZER.tie_terms("heater") == []


def test_a_stop_word_that_is_looked_for_as_a_word_stays_a_stop_word_of_texts() -> None:
    analyzer = Analyzer(KEY)
    analyzer.query_terms("thé, type O")
    assert analyzer.index_terms("the o") == ANALYZER.index_terms("the o")
    assert analyzer.index_terms("the o").length == 0


def test_a_stop_word_is_not_the_stem_of_another_word() -> None:
    assert not finds("willing", "she will")
    assert not finds("will", "she was willing")


def test_the_length_of_a_text_leaves_out_stop_words_and_single_characters() -> None:
    assert ANALYZER.index_terms("She likes the pottery, the red pottery").length == 4
    assert ANALYZER.index_terms("東京都").length == 2
    assert ANALYZER.index_terms("to be or not to be").length == 0


def test_repeated_terms_are_counted_once_and_under_their_first_surface() -> None:
    (first, second) = ANALYZER.query_terms("paints Sweden painting painted")
    assert (first.surface, first.qtf) == ("paints", 3)
    assert (second.surface, second.qtf) == ("sweden", 1)
    assert ANALYZER.index_terms("paints painting").terms == {first.term: 2}


def test_terms_tell_nothing_without_the_key() -> None:
    texts = "Caroline moved from Sweden"
    same, other = Analyzer(KEY), Analyzer(b"another key of 32 bytes, exactly")
    assert same.index_terms(texts) == ANALYZER.index_terms(texts)
    assert not other.index_terms(texts).terms.keys() & ANALYZER.index_terms(texts).terms.keys()
    for key in (b"", b"short", bytes(65)):
        with pytest.raises(ValueError, match="16 to 64"):
            Analyzer(key)


def test_exact_terms_are_never_those_of_words() -> None:
    of_words = ANALYZER.index_terms("home tag:home \x01tag:home stop will").terms
    assert ANALYZER.exact_term("tag", "home") not in of_words
    assert ANALYZER.exact_term("tag", "home") != ANALYZER.exact_term("tag", "Home")
    assert -(2**63) <= ANALYZER.exact_term("tag", "\ud800") < 2**63


@given(st.text(st.characters(codec=None)))
def test_any_text_is_analysed_and_found_by_each_of_its_words(text: str) -> None:
    indexed = ANALYZER.index_terms(text)
    for token in words(text):
        if token not in ENGLISH.stop_words:
            assert finds(token, text), ascii(token)
    assert sum(indexed.terms.values()) >= indexed.length
    assert all(-(2**63) <= term < 2**63 for term in indexed.terms)


@given(st.text())
def test_folding_a_folded_text_changes_nothing(text: str) -> None:
    joined = " ".join(token for token in words(text) if len(token) > 2)
    assert words(joined) == joined.split()


@pytest.mark.parametrize("piece", ["word ", "x", "東", "é ", "\ud800", "a'", "1,000", "\u0301"])
def test_ten_megabytes_are_analysed_in_seconds(piece: str) -> None:
    text = piece * (10_000_000 // len(piece.encode("utf-8", "surrogatepass")))
    indexed = ANALYZER.index_terms(text)
    assert indexed == ANALYZER.index_terms(text)


def test_the_caches_of_words_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("memos.language.analyzer._CACHED_TOKENS", 100)
    analyzer = Analyzer(KEY)
    text = " ".join(f"word{n}" for n in range(1_000)) + " " + "long" * 100
    assert analyzer.index_terms(text) == ANALYZER.index_terms(text)
    assert len(analyzer._terms) <= 100
    assert all(len(token) <= 40 for token in analyzer._terms)


def test_threads_share_an_analyzer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("memos.language.analyzer._CACHED_TOKENS", 50)
    analyzer = Analyzer(KEY)
    text = " ".join(f"painting{n} {'run' * (n % 9)}ning" for n in range(200))
    expected = ANALYZER.index_terms(text)
    start = threading.Barrier(4)

    def analyse() -> bool:
        start.wait()
        return all(analyzer.index_terms(text) == expected for _ in range(20))

    with ThreadPoolExecutor(4) as pool:
        assert all(done.result() for done in [pool.submit(analyse) for _ in range(4)])
