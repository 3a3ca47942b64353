"""mem0's configuration of a vault."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from memos import InvalidInput, OpenAICompatible
from memos.compat.mem0 import AsyncMemory, Memory
from memos.interface.compat.mem0.config import configuration_from


def vault_at(path: Path, **more: Any) -> dict[str, Any]:
    config = {"path": str(path), "scope": "acme/mem0", **more}
    return {"vector_store": {"provider": "memos", "config": config}}


def test_a_configuration_opens_a_vault_with_its_options(vault: Path) -> None:
    with Memory.from_config(vault_at(vault, actor="agent:alice") | {"version": "v1.1"}) as m:
        made = m.add("pottery", user_id="alice")["results"][0]["id"]
        assert [entry.actor for entry in m.vault.events(cube_id=made)] == ["agent:alice"]

    async def read() -> Any:
        async with AsyncMemory.from_config(vault_at(vault, actor="agent:alice")) as m:
            return await m.get(made)

    assert asyncio.run(read())["memory"] == "pottery"


def test_a_chat_model_is_configured_as_mem0_does(vault: Path) -> None:
    llm = {"model": "small", "openai_base_url": "http://127.0.0.1:9/v1", "temperature": 0}
    said = configuration_from(
        vault_at(vault)
        | {"llm": {"provider": "openai", "config": llm}, "custom_instructions": "Be brief."}
    )
    assert isinstance(said.chat_model, OpenAICompatible)
    assert said.chat_model.name == "small"
    assert said.instructions == "Be brief."


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "vector_store must be"),
        ({"vector_store": {"provider": "qdrant", "config": {"path": "x"}}}, "vector_store must be"),
        ({"vector_store": {"provider": "memos", "config": []}}, "names no path"),
        ({"vector_store": {"provider": "memos", "config": {"path": "x"}}}, "names no scope"),
        ({"history_db_path": "x"}, "history_db_path"),
        ({"embedder": {"provider": "openai"}}, "embedder"),
    ],
)
def test_what_a_vault_has_no_use_for_is_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        Memory.from_config(given)


def test_a_chat_model_without_a_name_is_refused(vault: Path) -> None:
    with pytest.raises(InvalidInput, match="names no model"):
        Memory.from_config(vault_at(vault) | {"llm": {"provider": "openai", "config": {}}})
