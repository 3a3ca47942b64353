"""The distance of a student from a teacher, of all tokens or of the likeliest."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import kl_div

from memos.parametric.targets import KEPT, MOST_KEPT, Targets, divergence


def drawn(tokens: int, vocabulary: int, seed: int) -> torch.Tensor:
    return 3 * torch.randn(tokens, vocabulary, generator=torch.Generator().manual_seed(seed))


def exact(teacher: torch.Tensor, student: torch.Tensor) -> torch.Tensor:
    logs = (student.log_softmax(-1), teacher.log_softmax(-1))
    return kl_div(*logs, reduction="none", log_target=True).sum(-1)


def test_of_a_small_vocabulary_it_is_exact() -> None:
    teacher, student = drawn(5, 300, 1), drawn(5, 300, 2)
    found = divergence([Targets.of(teacher)], student[None])
    assert torch.allclose(found, exact(teacher, student), atol=1e-5)


def test_of_a_large_vocabulary_it_is_a_bound_from_below_and_no_distance_is_none() -> None:
    teacher, student = drawn(5, 2 * MOST_KEPT, 1), drawn(5, 2 * MOST_KEPT, 2)
    targets = Targets.of(teacher)
    assert targets.ids.shape == (5, KEPT)
    found = divergence([targets], student[None])
    assert bool((found > 0).all())
    assert bool((found <= exact(teacher, student) + 1e-5).all())
    assert torch.allclose(divergence([targets], teacher[None]), torch.zeros(5), atol=1e-5)


def test_what_stands_behind_a_text_does_not_count() -> None:
    long, short = drawn(4, 50, 1), drawn(2, 50, 2)
    student = torch.stack([long, torch.cat([short, drawn(2, 50, 3)])])
    found = divergence([Targets.of(long), Targets.of(short)], student)
    assert found.shape == (6,)
    assert found.abs().max().item() == pytest.approx(0, abs=1e-5)
