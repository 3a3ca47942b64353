"""Odd and hostile arguments: a correct result, or a clear error and nothing written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from memos import InvalidInput, MemCube, Memory, NotFound


def read(memory: Memory, cube_id: str) -> MemCube:
    cube = memory.get(cube_id)
    assert isinstance(cube, MemCube)
    return cube


@pytest.mark.parametrize(
    "text",
    [
        "\x00 a null \x00",
        "half a pair \ud800 and \udfff",
        "שלום עולם, זה טקסט מימין לשמאל",
        "مرحبا بالعالم",
        "\u202eright to left override",
        "彼女は陶芸が好きです。",
        "她喜欢陶艺",
        "도예를 좋아해요",
        "👩‍👩‍👧‍👦 family 🏺",
        "e\u0301 and é",
        "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢",
        "a" * 100_000,
        "%' OR 1=1; DROP TABLE event; --",
        "../../etc/passwd",
        "\r\n".join(["lines"] * 1000),
        "\ufeffbyte order mark",
    ],
)
def test_every_text_comes_back_as_it_was_given(memory: Memory, text: str) -> None:
    receipt = memory.add(text, scope="acme")
    assert read(memory, receipt.cube_id).text == text
    memory.update(receipt.cube_id, text + text)
    assert read(memory, receipt.cube_id).text == text + text
    memory.search(text, scope="acme")
    assert memory.rebuild().digest == memory.digest()
    assert memory.verify().ok


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("彼女は陶芸が好きです。", "陶芸"),
        ("她喜欢陶艺和花园", "陶艺"),
        ("도예를 좋아해요", "도예를"),
        ("שלום עולם טוב", "עולם"),
        ("مرحبا بالعالم الجديد", "بالعالم"),
        ("ΟΔΥΣΣΕΥΣ went home", "οδυσσευς"),
        ("Straße nach Köln", "köln"),
        ("café au lait", "cafe\u0301"),
    ],
)
def test_texts_of_every_script_are_found_by_their_parts(
    memory: Memory, text: str, query: str
) -> None:
    memory.add("something else entirely", scope="acme")
    receipt = memory.add(text, scope="acme")
    assert [hit.cube_id for hit in memory.search(query, scope="acme")] == [receipt.cube_id]


def test_a_text_of_ten_megabytes_is_kept_and_found(memory: Memory) -> None:
    text = "filler words " * 800_000 + "needle"
    assert len(text) > 10_000_000
    receipt = memory.add(text, scope="acme")
    assert read(memory, receipt.cube_id).text == text
    assert [hit.cube_id for hit in memory.search("needle", scope="acme")] == [receipt.cube_id]


def test_a_text_that_is_too_large_is_refused_before_anything_is_written(memory: Memory) -> None:
    with pytest.raises(InvalidInput, match="split"):
        memory.add("x" * (64 * 2**20 + 1), scope="acme")
    assert memory.stats().events == 0


def test_a_hundred_thousand_tags_are_kept(memory: Memory) -> None:
    tags = [f"tag-{n}" for n in range(100_000)]
    receipt = memory.add("many tags", scope="acme", tags=tags)
    assert read(memory, receipt.cube_id).tags == tuple(tags)
    found = memory.search("tags", scope="acme", filter={"tags": "tag-99999"})
    assert [hit.cube_id for hit in found] == [receipt.cube_id]
    memory.untag(receipt.cube_id, "tag-5")
    assert len(read(memory, receipt.cube_id).tags) == 99_999


SCOPES_REFUSED: list[Any] = [
    "",
    "/",
    "/acme",
    "acme/",
    "acme//a",
    ".",
    "..",
    "acme/..",
    "acme/../rival",
    "acme/.",
    "acme/%",
    "acme/*",
    "acme a",
    "acme\n",
    "acme/\x00",
    "acme/\ud800",
    "/".join(["s"] * 17),
    "a" * 1025,
    None,
    7,
    b"acme",
    ["acme"],
]


@pytest.mark.parametrize("scope", SCOPES_REFUSED)
def test_what_is_no_scope_is_refused_everywhere(memory: Memory, scope: Any) -> None:
    calls: list[Callable[[], object]] = [
        lambda: memory.add("x", scope=scope),
        lambda: memory.add_many([{"text": "x", "scope": scope}]),
    ]
    if not isinstance(scope, list):  # a search takes several
        calls.append(lambda: memory.search("x", scope=scope))
    if scope is not None:
        calls += [
            lambda: list(memory.events(scope=scope)),
            lambda: memory.erase(scope=scope),
            lambda: memory.rollback(source="web:a", scope=scope),
        ]
    for call in calls:
        with pytest.raises(InvalidInput):
            call()
    assert memory.stats().events == 0


@pytest.mark.parametrize(
    "scope", ["/".join(["s"] * 16), "a" * 1024, "_", "-", "a.b", "...", "a:b@c", "_/__"]
)
def test_every_scope_that_is_allowed_works(memory: Memory, scope: str) -> None:
    memory.add("decoy", scope="x" + scope[1:] if len(scope) > 1 else "x")
    receipt = memory.add("pottery", scope=scope)
    assert [hit.cube_id for hit in memory.search("pottery", scope=scope)] == [receipt.cube_id]
    assert memory.erase(scope=scope).cube_ids == (receipt.cube_id,)
    assert memory.stats().states["Erased"] == 1


def test_an_underscore_and_a_dot_are_no_wildcards(memory: Memory) -> None:
    for scope in ("a_b", "axb", "a.b", "a-b", "a:b"):
        memory.add("pottery", scope=scope)
    for scope in ("a_b", "a.b"):
        assert {hit.scope for hit in memory.search("pottery", scope=scope)} == {scope}
        assert {entry.scope for entry in memory.events(scope=scope)} == {scope}


SURROGATE = "half \ud800"


@pytest.mark.parametrize(
    "call",
    [
        lambda m, c: m.add("x", scope="acme", source=SURROGATE),
        lambda m, c: m.add("x", scope="acme", subject=SURROGATE),
        lambda m, c: m.add("x", scope="acme", tags=[SURROGATE]),
        lambda m, c: m.add("x", scope="acme", owner=SURROGATE),
        lambda m, c: m.add("x", scope="acme", readers=[SURROGATE]),
        lambda m, c: m.add("x", scope="acme", purpose=SURROGATE),
        lambda m, c: m.add("x", scope="acme", origin=SURROGATE),
        lambda m, c: m.add("x", scope="acme", idempotency_key=SURROGATE),
        lambda m, c: m.tag(c, SURROGATE),
        lambda m, c: m.update(c, source=SURROGATE),
        lambda m, c: m.name_cut(SURROGATE),
        lambda m, c: m.erase(subject=SURROGATE),
        lambda m, c: m.rollback(source=SURROGATE),
        lambda m, c: m.rollback(actor=SURROGATE),
        lambda m, c: list(m.events(actor=SURROGATE)),
        lambda m, c: list(m.events(source=SURROGATE)),
        lambda m, c: m.get(SURROGATE),
        lambda m, c: m.get(c, as_of=SURROGATE),
    ],
)
def test_half_a_surrogate_pair_is_refused_everywhere_but_in_a_text(
    memory: Memory, call: Callable[[Memory, str], object]
) -> None:
    receipt = memory.add("x", scope="acme")
    with pytest.raises((InvalidInput, NotFound)):
        call(memory, receipt.cube_id)
    assert memory.stats().events == 1
