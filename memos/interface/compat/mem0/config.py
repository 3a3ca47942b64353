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
from memos.interface.compat.arguments import check_mapping, check_text
from memos.interface.compat.vaults import check_options
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
    given = check_mapping(given, "the configuration")
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
    check_options(vault)
    model = None if given.get("llm") is None else _chat_model(_provided(given, "llm", "openai"))
    instructions = check_text(given.get("custom_instructions"), "custom_instructions")
    return Configuration(path, scope, vault, model, instructions)


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
    named = said.get("provider") if isinstance(said, Mapping) else None
    if not isinstance(said, Mapping) or not isinstance(named, str) or named != provider:
        raise InvalidInput(
            f'{part} must be {{"provider": "{provider}", "config": {{...}}}}, not {shorten(said)}'
        )
    config = said.get("config")
    return check_mapping(
        None if isinstance(config, list) and not config else config, f"{part}.config"
    )
