"""LoRA adapters with random tensors, saved as peft saves them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import PreTrainedModel

from memos.activation.adapters import Adapter


def save_adapter(
    model: PreTrainedModel, directory: Path, *, seed: int = 1, rank: int = 4, **settings: Any
) -> Path:
    """Save an adapter of a model that changes what it says; the model is not to be used any more."""
    torch.manual_seed(seed)
    given = {"target_modules": "all-linear", "lora_alpha": 2 * rank, "init_lora_weights": False}
    adapted = get_peft_model(model, LoraConfig(r=rank, **{**given, **settings}))
    adapted.save_pretrained(str(directory))
    return directory


def random_adapter(model: PreTrainedModel, directory: Path, **settings: Any) -> Adapter:
    """Such an adapter, loaded."""
    return Adapter.load(save_adapter(model, directory, **settings))
