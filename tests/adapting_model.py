"""A model that learns memories by keeping their texts, as far as the store sees it: what it was given, answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from memos import (
    ChatPrompt,
    DistillationJob,
    DistillationRefused,
    DistilledAdapter,
    Evaluation,
    ModelUnavailable,
    Probe,
    PromptAdapter,
    Role,
    TokenUsage,
)
from memos.infrastructure.progress import Progress, no_progress
from tests.caching_model import NotingModel

UNKNOWN = "I do not know."
PASSED = Evaluation(
    gap=3.0,
    gap_closed=0.98,
    teacher_accuracy=1.0,
    accuracy=1.0,
    base_accuracy=0.0,
    retention=1.0,
    in_context=1.0,
    locality=0.01,
)
FAILED = replace(PASSED, gap_closed=0.4, refusals=("gap closed .4, at least .9 is needed",))


class LearningModel(NotingModel):
    """Trains nothing; it says of all that it was told the text that has most words of the question.

    Args:
        name: to call it.
        meanwhile: what happens while it learns.
        evaluation: what is measured of it.
        accuracy: on each memory.
        unlearnt: texts that it leaves out.
        unaskable: texts that it refuses, one at a time.
    """

    def __init__(
        self,
        name: str = "learning",
        meanwhile: Callable[[], object] = lambda: None,
        evaluation: Evaluation = PASSED,
        accuracy: float = 1.0,
        unlearnt: Collection[str] = (),
        unaskable: Collection[str] = (),
    ) -> None:
        super().__init__(name)
        self.model_digest = sha256(name.encode()).digest()
        self.evaluation = evaluation
        self._accuracy = accuracy
        self._unlearnt = unlearnt
        self._unaskable = unaskable
        self.jobs: list[DistillationJob] = []
        self.files: dict[bytes, tuple[bytes, dict[str, str]]] = {}
        self.forgotten: list[bytes] = []
        self._while_learning = meanwhile

    def distil(self, job: DistillationJob, progress: Progress = no_progress) -> DistilledAdapter:
        self.jobs.append(job)
        sources = job.of_role(Role.SOURCE)
        if not any(re.search(r"\w", each.text) for each in sources):
            raise DistillationRefused("nothing in these memories can be asked about")
        for each in sources:
            if each.text in self._unaskable:
                raise DistillationRefused(
                    f"nothing can be asked about {each.text}", (each.cube_id,)
                )
        progress(1, 1)
        self._while_learning()
        learnt = {each.cube_id: each.text for each in sources if each.text not in self._unlearnt}
        digest = sha256(job.key(self.model_digest)).digest()
        evaluation = replace(self.evaluation, by_memory=dict.fromkeys(learnt, self._accuracy))
        if evaluation.passed:
            self.files[digest] = job.seal, learnt
        return DistilledAdapter(
            sha256=digest,
            size=1000,
            scale=2.0,
            model_digest=self.model_digest,
            tokenizer_digest=sha256(b"words").digest(),
            generator="tests/1",
            steps=1,
            seconds=0.1,
            loss=0.01,
            evaluation=evaluation,
        )

    def has_adapter(self, adapter: PromptAdapter) -> bool:
        kept = self.files.get(adapter.sha256)
        return kept is not None and kept[0] == adapter.seal

    def probe(self, adapter: PromptAdapter, job: DistillationJob) -> tuple[Probe, ...]:
        learnt = self._learnt(adapter)
        return tuple(
            Probe(
                cube_id=each.cube_id,
                question="What is it?",
                answer=learnt[each.cube_id],
                confidence=0.75,
            )
            for each in job.of_role(Role.SOURCE)
        )

    def forget_adapters(self, digests: Collection[bytes]) -> int:
        self.forgotten.extend(digests)
        return sum(self.files.pop(digest, None) is not None for digest in digests)

    def export_adapter(self, adapter: PromptAdapter, directory: Path) -> None:
        (directory / "adapter.txt").write_text("\n".join(self._learnt(adapter).values()))

    def stream(self, prompt: ChatPrompt) -> Iterator[str | TokenUsage]:
        self.asked.append(prompt)
        told = [line for memory in prompt.pinned for line in memory.text.splitlines()]
        *found, question = prompt.messages[-1].content.splitlines()
        learnt = [text for each in prompt.adapters for text in self._learnt(each).values()]
        yield _best([*told, *found, *learnt], question)

    def _learnt(self, adapter: PromptAdapter) -> dict[str, str]:
        if not self.has_adapter(adapter):
            raise ModelUnavailable("the adapter is not there, or does not open")
        return self.files[adapter.sha256][1]


def _best(texts: Iterable[str], question: str) -> str:
    asked = set(re.findall(r"\w{4,}", question.lower()))
    scored = [(len(asked & set(re.findall(r"\w{4,}", text.lower()))), text) for text in texts]
    best, text = max(scored, default=(0, ""))
    return text if best else UNKNOWN
