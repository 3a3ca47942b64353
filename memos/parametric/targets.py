"""What a student's next tokens are to be: a model's probabilities, the likeliest of them where there are many."""

from __future__ import annotations

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


def divergence(targets: Sequence[Targets], logits: Tensor) -> Tensor:
    """KL(target ‖ student) in nats at each token, those of all texts one behind the other.

    What a target did not keep counts as one token more, so that the figure is exact for a whole vocabulary and
    a lower bound else.

    Args:
        targets: of each text.
        logits: (texts, longest, vocabulary), the student's; behind a text's own tokens they do not count.
    """
    told = torch.cat(
        [row[: len(each.ids)] for row, each in zip(logits, targets, strict=True)]
    ).float()
    ids = torch.cat([each.ids for each in targets]).long()
    wanted = torch.cat([each.logs for each in targets])
    logs = told.log_softmax(-1).gather(-1, ids)
    kept = (wanted.exp() * (wanted - logs)).sum(-1)
    if ids.shape[-1] == told.shape[-1]:
        return kept
    return kept + _rest(wanted, logs)


def _rest(wanted: Tensor, logs: Tensor) -> Tensor:
    left = (1 - wanted.exp().sum(-1)).clamp(min=1e-9)
    student = (1 - logs.exp().sum(-1)).clamp(min=1e-9)
    return left * (left.log() - student.log())
