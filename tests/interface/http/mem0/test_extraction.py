"""Memories that the server's model makes of what mem0's client adds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from memos import Memory
from memos.interface.http.settings import HttpSettings
from tests.interface.compat.mem0.test_extraction import TALK, Scribe, facts
from tests.interface.http.mem0.clients import Clients, texts
from tests.interface.http.served import Served


def test_the_servers_model_makes_the_memories_unless_the_client_says_otherwise(
    tmp_path: Path, mem0: Any
) -> None:
    model = Scribe(facts("Ana moved to Oslo."))
    with (
        Memory(tmp_path / "v", actor="user:root") as memory,
        Served(memory, HttpSettings(model=model)) as server,
        Clients(mem0, server).client() as client,
    ):
        client.add(TALK, user_id="ana", custom_instructions="In English.")
        assert model.asked[0].system.endswith("In English.")
        assert texts(client.get_all(filters={"user_id": "ana"})) == {"Ana moved to Oslo."}
        client.add("As I said it", user_id="ana", infer=False)
        assert len(model.asked) == 1
        model.answer = "nothing that could be read"
        with pytest.raises(mem0.exceptions.NetworkError) as failed:
            client.add(TALK, user_id="ana")
        assert failed.value.details["type"] == "urn:memos:problem:model-unavailable"
        client.delete_all(user_id="ana")
        assert memory.count(scope="acme") == 0
