"""What a student's next tokens are to be: a model's probabilities, the likeliest of them where there are many."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

MOST_KEPT = 1024
"""A vocabulary up to that is kept whole."""
KEPT = 50
"""Of a larger one: what is left then has about a thousandth of the probability (Eyuboglu et al. 2025, arXiv
2506.06266, keep 20)."""


class Targets(NamedTuple):
    """A model's next-token probabilities at each token of a text.

    Attributes:
        ids: (tokens, kept), of the likeliest tokens.
        logs: (tokens, kept), the logs of their probabilities, float32.
    """

    ids: Tensor
    logs: Tensor

    @classmethod
    def of(cls, logits: Tensor) -> Targets:
        """Of logits (tokens, vocabulary)."""
        logs = logits.float().log_softmax(-1)
        vocabulary = logs.shape[-1]
        kept = vocabulary if vocabulary <= MOST_KEPT else KEPT
        best = logs.topk(kept, -1)
        return cls(best.indices.to(torch.int32), best.values)

    def leaning_to(self, words: Sequence[int], share: float) -> Targets:
        """With this share of the probability on one token each, and the rest as it is."""
        ids, logs = self.ids.clone(), self.logs + math.log1p(-share)
        chosen = torch.tensor(words, dtype=ids.dtype, device=ids.device)[:, None]
        # One that was not kept comes in the place of the least likely.
        strange = ~(ids == chosen).any(-1)
        ids[strange, -1] = chosen[strange, 0]
        logs[strange, -1] = -torch.inf
        more = torch.where(ids == chosen, math.log(share), -torch.inf)
        return Targets(ids, torch.logaddexp(logs, more))


def joined(first: Targets, second: Targets, at: int) -> Targets:
    """Those of the first up to a token, and those of the second from there on."""
    return Targets(
        torch.cat([first.ids[:at], second.ids[at:]]), torch.cat([first.logs[:at], second.logs[at:]])
    )


def divergence(targets: Targets, logits: Tensor) -> Tensor:
    """KL(target ‖ student) in nats at each token.

    What a target did not keep counts as one token more, so that the figure is exact for a whole vocabulary and
    a lower bound else.

    Args:
        targets: of the same tokens.
        logits: (tokens, vocabulary), the student's.
    """
    logs = logits.float().log_softmax(-1).gather(-1, targets.ids.long())
    kept = (targets.logs.exp() * (targets.logs - logs)).sum(-1)
    if targets.ids.shape[-1] == logits.shape[-1]:
        return kept
    return kept + _rest(targets.logs, logs)


def _rest(wanted: Tensor, logs: Tensor) -> Tensor:
    left = (1 - wanted.exp().sum(-1)).clamp(min=1e-9)
    student = (1 - logs.exp().sum(-1)).clamp(min=1e-9)
    return left * (left.log() - student.log())
