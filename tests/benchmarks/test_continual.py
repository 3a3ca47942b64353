"""The benchmark of continual learning finds what it asks about, and draws what it kept."""

from __future__ import annotations

from random import Random

from benchmarks.continual_arms import Answering, stored
from benchmarks.continual_plot import RIGHT, TAKEN, draw
from tests.tiny_model.language import fresh_facts


def test_the_fact_that_is_asked_about_is_found_first_and_read_from_the_prompt() -> None:
    facts = stored(fresh_facts(Random(1), 40, 10))
    answering = Answering()
    answering.store(facts)
    for fact in facts:
        for question in fact.questions(range(4)):
            assert answering._found(question.text)[0] == fact.name
    right = answering.by_retrieval(facts[:4])
    assert len(right) == 8
    assert sum(right) >= 7
    with_memories = answering.prompt_tokens
    assert sum(answering.by_adapters(facts[:4])) <= 2  # nothing was learnt
    assert answering.prompt_tokens < with_memories / 3
    assert answering.by_both(facts[:4]) == right


def test_the_plot_has_a_line_for_each_way_to_answer_and_each_cost() -> None:
    shares = dict.fromkeys(RIGHT, 0.5)
    rows = [
        {"facts": 100 * n, "bytes": 10.0 * n, "seconds": 1.0 * n, **shares, "retention": None}
        for n in (1, 2)
    ]
    rows[-1]["retention"] = 1.0
    drawn = draw(rows)
    assert drawn.count("<polyline") == len(RIGHT) + len(TAKEN)
    assert drawn.startswith("<svg")
