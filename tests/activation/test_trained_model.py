"""A small trained model answers what only its memories say: from their cache as from the memories."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import islice, permutations
from pathlib import Path
from random import Random

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, PreTrainedModel

from memos.activation.chain import chain_keys
from memos.activation.chat_model import LocalModel
from memos.activation.pool.lease import PoolLease
from memos.activation.pool.limits import Limits
from memos.activation.pool.memory_tier import MemoryTier
from memos.activation.pool.pool import Pool
from memos.activation.reader import Answers, KvReader, Prompt
from memos.activation.segment import Segment
from memos.activation.transformers_model import CausalModel
from memos.infrastructure.chat_models.port import ChatMessage, ChatPrompt, PromptMemory, TokenUsage
from tests.activation.dict_pool import DictPool
from tests.activation.peft_adapters import random_adapter
from tests.activation.pool.segments import ROOMY, SLOW, file_tier
from tests.tiny_model.language import QUESTIONS, STATEMENTS, WORLD, Fact, fresh_facts
from tests.tiny_model.loaded import DIRECTORY, token_ids, trained_model

SECRET = b"s" * 32
NEW_TOKENS = 5
ONE_CHAIN = Limits(300_000)
"""Room for the longest chain here, and for no two."""


class DearComputing:
    """A pool that is told that computing takes longer than any load: what it can load it loads.

    Attributes:
        leases: how many were exact, and how many were not.
    """

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.leases = {True: 0, False: 0}

    def lease(self, tenant: str, keys: Sequence[bytes]) -> PoolLease:
        lease = self.pool.lease(tenant, keys)
        self.leases[lease.is_exact] += 1
        return lease

    def offer(self, tenant: str, segment: Segment, milliseconds: float) -> bool:
        del milliseconds
        return self.pool.offer(tenant, segment, SLOW)


def prompt_of(chance: Random, facts: Sequence[Fact], asked: Sequence[Fact]) -> Prompt:
    """A memory for each fact and a query for each that is asked, in forms drawn at random."""
    memories = [fact.statement(chance.randrange(len(STATEMENTS))) for fact in facts]
    questions = [fact.question(chance.randrange(len(QUESTIONS))) for fact in asked]
    return Prompt("acme", SECRET, token_ids(memories), token_ids(questions))


def answers_to(facts: Sequence[Fact]) -> list[tuple[int, ...]]:
    return [tuple(ids) for ids in token_ids([fact.answer for fact in facts])]


def cold(asked: Prompt, model: CausalModel | None = None) -> Answers:
    return KvReader(model or trained_model(), DictPool()).answer(asked, NEW_TOKENS)


@cache
def prompts() -> tuple[tuple[Prompt, Answers], ...]:
    """Memories in several orders, each with six queries side by side, and what a cold start answers.

    The last query begins a sentence, so that the model goes on with a text of its own.
    """
    made = []
    for seed in range(20):
        chance = Random(seed)
        facts = fresh_facts(chance, 6, chance.randint(1, 3))
        asked = prompt_of(chance, facts, chance.sample(facts, 5))
        asked = replace(asked, queries=[*asked.queries, *token_ids(["Note:"])])
        for order in islice(permutations(asked.segments), 0, 720, 241):
            reordered = replace(asked, segments=order)
            made.append((reordered, cold(reordered)))
    return tuple(made)


def test_it_answers_by_reading_and_guesses_where_there_is_nothing_to_read() -> None:
    chance = Random(8)
    reader = KvReader(trained_model(), DictPool())
    right = guessed = asked_in_all = 0
    for _ in range(40):
        facts = fresh_facts(chance, 8, 2)
        asked = prompt_of(chance, facts, facts)
        read = reader.answer(asked, NEW_TOKENS).token_ids
        unread = reader.answer(replace(asked, segments=[]), NEW_TOKENS).token_ids
        right += sum(map(tuple.__eq__, read, answers_to(facts)))
        guessed += sum(map(tuple.__eq__, unread, answers_to(facts)))
        asked_in_all += len(facts)
    assert right / asked_in_all >= 0.95
    assert guessed / asked_in_all <= 0.1  # of 24 values one is right


def test_what_it_has_learnt_it_answers_without_memories_and_beside_others() -> None:
    chance = Random(9)
    asked = prompt_of(chance, fresh_facts(chance, 8, 2), WORLD)
    for memories in ([], asked.segments):
        answered = cold(replace(asked, segments=memories)).token_ids
        assert sum(map(tuple.__eq__, answered, answers_to(WORLD))) >= 95


def memory_pool(_: Path) -> Pool:
    return Pool([MemoryTier("memory", ROOMY)])


def host_pool(_: Path) -> Pool:
    return Pool([MemoryTier("device", ONE_CHAIN), MemoryTier("host", ROOMY)])


def files_pool(directory: Path) -> Pool:
    return Pool([MemoryTier("memory", ONE_CHAIN)], file_tier(directory))


@pytest.mark.parametrize(
    ("tier", "make_pool"), [("memory", memory_pool), ("host", host_pool), ("files", files_pool)]
)
def test_a_thousand_answers_through_each_lossless_tier_are_those_of_a_cold_start_bit_by_bit(
    tier: str, make_pool: Callable[[Path], Pool], tmp_path: Path
) -> None:
    pool = DearComputing(make_pool(tmp_path))
    reader = KvReader(trained_model(), pool)
    for asked, _ in prompts():
        reader.answer(asked, 1)
    if tier == "files":
        pool.pool.save()
        pool.pool = make_pool(tmp_path)  # as after a restart
    for asked, fresh in prompts():
        warm = reader.answer(asked, NEW_TOKENS)
        assert warm.figures.computed_tokens == 0
        assert torch.equal(warm.first_logits, fresh.first_logits)
        assert warm.token_ids == fresh.token_ids
    assert pool.pool.figures().hits[tier] > len(prompts())
    assert pool.leases[False] == 0
    assert sum(len(asked.queries) for asked, _ in prompts()) * 3 > 1_000


def test_a_cold_start_is_what_the_model_says_of_the_whole_prompt() -> None:
    plain: PreTrainedModel = AutoModelForCausalLM.from_pretrained(DIRECTORY, dtype=torch.float32)
    for asked, answered in prompts():
        for query, logits in zip(asked.queries, answered.first_logits, strict=True):
            ids = [token for part in (*asked.segments, query) for token in part]
            with torch.no_grad():
                whole = plain(torch.tensor([ids]), use_cache=False).logits[0, -1]
            assert (whole - logits).abs().max() < 1e-4
            assert whole.argmax() == logits.argmax()


def test_each_query_alone_is_answered_as_beside_the_others() -> None:
    for asked, together in islice(prompts(), 0, None, 6):
        for number, query in enumerate(asked.queries):
            alone = cold(replace(asked, queries=[query]))
            assert alone.token_ids[0] == together.token_ids[number]
            assert (alone.first_logits[0] - together.first_logits[number]).abs().max() < 1e-4


def test_int8_files_are_near_and_say_that_they_are_not_exact(tmp_path: Path) -> None:
    def make_pool() -> Pool:
        return Pool([MemoryTier("memory", ROOMY)], file_tier(tmp_path, as_int8=True))

    pool = DearComputing(make_pool())
    reader = KvReader(trained_model(), pool)
    for asked, _ in prompts():
        reader.answer(asked, 1)
    pool.pool.save()
    pool.pool, pool.leases = make_pool(), {True: 0, False: 0}
    furthest, same, asked_in_all = 0.0, 0, 0
    for asked, fresh in prompts():
        warm = reader.answer(asked, 1)
        assert warm.figures.computed_tokens == 0
        furthest = max(furthest, float((warm.first_logits - fresh.first_logits).abs().max()))
        same += int((warm.first_logits.argmax(-1) == fresh.first_logits.argmax(-1)).sum())
        asked_in_all += len(asked.queries)
    assert 0 < furthest < 0.5
    assert same / asked_in_all >= 0.98
    assert pool.leases == {True: 0, False: len(prompts())}


def test_the_cache_of_a_model_never_answers_for_its_adapter_nor_the_reverse(
    tmp_path: Path,
) -> None:
    base = trained_model()
    plain: PreTrainedModel = AutoModelForCausalLM.from_pretrained(DIRECTORY, dtype=torch.float32)
    adapted = base.with_adapters([random_adapter(plain, tmp_path)])
    asked, before = prompts()[0]
    assert set(chain_keys(asked.segments, base.identity, SECRET)).isdisjoint(
        chain_keys(asked.segments, adapted.identity, SECRET)
    )
    assert (cold(asked, adapted).first_logits - before.first_logits).abs().max() > 0.1
    for one, other in ((base, adapted), (adapted, base)):
        pool = DictPool()
        KvReader(other, pool).answer(asked, NEW_TOKENS)
        first, warm = (KvReader(one, pool).answer(asked, NEW_TOKENS) for _ in range(2))
        assert (first.figures.found_tokens, warm.figures.computed_tokens) == (0, 0)
        for told in (first, warm):
            assert torch.equal(told.first_logits, cold(asked, one).first_logits)
            assert told.token_ids == cold(asked, one).token_ids
    assert torch.equal(cold(asked, base).first_logits, before.first_logits)


def test_a_model_that_was_swapped_in_its_directory_finds_nothing_of_the_one_before(
    tmp_path: Path,
) -> None:
    shutil.copytree(DIRECTORY, tmp_path / "model")
    pool = DictPool()
    asked, _ = prompts()[0]
    KvReader(CausalModel.load(tmp_path / "model"), pool).answer(asked, 1)
    weights = load_file(tmp_path / "model" / "model.safetensors")
    weights["model.layers.0.self_attn.k_proj.weight"][0, 0] += 1e-6
    save_file(weights, tmp_path / "model" / "model.safetensors", metadata={"format": "pt"})
    swapped = CausalModel.load(tmp_path / "model")
    told = KvReader(swapped, pool).answer(asked, 1)
    assert told.figures.found_tokens == 0
    assert torch.equal(told.first_logits, cold(asked, swapped).first_logits)


def chat_prompts() -> Iterator[tuple[ChatPrompt, Fact]]:
    chance = Random(10)
    for _ in range(20):
        facts = fresh_facts(chance, 6, 2)
        pinned = tuple(
            PromptMemory(str(number), 1, f"{fact.statement()} [m{number}]\n")
            for number, fact in enumerate(facts)
        )
        fact = chance.choice(facts)
        yield (
            ChatPrompt(
                owner="v/acme",
                opening="Answer.\n",
                pinned=pinned,
                closing="",
                messages=(ChatMessage("user", fact.question()),),
                max_tokens=NEW_TOKENS,
            ),
            fact,
        )


def test_as_a_chat_model_it_tells_what_a_pinned_memory_says_cold_and_cached() -> None:
    model = LocalModel.load(DIRECTORY, name="tiny")
    right = 0
    for asked, fact in chat_prompts():
        (told, _), (again, usage) = (
            (pieces, usage) for *pieces, usage in (model.stream(asked) for _ in range(2))
        )
        assert again == told
        assert isinstance(usage, TokenUsage)
        assert usage.cached_tokens
        right += told == [fact.answer]
    assert right >= 18
