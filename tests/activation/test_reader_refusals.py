"""What must not hit does not; what a pool gives wrongly is never read."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256

import pytest
import torch

from memos.activation.reader import KvReader, Prompt
from memos.activation.segment import Segment
from memos.activation.transformers_model import CausalModel
from memos.kernel.errors import InvalidInput
from tests.activation.dict_pool import DictLease, DictPool
from tests.activation.tiny_models import TinyModel, initialised, qwen3

MANY = 1_000_000
"""More than any tiny model has, of tokens and of positions."""
ASKED = Prompt("acme", b"s" * 32, [[5, 6, 7], [8, 9], [10, 11, 12, 13]], [[14, 15]])


class LyingPool(DictPool):
    """Gives what a function makes of the right segments."""

    def __init__(self, lie: Callable[[tuple[Segment, ...]], tuple[Segment, ...]]) -> None:
        super().__init__()
        self.lie = lie

    def lease(self, tenant: str, keys: Sequence[bytes]) -> DictLease:
        honest = super().lease(tenant, keys)
        return DictLease(self, self.lie(honest.segments))


def with_tensor(segment: Segment, change: Callable[[torch.Tensor], torch.Tensor]) -> Segment:
    return replace(segment, keys_values=change(segment.keys_values))


LIES: dict[str, Callable[[tuple[Segment, ...]], tuple[Segment, ...]]] = {
    "longer than the prompt": lambda found: (*found, *found[-1:]),
    "another order": lambda found: found[::-1],
    "from the middle": lambda found: found[1:],
    "another parent": lambda found: (found[0], replace(found[1], parent=b"p" * 32), found[2]),
    "another start": lambda found: (found[0], replace(found[1], start=9), found[2]),
    "too few tokens": lambda found: (with_tensor(found[0], lambda t: t[:, :, :, :2]), *found[1:]),
    "another type": lambda found: (found[0], with_tensor(found[1], torch.Tensor.bfloat16)),
    "fewer layers": lambda found: (with_tensor(found[0], lambda t: t[:1]), *found[1:]),
    "elsewhere": lambda found: (with_tensor(found[0], lambda t: t.to("meta")), *found[1:]),
}


@pytest.mark.parametrize("name", LIES)
def test_a_pool_that_gives_what_is_not_of_the_chain_changes_no_answer(
    model: TinyModel, name: str
) -> None:
    pool = LyingPool(lambda found: found)
    reader = KvReader(model.reading, pool)
    right = reader.answer(ASKED, 3)
    pool.lie = LIES[name]
    answered = reader.answer(ASKED, 3)
    assert torch.equal(answered.first_logits, right.first_logits)
    assert answered.token_ids == right.token_ids
    assert answered.figures.refused_segments > 0
    assert answered.figures.found_tokens + answered.figures.computed_tokens == 9
    assert pool.leased == 0


def test_two_tenants_with_the_same_text_find_nothing_of_each_other(model: TinyModel) -> None:
    pool = DictPool()
    reader = KvReader(model.reading, pool)
    one = reader.answer(ASKED, 1)
    other = reader.answer(replace(ASKED, tenant="rival", tenant_secret=b"r" * 32), 1)
    assert other.figures.found_tokens == 0
    assert len(pool.stored) == 6
    assert torch.equal(one.first_logits, other.first_logits)


def test_a_model_swapped_for_one_of_the_same_name_and_shape_finds_nothing() -> None:
    pool = DictPool()
    KvReader(CausalModel(initialised(qwen3(), seed=1)), pool).answer(ASKED, 1)
    swapped = KvReader(CausalModel(initialised(qwen3(), seed=2)), pool).answer(ASKED, 1)
    assert swapped.figures.found_tokens == 0
    same = KvReader(CausalModel(initialised(qwen3(), seed=1)), pool).answer(ASKED, 1)
    assert same.figures.found_tokens == 9


@pytest.mark.parametrize("changed", ["tokenizer_digest", "template"])
def test_another_tokenizer_or_template_finds_nothing(changed: str) -> None:
    pool = DictPool()
    KvReader(CausalModel(initialised(qwen3())), pool).answer(ASKED, 1)
    other = (
        CausalModel(initialised(qwen3()), template="2")
        if changed == "template"
        else CausalModel(initialised(qwen3()), tokenizer_digest=b"2")
    )
    assert KvReader(other, pool).answer(ASKED, 1).figures.found_tokens == 0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"queries": []}, "without a token"),
        ({"queries": [[3], []]}, "without a token"),
        ({"queries": [[MANY]]}, f"{MANY} is no token of this model"),
        ({"segments": [[3], []]}, "segment 1 holds no token"),
        ({"segments": [[3], [MANY]]}, "no token of this model"),
        ({"segments": [[3] * MANY]}, "the model was made for"),
        ({"tenant_secret": b""}, "can be guessed"),
    ],
)
def test_what_cannot_be_read_is_refused_and_its_lease_ends(
    model: TinyModel, change: dict[str, object], told: str
) -> None:
    pool = DictPool()
    with pytest.raises(InvalidInput, match=told):
        KvReader(model.reading, pool).answer(replace(ASKED, **change), 1)  # type: ignore[arg-type]
    assert pool.leased == 0


def test_no_answer_of_no_token_and_none_beyond_what_the_model_was_made_for(
    model: TinyModel,
) -> None:
    reader = KvReader(model.reading, DictPool())
    with pytest.raises(InvalidInput, match="at least 1"):
        reader.answer(ASKED, 0)
    most = model.reading.most_tokens
    long = replace(ASKED, segments=[[3] * (most - 4)])
    assert reader.answer(long, 3).figures.computed_tokens == most - 4
    with pytest.raises(InvalidInput, match=f"take {most + 1:,} tokens"):
        reader.answer(long, 4)


def test_ten_thousand_requests_leave_what_is_stored_as_it_was(model: TinyModel) -> None:
    pool = DictPool()
    reader = KvReader(model.reading, pool)
    reader.answer(ASKED, 1)
    before = fingerprint(pool)
    many = replace(ASKED, queries=[[3 + number % 90, 14] for number in range(500)])
    reader.answer(many, 2)
    alive = living_tensors()
    for _ in range(20):
        reader.answer(many, 2)
    assert fingerprint(pool) == before
    assert living_tensors() <= alive
    assert pool.offered == 3
    assert pool.leased == 0


def test_requests_at_once_on_one_prefix_answer_as_one_after_another(model: TinyModel) -> None:
    reader = KvReader(model.reading, DictPool())
    asked = [replace(ASKED, queries=[[14, 3 + number]]) for number in range(24)]
    one_by_one = [reader.answer(each, 3) for each in asked]
    with ThreadPoolExecutor(8) as threads:
        at_once = list(threads.map(lambda each: reader.answer(each, 3), asked))
    for one, other in zip(one_by_one, at_once, strict=True):
        assert one.token_ids == other.token_ids
        assert torch.equal(one.first_logits, other.first_logits)


def fingerprint(pool: DictPool) -> dict[bytes, tuple[int, int, bytes]]:
    """Of each segment: its bytes, how often its tensor was written, and what is in it."""
    return {
        key: (
            segment.bytes,
            segment.keys_values._version,
            sha256(segment.keys_values.numpy().tobytes()).digest(),
        )
        for key, segment in pool.stored.items()
    }


def living_tensors() -> int:
    gc.collect()
    return sum(issubclass(type(each), torch.Tensor) for each in gc.get_objects())
