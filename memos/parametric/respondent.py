"""A model that is asked: with memories in its context it is the teacher, with an adapter the student."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from memos.activation.pool.port import SegmentPool
from memos.activation.reader import KvReader, Prompt
from memos.activation.transformers_model import CausalModel
from memos.parametric.lessons import Question
from memos.parametric.prompts import Context, Prompts
from memos.parametric.targets import Targets

MOST_LOGITS = 1 << 26
"""That are held at once."""
MOST_ROWS = 64


class Respondent:
    """Answers questions behind memories. What it computed of these is kept, and read for every question.

    Args:
        model: reads the memories.
        prompts: of the job.
        pool: keeps what is computed of memories.
        owner: whose they are.
        secret: names their segments, see `chain_keys`.
        adapted: answers in the model's place, if given, see `KvReader`.
    """

    def __init__(
        self,
        model: CausalModel,
        prompts: Prompts,
        pool: SegmentPool,
        owner: str,
        secret: bytes,
        *,
        adapted: CausalModel | None = None,
    ) -> None:
        self._reader = KvReader(model, pool, adapted=adapted)
        self._vocabulary = model.vocabulary
        self._prompts = prompts
        self._owner = owner
        self._secret = secret

    def answers(
        self, context: Context, questions: Sequence[Question], most: int
    ) -> list[tuple[int, ...]]:
        """The likeliest answer to each question, of at most so many tokens, without what ended it."""
        told: list[tuple[int, ...]] = []
        asked = [self._prompts.question(each.text) for each in questions]
        for start in range(0, len(asked), MOST_ROWS):
            prompt = self._prompt(context, asked[start : start + MOST_ROWS])
            told += self._reader.answer(prompt, most).token_ids
        return told

    def targets(self, context: Context, texts: Sequence[Sequence[int]]) -> list[Targets]:
        """What follows each token of texts that stand behind the memories."""
        return [Targets.of(logits) for logits in self.logits(context, texts)]

    def logits(self, context: Context, texts: Sequence[Sequence[int]]) -> Iterator[Tensor]:
        """(tokens, vocabulary) of each text."""
        if not texts:
            return
        longest = max(map(len, texts))
        most = max(1, min(MOST_ROWS, MOST_LOGITS // (longest * self._vocabulary)))
        for start in range(0, len(texts), most):
            batch = texts[start : start + most]
            logits = self._reader.logits(self._prompt(context, batch))
            for row, text in zip(logits, batch, strict=True):
                yield row[: len(text)]

    def answer_logits(
        self, context: Context, questions: Sequence[Question], answers: Sequence[Sequence[int]]
    ) -> Iterator[Tensor]:
        """(tokens, vocabulary) from which each answer's tokens, and what ends it, are chosen."""
        asked = [self._prompts.question(each.text) for each in questions]
        texts = [
            [*question, *self._prompts.answer(answer)]
            for question, answer in zip(asked, answers, strict=True)
        ]
        for logits, question in zip(self.logits(context, texts), asked, strict=True):
            yield logits[len(question) - 1 : -1]

    def nats(
        self, context: Context, questions: Sequence[Question], answers: Sequence[Sequence[int]]
    ) -> list[float]:
        """How unlikely it finds each answer, a token: the mean negative log-likelihood."""
        found: list[float] = []
        told = self.answer_logits(context, questions, answers)
        for logits, answer in zip(told, answers, strict=True):
            taken = torch.tensor(self._prompts.answer(answer), device=logits.device)
            logs = logits.float().log_softmax(-1).gather(-1, taken[:, None])
            found.append(-float(logs.mean()))
        return found

    def _prompt(self, context: Context, queries: Sequence[Sequence[int]]) -> Prompt:
        return Prompt(self._owner, self._secret, self._prompts.segments(context), queries)
