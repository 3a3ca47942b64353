"""Adapters work from the query on: memories are read once, whatever adapters answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from memos.activation.adapters import Adapter
from memos.activation.reader import KvReader, Prompt
from memos.activation.trainee import Trainee
from memos.activation.transformers_model import CausalModel
from tests.activation.dict_pool import DictPool
from tests.activation.peft_adapters import random_adapter
from tests.activation.tiny_models import initialised, qwen3

ASKED = Prompt("acme", b"s" * 32, [[1, 2, 3], [4, 5]], [[6, 7, 8], [9]])
PREFIX = [1, 2, 3, 4, 5]
NEW_TOKENS = 4


@pytest.fixture
def base() -> CausalModel:
    return CausalModel(initialised(qwen3()))


@pytest.fixture
def adapters(tmp_path: Path) -> list[Adapter]:
    layers = ["gate_proj", "up_proj", "down_proj"]
    return [
        random_adapter(initialised(qwen3()), tmp_path / str(n), seed=n, target_modules=layers)
        for n in (1, 2)
    ]


def learning(base: CausalModel, adapter: Adapter) -> Trainee:
    rank = len(next(each for name, each in adapter.tensors.items() if "lora_A" in name))
    trainee = base.trainee(rank=rank, alpha=rank * adapter.scale, seed=0)
    trainee.resume(adapter.tensors)
    return trainee


def test_a_chain_is_computed_once_for_all_adapters_and_it_is_the_bases(
    base: CausalModel, adapters: list[Adapter]
) -> None:
    pool, plain = DictPool(), DictPool()
    KvReader(base, plain).prefill(ASKED)
    told = []
    for some in (adapters[:1], adapters[1:], adapters):
        adapted = base.with_adapters(some)
        told.append(KvReader(base, pool, adapted=adapted).answer(ASKED, NEW_TOKENS))
    assert [each.figures.found_tokens for each in told] == [0, 5, 5]
    assert pool.stored.keys() == plain.stored.keys()
    for key, segment in plain.stored.items():
        assert torch.equal(pool.stored[key].keys_values, segment.keys_values)
    assert len({each.token_ids for each in told}) == 3
    without = KvReader(base, pool).answer(ASKED, NEW_TOKENS)
    assert without.figures.computed_tokens == 0
    assert torch.equal(
        without.first_logits, KvReader(base, DictPool()).answer(ASKED, NEW_TOKENS).first_logits
    )


def test_what_is_cached_is_answered_as_from_a_cold_start_bit_by_bit(
    base: CausalModel, adapters: list[Adapter]
) -> None:
    adapted = base.with_adapters(adapters)
    pool = DictPool()
    KvReader(base, pool).prefill(ASKED)
    warm = KvReader(base, pool, adapted=adapted).answer(ASKED, NEW_TOKENS)
    cold = KvReader(base, DictPool(), adapted=adapted).answer(ASKED, NEW_TOKENS)
    assert (warm.figures.computed_tokens, cold.figures.found_tokens) == (0, 0)
    assert torch.equal(warm.first_logits, cold.first_logits)
    assert warm.token_ids == cold.token_ids
    alone = replace(ASKED, queries=ASKED.queries[:1])
    streamed = KvReader(base, pool, adapted=adapted).stream(alone, NEW_TOKENS)
    assert tuple(streamed) == warm.token_ids[0]


def test_a_trainee_reads_as_the_reader_answers_with_its_adapter(
    base: CausalModel, adapters: list[Adapter]
) -> None:
    one = adapters[0]
    reader = KvReader(base, DictPool(), adapted=base.with_adapters([one]))
    trainee = learning(base, one)
    found = trainee.logits(trainee.prefix(PREFIX), ASKED.queries)
    for query, expected, logits in zip(ASKED.queries, reader.logits(ASKED), found, strict=True):
        assert torch.allclose(expected[: len(query)], logits[: len(query)], atol=1e-4)
    through = base.with_adapters([one]).read((), [[*PREFIX, *ASKED.queries[0]]])[0, len(PREFIX) :]
    assert not torch.allclose(through, found[0], atol=1e-2)


def test_no_gradient_is_kept_of_a_prefix_and_it_stays_as_it_is_while_the_adapter_learns(
    base: CausalModel, adapters: list[Adapter]
) -> None:
    trainee = learning(base, adapters[0])
    prefix = trainee.prefix(PREFIX)
    torch.autograd.backward(trainee.logits(prefix, ASKED.queries).square().mean())
    assert all(each.grad is not None for each in trainee.parameters.values())
    assert not any(each.requires_grad for pair in prefix.keys_values for each in pair)
    trainee.resume(adapters[1].tensors)
    for before, after in zip(prefix.keys_values, trainee.prefix(PREFIX).keys_values, strict=True):
        assert all(map(torch.equal, before, after))
