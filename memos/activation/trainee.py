"""A model that learns: a copy with a fresh LoRA adapter, whose forward pass autograd follows."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from math import sqrt
from typing import Any, NamedTuple, cast

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn

from memos.activation.adapters import Adapter
from memos.activation.errors import ModelRefused

_NAME = "adapter"
_FACTORS = ("lora_A", "lora_B")
_MLP = "mlp"
_SAVED_UNDER = "base_model.model."


class ReadPrefix(NamedTuple):
    """What a model keeps of tokens that it has read: the keys and values of each layer, (1, kv_heads, tokens,
    head_dim).
    """

    keys_values: Sequence[tuple[Tensor, Tensor]]
    tokens: int


class Trainee:
    """A copy of a model that shares its weights, and has an adapter of its own that learns. The adapter works
    behind a prefix, which is read as the model reads it; see `KvReader`.

    Attributes:
        scale: alpha / rank.
        parameters: A (rank, in) and B (out, rank) of each layer that it changes, by the names that peft saves them
            under, in one order; float32. B is 0 at first: it begins as the model that it was made of.
    """

    def __init__(self, model: nn.Module, *, rank: int, alpha: float, seed: int) -> None:
        """Put an adapter on the linear layers of its MLPs.

        Args:
            model: of transformers, with the attention of `memos.activation.attention`; it stays as it is.
            rank: of the adapter's matrices.
            alpha: as above.
            seed: of the matrices A.

        Raises:
            ModelRefused: it has none.
        """
        self._base = model
        # Parameters of its own on the same storage: autograd's marks are not the model's.
        shared: dict[int, Any] = {
            id(each): nn.Parameter(each.detach(), requires_grad=False)
            for each in model.parameters()
        }
        shared |= {id(each): each for each in model.buffers()}
        self._model = copy.deepcopy(model, shared).train(False)
        self._layers = _layers_to_change(self._model)
        if not self._layers:
            raise ModelRefused(
                f"this model has no layer below a module {_MLP}: it is not known here what an adapter could change"
            )
        self.scale = alpha / rank
        settings: Any = LoraConfig(r=rank, lora_alpha=alpha, target_modules=self._layers)  # type: ignore[arg-type]
        self._configuration = settings.to_dict()
        inject_adapter_in_model(settings, self._model, _NAME)
        self.parameters = dict(self._fresh(seed))

    @property
    def configuration(self) -> bytes:
        """What peft saves beside the tensors, as JSON."""
        told = {**self._configuration, "target_modules": sorted(self._layers)}
        return json.dumps(told, indent=2, sort_keys=True, default=str).encode()

    def adapter(self) -> Adapter:
        """What it has learnt so far, as a copy."""
        return Adapter(
            {name: each.detach().clone() for name, each in self.parameters.items()}, self.scale
        )

    @torch.no_grad()
    def resume(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from what was learnt before, under the names of `parameters`."""
        for name, parameter in self.parameters.items():
            parameter.copy_(tensors[name])

    @torch.no_grad()
    def prefix(self, ids: Sequence[int]) -> ReadPrefix:
        """Read a prefix, of at least one token, without the adapter: it is the same however much was learnt."""
        read = _PrefixAttention()
        row = torch.tensor([list(ids)], device=self._device)
        self._base.base_model(row, **_arguments(read, 0, row))  # type: ignore[operator]
        return ReadPrefix(read.written, len(ids))

    def logits(self, prefix: ReadPrefix, rows: Sequence[Sequence[int]]) -> Tensor:
        """Read rows behind one prefix.

        Args:
            prefix: of this model.
            rows: token ids of each; they are padded behind to the longest.

        Returns:
            (rows, longest, vocabulary), with their gradients.
        """
        longest = max(map(len, rows))
        padded = [[*row, *[0] * (longest - len(row))] for row in rows]
        ids = torch.tensor(padded, device=self._device)
        behind = _PrefixAttention(prefix.keys_values)
        out = self._model(ids, **_arguments(behind, prefix.tokens, ids))
        return cast(Tensor, out.logits)

    @property
    def _device(self) -> torch.device:
        return next(self._model.parameters()).device

    def _fresh(self, seed: int) -> Iterator[tuple[str, nn.Parameter]]:
        drawn = torch.Generator().manual_seed(seed)
        for path, module in self._model.named_modules():
            if not isinstance(module, LoraLayer):
                continue
            first, second = (getattr(module, factor)[_NAME] for factor in _FACTORS)
            first.float(), second.float()
            bound = 1 / sqrt(first.in_features)
            uniform = torch.rand(first.weight.shape, generator=drawn) * 2 * bound - bound
            with torch.no_grad():
                first.weight.copy_(uniform)
                second.weight.zero_()
            for factor, layer in zip(_FACTORS, (first, second), strict=True):
                layer.weight.requires_grad_(True)
                yield f"{_SAVED_UNDER}{path}.{factor}.weight", layer.weight


class _PrefixAttention:
    """Causal attention behind the keys and values that another pass has written; see `SegmentAttention`.

    Attributes:
        written: the keys and values of each layer, (rows, kv_heads, tokens, head_dim).
    """

    def __init__(self, prefix: Sequence[tuple[Tensor, Tensor]] = ()) -> None:
        self.written: list[tuple[Tensor, Tensor]] = []
        self._prefix = prefix

    def __call__(
        self, layer: int, query: Tensor, key: Tensor, value: Tensor, scale: float
    ) -> Tensor:
        """(rows, heads, tokens, head_dim)."""
        self.written.append((key, value))
        if self._prefix:
            key, value = (
                torch.cat([one.expand(len(query), -1, -1, -1), own], 2)
                for one, own in zip(self._prefix[layer], (key, value), strict=True)
            )
        return _attended(query, key, value, scale)


def _attended(query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
    """Causal attention, whose last key stands where the last query does, in float32. For rows as short as
    questions it takes a fraction of what PyTorch's kernels do, forth and back.
    """
    tokens, keys = query.shape[2], key.shape[2]
    ahead = torch.ones((tokens, keys), dtype=torch.bool, device=query.device)
    # The heads that share keys are folded into the queries.
    grouped = query.reshape(*key.shape[:2], -1, query.shape[-1])
    scores = torch.matmul(grouped.float(), key.float().transpose(-1, -2)) * scale
    scores = scores.reshape(*key.shape[:2], -1, tokens, keys)
    scores = scores.masked_fill(ahead.triu(keys - tokens + 1), -torch.inf)
    found = torch.matmul(scores.softmax(-1).flatten(2, 3), value.float())
    return found.to(value.dtype).reshape(query.shape)


def _arguments(attention: _PrefixAttention, start: int, ids: Tensor) -> dict[str, object]:
    places = torch.arange(start, start + ids.shape[1], device=ids.device)
    return {
        "position_ids": places[None].expand(len(ids), -1),
        "use_cache": False,
        "segment_attention": attention,
    }


def _layers_to_change(model: nn.Module) -> list[str]:
    """The paths of the linear layers of its MLPs, where a model keeps what it knows (Geva et al. 2021, arXiv
    2012.14913).

    Adapters that change attention too disturb each other: of four that were trained apart and answer together
    .75 to 1.0 of the questions came out right, and of facts in the context .83; with these 1.0 (the tiny model
    of the tests).
    """
    return [
        path
        for path, module in model.named_modules()
        if isinstance(module, nn.Linear) and _MLP in path.split(".")
    ]
