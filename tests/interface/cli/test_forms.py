"""Activations on the command line, with a tiny model in a directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.activation.chat_models import write_chat_model
from tests.interface.cli.support import Shell

SCOPE = ("--scope", "acme")


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    monkeypatch.setenv("MEMOS_KV_CACHE", str(tmp_path / "kv"))
    return "--model", str(write_chat_model(tmp_path / "tiny"))


def test_what_is_activated_in_one_process_is_cached_in_the_next_one(
    shell: Shell, model: tuple[str, str]
) -> None:
    shell.add("She likes pottery.", "--tag", "pinned")
    made = shell.json("activate", *SCOPE, *model)
    assert (made["is_new"], made["tier"], len(made["memories"])) == (True, "files", 1)
    answer = shell.json("chat", *SCOPE, *model, "pottery?", "--max-tokens", "2")
    assert answer["figures"]["cached_tokens"] == made["tokens"]


def test_activations_are_shown_listed_materialised_and_evicted(
    shell: Shell, model: tuple[str, str]
) -> None:
    named = shell.add("She likes\npottery.")
    output = shell.run("activate", named, *SCOPE, *model).out
    assert "activated " in output
    assert "memories      1" in output
    (listed,) = shell.json("activations", *SCOPE)
    cube_id = listed["cube_id"]
    assert "already active" in shell.run("activate", named, *SCOPE, *model).out
    assert cube_id in shell.run("activations", *SCOPE).out
    told = shell.run("materialise", cube_id).out
    assert told.splitlines() == ["She likes", "pottery.", f"  {named}  v1"]
    assert "evicted" in shell.run("evict", cube_id, *model).out
    assert shell.json("activations", *SCOPE) == []


def test_a_chat_begins_with_the_newest_activation_behind_the_same_instructions(
    shell: Shell, model: tuple[str, str]
) -> None:
    named = shell.add("She likes pottery.", scope="acme")
    shell.json("activate", *SCOPE, named, *model)
    said = ("--instructions", "Be brief.")
    made = shell.json("activate", *SCOPE, named, *said, *model)
    answer = shell.json("chat", *SCOPE, *said, *model, "What does she like?", "--max-tokens", "2")
    assert answer["figures"]["cached_tokens"] == made["tokens"]
    other = shell.json(
        "chat", *SCOPE, *model, "What?", "--max-tokens", "2", "--instructions", "No."
    )
    assert other["figures"]["cached_tokens"] == 0


def test_after_an_evict_in_another_process_nothing_is_read_from_the_cache(
    shell: Shell, model: tuple[str, str], tmp_path: Path
) -> None:
    shell.add("She likes pottery.", "--tag", "pinned", scope="acme")
    made = shell.json("activate", *SCOPE, *model)
    shell.run("evict", made["cube_id"], *model)
    answer = shell.json("chat", *SCOPE, *model, "pottery?", "--max-tokens", "2")
    opening = answer["figures"]["cached_tokens"]
    assert opening < made["tokens"]
