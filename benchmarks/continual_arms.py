"""The ways to answer that `benchmarks.continual` compares, and how facts are stored and found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from math import log
from random import Random

import torch
from safetensors.torch import load

from memos.activation.adapters import Adapter
from memos.activation.pool.limits import Limits
from memos.activation.pool.memory_tier import MemoryTier
from memos.activation.pool.pool import Pool
from memos.infrastructure.chat_models.adapting import (
    DistillationJob,
    DistillationSettings,
    LessonMemory,
    Role,
)
from memos.operation.chat.prompt import opening_of
from memos.operation.learning.clusters import ClusterMemory
from memos.operation.reads.context_block import CLOSE
from memos.parametric.distiller import Trained
from memos.parametric.prompts import BARE, Context, Prompts
from memos.parametric.respondent import Respondent
from memos.parametric.right import says, words_of
from tests.tiny_model.language import HELD_OUT_QUESTIONS, QUESTIONS, STATEMENTS, Fact
from tests.tiny_model.loaded import tokenizer, trained_model

FOUND, MIXED = 8, 4
"""Facts that stand in a prompt, and adapters that answer together."""
ANSWER_TOKENS = 4
TUNED_STEPS, TUNED_RATE, TUNED_RANK = 40, 5e-3, 8
_HELD_OUT = [QUESTIONS.index(each) for each in HELD_OUT_QUESTIONS]
_TRAINED = [form for form in range(len(QUESTIONS)) if form not in _HELD_OUT]
_POOL_BYTES = 1 << 28
_NO_TERMS = frozenset(words_of(" ".join(STATEMENTS + QUESTIONS))) - {"name", "attribute", "value"}

Asked = tuple[str, str]
"""A question, and the word that answers it."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A fact as a memory.

    Attributes:
        name: its id.
        text: what it says.
        fact: the same.
    """

    name: str
    text: str
    fact: Fact

    @property
    def line(self) -> str:
        """As it stands in a block of memories."""
        return f'- "{self.text}" [{self.name}]\n'

    @property
    def words(self) -> frozenset[str]:
        """Those that tell it from others."""
        return frozenset(words_of(self.text)) - _NO_TERMS

    @property
    def clustered(self) -> ClusterMemory:
        """As it is put into a cluster."""
        terms = frozenset(int.from_bytes(sha256(word.encode()).digest()[:8]) for word in self.words)
        return ClusterMemory(cube_id=self.name, version=1, policy="", terms=terms)

    @property
    def held_out(self) -> list[Asked]:
        """Questions that nothing is trained on."""
        return [(self.fact.question(form), self.fact.answer) for form in _HELD_OUT]

    @property
    def trained(self) -> list[Asked]:
        """Questions that may be trained on."""
        return [(self.fact.question(form), self.fact.answer) for form in _TRAINED]

    def lesson(self, role: Role) -> LessonMemory:
        """As a distillation has it."""
        return LessonMemory(
            cube_id=self.name,
            version=1,
            digest=sha256(self.text.encode()).digest(),
            role=role,
            text=self.text,
            line=self.line,
        )


def stored(number: int, fact: Fact, chance: Random) -> Stored:
    """A fact as a memory, in one of the language's wordings."""
    return Stored(f"{number:08}", fact.statement(chance.randrange(len(STATEMENTS))), fact)


def job_of(lessons: Iterable[LessonMemory], settings: DistillationSettings) -> DistillationJob:
    """Memories to be distilled, in the prompts of a chat."""
    return DistillationJob(
        owner="benchmark",
        memories=tuple(lessons),
        opening=opening_of("", has_memories=True),
        closing=CLOSE,
        bare_opening=opening_of("", has_memories=False),
        settings=settings,
    )


