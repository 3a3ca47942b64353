"""An answer from cached segments is the answer of the whole prompt read anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice, permutations
from random import Random

import pytest
import torch
from torch import Tensor

from memos.activation.reader import Answers, KvReader, Prompt
from tests.activation.dict_pool import DictPool
from tests.activation.tiny_models import TinyModel, random_ids

SECRET = b"s" * 32
NEW_TOKENS = 4


def prompt(segments: Sequence[Sequence[int]], queries: Sequence[Sequence[int]]) -> Prompt:
    return Prompt("acme", SECRET, segments, queries)


def some(seed: int, segments: int = 4, queries: int = 5) -> Prompt:
    chance = Random(seed)
    return prompt(
        [random_ids(chance, 1, 9) for _ in range(segments)],
        [random_ids(chance, 1, 7) for _ in range(queries)],
    )


def cold(model: TinyModel, asked: Prompt, new_tokens: int = NEW_TOKENS) -> Answers:
    return KvReader(model.reading, DictPool()).answer(asked, new_tokens)


def plainly(model: TinyModel, segments: Sequence[Sequence[int]], query: Sequence[int]) -> Tensor:
    """The logits of the last token, by transformers, which reads the whole prompt at once."""
    ids = [token for segment in (*segments, query) for token in segment]
    with torch.no_grad():
        logits: Tensor = model.plain(torch.tensor([ids]), use_cache=False).logits[0, -1]
    return logits


def test_a_thousand_answers_from_the_cache_are_those_of_a_cold_start_bit_by_bit(
    model: TinyModel,
) -> None:
    asked_in_all = 0
    for seed in range(17):
        asked, pool = some(seed), DictPool()
        reader = KvReader(model.reading, pool)
        for order in islice(permutations(asked.segments), 0, 24, 4):
            reordered = replace(asked, segments=order)
            warm, again = reader.answer(reordered, NEW_TOKENS), reader.answer(reordered, NEW_TOKENS)
            fresh = cold(model, reordered)
            assert again.figures.computed_tokens == 0
            assert fresh.figures.found_tokens == 0
            assert torch.equal(again.first_logits, fresh.first_logits)
            assert torch.equal(warm.first_logits, fresh.first_logits)
            assert again.token_ids == warm.token_ids == fresh.token_ids
            asked_in_all += len(asked.queries)
    assert asked_in_all >= 500  # with each of two models


def test_reading_in_segments_is_reading_the_prompt_whole(model: TinyModel) -> None:
    furthest = 0.0
    for seed in range(40):
        asked = some(seed, queries=1)
        answered = cold(model, asked)
        so_far = list(asked.queries[0])
        for number in range(NEW_TOKENS):
            logits = plainly(model, asked.segments, so_far)
            if number == 0:
                furthest = max(furthest, float((logits - answered.first_logits[0]).abs().max()))
            newest = int(logits.argmax())
            if newest in model.reading.stop_tokens:
                break
            so_far.append(newest)
        assert tuple(so_far[len(asked.queries[0]) :]) == answered.token_ids[0]
    assert furthest < 1e-4


def test_queries_side_by_side_answer_as_each_alone(model: TinyModel) -> None:
    for seed in range(20):
        asked = some(seed, queries=6)
        together = cold(model, asked)
        for number, query in enumerate(asked.queries):
            alone = cold(model, replace(asked, queries=[query]))
            assert alone.token_ids[0] == together.token_ids[number]
            difference = alone.first_logits[0] - together.first_logits[number]
            assert difference.abs().max() < 1e-4


def test_without_memories_a_query_is_answered_as_it_stands(model: TinyModel) -> None:
    asked = some(3, segments=0, queries=1)
    logits = cold(model, asked).first_logits[0]
    assert (logits - plainly(model, (), asked.queries[0])).abs().max() < 1e-4


def test_only_what_follows_the_first_difference_is_computed(model: TinyModel) -> None:
    asked, pool = some(5), DictPool()
    reader = KvReader(model.reading, pool)
    reader.answer(asked, 1)
    one, two, three, four = asked.segments
    swapped = reader.answer(replace(asked, segments=[one, two, four, three]), 1)
    assert swapped.figures.found_tokens == len(one) + len(two)
    assert swapped.figures.computed_tokens == len(three) + len(four)
    assert swapped.figures.kept_segments == 2
    shorter = reader.answer(replace(asked, segments=[one, two]), 1)
    assert shorter.figures.computed_tokens == 0


def test_the_order_of_memories_matters_to_the_model_and_so_to_the_cache(model: TinyModel) -> None:
    asked = some(6, queries=1)
    turned = replace(asked, segments=asked.segments[::-1])
    difference = cold(model, asked).first_logits - cold(model, turned).first_logits
    assert difference.abs().max() > 1e-2


def test_an_answer_ends_before_its_stop_token_and_at_the_length_asked_for(
    model: TinyModel,
) -> None:
    asked = some(7, queries=1)
    long = cold(model, asked, 12).token_ids[0]
    assert cold(model, asked, 5).token_ids[0] == long[:5]
    ended = KvReader(model.reading, DictPool())
    stop = long[3] if len(long) > 3 else long[-1]
    before = model.reading.stop_tokens
    try:
        model.reading.stop_tokens = frozenset({stop})
        assert ended.answer(asked, 12).token_ids[0] == long[: long.index(stop)]
    finally:
        model.reading.stop_tokens = before


@pytest.mark.parametrize("queries", [[[3]], [[3], [4, 5, 6]]])
def test_one_new_token_is_the_likeliest_one(model: TinyModel, queries: list[list[int]]) -> None:
    answered = cold(model, prompt([[5, 6], [7]], queries), 1)
    likeliest = answered.first_logits.argmax(-1).tolist()
    stops = model.reading.stop_tokens
    assert answered.token_ids == tuple(() if each in stops else (each,) for each in likeliest)
