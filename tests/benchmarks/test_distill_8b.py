"""The benchmark of a large model's distillation runs, on a model as small as one can be."""

from __future__ import annotations

import pytest
import torch
from transformers import Qwen3Config

from benchmarks.distill_8b import main, measure
from benchmarks.harness import Report
from benchmarks.shapes import random_model

TINY = Qwen3Config(
    hidden_size=32,
    intermediate_size=64,
    num_hidden_layers=2,
    num_attention_heads=2,
    num_key_value_heads=1,
    head_dim=16,
    vocab_size=1200,
    max_position_embeddings=512,
)


def test_steps_are_timed_and_bytes_told() -> None:
    report = Report()
    measure(report, random_model(TINY, "cpu"), "tiny", steps=2)
    (row,) = report.rows
    assert row["shape"] == "tiny"
    assert row["rows a step"] == 24
    assert row["adapter MB"] == pytest.approx(2 * 3 * 16 * (32 + 64) * 4 / 1e6)
    assert 0 < row["step p50 s"] <= row["step p95 s"]
    assert report.figures["seconds a step"] > 0
    assert row["peak GiB"] is None


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_without_a_gpu_it_says_so_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 1
    assert "needs a GPU" in capsys.readouterr().err
