"""What the scenarios of meaning tell and ask, and how they look at what was found."""

from __future__ import annotations

from typing import Any

from memos import Hit, Memory

PUPPY = "We adopted a puppy called Rex."
VIOLIN = "She plays the violin in an orchestra."
BOILER = "The boiler was repaired in March."
FACTS: list[dict[str, Any]] = [
    {"text": PUPPY, "tags": ["home"], "priority": 2},
    {"text": VIOLIN, "tags": ["hobby"], "source": "chat:1/3"},
    {"text": BOILER, "tags": ["home"], "sensitivity": "public"},
    {"text": "Her flight to Lisbon leaves at dawn. The hotel is by the sea."},
    {"text": "He is allergic to peanuts.", "tags": ["health"]},
    {"text": "They married in a small church.", "valid_from": "2019-02-01"},
    {"text": "Renata lives in Quito.", "valid_from": "2019-02-01"},
    {"text": "Renata moved to Cuenca.", "valid_from": "2021-06-01"},
]
QUERIES: list[dict[str, Any]] = [
    {"query": "music"},
    {"query": "do they have any pets"},
    {"query": "what must not be in his meal", "k": 3},
    {"query": "heating of the house", "filter": {"tags": "home"}},
    {"query": "summer holiday", "filter": {"not": {"tags": "home"}}},
    {"query": "Where does Renata live?"},
    {"query": "wedding", "valid_at": "2020-01-01"},
    {"query": '"the violin" concert'},
]


def tell(memory: Memory, tenant: str) -> list[str]:
    """Add the facts; their ids, once all are embedded."""
    ids = [memory.add(scope=f"{tenant}/{n % 2}", **fact).cube_id for n, fact in enumerate(FACTS)]
    memory.embed_pending()
    return ids


def dense(hit: Hit) -> dict[str, Any]:
    """What the dense side says of a hit."""
    told: dict[str, Any] = hit.explain["dense"]
    return told


def best(memory: Memory, query: str, tenant: str, **given: Any) -> Hit:
    """The first hit, which the dense side has compared."""
    hit = memory.search(query, scope=tenant, **given)[0]
    assert dense(hit)["embedded"]
    return hit
