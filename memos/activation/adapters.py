"""LoRA adapters: their tensors, read from where peft saved them and written as it saves them."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from math import sqrt
from pathlib import Path
from typing import Any

import peft
import torch
from peft import LoraConfig
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from memos.activation.errors import ModelRefused
from memos.activation.identity import digest_of_weights
from memos.infrastructure.chat_models.adapter_files import CONFIGURATION, WEIGHTS, AdapterFiles

LIBRARY = f"peft {peft.__version__}"

PREFIX, LORA_A, LORA_B = "base_model.model.", ".lora_A.weight", ".lora_B.weight"
_TOLD_ELSEWHERE = frozenset(
    {
        *("r", "lora_alpha", "use_rslora"),  # in the tensors and the scale
        *("target_modules", "exclude_modules", "layers_to_transform", "layers_pattern"),
        *("lora_dropout", "inference_mode", "task_type"),  # of training
        *("auto_mapping", "base_model_name_or_path", "revision", "peft_version"),
    }
)
"""Of peft's configuration, what may be other than by default where tensors and scale are to say it all."""
_PLAIN_STARTS = (True, False, "gaussian")
"""Of `init_lora_weights`, what leaves the model's own weights as they are."""

_UNREADABLE = (
    SafetensorError,
    *(AttributeError, LookupError, TypeError, ValueError, ZeroDivisionError),  # of other JSON
)


@dataclass(frozen=True)
class Adapter:
    """Low-rank changes of linear layers: W x + scale · B A x (Hu et al. 2021, arXiv 2106.09685).

    Attributes:
        tensors: A (rank, in) and B (out, rank) of each layer, by the names that peft saves them under.
        scale: of all of them.
        parts: the digests and scales of what it was put together of, if it was.
    """

    tensors: Mapping[str, Tensor]
    scale: float
    parts: tuple[tuple[bytes, float], ...] = ()

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 over the tensors, or what they were put together of (32 bytes)."""
        if not self.parts:
            return digest_of_weights(self.tensors)
        told = (digest + struct.pack("<d", scale) for digest, scale in self.parts)
        return sha256(b"memos concatenated adapters 1" + b"".join(told)).digest()

    @property
    def shape(self) -> tuple[object, ...]:
        """What another has to have that may stand in its place: the layers, and the sizes of their matrices."""
        return tuple(sorted((key, tuple(each.shape)) for key, each in self.tensors.items()))

    @property
    def bytes(self) -> int:
        """What its tensors take."""
        return sum(tensor.nbytes for tensor in self.tensors.values())

    @property
    def rank(self) -> int:
        """Of all layers."""
        return next(len(each) for key, each in self.tensors.items() if key.endswith(LORA_A))

    def on(self, device: torch.device) -> Adapter:
        """The same where a model runs."""
        return replace(self, tensors={key: each.to(device) for key, each in self.tensors.items()})

    def files(self) -> AdapterFiles:
        """It as peft saves one; the same bytes for the same tensors and scale."""
        layers = sorted(
            key.removeprefix(PREFIX).removesuffix(LORA_A)
            for key in self.tensors
            if key.endswith(LORA_A)
        )
        told = {
            "peft_type": "LORA",
            "task_type": "CAUSAL_LM",
            "r": self.rank,
            "lora_alpha": self.scale * self.rank,
            "target_modules": layers,
        }
        return AdapterFiles(
            json.dumps(told, sort_keys=True),
            save({key: each.contiguous().cpu() for key, each in self.tensors.items()}),
        )

    def save(self, directory: Path) -> None:
        """Write its files, as `load` reads them.

        Raises:
            VaultError: they cannot be written.
        """
        self.files().save(directory)

    @classmethod
    def load(cls, directory: Path) -> Adapter:
        """Read what peft saved: safetensors only, nothing fetched.

        Raises:
            ModelRefused: it is not there, or does more than to add low-rank changes of one scale.
        """
        try:
            configuration = (directory / CONFIGURATION).read_text()
            weights = (directory / WEIGHTS).read_bytes()
        except (OSError, UnicodeDecodeError) as error:
            raise _unlike_peft(str(directory), error) from error
        return cls.parse(AdapterFiles(configuration, weights), str(directory))

    @classmethod
    def parse(cls, files: AdapterFiles, place: str) -> Adapter:
        """What is in the files of an adapter.

        Args:
            files: their content.
            place: where they are, for errors.

        Raises:
            ModelRefused: as `load`.
        """
        try:
            told = json.loads(files.configuration)
            rank, alpha = float(told["r"]), float(told["lora_alpha"])
            scale = alpha / (sqrt(rank) if told.get("use_rslora") else rank)
            tensors = load(files.weights)
        except _UNREADABLE as error:
            raise _unlike_peft(place, error) from error
        if others := _others(told):
            raise ModelRefused(
                f"the adapter in {place} is not plain LoRA, for it sets {', '.join(others)}: train one "
                "without"
            )
        return cls(tensors, scale)


def concatenated(adapters: Sequence[Adapter]) -> Adapter:
    """One adapter that does what all of these do together: their matrices side by side, with their scales in B,
    so that its rank is the sum of theirs. peft calls it `cat`.
    """
    if len(adapters) == 1:
        return adapters[0]
    tensors: dict[str, Tensor] = {}
    for layer in sorted(
        {
            key.removesuffix(LORA_A)
            for each in adapters
            for key in each.tensors
            if key.endswith(LORA_A)
        }
    ):
        like = next(each for each in adapters if layer + LORA_A in each.tensors)
        first, second = zip(*(_factors(each, layer, like) for each in adapters), strict=True)
        tensors[layer + LORA_A], tensors[layer + LORA_B] = torch.cat(first, 0), torch.cat(second, 1)
    return Adapter(tensors, 1.0, tuple((each.digest, each.scale) for each in adapters))


def _factors(adapter: Adapter, layer: str, like: Adapter) -> tuple[Tensor, Tensor]:
    """A and scale · B of a layer; of one that the adapter leaves as it is, zeros of its rank."""
    if layer + LORA_A in adapter.tensors:
        return adapter.tensors[layer + LORA_A], adapter.scale * adapter.tensors[layer + LORA_B]
    wide, high = like.tensors[layer + LORA_A].shape[1], like.tensors[layer + LORA_B].shape[0]
    one = like.tensors[layer + LORA_A]
    return one.new_zeros((adapter.rank, wide)), one.new_zeros((high, adapter.rank))


def _unlike_peft(place: str, error: Exception) -> ModelRefused:
    return ModelRefused(f"{place} is no LoRA adapter as peft saves one, in safetensors: {error!r}")


def _others(told: Mapping[str, Any]) -> list[str]:
    """The settings by which an adapter does more than its tensors and its scale say."""
    usual = LoraConfig()
    others = {
        name
        for name, value in told.items()
        if name not in _TOLD_ELSEWHERE and value != getattr(usual, name, None)
    }
    if told.get("init_lora_weights") in _PLAIN_STARTS:
        others.discard("init_lora_weights")
    return sorted(others)
