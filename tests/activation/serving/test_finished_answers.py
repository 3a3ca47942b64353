"""An answer is told again to its owner, for its own prompt, until it is forgotten."""

from __future__ import annotations

from dataclasses import replace

import pytest

from memos.activation.serving.finished_answers import FinishedAnswers
from memos.infrastructure.chat_models.port import ChatMessage, ChatPrompt
from memos.kernel.errors import InvalidInput

PROMPT = ChatPrompt(
    owner="v/acme",
    opening="Be.\n",
    pinned=(),
    closing="",
    messages=(ChatMessage("user", "Lamp?"),),
    max_tokens=8,
)
OTHER = replace(PROMPT, owner="v/globex")


def keep(answers: FinishedAnswers, request_id: str, prompt: ChatPrompt = PROMPT) -> None:
    answers.keep(request_id, prompt, [request_id], answers.forgotten)


def test_it_is_told_to_its_owner_only() -> None:
    answers = FinishedAnswers()
    keep(answers, "r")
    assert answers.find("r", PROMPT) == ("r",)
    assert answers.find("r", OTHER) is None


def test_what_all_were_told_is_forgotten_at_once_and_what_was_begun_before_is_not_kept() -> None:
    answers = FinishedAnswers()
    begun = answers.forgotten
    for prompt in (PROMPT, OTHER):
        keep(answers, "r", prompt)
    answers.forget_all()
    answers.keep("s", PROMPT, ["s"], begun)
    assert [answers.find(name, prompt) for name in "rs" for prompt in (PROMPT, OTHER)] == [None] * 4


def test_an_id_that_was_another_prompts_is_refused() -> None:
    answers = FinishedAnswers()
    keep(answers, "r")
    with pytest.raises(InvalidInput, match="another prompt"):
        answers.find("r", replace(PROMPT, max_tokens=9))


def test_so_many_are_kept_of_an_owner_and_of_so_many_owners() -> None:
    answers = FinishedAnswers(most_owners=2, most_of_an_owner=2)
    for request_id in "abc":
        keep(answers, request_id)
    keep(answers, "d", OTHER)
    assert [answers.find(each, PROMPT) for each in "abc"] == [None, ("b",), ("c",)]
    keep(answers, "e", replace(PROMPT, owner="v/third"))
    assert answers.find("c", PROMPT) is None
    assert answers.find("d", OTHER) == ("d",)


def test_what_was_begun_before_some_were_forgotten_is_not_kept() -> None:
    answers = FinishedAnswers()
    begun = answers.forgotten
    keep(answers, "a")
    keep(answers, "b", OTHER)
    answers.forget(PROMPT.owner)
    answers.keep("c", PROMPT, ["c"], begun)
    assert [answers.find(each, PROMPT) for each in "ac"] == [None, None]
    assert answers.find("b", OTHER) == ("b",)
