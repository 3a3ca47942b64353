from __future__ import annotations

from memos.operation.search.analyzer import Analyzer
from memos.operation.search.phrases import holds_phrase

ANALYZER = Analyzer(bytes(32))


def holds(text: str, phrase: tuple[str, ...]) -> bool:
    return holds_phrase(ANALYZER.tokenize(text), phrase)


def test_a_phrase_is_held_where_its_words_stand_together_in_order() -> None:
    assert holds("He said: “To BE, or not”", ("to", "be"))
    assert not holds("be to be not", ("be", "not", "to"))
    assert not holds("to really be", ("to", "be"))
    assert holds("北京大学很大", ("京大", "大学"))
    assert holds("北京大学", ("京",))
