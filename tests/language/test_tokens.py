from __future__ import annotations

from memos.language.tokens import Tokenizer


def test_a_clitic_of_the_language_is_dropped_and_any_other_apostrophe_parts_words() -> None:
    tokenizer = Tokenizer(["n", "nt"])
    assert tokenizer.tokenize("Kaf'n don'nt she's").words == ["kaf", "don", "she", "s"]
    assert tokenizer.tokenize("Käf’n nu’x é's").words == ["kaf", "nu", "x", "e", "s"]


def test_a_language_without_clitics_drops_nothing() -> None:
    assert Tokenizer(()).tokenize("she's dogs' é's").words == ["she", "s", "dogs", "e", "s"]


def test_a_run_without_spaces_is_pairs_and_its_characters() -> None:
    tokens = Tokenizer(()).tokenize("东京都 tour")
    assert tokens.words == ["东京", "京都", "tour"]
    assert tokens.characters == ["东", "京", "都"]
