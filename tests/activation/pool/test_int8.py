from __future__ import annotations

import pytest
import torch
from torch import Tensor

from memos.activation.pool.int8 import dequantise, quantise

SHAPE = (4, 2, 2, 50, 32)


def realistic(dtype: torch.dtype = torch.float32) -> Tensor:
    """Normal, but for a few channels of the keys that are thirty times as large, as those of a model."""
    values = torch.randn(SHAPE, generator=torch.Generator().manual_seed(3))
    values[:, 0, :, :, ::11] *= 30
    return values.to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_what_comes_back_is_off_by_half_a_scale_at_most(dtype: torch.dtype) -> None:
    values = realistic(dtype)
    quantised = quantise(values)
    assert quantised is not None
    off = (dequantise(quantised, dtype).float() - values.float()).abs()
    rounding = torch.finfo(dtype).eps * values.float().abs()
    assert (off[:, 0] <= quantised.key_scales * 0.5001 + rounding[:, 0]).all()
    assert (off[:, 1] <= quantised.value_scales * 0.5001 + rounding[:, 1]).all()
    assert off.max() > 0


def test_a_scale_for_each_channel_keeps_large_channels_from_drowning_the_others() -> None:
    values = realistic()
    quantised = quantise(values)
    assert quantised is not None
    off = (dequantise(quantised, torch.float32) - values)[:, 0]
    quiet = torch.ones(SHAPE[-1], dtype=torch.bool)
    quiet[::11] = False
    per_channel = off[..., quiet].abs().max()
    per_token = (values[:, 0].abs().amax(dim=3) / 127 / 2).max()
    assert per_channel < per_token / 10


def test_int8_takes_a_quarter_and_its_scales() -> None:
    values = realistic()
    quantised = quantise(values)
    assert quantised is not None
    taken = sum(part.nbytes for part in quantised)
    assert taken < 0.31 * values.nbytes


def test_zeros_come_back_as_zeros() -> None:
    values = torch.zeros(SHAPE)
    quantised = quantise(values)
    assert quantised is not None
    assert torch.equal(dequantise(quantised, torch.float32), values)


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_what_is_not_finite_is_not_made_int8(value: float) -> None:
    values = realistic()
    values[1, 0, 1, 2, 3] = value
    assert quantise(values) is None
