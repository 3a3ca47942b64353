"""LoRA adapters on a copy of a model that shares its weights.

An adapter is never merged into weights: they do not get their bits back when it is taken out again.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import chain
from typing import Any, TypeVar, cast

from peft import LoraConfig, inject_adapter_in_model, set_peft_model_state_dict
from peft.tuners.lora import LoraLayer
from torch import nn

from memos.activation.adapters import LORA_A, LORA_B, PREFIX, Adapter
from memos.activation.errors import ModelRefused

_NO_ADAPTER = "__base__"
"""peft's name for it."""

Module = TypeVar("Module", bound=nn.Module)


def adapted(model: Module, adapters: Mapping[str, Adapter]) -> Module:
    """A copy of a model's modules on which adapters work, behind those that work on it already.

    The copy holds the very tensors of the model and of the adapters, which stay as they are: switching an
    adapter off is going on with the model. So threads may use both.

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


def refitted(model: Module, name: str, adapter: Adapter) -> Module:
    """A copy of a model on which one adapter works, with another of the same shape in its place, under its name.

    It takes a twentieth of the time that `adapted` takes: peft makes no layer, and what has no adapter below it
    is not copied.

    Args:
        model: with one adapter.
        name: of that.
        adapter: with tensors where the model's are.
    """
    return cast(Module, _refitted(model, name, adapter, PREFIX))


def _refitted(module: nn.Module, name: str, adapter: Adapter, path: str) -> nn.Module:
    if isinstance(module, LoraLayer):
        return _refitted_layer(module, name, adapter, path.removesuffix("."))
    below = module._modules
    children = {
        key: child and _refitted(child, name, adapter, f"{path}{key}.")
        for key, child in below.items()
    }
    if all(children[key] is child for key, child in below.items()):
        return module
    return _with(module, _modules=children)


def _refitted_layer(layer: nn.Module, name: str, adapter: Adapter, path: str) -> nn.Module:
    factors = {}
    for factor, suffix in (("lora_A", LORA_A), ("lora_B", LORA_B)):
        there = getattr(layer, factor)
        weight = nn.Parameter(adapter.tensors[path + suffix], requires_grad=False)
        linear = _with(there[name], _parameters={"weight": weight, "bias": None})
        factors[factor] = _with(there, _modules={name: linear})
    return _with(
        layer,
        _modules={**layer._modules, **factors},
        scaling={name: adapter.scale},
        _forward_pre_hooks=OrderedDict(),
        _forward_pre_hooks_with_kwargs=OrderedDict(),
    )


def _with(module: nn.Module, **changed: object) -> nn.Module:
    """A module that shares all with another but these attributes."""
    made: nn.Module = object.__new__(type(module))
    made.__dict__.update(module.__dict__, **changed)
    return made


@contextmanager
def by_row(model: nn.Module, names: Sequence[str | None]) -> Iterator[None]:
    """Let each row of a batch have an adapter of its own on the model, by its name, or none. All passes have so
    many rows meanwhile, and are the caller's alone.
    """
    rows = [name or _NO_ADAPTER for name in names]

    def name_rows(module: nn.Module, args: Any, kwargs: dict[str, Any]) -> tuple[Any, Any]:
        return args, {**kwargs, "adapter_names": rows}

    with ExitStack() as hooks:
        for module in model.modules():
            if isinstance(module, LoraLayer):
                hook = module.register_forward_pre_hook(name_rows, with_kwargs=True)
                hooks.callback(hook.remove)
        yield


def _put_on(model: nn.Module, name: str, adapter: Adapter) -> None:
    device = next(model.parameters()).device
    tensors = {key.removeprefix(PREFIX): each.to(device) for key, each in adapter.tensors.items()}
    rank = _checked_rank(model, {key: tuple(each.shape) for key, each in tensors.items()})
    layers = [key.removesuffix(LORA_A) for key in tensors if key.endswith(LORA_A)]
    # What peft notes on a model of the adapter before; a second one, beside it, would be warned of.
    model.__dict__.pop("peft_config", None)
    settings = LoraConfig(r=rank, lora_alpha=rank, target_modules=layers)
    inject_adapter_in_model(settings, model, name, low_cpu_mem_usage=True)
    set_peft_model_state_dict(model, tensors, name, low_cpu_mem_usage=True)  # the very tensors
    for module in model.modules():
        if isinstance(module, LoraLayer):
            module.set_adapter(list(module.lora_A), inference_mode=True)
            module.set_scale(name, adapter.scale)


def _checked_rank(model: nn.Module, shapes: Mapping[str, tuple[int, ...]]) -> int:
    """The rank of an adapter with tensors of these shapes."""
    ranks = {shape[0] for key, shape in shapes.items() if key.endswith(LORA_A)}
    if len(ranks) != 1:
        raise ModelRefused(f"an adapter has one rank, and this one has {len(ranks)} ranks")
    (rank,) = ranks
    fitting: dict[str, tuple[int, ...]] = {}
    for path, module in model.named_modules():
        linear = module.get_base_layer() if isinstance(module, LoraLayer) else module
        if isinstance(linear, nn.Linear):
            fitting[path + LORA_A] = (rank, linear.in_features)
            fitting[path + LORA_B] = (linear.out_features, rank)
    layers = {key.removesuffix(LORA_A).removesuffix(LORA_B) for key in shapes}
    wanted = {layer + factor for layer in layers for factor in (LORA_A, LORA_B)}
    odd = sorted(key for key in wanted if key not in fitting or fitting[key] != shapes.get(key))
    if odd:
        raise ModelRefused(
            f"the adapter does not fit the model, {odd[0]} first: give one that was trained on it"
        )
    return rank
