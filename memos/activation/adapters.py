"""LoRA adapters: read from where peft saved them, and put on a copy of a model that shares its weights.

An adapter is never merged into weights: they do not get their bits back when it is taken out again.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import chain
from math import sqrt
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import peft
import torch
from peft import LoraConfig, inject_adapter_in_model, set_peft_model_state_dict
from peft.tuners.lora import LoraLayer
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from memos.activation.errors import ModelRefused
from memos.activation.identity import digest_of_weights
from memos.infrastructure.writing import writing

LIBRARY = f"peft {peft.__version__}"
CONFIGURATION, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"

_PREFIX, _A, _B = "base_model.model.", ".lora_A.weight", ".lora_B.weight"
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

Module = TypeVar("Module", bound=nn.Module)


class AdapterFiles(NamedTuple):
    """The content of the two files that peft saves."""

    configuration: str
    weights: bytes


@dataclass(frozen=True, slots=True)
class Adapter:
    """Low-rank changes of linear layers: W x + scale · B A x (Hu et al. 2021, arXiv 2106.09685).

    Attributes:
        tensors: A (rank, in) and B (out, rank) of each layer, by the names that peft saves them under.
        scale: of all of them.
    """

    tensors: Mapping[str, Tensor]
    scale: float

    @property
    def digest(self) -> bytes:
        """SHA-256 over the tensors (32 bytes)."""
        return digest_of_weights(self.tensors)

    @property
    def bytes(self) -> int:
        """What its tensors take."""
        return sum(tensor.nbytes for tensor in self.tensors.values())

    def on(self, device: torch.device) -> Adapter:
        """The same where a model runs."""
        return replace(self, tensors={key: each.to(device) for key, each in self.tensors.items()})

    def files(self) -> AdapterFiles:
        """It as peft saves one; the same bytes for the same tensors and scale."""
        rank = next(len(each) for key, each in self.tensors.items() if key.endswith(_A))
        layers = sorted(
            key.removeprefix(_PREFIX).removesuffix(_A) for key in self.tensors if key.endswith(_A)
        )
        told = {
            "peft_type": "LORA",
            "task_type": "CAUSAL_LM",
            "r": rank,
            "lora_alpha": self.scale * rank,
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
        files = self.files()
        with writing(directory):
            directory.mkdir(parents=True, exist_ok=True)
            (directory / CONFIGURATION).write_text(files.configuration)
            (directory / WEIGHTS).write_bytes(files.weights)

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


def adapted(model: Module, adapters: Mapping[str, Adapter]) -> Module:
    """A copy of a model's modules on which adapters work, behind those that work on it already.

    The copy holds the very tensors of the model, which stays as it is: switching an adapter off is going
    on with the model. So threads may use both.

    Args:
        model: of transformers.
        adapters: by names that no adapter on the model has.

    Raises:
        ModelRefused: an adapter does not fit the model.
    """
    shared = {id(tensor): tensor for tensor in chain(model.parameters(), model.buffers())}
    made = copy.deepcopy(model, shared)
    for name, adapter in adapters.items():
        _put_on(made, name, adapter)
    return made


def _put_on(model: nn.Module, name: str, adapter: Adapter) -> None:
    tensors = {key.removeprefix(_PREFIX): tensor for key, tensor in adapter.tensors.items()}
    rank = _checked_rank(model, {key: tuple(each.shape) for key, each in tensors.items()})
    layers = [key.removesuffix(_A) for key in tensors if key.endswith(_A)]
    # What peft notes on a model of the adapter before; a second one, beside it, would be warned of.
    model.__dict__.pop("peft_config", None)
    inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=rank, target_modules=layers), model, name)
    set_peft_model_state_dict(model, tensors, name)
    for module in model.modules():
        if isinstance(module, LoraLayer):
            module.set_adapter(list(module.lora_A), inference_mode=True)
            module.set_scale(name, adapter.scale)


def _checked_rank(model: nn.Module, shapes: Mapping[str, tuple[int, ...]]) -> int:
    """The rank of an adapter with tensors of these shapes."""
    ranks = {shape[0] for key, shape in shapes.items() if key.endswith(_A)}
    if len(ranks) != 1:
        raise ModelRefused(f"an adapter has one rank, and this one has {len(ranks)} ranks")
    (rank,) = ranks
    fitting: dict[str, tuple[int, ...]] = {}
    for path, module in model.named_modules():
        linear = module.get_base_layer() if isinstance(module, LoraLayer) else module
        if isinstance(linear, nn.Linear):
            fitting[path + _A] = (rank, linear.in_features)
            fitting[path + _B] = (linear.out_features, rank)
    layers = {key.removesuffix(_A).removesuffix(_B) for key in shapes}
    wanted = {layer + factor for layer in layers for factor in (_A, _B)}
    odd = sorted(key for key in wanted if key not in fitting or fitting[key] != shapes.get(key))
    if odd:
        raise ModelRefused(
            f"the adapter does not fit the model, {odd[0]} first: give one that was trained on it"
        )
    return rank


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
