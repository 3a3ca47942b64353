"""How much of a conversation's prompts can a provider's prompt cache keep, and what does that save?

    python -m benchmarks.context_cache [--json FILE] [--check]

Conversations of fifty turns about a few things each, whose facts are memories. `stable`: pinned block,
history with its deltas, delta, question, as `Memory.context_session` means them. `on top`: what a search finds for each
question stands in front of the history, as mem0's guides inject it. A prompt's cacheable part is what it
shares, from its first token on, with the prompt before it; tokens are estimated by rule. Dollars are at
$3 a million tokens read anew and $0.30 a million read from the cache. Evidence: in how many turns the
memory that answers the question stands in the prompt.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from random import Random
from typing import NamedTuple

from benchmarks.harness import Report, finish, p50, parse, progress, timed, workshop
from benchmarks.texts import Texts, word
from memos import ContextBlock, Memory
from memos.operation.reads.quote import estimate_tokens

CONVERSATIONS, TURNS = 10, 50
THINGS, FACTS = 60, 12
ABOUT = 4
"""How many things a conversation is about; the first ones most."""
BUDGET = 600
SCOPE = "acme/support"
SYSTEM = "You are the support agent of Acme. Answer from the memories, and cite them. " * 4
RULES = ("Never promise a date.", "Prices are quoted in euros.", "Sign as the support team.")
NOTHING = ContextBlock("", (), 0, ())
DOLLARS, DOLLARS_CACHED = 3.00, 0.30
"""For a million tokens."""


class Question(NamedTuple):
    """What a turn asks, the memory that answers it, and what the assistant says."""

    text: str
    evidence: str
    answer: str


class Prompt(NamedTuple):
    """A prompt, and the memories that stand in it."""

    text: str
    cited: frozenset[str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Replay the conversations; the exit code."""
    options = parse("context_cache", __doc__, arguments)
    report = Report()
    with workshop("context-cache") as directory:
        _run(report, directory)
    return finish(options, report)


def _run(report: Report, directory: Path) -> None:
    texts, chance = Texts(), Random(13)
    with Memory(directory / "support.vault", actor="agent:bench") as memory:
        progress(f"{THINGS * FACTS:,} memories")
        facts = _remember(memory)
        talks = [list(_talk(facts, texts, chance)) for _ in range(CONVERSATIONS)]
        times: list[float] = []
        for name, prompts in (("stable", _stable), ("on top", _on_top)):
            progress(f"{CONVERSATIONS} conversations, {name}")
            _replay(report, name, memory, talks, prompts, times)
    report.figures["stable turn p50 ms"] = p50(times[: CONVERSATIONS * TURNS])
    figures = report.figures
    figures["stable / on top, dollars"] = figures["stable dollars"] / figures["on top dollars"]
    figures["stable - on top, evidence"] = figures["stable evidence"] - figures["on top evidence"]


def _remember(memory: Memory) -> list[list[tuple[str, str, str]]]:
    """The facts of each thing: (attribute, thing, cube id)."""
    memory.add_many([{"text": rule, "scope": SCOPE, "tags": ["policy"]} for rule in RULES])
    named = [
        [
            (f"{word(1_000 + fact)} {word(2_000 + fact)}", word(9_000 + thing))
            for fact in range(FACTS)
        ]
        for thing in range(THINGS)
    ]
    items = [
        {
            "text": f"The {what} of {of} is {word(20_000 + number)}, as its makers say.",
            "scope": SCOPE,
        }
        for number, (what, of) in enumerate(each for facts in named for each in facts)
    ]
    ids = iter(receipt.cube_id for receipt in memory.add_many(items))
    return [[(what, of, next(ids)) for what, of in facts] for facts in named]


def _talk(
    facts: list[list[tuple[str, str, str]]], texts: Texts, chance: Random
) -> Iterator[Question]:
    """A conversation about a few things: the first of them, and their first facts, come up most."""
    about = chance.sample(facts, ABOUT)
    for _ in range(TURNS):
        thing = chance.choices(about, [1 / rank for rank in range(1, ABOUT + 1)])[0]
        what, of, evidence = chance.choices(thing, [1 / rank for rank in range(1, FACTS + 1)])[0]
        answer = " ".join(texts.take(3))
        yield Question(f"What is the {what} of {of}?", evidence, answer)


Prompts = Callable[[Memory, Sequence[Question]], Iterator[Prompt]]


def _stable(memory: Memory, talk: Sequence[Question]) -> Iterator[Prompt]:
    session = memory.context_session(scope=SCOPE, budget_tokens=BUDGET)
    history: list[tuple[ContextBlock, str]] = []
    for question in talk:
        context = session.turn(question.text)
        if context.changed:
            history = [(NOTHING, said) for _, said in history]
        blocks = (context.pinned, *(delta for delta, _ in history), context.delta)
        told = "".join(f"{delta.text}{said}" for delta, said in history)
        yield Prompt(
            f"{SYSTEM}\n{context.pinned.text}{told}{context.delta.text}User: {question.text}\n",
            frozenset(cite.cube_id for block in blocks for cite in block.citations),
        )
        said = f"User: {question.text}\nAssistant: {question.answer}\n"
        history.append((context.delta, said))


def _on_top(memory: Memory, talk: Sequence[Question]) -> Iterator[Prompt]:
    history = ""
    for question in talk:
        block = memory.context(question.text, scope=SCOPE, budget_tokens=BUDGET)
        cited = frozenset(cite.cube_id for cite in block.citations)
        yield Prompt(f"{SYSTEM}\n{block.text}{history}User: {question.text}\n", cited)
        history += f"User: {question.text}\nAssistant: {question.answer}\n"


def _replay(
    report: Report,
    name: str,
    memory: Memory,
    talks: Sequence[Sequence[Question]],
    prompts: Prompts,
    times: list[float],
) -> None:
    sent = cached = evident = 0
    for talk in talks:
        before = ""
        asked = prompts(memory, talk)
        for question in talk:
            held: list[Prompt] = []
            times.append(timed(lambda asked=asked, held=held: held.append(next(asked))))  # type: ignore[misc]
            (prompt,) = held
            sent += estimate_tokens(prompt.text)
            cached += estimate_tokens(_shared(before, prompt.text))
            evident += question.evidence in prompt.cited
            before = prompt.text
    turns = sum(map(len, talks))
    dollars = ((sent - cached) * DOLLARS + cached * DOLLARS_CACHED) / 1e6
    report.figures[f"{name} cacheable"] = cached / sent
    report.figures[f"{name} dollars"] = dollars
    report.figures[f"{name} evidence"] = evident / turns
    report.row(
        injection=name,
        turns=turns,
        prompt_tokens=sent,
        cacheable=round(cached / sent, 3),
        evidence=round(evident / turns, 3),
        dollars=round(dollars, 3),
    )


def _shared(one: str, other: str) -> str:
    """What two texts begin with alike."""
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
    return one[:same]


if __name__ == "__main__":
    sys.exit(main())
