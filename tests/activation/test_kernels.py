from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from memos.activation.kernels import Attended, attend_plainly, join, kernel_for

CPU = torch.device("cpu")
SCALE = 0.3


def three(queries: int, keys: int, dtype: torch.dtype = torch.float32) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(queries * 1_000 + keys)
    sizes = ((2, 3, queries, 16), (2, 3, keys, 16), (2, 3, keys, 16))
    return tuple(torch.randn(size, generator=generator).to(dtype) for size in sizes)


@pytest.mark.parametrize("causal", [False, True])
def test_the_fast_kernel_finds_what_attention_as_it_is_defined_finds(causal: bool) -> None:
    query, key, value = three(7, 7)
    fast = kernel_for(CPU, torch.float32, 16).attend(query, key, value, SCALE, causal)
    plain = attend_plainly(query, key, value, SCALE, causal)
    whole = scaled_dot_product_attention(query, key, value, is_causal=causal, scale=SCALE)
    for found in (fast, plain):
        torch.testing.assert_close(found.output, whole, atol=1e-6, rtol=0)
    torch.testing.assert_close(fast.lse, plain.lse, atol=1e-5, rtol=0)


@pytest.mark.parametrize("cut", [1, 8, 599])
def test_two_parts_joined_are_the_whole(cut: int) -> None:
    query, key, value = three(5, 600)
    attend = kernel_for(CPU, torch.float32, 16).attend
    parts = [
        attend(query, key[:, :, part].contiguous(), value[:, :, part].contiguous(), SCALE, False)
        for part in (slice(cut), slice(cut, None))
    ]
    whole = scaled_dot_product_attention(query, key, value, scale=SCALE)
    torch.testing.assert_close(join(*parts), whole, atol=1e-6, rtol=0)


def test_a_part_that_counts_for_nothing_changes_nothing() -> None:
    query, key, value = three(5, 9)
    found = attend_plainly(query, key, value, SCALE, False)
    nothing = Attended(torch.full_like(found.output, 7), torch.full_like(found.lse, -1e4))
    torch.testing.assert_close(join(found, nothing), found.output)


def test_halves_are_joined_without_losing_more_than_they_hold() -> None:
    query, key, value = three(5, 64, torch.bfloat16)
    attend = kernel_for(CPU, torch.bfloat16, 16).attend
    one, other = (
        attend(query, key[:, :, part].contiguous(), value[:, :, part].contiguous(), SCALE, False)
        for part in (slice(40), slice(40, None))
    )
    whole = scaled_dot_product_attention(query.float(), key.float(), value.float(), scale=SCALE)
    joined = join(one, other)
    assert joined.dtype == torch.bfloat16
    torch.testing.assert_close(joined.float(), whole, atol=2e-2, rtol=0)


@pytest.mark.parametrize(
    ("device", "dtype", "width", "name"),
    [
        ("cpu", torch.float32, 64, "flash-cpu"),
        ("cuda", torch.bfloat16, 128, "flash-cuda"),
        ("cuda", torch.float32, 128, "plain"),
        ("cuda", torch.bfloat16, 100, "plain"),
        ("mps", torch.float16, 64, "plain"),
    ],
)
def test_a_kernel_is_named_for_what_computes(
    device: str, dtype: torch.dtype, width: int, name: str
) -> None:
    assert kernel_for(torch.device(device), dtype, width).name == name
