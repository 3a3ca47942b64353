from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memos import AsyncMemory, Denied, InvalidInput, Memory
from memos.interface.serialise import document
from tests.interface.asked import SCOPE, talk

ASKED: dict[str, Callable[[Memory, str], Any]] = {
    "context": lambda memory, _: memory.context("violin zither", scope="acme"),
    "related": lambda memory, cube_id: memory.related(cube_id),
    "route": lambda memory, _: memory.route("violin zither", scope="acme"),
    "tags": lambda memory, _: memory.tags("acme"),
}


@pytest.mark.parametrize("question", ASKED)
def test_the_same_question_has_the_same_answer_to_the_byte(vault: Path, question: str) -> None:
    with Memory(vault, actor="agent:alice") as memory:
        turns = talk(memory)
        for n in range(20):
            memory.add(f"A zither, number {n % 4}.", scope=f"acme/u{n % 3}", tags=[f"t{n % 5}"])
        ask = ASKED[question]
        answers = {document(question, ask(memory, turns[0].cube_id)) for _ in range(3)}
        memory.rebuild()
        answers.add(document(question, ask(memory, turns[0].cube_id)))
    with Memory(vault, actor="agent:alice") as memory:
        answers.add(document(question, ask(memory, turns[0].cube_id)))
    assert len(answers) == 1
    assert answers.pop().isascii()


BAD: dict[str, Callable[[Memory], object]] = {
    "a query that is no text": lambda memory: memory.context(3, scope="acme"),  # type: ignore[call-overload]
    "a budget of nothing": lambda memory: memory.context("x", scope="acme", budget_tokens=0),
    "a budget that is no number": lambda memory: memory.route(
        "x", scope="acme", budget_tokens=True
    ),
    "k = 0": lambda memory: memory.context("x", scope="acme", k=0),
    "no scope": lambda memory: memory.tags(""),
    "an unknown filter": lambda memory: memory.route("x", scope="acme", filter={"what": 1}),
    "an unknown recipe": lambda memory: memory.context("x", scope="acme", recipe="none"),
    "no cube id": lambda memory: memory.related("what"),
    "tags that are one text": lambda memory: memory.set_vocabulary("acme", "home"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_question_that_does_not_fit_is_refused(memory: Memory, what: str) -> None:
    with pytest.raises(InvalidInput):
        BAD[what](memory)


@pytest.mark.parametrize("query", ["", "?!", "the of and", "x" * 100_000])
def test_a_query_that_nothing_fits_has_an_empty_answer(memory: Memory, query: str) -> None:
    memory.add("A kiln.", scope=SCOPE)
    assert memory.context(query, scope="acme").text == ""
    assert memory.route(query, scope="acme").steps == ()
    assert memory.context("kiln", scope="nowhere/yet").citations == ()


def test_a_caller_of_one_tenant_asks_about_no_other(vault: Path, memory: Memory) -> None:
    memory.add("A kiln.", scope=SCOPE, tags=["craft"])
    with Memory(vault, actor="agent:eve", tenant="other") as eve:
        for ask in (
            lambda: eve.context("kiln", scope="acme"),
            lambda: eve.route("kiln", scope="acme"),
            lambda: eve.tags("acme"),
            lambda: eve.vocabulary("acme"),
            lambda: eve.set_vocabulary("acme", ["mine"]),
        ):
            with pytest.raises(Denied, match="tenant-boundary"):
                ask()


def test_all_of_it_is_there_for_an_event_loop(vault: Path) -> None:
    async def ask() -> None:
        async with await AsyncMemory.open(vault, actor="agent:alice") as memory:
            one = await memory.add("A kiln.", scope=SCOPE)
            two = await memory.add("A kiln, too.", scope=SCOPE)
            await memory.set_vocabulary("acme", ["craft"], closed=True)
            await memory.tag(one.cube_id, "craft")
            assert (await memory.vocabulary(SCOPE)).closed
            assert await memory.tags("acme") == {"craft": 1}
            assert (await memory.context("kiln", scope="acme")).citations
            assert [r.cube_id for r in await memory.related(one.cube_id)] == [two.cube_id]
            assert (await memory.route("kiln", scope="acme")).steps

    asyncio.run(ask())
