"""A retry that says the same in another way is a retry; what is kept as another is other content."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from memos import Memory, OtherContent
from memos.infrastructure.keys.envelope import command_mac
from memos.operation.commands import idempotency
from memos.operation.commands.idempotency import KeyedCommand, canonical

ACTOR = "agent:alice"
NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)
NOONS = [
    NOON,
    NOON.astimezone(timezone(timedelta(hours=5))),
    "2024-06-01T12:00:00Z",
    "2024-06-01T12:00:00",
    "2024-06-01T14:00:00+02:00",
    "2024-06-01 12:00:00.000000+00:00",
]
NOTHING = object()
"""The argument is not given."""

ADD: Mapping[str, list[Any]] = {
    "valid_from": NOONS,
    "valid_until": NOONS,
    "tags": [["a", "b"], ("a", "b"), ["a", "b", "a"], iter(["a", "a", "b"])],
    "readers": [["x", "y"], ["x", "y", "y"]],
    "writers": [["x"], ["x", "x"], {"x"}],
    "derived_from": ["IDS", "UPPER", "TWICE"],
    "source": ["", None, NOTHING],
    "subject": ["", None, NOTHING, "acme/a"],
    "origin": ["", None, NOTHING],
    "semantic_type": ["", None, NOTHING],
    "owner": ["", None, NOTHING, ACTOR],
    "sensitivity": ["", None, NOTHING],
    "purpose": ["", None, NOTHING],
    "priority": [0, None, NOTHING],
    "metadata": [{}, None, NOTHING],
    "media_type": ["text/plain", None, NOTHING],
    "lifespan": ["", {}, None, NOTHING],
}
LIFESPANS: list[Any] = [
    "90d",
    {"after": "90d"},
    {"after": timedelta(days=90)},
    "2160h",
    {"after": "90 d", "then": "archive", "renewed_by_access": False, "half_life": None},
]
UPDATE: Mapping[str, list[Any]] = {
    "valid_from": NOONS,
    "valid_until": NOONS,
    "tags": [["a", "b"], ("a", "b", "a")],
    "mode": ["overwrite", NOTHING],
    "replace_metadata": [False, NOTHING],
    "reason": ["", None, NOTHING],
    "metadata": [{}, None, NOTHING],
}
MERGE: Mapping[str, list[Any]] = {
    "cube_ids": ["IDS", "UPPER", "TWICE"],
    "tags": [["a", "b"], ["a", "b", "b"]],
    "scope": ["acme/a", None, NOTHING],
    "source": ["", None, NOTHING],
    "metadata": [{}, None, NOTHING],
}
CONVERSATION: Mapping[str, list[Any]] = {
    "at": NOONS,
    "tags": [["a"], ["a", "a"]],
    "subject": ["acme/a", None, NOTHING],
    "source": ["conversation:acme/a/1", None, NOTHING],
}


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory(tmp_path / "vault", actor=ACTOR) as memory:
        yield memory


@pytest.fixture
def cubes(memory: Memory) -> list[str]:
    return [memory.add(f"Source {number}.", scope="acme/a").cube_id for number in range(2)]


def ways(cubes: list[str], name: str, values: list[Any]) -> list[dict[str, Any]]:
    """The arguments that say the same."""
    ids = {
        "IDS": cubes,
        "UPPER": [cube.upper() for cube in cubes],
        "TWICE": [*cubes, cubes[0].upper(), cubes[1]],
    }
    return [
        {} if value is NOTHING else {name: ids.get(value, value) if type(value) is str else value}
        for value in values
    ]


def check_same(memory: Memory, call: Callable[..., Any], arguments: list[dict[str, Any]]) -> None:
    """All of them are one command under one key."""
    first = call(**arguments[0])
    before = memory.digest()
    for way in arguments[1:]:
        assert call(**way) == first, way
    assert memory.digest() == before


@pytest.mark.parametrize("name", ADD)
def test_an_add_that_means_the_same(memory: Memory, cubes: list[str], name: str) -> None:
    def add(**arguments: Any) -> Any:
        return memory.add("Once.", scope="acme/a", idempotency_key="k", **arguments)

    check_same(memory, add, ways(cubes, name, ADD[name]))


def test_a_lifespan_that_means_the_same(memory: Memory) -> None:
    def add(**arguments: Any) -> Any:
        return memory.add("Once.", scope="acme/a", idempotency_key="k", **arguments)

    check_same(memory, add, [{"lifespan": span} for span in LIFESPANS])


def test_a_text_and_its_bytes_mean_the_same(memory: Memory) -> None:
    def add(**arguments: Any) -> Any:
        return memory.add(scope="acme/a", idempotency_key="k", **arguments)

    ways: list[dict[str, Any]] = [
        {"text": "\u00e9t\u00e9"},
        {"content": "\u00e9t\u00e9".encode(), "media_type": "text/plain"},
    ]
    check_same(memory, add, ways)


@pytest.mark.parametrize("name", UPDATE)
def test_an_update_that_means_the_same(memory: Memory, cubes: list[str], name: str) -> None:
    def update(**arguments: Any) -> Any:
        return memory.update(cubes[0], "Once.", idempotency_key="k", **arguments)

    check_same(memory, update, ways(cubes, name, UPDATE[name]))


@pytest.mark.parametrize("name", MERGE)
def test_a_merge_that_means_the_same(memory: Memory, cubes: list[str], name: str) -> None:
    def merge(**arguments: Any) -> Any:
        return memory.merge(**{"cube_ids": cubes, "idempotency_key": "k", **arguments})

    check_same(memory, merge, ways(cubes, name, MERGE[name]))


@pytest.mark.parametrize("name", CONVERSATION)
def test_a_conversation_that_means_the_same(memory: Memory, cubes: list[str], name: str) -> None:
    turns = [{"text": "One."}, {"text": "Two."}]

    def tell(**arguments: Any) -> Any:
        return memory.add_conversation(
            turns, scope="acme/a", session="1", idempotency_key="k", **arguments
        )

    check_same(memory, tell, ways(cubes, name, CONVERSATION[name]))


def test_turns_that_mean_the_same(memory: Memory) -> None:
    def tell(**turn: Any) -> Any:
        return memory.add_conversation(
            [{"text": "One.", **turn}], scope="acme/a", session="1", idempotency_key="k"
        )

    check_same(
        memory,
        tell,
        [{"at": at, "tags": ["a", "a"]} for at in NOONS]
        + [{"at": NOON, "tags": ("a",), "metadata": {}}],
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"tags": ["a", "b"]}, {"tags": ["b", "a"]}),
        ({"metadata": {"n": 1}}, {"metadata": {"n": 1.0}}),
        ({"metadata": {"n": 1}}, {"metadata": {"n": True}}),
        ({"valid_from": NOON}, {"valid_until": NOON}),
        ({"valid_from": NOON}, {"valid_from": NOON + timedelta(microseconds=1)}),
        ({"lifespan": "90d"}, {"lifespan": {"after": "90d", "then": "erase"}}),
        ({"owner": "agent:bob"}, {}),
        ({"media_type": "text/markdown"}, {}),
        ({"subject": "acme"}, {}),
    ],
)
def test_what_is_kept_as_another_is_other_content(
    memory: Memory, one: dict[str, Any], other: dict[str, Any]
) -> None:
    for number, (first, second) in enumerate(((one, other), (other, one))):
        key = str(number)
        memory.add("Once.", scope="acme/a", idempotency_key=key, **first)
        with pytest.raises(OtherContent):
            memory.add("Once.", scope="acme/a", idempotency_key=key, **second)


def test_what_was_stored_by_the_words_that_it_was_given_in_is_known_by_them(
    memory: Memory, cubes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rule is the same, and so is the mark of it: fingerprints were made of what was written."""

    def mac(self: KeyedCommand, actor: str, cube_key: bytes, *_: object) -> bytes:
        return command_mac(cube_key, canonical(self.asked))

    def calls() -> list[Any]:
        words: dict[str, Any] = {"valid_from": "2024-06-01T12:00:00Z", "tags": ["a", "a"]}
        return [
            memory.add("Once.", scope="acme/a", owner=ACTOR, **words, idempotency_key="k"),
            memory.update(cubes[0], "Once.", **words, idempotency_key="k"),
            memory.add_conversation(
                [{"text": "One."}], scope="acme/a", session="1", at=NOON, idempotency_key="c"
            ),
            memory.merge(
                [cube.upper() for cube in cubes], tags=["a", "a"], source="", idempotency_key="m"
            ),
        ]

    with monkeypatch.context() as patched:
        patched.setattr(idempotency.KeyedCommand, "mac", mac)
        first = calls()
    before = memory.digest()
    assert calls() == first
    assert memory.digest() == before
