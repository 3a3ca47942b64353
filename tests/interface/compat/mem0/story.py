"""What a program does with mem0's SDK, and what it is given back: the same whoever stands behind."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

ALICE = {"user_id": "alice"}
MESSAGES = [
    {"role": "system", "content": "You are a guide."},
    {"role": "user", "content": "I collect old maps", "name": "Ana"},
    {"role": "assistant", "content": "Maps of Norway are rare"},
]


def story(m: Any) -> dict[str, Any]:
    """The answers of calls that mem0 documents, and the errors of calls that it refuses."""
    told: dict[str, Any] = {}
    told["add a text"] = m.add("I like pottery", user_id="alice", infer=False, metadata={"n": 3})
    first = told["add a text"]["results"][0]["id"]
    told["add a message"] = m.add(
        {"role": "user", "content": "I play chess"}, user_id="alice", agent_id="bot", infer=False
    )
    told["add messages"] = m.add(
        MESSAGES, user_id="bob", run_id="7", infer=False, metadata={"n": 1, "kind": "hobby"}
    )
    told["add what expired"] = m.add(
        "The sale ends", user_id="alice", infer=False, expiration_date="2001-01-01"
    )
    told["metadata says not whose it is"] = m.add(
        "Tea", user_id="eve", metadata={"user_id": "alice", "kind": "drink"}, infer=False
    )
    told["get"] = m.get(first)
    told["get expired"] = m.get(told["add what expired"]["results"][0]["id"])
    told["search"] = m.search("pottery", filters=ALICE, top_k=1)
    told["search for nobody"] = m.search("pottery", filters={"user_id": "nobody"})
    told["all of alice"] = by_text(m.get_all(filters=ALICE))
    told["all of alice, expired too"] = by_text(m.get_all(filters=ALICE, show_expired=True))
    told["all of bob and run"] = by_text(m.get_all(filters={"user_id": "bob", "run_id": "7"}))
    told["all of the agent"] = by_text(m.get_all(filters={"agent_id": "bot"}))
    told["all of eve"] = by_text(m.get_all(filters={"user_id": "eve"}))
    told["one at most"] = len(m.get_all(filters=ALICE, top_k=1)["results"])
    conditions: dict[str, dict[str, Any]] = {
        "gte": {"n": {"gte": 3}},
        "lt": {"n": {"lt": 3}},
        "or": {"OR": [{"n": 1}, {"n": 3}]},
        "not": {"NOT": [{"n": 3}]},
        "and": {"AND": [{"n": 3}]},
        "in": {"n": {"in": [2, 3]}},
    }
    for name, condition in conditions.items():
        asked: dict[str, Any] = {**ALICE, **condition}
        found = m.search("pottery maps chess", filters=asked, threshold=0.0)
        told[f"search with {name}"] = sorted(
            each["memory"] for each in found["results"] if each["memory"] == "I like pottery"
        )
    told["update a text"] = m.update(first, text="I love pottery")
    told["update metadata"] = m.update(first, metadata={"kind": "craft"})
    told["get updated"] = m.get(first)
    told["history"] = m.history(first)
    told["delete"] = m.delete(first)
    told["get deleted"] = m.get(first)
    told["history of the deleted"] = m.history(first)
    told["history of nothing"] = m.history("01a22f69-0c6a-71db-a074-d86cab0ed154")
    told["delete all"] = m.delete_all(user_id="alice")
    told["all after it"] = m.get_all(filters=ALICE)
    told["others after it"] = by_text(m.get_all(filters={"user_id": "bob"}))
    told["refused"] = {
        "update what is gone": refused(lambda: m.update(first, "x")),
        "delete what is gone": refused(lambda: m.delete(first)),
        "update nothing": refused(lambda: m.update(first)),
        "search without an entity": refused(lambda: m.search("x", filters={"n": 1})),
        "list without an entity": refused(m.get_all),
        "delete all without an entity": refused(m.delete_all),
        "a blank query": refused(lambda: m.search(" ", filters=ALICE)),
        "a threshold above 1": refused(lambda: m.search("x", filters=ALICE, threshold=2)),
        "fewer than none": refused(lambda: m.get_all(filters=ALICE, top_k=-1)),
        "an id with a blank": refused(lambda: m.add("x", user_id="a b", infer=False)),
        "a day that is none": refused(
            lambda: m.add("x", user_id="alice", infer=False, expiration_date="soon")
        ),
        "an operator that is none": refused(
            lambda: m.search("x", filters={**ALICE, "n": {"gte": 1, "near": 2}})
        ),
    }
    told["add without an entity"] = refused(lambda: m.add("x", infer=False), Exception)
    m.reset()
    told["after a reset"] = m.get_all(filters={"user_id": "bob"})
    return told


def by_text(found: dict[str, Any]) -> dict[str, Any]:
    """Results in an order of their own: mem0's stores list as they like."""
    return {"results": sorted(found["results"], key=lambda each: str(each["memory"]))}


def refused(call: Callable[[], object], kind: type[Exception] = ValueError) -> str:
    """That a call raises an error of a kind."""
    try:
        call()
    except kind:
        return f"raises {kind.__name__}"
    return "is taken"


_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def shape(told: Any) -> Any:
    """Answers without what differs from run to run: ids, times and scores."""
    if isinstance(told, dict):
        return {key: shape(value) for key, value in told.items()}
    if isinstance(told, list):
        return [shape(value) for value in told]
    if isinstance(told, float):
        return "a score"
    if not isinstance(told, str):
        return told
    if _ID.fullmatch(told):
        return "an id"
    try:
        return "a time" if datetime.fromisoformat(told).tzinfo else told
    except ValueError:
        return told
