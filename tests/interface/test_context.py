from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from memos import InvalidInput, Memory
from tests.interface.asked import SCOPE, talk, uses


def test_a_context_block_quotes_what_a_search_finds_and_cites_it(memory: Memory) -> None:
    receipt = memory.add("She likes pottery.", scope=SCOPE)
    memory.add("He runs at dawn.", scope=SCOPE)
    block = memory.context("pottery", scope="acme")
    assert '- "She likes pottery." [1]\n' in block.text
    (cite,) = block.citations
    assert (cite.cube_id, cite.version, cite.label) == (receipt.cube_id, 1, "1")
    assert "dawn" not in block.text


def test_turns_stand_in_the_order_in_which_they_were_said(memory: Memory) -> None:
    talk(memory)
    block = memory.context("copper violin", scope=SCOPE)
    found = [block.text.index(part) for part in ("Which violin", "copper one", "lantern")]
    assert found == sorted(found)


def test_only_what_a_block_quotes_counts_as_used(vault: Path) -> None:
    with Memory(vault, actor="agent:alice") as memory:
        short = memory.add("A violin.", scope=SCOPE)
        long = memory.add("A violin. " + "Of many words more. " * 100, scope=SCOPE)
        block = memory.context("violin", scope=SCOPE, budget_tokens=45)
        assert [cite.cube_id for cite in block.left_out] == [long.cube_id]
    assert uses(vault, short.cube_id) == 1
    assert uses(vault, long.cube_id) == 0


def test_a_block_of_an_earlier_moment_cites_the_version_known_then(memory: Memory) -> None:
    receipt = memory.add("She lives in Sweden.", scope=SCOPE)
    memory.name_cut("then")
    memory.update(receipt.cube_id, "She lives in Norway.")
    block = memory.context("where she lives", scope=SCOPE, as_of="then")
    assert '"She lives in Sweden." [1]' in block.text
    assert [cite.version for cite in block.citations] == [1]
    now = memory.context("where she lives", scope=SCOPE)
    assert [(cite.cube_id, cite.version) for cite in now.citations] == [(receipt.cube_id, 2)]


def test_the_newest_valid_fact_comes_first_and_the_old_one_is_marked(memory: Memory) -> None:
    for place, start, end in (("Rome", "2022-01-01", None), ("Paris", "2019-01-01", "2022-01-01")):
        text = f"Caroline lives in {place}."
        memory.add(text, scope=SCOPE, valid_from=start, valid_until=end)
    text = memory.context("Where does Caroline live? In Paris?", scope=SCOPE).text
    assert text.index("Rome") < text.index("Paris")
    assert "no longer true since 2022-01-01" in text


def test_a_block_tells_nothing_that_the_actor_may_not_read(vault: Path, memory: Memory) -> None:
    memory.add("The violin is hidden.", scope=SCOPE, readers=["agent:alice"])
    memory.add("The violin is here.", scope=SCOPE)
    with Memory(vault, actor="agent:eve") as eve:
        block = eve.context("violin hidden", scope="acme")
        assert len(block.citations) == 1
        assert "hidden" not in block.text
        assert block.left_out == ()


def test_a_filter_and_a_counter_of_ones_own_are_used(memory: Memory) -> None:
    memory.add("One violin.", scope=SCOPE, tags=["mine"])
    memory.add("Another violin.", scope=SCOPE)
    block = memory.context("violin", scope=SCOPE, filter={"tags": "mine"}, count_tokens=len)
    assert block.tokens == len(block.text)
    assert len(block.citations) == 1


@pytest.mark.parametrize("given", [None, "5", 1.5, -1])
def test_a_counter_of_tokens_that_gives_something_else_is_told_so(
    tmp_path: Path, given: Any
) -> None:
    with Memory(tmp_path / "counted", actor="agent:alice") as memory:
        memory.add("She likes pottery.", scope="acme")
        for call in (memory.context, memory.route):
            with pytest.raises(InvalidInput, match="count_tokens gives how many"):
                call("pottery", scope="acme", count_tokens=lambda text: given)


@pytest.mark.parametrize(
    ("text", "query"),
    [("Alpha beta gamma delta. " * 200, "gamma"), ("東京の天気は晴れです。" * 200, "東京")],
)
def test_a_memory_larger_than_a_small_budget_is_quoted_in_part(
    memory: Memory, text: str, query: str
) -> None:
    memory.add(text, scope=SCOPE)
    for budget in (50, 60, 70, 80, 200):
        block = memory.context(query, scope=SCOPE, budget_tokens=budget)
        assert query in block.text
        assert budget // 2 < block.tokens <= budget
