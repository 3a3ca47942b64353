from __future__ import annotations

from dataclasses import fields, replace
from itertools import permutations
from typing import Any

import pytest

from memos.activation.chain import chain_keys
from memos.activation.identity import ModelIdentity
from memos.kernel.errors import InvalidInput

IDENTITY = ModelIdentity(
    weights=b"w" * 32,
    configuration=b"c" * 32,
    tokenizer=b"t" * 32,
    dtype="float32",
    attention="parts 1",
    template="cited 1",
    libraries="torch 2.15.0",
    adapters=((b"a" * 32, 1.0),),
)
OTHERWISE: dict[str, Any] = {
    "weights": b"W" * 32,
    "configuration": b"C" * 32,
    "tokenizer": b"T" * 32,
    "dtype": "bfloat16",
    "attention": "parts 2",
    "template": "cited 2",
    "libraries": "torch 2.15.1",
    "adapters": ((b"a" * 32, 0.5),),
}
SECRET = b"s" * 32
SEGMENTS = ([5, 6, 7], [8, 9], [10])


@pytest.mark.parametrize("name", [field.name for field in fields(ModelIdentity)])
def test_a_model_that_differs_in_one_field_shares_no_key(name: str) -> None:
    other = replace(IDENTITY, **{name: OTHERWISE[name]})
    assert set(chain_keys(SEGMENTS, IDENTITY, SECRET)).isdisjoint(
        chain_keys(SEGMENTS, other, SECRET)
    )


@pytest.mark.parametrize(
    "adapters",
    [
        (),
        ((b"b" * 32, 1.0),),
        ((b"a" * 32, 1.0), (b"b" * 32, 1.0)),
        ((b"b" * 32, 1.0), (b"a" * 32, 1.0)),
    ],
)
def test_other_adapters_or_another_order_of_them_is_another_model(
    adapters: tuple[tuple[bytes, float], ...],
) -> None:
    both = {IDENTITY.digest, replace(IDENTITY, adapters=adapters).digest}
    assert len(both) == 2


def test_a_text_that_moves_from_one_field_to_the_next_is_seen() -> None:
    one = replace(IDENTITY, attention="parts 1", template="cited")
    other = replace(IDENTITY, attention="parts 1cited", template="")
    assert one.digest != other.digest


def test_two_tenants_with_the_same_text_share_no_key() -> None:
    one = chain_keys(SEGMENTS, IDENTITY, SECRET)
    assert set(one).isdisjoint(chain_keys(SEGMENTS, IDENTITY, b"z" * 32))


def test_each_order_of_the_same_segments_is_a_chain_of_its_own() -> None:
    leaves = {chain_keys(order, IDENTITY, SECRET)[-1] for order in permutations(SEGMENTS)}
    assert len(leaves) == 6


def test_a_key_holds_for_its_parent_only_and_whole_chains_share_what_they_begin_with_alike() -> (
    None
):
    one = chain_keys(SEGMENTS, IDENTITY, SECRET)
    other = chain_keys([*SEGMENTS[:2], [11]], IDENTITY, SECRET)
    assert one[:2] == other[:2]
    assert one[2] != other[2]
    assert len(set(chain_keys([[5], [5], [5]], IDENTITY, SECRET))) == 3


def test_the_same_tokens_cut_elsewhere_are_other_segments() -> None:
    one = chain_keys([[1, 2], [3]], IDENTITY, SECRET)
    other = chain_keys([[1], [2, 3]], IDENTITY, SECRET)
    assert set(one).isdisjoint(other)


@pytest.mark.parametrize(
    ("segments", "secret", "told"),
    [
        ([[1], []], SECRET, "segment 1 holds no token"),
        ([[-1]], SECRET, "segment 0 holds what is no token id"),
        ([[1]], b"short", "5 bytes can be guessed"),
    ],
)
def test_no_key_is_made_of_what_would_not_tell_segments_apart(
    segments: list[list[int]], secret: bytes, told: str
) -> None:
    with pytest.raises(InvalidInput, match=told):
        chain_keys(segments, IDENTITY, secret)
