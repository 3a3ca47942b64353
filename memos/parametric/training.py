"""Training: what was taught comes near, and all else stays where the model has it."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor

from memos.activation.trainee import Trainee
from memos.infrastructure.chat_models.adapting import DistillationSettings
from memos.infrastructure.progress import Progress
from memos.kernel.errors import DistillationRefused
from memos.parametric.chance import chance_of
from memos.parametric.checkpoint import Checkpoints
from memos.parametric.course import Course, Exercise
from memos.parametric.prompts import Prompts
from memos.parametric.recipe import Recipe
from memos.parametric.targets import divergence

_MOMENTS = ("exp_avg", "exp_avg_sq", "step")
_WINDOW = 10
"""Steps over whose mean an early end is decided."""
_WARM_UP = 0.05
"""Of all steps: the rate rises over them, and then falls to nothing by a cosine."""
_LONGEST_GRADIENT = 1.0


@dataclass(frozen=True, slots=True)
class TrainingEnd:
    """How far training went.

    Attributes:
        steps: that were taken.
        loss: of what was learnt, in nats a token, over the last steps.
    """

    steps: int
    loss: float


class Training:
    """Trains one adapter. What a step draws depends on the seed and its number alone, so that training which
    was cut off goes on as if it had not been.

    Args:
        trainee: with a fresh adapter.
        prompts: of the job.
        bare: exercises without memories in the context.
        in_context: exercises behind other memories.
        settings: of the job.
        recipe: how much of what a step has.
    """

    def __init__(
        self,
        trainee: Trainee,
        prompts: Prompts,
        bare: Course,
        in_context: Sequence[Course],
        settings: DistillationSettings,
        recipe: Recipe,
    ) -> None:
        self._trainee = trainee
        self._bare = bare
        self._in_context = in_context
        self._settings = settings
        self._recipe = recipe
        self._prefixes = {
            each.context: trainee.prefix(
                [token for ids in prompts.segments(each.context) for token in ids]
            )
            for each in (bare, *in_context)
        }
        self._optimizer = torch.optim.AdamW(
            trainee.parameters.values(), lr=settings.learning_rate, weight_decay=0.0
        )
        self._done = 0
        self._losses: list[float] = []

    def run(
        self, progress: Progress, checkpoints: Checkpoints | None, until: float | None
    ) -> TrainingEnd:
        """Train to the end.

        Args:
            progress: told (steps taken, of how many).
            checkpoints: where it goes on, and what it writes now and then.
            until: when to end early, by the monotonic clock, but not before the first step.

        Raises:
            DistillationRefused: a loss is no number.
            VaultError: a checkpoint cannot be written.
        """
        written = time.monotonic()
        if checkpoints and (found := checkpoints.read()):
            self._resume(found)
        while self._done < self._settings.steps and not self._is_enough():
            now = time.monotonic()
            if until is not None and now > until and self._done:
                break
            if checkpoints and now - written >= checkpoints.seconds:
                checkpoints.write(self._state())
                written = now
            progress(self._done, self._settings.steps)
            self._step()
        progress(self._settings.steps, self._settings.steps)
        return TrainingEnd(self._done, _mean(self._losses[-_WINDOW:]))

    def _step(self) -> None:
        chance = chance_of(self._settings.seed, f"step {self._done}")
        batch = self._settings.batch
        learnt, kept = self._divergences(
            self._bare, chance, batch, round(batch * self._recipe.kept_share)
        )
        rows = round(batch * self._recipe.context_share)
        if self._in_context and rows:
            beside = chance.choice(self._in_context)
            more = self._divergences(beside, chance, rows // 2, rows - rows // 2)
            learnt, kept = torch.cat([learnt, more[0]]), torch.cat([kept, more[1]])
        loss = learnt.mean()
        taught = loss.item()
        if len(kept):
            loss = loss + self._settings.retention_weight * kept.mean()
        if not math.isfinite(loss.item()):
            raise DistillationRefused(
                f"training broke down at step {self._done + 1}: its loss is {loss.item()}. Give a lower "
                "learning rate, or look at what the memories say"
            )
        for group in self._optimizer.param_groups:
            group["lr"] = self._settings.learning_rate * self._share()
        self._optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self._trainee.parameters.values(), _LONGEST_GRADIENT)
        self._optimizer.step()
        self._done += 1
        self._losses.append(taught)

    def _divergences(
        self, course: Course, chance: Random, learnt: int, kept: int
    ) -> tuple[Tensor, Tensor]:
        """At each token of so many exercises of a course: of those that are learnt, and of the others."""
        drawn = (
            _drawn(chance, course.learnt, learnt),
            [
                exercise
                for number, kind in enumerate(course.kept)
                for exercise in _drawn(chance, kind, _part(kept, len(course.kept), number))
            ],
        )
        rows = [exercise for each in drawn for exercise in each]
        logits = self._trainee.logits(self._prefixes[course.context], [each.text for each in rows])
        nats = torch.cat(
            [
                divergence(each.targets, row[each.first : len(each.text)])
                for row, each in zip(logits, rows, strict=True)
            ]
        )
        tokens = sum(len(each.text) - each.first for each in drawn[0])
        return nats[:tokens], nats[tokens:]

    def _share(self) -> float:
        """Of the highest rate, at this step."""
        at, steps = self._done, self._settings.steps
        warm = max(1, round(_WARM_UP * steps))
        if at < warm:
            return (at + 1) / warm
        return 0.5 * (1 + math.cos(math.pi * (at - warm) / max(1, steps - warm)))

    def _is_enough(self) -> bool:
        window = self._losses[-_WINDOW:]
        return len(window) == _WINDOW and _mean(window) < self._recipe.enough

    def _state(self) -> Mapping[str, Tensor]:
        told = {
            "losses": torch.tensor(self._losses, dtype=torch.float64),
            "done": torch.tensor(self._done),
        }
        for name, parameter in self._trainee.parameters.items():
            told[f"parameter {name}"] = parameter.detach()
            moments = self._optimizer.state[parameter]
            told |= {f"{moment} {name}": moments[moment] for moment in _MOMENTS if moments}
        return told

    def _resume(self, told: Mapping[str, Tensor]) -> None:
        self._done = int(told["done"])
        self._losses = told["losses"].tolist()
        self._trainee.resume({name: told[f"parameter {name}"] for name in self._trainee.parameters})
        if not self._done:
            return
        for name, parameter in self._trainee.parameters.items():
            self._optimizer.state[parameter] = {
                moment: told[f"{moment} {name}"].to("cpu" if moment == "step" else parameter.device)
                for moment in _MOMENTS
            }


def _drawn(chance: Random, exercises: Sequence[Exercise], count: int) -> list[Exercise]:
    """So many, each once before any twice."""
    drawn: list[Exercise] = []
    while exercises and len(drawn) < count:
        drawn += chance.sample(exercises, min(len(exercises), count - len(drawn)))
    return drawn


def _part(whole: int, parts: int, number: int) -> int:
    """The size of a part, where all are as equal as whole numbers can be."""
    return (whole * (number + 1)) // parts - (whole * number) // parts


def _mean(figures: Sequence[float]) -> float:
    return sum(figures) / len(figures) if figures else math.nan
