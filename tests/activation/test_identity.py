from __future__ import annotations

import torch

from memos.activation.identity import digest_of_configuration, digest_of_weights
from memos.activation.segment import Segment

WEIGHTS = {"b": torch.arange(6.0).reshape(2, 3), "a": torch.tensor(1.5)}


def test_weights_have_one_digest_in_whatever_order_and_layout_they_come() -> None:
    turned = {"a": torch.tensor(1.5), "b": WEIGHTS["b"].t().contiguous().t()}
    assert digest_of_weights(turned) == digest_of_weights(WEIGHTS)


def test_one_bit_one_name_one_type_or_one_shape_of_weights_changes_their_digest() -> None:
    bit = WEIGHTS["b"].clone()
    bit.view(torch.int32)[1, 2] ^= 1
    others = [
        {**WEIGHTS, "b": bit},
        {"c": WEIGHTS["b"], "a": WEIGHTS["a"]},
        {**WEIGHTS, "b": WEIGHTS["b"].view(torch.int32)},
        {**WEIGHTS, "b": WEIGHTS["b"].reshape(3, 2)},
        {**WEIGHTS, "d": torch.empty(0)},
    ]
    digests = {digest_of_weights(each) for each in (WEIGHTS, *others)}
    assert len(digests) == 6


def test_bfloat16_weights_have_a_digest_too() -> None:
    half = {"a": torch.ones(3, dtype=torch.bfloat16)}
    assert digest_of_weights(half) != digest_of_weights({"a": torch.ones(3)})


def test_rope_is_part_of_a_configuration_and_the_name_of_its_directory_is_not() -> None:
    configuration = {"rope_parameters": {"rope_theta": 1e4}, "_name_or_path": "one/place"}
    moved = {**configuration, "_name_or_path": "another"}
    turned = {**configuration, "rope_parameters": {"rope_theta": 1e6}}
    assert digest_of_configuration(moved) == digest_of_configuration(configuration)
    assert digest_of_configuration(turned) != digest_of_configuration(configuration)


def test_a_segment_knows_its_tokens_and_its_bytes() -> None:
    segment = Segment(b"k" * 32, b"", 0, torch.zeros(3, 2, 4, 7, 8, dtype=torch.bfloat16))
    assert segment.tokens == 7
    assert segment.bytes == 3 * 2 * 4 * 7 * 8 * 2
