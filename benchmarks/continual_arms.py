"""The ways to answer that `benchmarks.continual` compares, and how facts are stored and found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from math import log
from typing import NamedTuple

import torch

from benchmarks.distilling import (
    ANSWER_TOKENS,
    HELD_OUT,
    OWNER,
    SECRET,
    adapter_of,
    job_of,
    memories,
)
from memos.activation.adapters import Adapter
from memos.activation.pool.limits import Limits
from memos.activation.pool.memory_tier import MemoryTier
from memos.activation.pool.pool import Pool
from memos.infrastructure.chat_models.adapting import LessonMemory
from memos.operation.learning.clusters import ClusterMemory
from memos.parametric.distiller import Trained
from memos.parametric.lessons import Question
from memos.parametric.prompts import BARE, Context, Prompts
from memos.parametric.respondent import Respondent
from memos.parametric.right import says, words_of
from tests.tiny_model.language import QUESTIONS, STATEMENTS, Fact
from tests.tiny_model.loaded import tokenizer, trained_model

FOUND, MIXED = 8, 4
"""Facts that stand in a prompt, and that lead to the adapters which answer together."""
TUNED_STEPS, TUNED_RATE, TUNED_RANK = 25, 1e-3, 8
_TRAINED = [form for form in range(len(QUESTIONS)) if form not in HELD_OUT]
_COMMON = frozenset(words_of(" ".join(STATEMENTS + QUESTIONS)))


@dataclass(frozen=True, slots=True)
class Stored:
    """A fact as a memory.

    Attributes:
        fact: what it says.
        memory: as a distillation has it; its id is the fact's name here.
    """

    fact: Fact
    memory: LessonMemory

    @property
    def name(self) -> str:
        """Its id."""
        return self.memory.cube_id

    @property
    def words(self) -> frozenset[str]:
        """Those that tell it from others."""
        return frozenset(words_of(self.memory.text)) - _COMMON

    @property
    def clustered(self) -> ClusterMemory:
        """As it is put into a cluster."""
        terms = frozenset(int.from_bytes(sha256(word.encode()).digest()[:8]) for word in self.words)
        return ClusterMemory(cube_id=self.name, version=1, policy="", terms=terms)

    def questions(self, forms: Iterable[int]) -> list[Question]:
        """What is asked about it, in these forms."""
        return [Question(self.fact.question(form), self.fact.answer) for form in forms]


def stored(facts: Sequence[Fact]) -> list[Stored]:
    """Facts as memories, in all wordings of the language."""
    return [Stored(*pair) for pair in zip(facts, memories(facts), strict=True)]


class _Arranged(NamedTuple):
    """How a question is put: with the adapters of some facts, by name, and with lines in the prompt."""

    adapters: tuple[str, ...] = ()
    context: Context = BARE


class Answering:
    """Facts that are stored, and adapters of them, asked in different ways. Each gives for every held-out
    question of some facts, in order, whether the answer is right.

    Attributes:
        facts: by name, in the order in which they arrived.
        adapters: by the name of a fact that one holds.
        bytes: of all adapters.
        prompt_tokens: in front of the questions that were asked last, the mean.
    """

    def __init__(self) -> None:
        self.facts: dict[str, Stored] = {}
        self.adapters: dict[str, Adapter] = {}
        self.bytes = 0
        self.prompt_tokens = 0.0
        self._sizes: dict[int, int] = {}
        self._having: dict[str, set[str]] = {}
        self._asking = _Asking()

    def store(self, facts: Iterable[Stored]) -> None:
        """Take facts in."""
        for each in facts:
            self.facts[each.name] = each
            for word in each.words:
                self._having.setdefault(word, set()).add(each.name)

    def keep(self, held: Iterable[str], trained: Trained) -> None:
        """Have an adapter answer for facts, in the place of those that did."""
        adapter = adapter_of(trained)
        self._sizes[id(adapter)] = trained.adapter.size
        self.adapters |= dict.fromkeys(held, adapter)
        self.bytes = sum(self._sizes[each] for each in set(map(id, self.adapters.values())))

    def by_adapters(self, facts: Sequence[Stored]) -> list[bool]:
        """By the adapter of the fact that is found first, with nothing in the prompt."""
        return self._asked(facts, lambda found: _Arranged(self._holding(found[:1])))

    def by_several_adapters(self, facts: Sequence[Stored]) -> list[bool]:
        """By those of the facts that are found first."""
        return self._asked(facts, lambda found: _Arranged(self._holding(found[:MIXED])))

    def by_retrieval(self, facts: Sequence[Stored]) -> list[bool]:
        """By no adapter, with what is found in the prompt."""
        return self._asked(facts, lambda found: _Arranged(context=self._lines(found[:FOUND])))

    def by_both(self, facts: Sequence[Stored]) -> list[bool]:
        """What is found first by its adapter where it has one; else with all that is found in the prompt."""

        def arranged(found: Sequence[str]) -> _Arranged:
            adapters = self._holding(found[:1])
            return _Arranged(adapters, BARE if adapters else self._lines(found[:FOUND]))

        return self._asked(facts, arranged)

    def _found(self, question: str) -> list[str]:
        """The facts whose words a question has, those with the rarest first."""
        scores: dict[str, float] = defaultdict(float)
        for word in frozenset(words_of(question)) - _COMMON:
            having = self._having.get(word, set())
            for name in having:
                scores[name] += log(1 + len(self.facts) / len(having))
        return sorted(scores, key=lambda name: (-scores[name], name))

    def _holding(self, found: Sequence[str]) -> tuple[str, ...]:
        """The adapters that hold facts, each by the name of the first fact that it holds."""
        first = {id(adapter): name for name, adapter in reversed(self.adapters.items())}
        held = {first[id(self.adapters[name])] for name in found if name in self.adapters}
        return tuple(sorted(held))

    def _lines(self, names: Iterable[str]) -> Context:
        return tuple(self.facts[name].memory.line for name in names)

    def _asked(
        self, facts: Sequence[Stored], arranged: Callable[[Sequence[str]], _Arranged]
    ) -> list[bool]:
        asked = [question for fact in facts for question in fact.questions(HELD_OUT)]
        groups: dict[_Arranged, list[int]] = {}
        for number, question in enumerate(asked):
            groups.setdefault(arranged(self._found(question.text)), []).append(number)
        right, tokens = [False] * len(asked), 0
        for each, numbers in groups.items():
            adapters = [self.adapters[name] for name in each.adapters]
            answers = self._asking.right(adapters, each.context, [asked[n] for n in numbers])
            for number, is_right in zip(numbers, answers, strict=True):
                right[number] = is_right
            tokens += len(numbers) * self._asking.tokens(each.context)
        self.prompt_tokens = tokens / max(1, len(asked))
        return right


class FineTuned:
    """One adapter for all, trained on each batch as it comes: to the answers, with nothing that holds it back."""

    def __init__(self) -> None:
        self._trainee = trained_model().trainee(rank=TUNED_RANK, alpha=2.0 * TUNED_RANK, seed=0)
        self._asking = _Asking()

    def learn(self, facts: Sequence[Stored]) -> None:
        """Train on the questions of a batch."""
        optimizer = torch.optim.AdamW(
            self._trainee.parameters.values(), lr=TUNED_RATE, weight_decay=0.0
        )
        prompts = self._asking.prompts
        asked = [each for fact in facts for each in fact.questions(_TRAINED)]
        questions = [prompts.question(each.text) for each in asked]
        answers = [prompts.answer(tokenizer().literal(each.value)) for each in asked]
        rows = [[*one, *other] for one, other in zip(questions, answers, strict=True)]
        segments = prompts.segments(BARE)
        prefix = self._trainee.prefix([token for ids in segments for token in ids])
        for _ in range(TUNED_STEPS):
            logits = self._trainee.logits(prefix, [row[:-1] for row in rows])
            losses = [
                torch.nn.functional.cross_entropy(
                    logits[n, len(row) - len(answer) - 1 : len(row) - 1], torch.tensor(answer)
                )
                for n, (row, answer) in enumerate(zip(rows, answers, strict=True))
            ]
            optimizer.zero_grad()
            torch.autograd.backward(torch.stack(losses).mean())
            optimizer.step()

    def answers(self, facts: Sequence[Stored]) -> list[bool]:
        """Whether it answers the held-out questions of facts, in order, right."""
        asked = [each for fact in facts for each in fact.questions(HELD_OUT)]
        return self._asking.right([self._trainee.adapter()], BARE, asked)


class _Asking:
    """The model, asked in the prompts of a chat."""

    def __init__(self) -> None:
        self.prompts = Prompts(job_of(memories([Fact("", "", "")]), 0), tokenizer())
        self._pool = Pool([MemoryTier("memory", Limits(1 << 28))])

    def right(
        self, adapters: Sequence[Adapter], context: Context, questions: Sequence[Question]
    ) -> list[bool]:
        """Whether each answer is right."""
        model = trained_model()
        adapted = model.with_adapters(adapters)
        respondent = Respondent(model, self.prompts, self._pool, OWNER, SECRET, adapted=adapted)
        return [
            says(self.prompts.text(ids), question.value)
            for ids, question in zip(
                respondent.answers(context, questions, ANSWER_TOKENS), questions, strict=True
            )
        ]

    def tokens(self, context: Context) -> int:
        """What stands in front of a question."""
        return sum(map(len, self.prompts.segments(context)))
