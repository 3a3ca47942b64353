"""mem0's configuration, as far as a vault has a use for it.

{
    "vector_store": {"provider": "memos", "config": {"path": "team.vault", "scope": "acme/agents"}},
    "llm": {"provider": "openai", "config": {"model": "...", "openai_base_url": "http://..."}},
}
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from memos.infrastructure.chat_models.openai_compatible import OpenAICompatible
from memos.kernel.errors import InvalidInput, shorten

_TAKEN = ("vector_store", "llm", "custom_instructions", "version")
_OPENAI = "https://api.openai.com/v1"


class Configuration(NamedTuple):
    """What a configuration says: `options` are those of `memos.Memory`."""

    path: str | Path
    scope: str
    options: dict[str, Any]
    chat_model: OpenAICompatible | None
    instructions: str


def configuration_from(given: Mapping[str, Any]) -> Configuration:
    """A configuration, checked.

    Raises:
        InvalidInput: it names what a vault has no use for, or no vault.
    """
    unknown = [name for name in given if name not in _TAKEN]
    if unknown:
        raise InvalidInput(
            f"the configuration has {', '.join(map(shorten, unknown))}, and takes {', '.join(_TAKEN)}: "
            "history and vectors are in the vault, and its options, such as embedder and reranker, "
            "stand in vector_store.config"
        )
    vault = dict(_provided(given, "vector_store", "memos"))
    try:
        path, scope = vault.pop("path"), vault.pop("scope")
    except KeyError as error:
        raise InvalidInput(f"vector_store.config names no {error.args[0]}") from None
    model = _chat_model(_provided(given, "llm", "openai")) if given.get("llm") else None
    return Configuration(path, scope, vault, model, given.get("custom_instructions") or "")


def _chat_model(config: Mapping[str, Any]) -> OpenAICompatible:
    options = dict(config)
    model = options.pop("model", None)
    if model is None:
        raise InvalidInput("llm.config names no model")
    key, address = options.pop("api_key", None), options.pop("openai_base_url", _OPENAI)
    return OpenAICompatible(address, model, api_key=key, options=options)


def _provided(given: Mapping[str, Any], part: str, provider: str) -> Mapping[str, Any]:
    """The settings of a part of a configuration, whose provider is the one that is known here."""
    said = given.get(part)
    if not isinstance(said, Mapping) or said.get("provider") != provider:
        raise InvalidInput(
            f'{part} must be {{"provider": "{provider}", "config": {{...}}}}, not {shorten(said)}'
        )
    config = said.get("config") or {}
    if not isinstance(config, Mapping):
        raise InvalidInput(f"{part}.config must be a dictionary, not {shorten(config)}")
    return config
