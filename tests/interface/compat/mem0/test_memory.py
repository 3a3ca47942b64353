"""mem0's Memory on a vault: what it adds, and what must not go wrong."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memos import Forgotten, Held, InvalidInput
from memos import Memory as Vault
from memos.compat.mem0 import AsyncMemory, Memory
from memos.kernel.scope import MOST_SCOPES
from tests.interface.support import damage, flipped, stored

ALICE = {"user_id": "alice"}


def texts(found: dict[str, Any]) -> list[str]:
    return [each["memory"] for each in found["results"]]


def added(m: Memory, text: str, **given: Any) -> str:
    return str(m.add(text, **(ALICE | given))["results"][0]["id"])


def test_messages_are_a_text_a_message_or_a_list(m: Memory) -> None:
    m.add("as a text", user_id="alice")
    m.add({"role": "user", "content": "as a message"}, user_id="alice")
    m.add(
        ["in a list", {"role": "user", "content": [{"type": "text", "text": "in parts"}]}],
        user_id="alice",
    )
    m.add(
        [{"role": "system", "content": "be kind"}, {"role": "user", "content": ""}], user_id="alice"
    )
    assert texts(m.get_all(user_id="alice")) == [
        "in parts", "in a list", "as a message", "as a text",
    ]  # fmt: skip
    for wrong in (5, [5], [{"content": "x"}], {"role": "user", "content": 5}):
        with pytest.raises(InvalidInput):
            m.add(wrong, user_id="alice")  # type: ignore[arg-type]


def test_entities_are_named_at_the_top_in_filters_or_deep_within_them(m: Memory) -> None:
    added(m, "tea")
    added(m, "coffee", user_id="bob")
    assert texts(m.get_all(user_id="alice")) == ["tea"]
    assert texts(m.get_all(filters=ALICE)) == ["tea"]
    assert texts(m.get_all(filters={"AND": [ALICE]})) == ["tea"]
    assert texts(m.get_all(filters={"OR": [ALICE, {"user_id": "bob"}]})) == ["coffee", "tea"]
    assert texts(m.search("tea coffee", user_id="bob")) == ["coffee"]
    assert texts(m.get_all(filters=ALICE, user_id="bob")) == []


def test_an_agent_a_run_and_an_application_are_found_across_users(m: Memory) -> None:
    added(m, "one", agent_id="bot", run_id="7")
    added(m, "two", user_id="bob", agent_id="bot", app_id="web")
    m.add("three", agent_id="bot")
    added(m, "four", agent_id="bots")
    assert texts(m.get_all(agent_id="bot")) == ["three", "two", "one"]
    assert texts(m.get_all(run_id="7", agent_id="bot")) == ["one"]
    assert texts(m.get_all(app_id="web")) == ["two"]
    record = m.get_all(app_id="web")["results"][0]
    assert (record["user_id"], record["agent_id"], record["app_id"]) == ("bob", "bot", "web")


def test_a_search_of_an_agent_ranks_nothing_else_across_few_users_and_many(m: Memory) -> None:
    for user in range(3):
        added(m, "pottery of the bot", user_id=str(user), agent_id="bot")
        added(m, "pottery of another", user_id=str(user), agent_id="other")
        added(m, "pottery of nobody", user_id=str(user))
    found = m.search("pottery", agent_id="bot", explain=True)["results"]
    assert [each["memory"] for each in found] == ["pottery of the bot"] * 3
    assert found[0]["score_details"]["searched"] == 3
    assert m.search("pottery", agent_id="none") == {"results": []}
    m.vault.add_many(
        [
            {"text": "pottery", "scope": f"acme/mem0/user:u{n}/agent:bot", "tags": ["agent:bot"]}
            for n in range(MOST_SCOPES)
        ]
    )
    assert len(m.search("pottery", agent_id="bot", top_k=500)["results"]) == MOST_SCOPES + 3


def test_an_asterisk_as_an_id_is_an_id_and_stands_for_nobody_else(m: Memory) -> None:
    added(m, "hers")
    added(m, "star", user_id="*")
    assert texts(m.get_all(user_id="*")) == ["star"]
    m.delete_all(user_id="*")
    assert texts(m.get_all(user_id="alice")) == ["hers"]
    assert texts(m.get_all(filters={"user_id": "*"})) == ["hers"]


def test_ids_of_any_letters_are_apart(m: Memory) -> None:
    ids = ["a/b", "a", "a+2Fb", "é", "e\u0301", "a:b", "agent:bot", 7]
    for each in ids:
        m.add(f"of {each}", user_id=each)  # type: ignore[arg-type]
    assert [texts(m.get_all(user_id=each)) for each in ids] == [[f"of {each}"] for each in ids]  # type: ignore[arg-type]


def test_a_memory_of_another_scope_is_not_there(m: Memory, memory: Vault) -> None:
    other = memory.add("secret", scope="acme/elsewhere").cube_id
    assert m.get(other) is None
    assert m.history(other) == []
    with pytest.raises(InvalidInput, match="not found"):
        m.delete(other)
    with pytest.raises(InvalidInput, match="not found"):
        m.update(other, "x")
    assert texts(m.search("secret", filters={"user_id": "*"})) == []
    assert texts(m.get_all(filters={"NOT": [{"user_id": "alice"}]})) == []


def test_a_deleted_memory_can_be_restored_and_history_says_so(m: Memory) -> None:
    cube_id = added(m, "pottery")
    m.update(cube_id, "chess")
    m.delete(cube_id)
    assert m.get(cube_id) is None
    m.vault.restore(cube_id)
    told = m.get(cube_id)
    assert told is not None
    assert told["memory"] == "chess"
    m.vault.rollback(cube_id, to_version=1)
    rows = [(row["event"], row["old_memory"], row["new_memory"]) for row in m.history(cube_id)]
    assert rows == [
        ("ADD", None, "pottery"),
        ("UPDATE", "pottery", "chess"),
        ("DELETE", "chess", None),
        ("ADD", None, "chess"),
        ("UPDATE", "chess", "pottery"),
    ]


def test_a_reset_can_be_undone_and_an_erase_cannot(m: Memory) -> None:
    cube_id = added(m, "pottery")
    m.vault.name_cut("before")
    m.reset()
    assert texts(m.get_all(user_id="alice")) == []
    m.vault.rollback(cut="before")
    assert texts(m.get_all(user_id="alice")) == ["pottery"]
    m.vault.erase(subject="alice")
    assert isinstance(m.vault.get(cube_id), Forgotten)
    assert m.get(cube_id) is None
    assert m.history(cube_id) == []


def test_what_was_known_before_can_be_read(m: Memory) -> None:
    cube_id = added(m, "pottery")
    m.vault.name_cut("before")
    m.update(cube_id, "chess")
    assert [cube.text for cube in m.vault.list(scope="acme/mem0", as_of="before")] == ["pottery"]


def test_what_has_expired_is_shown_where_it_is_asked_for(m: Memory) -> None:
    cube_id = added(m, "the sale ends", expiration_date="2001-01-01")
    added(m, "the sale begins", expiration_date="2999-01-01")
    assert texts(m.search("sale", user_id="alice")) == ["the sale begins"]
    assert len(texts(m.search("sale", user_id="alice", show_expired=True))) == 2
    m.update(cube_id, expiration_date=None)
    assert len(texts(m.get_all(user_id="alice"))) == 2
    m.update(cube_id, expiration_date="2001-01-01")
    assert texts(m.get_all(user_id="alice")) == ["the sale begins"]


def test_a_day_in_the_metadata_is_a_day(m: Memory) -> None:
    cube_id = added(m, "the sale ends", metadata={"expiration_date": "2001-01-01"})
    assert texts(m.get_all(user_id="alice")) == []
    for call in (m.add, lambda text, **given: m.update(cube_id, text, metadata=given["metadata"])):
        with pytest.raises(InvalidInput, match="YYYY-MM-DD"):
            call("x", user_id="alice", metadata={"expiration_date": "soon"})


def test_what_cannot_be_read_is_left_out_and_told(
    vault: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Memory(vault, scope="acme/mem0", actor="agent:alice") as m:
        broken = added(m, "broken")
        added(m, "whole")
        offset = m.vault.history(broken)[0].entry.position.offset
    data = stored(vault, "SELECT data FROM event WHERE offset = ?", offset)
    damage(vault, "UPDATE event SET data = ? WHERE offset = ?", flipped(data, -20), offset)
    with Memory(vault, scope="acme/mem0", actor="agent:alice") as m:
        assert texts(m.get_all(user_id="alice")) == ["whole"]
    assert broken in caplog.text


def test_scores_are_likelihoods_and_the_threshold_bounds_them(m: Memory) -> None:
    added(m, "I like pottery")
    added(m, "I like chess and long walks by the sea in winter")
    found = m.search("pottery", user_id="alice", explain=True)["results"]
    assert [each["memory"] for each in found] == ["I like pottery"]
    assert 0.1 <= found[0]["score"] <= 1
    assert found[0]["score_details"]["recipe"].startswith("lexical@")
    assert m.search("pottery", user_id="alice", threshold=1.0)["results"] == []
    assert m.search("pottery", user_id="alice", top_k=0)["results"] == []
    with pytest.raises(InvalidInput, match="needs a reranker"):
        m.search("pottery", user_id="alice", rerank=True)


def test_a_time_says_when_a_memory_was_true(m: Memory) -> None:
    added(m, "lives in Hove", timestamp="2020-01-01")
    added(m, "lives in Oslo", timestamp="2024-01-01")
    assert texts(m.search("lives", user_id="alice", reference_date="2021-01-01")) == [
        "lives in Hove"
    ]


def test_whose_a_memory_is_stays_whatever_metadata_says(
    m: Memory, caplog: pytest.LogCaptureFixture
) -> None:
    cube_id = added(m, "pottery", metadata={"user_id": "bob", "role": "potter"})
    m.update(cube_id, metadata={"user_id": "bob", "agent_id": "bot", "kind": "craft"})
    told = m.get(cube_id)
    assert told is not None
    assert (told["user_id"], told.get("agent_id"), told["metadata"]) == (
        "alice",
        None,
        {"kind": "craft"},
    )
    assert texts(m.get_all(user_id="bob")) == []
    assert "user_id" in caplog.text


def test_a_frozen_memory_refuses_aloud_and_nothing_else_is_deleted(m: Memory) -> None:
    cube_id = added(m, "pottery")
    added(m, "chess")
    m.vault.freeze(cube_id)
    calls: list[Callable[[], object]] = [
        lambda: m.delete(cube_id),
        lambda: m.delete_all(user_id="alice"),
        m.reset,
    ]
    for call in calls:
        with pytest.raises(Held):
            call()
    assert len(texts(m.get_all(user_id="alice"))) == 2


def test_pages_are_as_long_as_they_are_asked_for(m: Memory) -> None:
    m.vault.add_many(
        [{"text": f"memory {n}", "scope": "acme/mem0/user:alice"} for n in range(1_100)]
    )
    assert len(texts(m.get_all(user_id="alice"))) == 20
    assert len(set(texts(m.get_all(user_id="alice", top_k=1_050)))) == 1_050
    assert len(texts(m.get_all(user_id="alice", top_k=5_000))) == 1_100


def test_unknown_arguments_are_refused(m: Memory) -> None:
    with pytest.raises(TypeError):
        m.search("x", user_id="alice", limit=3)  # type: ignore[call-arg]
    with pytest.raises(InvalidInput, match="procedural"):
        m.add("x", user_id="alice", memory_type="procedural_memory")
    with pytest.raises(NotImplementedError):
        m.chat("hello")


def test_the_twin_for_asyncio_does_the_same_at_once(vault: Path) -> None:
    async def calls() -> list[Any]:
        async with AsyncMemory(vault, scope="acme/mem0", actor="agent:alice") as m:
            await asyncio.gather(*(m.add(f"memory {n}", user_id="alice") for n in range(6)))
            found = await m.search("memory", filters=ALICE)
            first = found["results"][0]["id"]
            await m.update(first, "changed")
            changed = await m.get(first)
            await m.delete(first)
            kinds = [row["event"] for row in await m.history(first)]
            left = await m.get_all(user_id="alice")
            await m.delete_all(user_id="alice")
            await m.reset()
            return [changed and changed["memory"], kinds, len(left["results"])]

    assert asyncio.run(calls()) == ["changed", ["ADD", "UPDATE", "DELETE"], 5]


ADDS = """
import sys
from memos.compat.mem0 import Memory
with Memory(sys.argv[1], scope="acme/mem0", actor=sys.argv[2]) as m:
    for number in range(6):
        made = m.add(f"{sys.argv[2]} {number}", user_id="alice")["results"][0]["id"]
        if number % 2:
            m.delete(made)
"""


def test_two_processes_add_and_delete_in_one_vault(vault: Path, m: Memory) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", ADDS, str(vault), actor])
        for actor in ("agent:bob", "agent:eve")
    ]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert sorted(texts(m.get_all(user_id="alice"))) == sorted(
        f"{actor} {number}" for actor in ("agent:bob", "agent:eve") for number in (0, 2, 4)
    )
