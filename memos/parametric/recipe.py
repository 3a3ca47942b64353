"""What training is made of besides a job's settings: how much of each kind of exercise, and when to stop."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from hashlib import sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How exercises are made of lessons.

    Attributes:
        version: changes with what is made of equal numbers.
        teacher_memories: of the sources so many at most stand in the teacher's context together.
        leaning: the probability that goes to a memory's own words where the teacher does not find the answer.
        answer_tokens: of an answer that is learnt or scored.
        made_up: questions to which nobody knows the answer, which keep theirs: half of them on whom the sources
            tell of.
        strangers: questions about each fact of a source that are asked about somebody else, and keep their answers.
        contexts: blocks of other memories in front of which is trained.
        context_facts: facts in each, made up.
        context_distractors: memories of the job in each that are no sources.
        context_questions: on each source behind such a block.
        kept_share: questions whose answers stay, for one that is learnt, in a step without memories in it.
        context_share: questions behind a block of other memories, for one that is learnt.
        enough: nats a token; where what was learnt is nearer to the teacher, training ends early.
        scored_contexts: blocks of made up facts on which reading a context is scored.
    """

    version: str = "recipe 1"
    teacher_memories: int = 32
    leaning: float = 0.5
    answer_tokens: int = 24
    made_up: int = 128
    strangers: int = 2
    contexts: int = 8
    context_facts: int = 6
    context_distractors: int = 4
    context_questions: int = 4
    kept_share: float = 1.0
    context_share: float = 0.5
    enough: float = 2e-4
    scored_contexts: int = 4

    @property
    def name(self) -> str:
        """The version, and what tells its numbers from others."""
        told = json.dumps(asdict(self), sort_keys=True).encode()
        return f"{self.version} {sha256(told).hexdigest()[:8]}"


REAL = Recipe(
    teacher_memories=1,
    answer_tokens=16,
    made_up=64,
    contexts=0,
    kept_share=2.0,
)
"""For a small model of a real language. With a memory alone in its context SmolLM2-135M answers two of three
questions, with sixteen of them one of five; and it reads its context as before though none stood there in training
(`benchmarks.distill_smollm2`).
"""
