"""The distance of a student from a teacher, of all tokens or of the likeliest."""

from __future__ import annotations

import torch
from torch.nn.functional import kl_div

from memos.parametric.targets import KEPT, MOST_KEPT, Targets, divergence, joined


def drawn(tokens: int, vocabulary: int, seed: int) -> torch.Tensor:
    return 3 * torch.randn(tokens, vocabulary, generator=torch.Generator().manual_seed(seed))


def exact(teacher: torch.Tensor, student: torch.Tensor) -> torch.Tensor:
    logs = (student.log_softmax(-1), teacher.log_softmax(-1))
    return kl_div(*logs, reduction="none", log_target=True).sum(-1)


def test_of_a_small_vocabulary_it_is_exact() -> None:
    teacher, student = drawn(5, 300, 1), drawn(5, 300, 2)
    found = divergence(Targets.of(teacher), student)
    assert torch.allclose(found, exact(teacher, student), atol=1e-5)


def test_of_a_large_vocabulary_it_is_a_bound_from_below_and_no_distance_is_none() -> None:
    teacher, student = drawn(5, 2 * MOST_KEPT, 1), drawn(5, 2 * MOST_KEPT, 2)
    targets = Targets.of(teacher)
    assert targets.ids.shape == (5, KEPT)
    found = divergence(targets, student)
    assert bool((found > 0).all())
    assert bool((found <= exact(teacher, student) + 1e-5).all())
    assert torch.allclose(divergence(targets, teacher), torch.zeros(5), atol=1e-5)


def test_joined_targets_are_of_the_one_up_to_a_token_and_of_the_other_from_there() -> None:
    one, other = drawn(4, 50, 1), drawn(4, 50, 2)
    found = joined(Targets.of(one), Targets.of(other), 3)
    assert divergence(found, torch.cat([one[:3], other[3:]])).abs().max().item() < 1e-5
    assert divergence(found, one)[3].item() > 0.1


def test_targets_that_lean_to_words_give_them_a_share_and_the_rest_as_it_was() -> None:
    logits = drawn(4, 2 * MOST_KEPT, 1)
    targets = Targets.of(logits)
    words = [int(targets.ids[0, 0]), int(targets.ids[1, 7]), *logits[2:].argmin(-1).tolist()]
    found = targets.leaning_to(words, 0.4)
    for row, word in enumerate(words):
        place = (found.ids[row] == word).nonzero().item()
        before = targets.logs[row].exp()
        was = before[place].item() if row < 2 else 0.0
        assert abs(found.logs[row, place].exp().item() - (0.4 + 0.6 * was)) < 1e-5
        others = torch.arange(KEPT) != place
        assert torch.allclose(found.logs[row].exp()[others], 0.6 * before[others], atol=1e-6)
    assert torch.equal(targets.ids, Targets.of(logits).ids)