class Answering:
    """Facts that are stored, and adapters of them, asked in different ways. Each gives for every held-out
    question of some facts, in order, whether the answer is right.

    Attributes:
        facts: by id, in the order in which they arrived.
        adapters: by the fact that one holds.
        bytes: of all adapters.
    """

    def __init__(self) -> None:
        self.facts: dict[str, Stored] = {}
        self.adapters: dict[str, Adapter] = {}
        self.bytes = 0
        self._sizes: dict[int, int] = {}
        self._having: dict[str, set[str]] = {}
        self._pool = Pool([MemoryTier("memory", Limits(_POOL_BYTES))])
        settings = DistillationSettings()
        nobody = Stored("00000000", "nobody", Fact("", "", ""))
        self._prompts = Prompts(job_of([nobody.lesson(Role.SOURCE)], settings), tokenizer())

    def store(self, facts: Iterable[Stored]) -> None:
        """Take facts in."""
        for each in facts:
            self.facts[each.name] = each
            for word in each.words:
                self._having.setdefault(word, set()).add(each.name)

    def keep(self, held: Iterable[str], trained: Trained) -> None:
        """Have an adapter answer for facts, in the place of those that did."""
        adapter = Adapter(load(trained.weights), trained.adapter.scale)
        self._sizes[id(adapter)] = trained.adapter.size
        self.adapters |= dict.fromkeys(held, adapter)
        self.bytes = sum(self._sizes[each] for each in set(map(id, self.adapters.values())))

    def found(self, question: str) -> list[str]:
        """The facts whose words a question has, those with the rarest first."""
        scores: Counter[str] = Counter()
        for word in frozenset(words_of(question)) - _NO_TERMS:
            having = self._having.get(word, set())
            for name in having:
                scores[name] += log(1 + len(self.facts) / len(having))
        return sorted(scores, key=lambda name: (-scores[name], name))

    def by_adapters(self, facts: Sequence[Stored]) -> list[bool]:
        """By the adapter of the fact that is found first, with nothing in the prompt."""
        return self._asked(facts, lambda question: (self._holding(question, 1), BARE))

    def by_four_adapters(self, facts: Sequence[Stored]) -> list[bool]:
        """By those of the four that are found first."""
        return self._asked(facts, lambda question: (self._holding(question, MIXED), BARE))

    def by_retrieval(self, facts: Sequence[Stored]) -> list[bool]:
        """By no adapter, with what is found in the prompt."""
        return self._asked(facts, lambda question: ((), self._lines(self.found(question)[:FOUND])))

    def by_both(self, facts: Sequence[Stored]) -> list[bool]:
        """What is found first by its adapter where it has one; else all that is found in the prompt."""

        def arranged(question: str) -> _Arranged:
            adapters = self._holding(question, 1)
            return adapters, BARE if adapters else self._lines(self.found(question)[:FOUND])

        return self._asked(facts, arranged)

    def _holding(self, question: str, most: int) -> tuple[str, ...]:
        """Facts of different adapters, one each, of those that are found first."""
        named = [name for name in self.found(question)[:most] if name in self.adapters]
        first = {id(self.adapters[name]): name for name in reversed(named)}
        return tuple(sorted(first.values()))

    def _lines(self, names: Iterable[str]) -> Context:
        return tuple(self.facts[name].line for name in names)

    def _asked(self, facts: Sequence[Stored], arranged: Callable[[str], _Arranged]) -> list[bool]:
        asked = [each for fact in facts for each in fact.held_out]
        groups: dict[_Arranged, list[int]] = {}
        for number, (question, _) in enumerate(asked):
            adapters, context = arranged(question)
            groups.setdefault((self._one_each(adapters), context), []).append(number)
        right = [False] * len(asked)
        for (adapters, context), numbers in groups.items():
            answers = self._answers(adapters, context, [asked[each][0] for each in numbers])
            for number, answer in zip(numbers, answers, strict=True):
                right[number] = says(answer, asked[number][1])
        return right

    def _one_each(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """The first fact of each adapter in the place of any of its facts, so that equal prompts are one."""
        named = {id(adapter): name for name, adapter in reversed(list(self.adapters.items()))}
        return tuple(sorted(named[id(self.adapters[name])] for name in names))

    def _answers(
        self, adapters: tuple[str, ...], context: Context, questions: Sequence[str]
    ) -> list[str]:
        model = trained_model().with_adapters([self.adapters[name] for name in adapters])
        respondent = Respondent(model, self._prompts, self._pool, "benchmark", bytes(32))
        return [
            self._prompts.text(ids) for ids in respondent.answers(context, questions, ANSWER_TOKENS)
        ]


_Arranged = tuple[tuple[str, ...], Context]
"""Facts whose adapters answer, and lines in the prompt."""


class FineTuned:
    """One adapter for all, trained on each batch as it comes: to the answers, with nothing that holds it back."""

    def __init__(self) -> None:
        self._trainee = trained_model().trainee(rank=TUNED_RANK, alpha=2.0 * TUNED_RANK, seed=0)
        nobody = Stored("00000000", "nobody", Fact("", "", ""))
        self._prompts = Prompts(
            job_of([nobody.lesson(Role.SOURCE)], DistillationSettings()), tokenizer()
        )
        self._prefix = [token for ids in self._prompts.segments(BARE) for token in ids]

    def learn(self, facts: Sequence[Stored]) -> None:
        """Train on the questions of a batch."""
        optimizer = torch.optim.AdamW(
            self._trainee.parameters.values(), lr=TUNED_RATE, weight_decay=0.0
        )
        asked = [each for fact in facts for each in fact.trained]
        questions = [self._prompts.question(question) for question, _ in asked]
        answers = [self._prompts.answer(tokenizer().literal(answer)) for _, answer in asked]
        rows = [[*one, *other] for one, other in zip(questions, answers, strict=True)]
        for _ in range(TUNED_STEPS):
            logits = self._trainee.logits(self._prefix, [row[:-1] for row in rows])
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
        asked = [each for fact in facts for each in fact.held_out]
        model = trained_model().with_adapters([self._trainee.adapter()])
        pool = Pool([MemoryTier("memory", Limits(_POOL_BYTES))])
        respondent = Respondent(model, self._prompts, pool, "benchmark", bytes(32))
        told = respondent.answers(BARE, [question for question, _ in asked], ANSWER_TOKENS)
        return [
            says(self._prompts.text(ids), answer)
            for ids, (_, answer) in zip(told, asked, strict=True)
        ]
