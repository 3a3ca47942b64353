"""What a memory holds is a text or bytes of a media type, and none of it is thrown away."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from memos import IllegalMove, InvalidInput, MemCube, Memory

IMAGE: Mapping[str, Any] = {"content": b"\x89PNG", "media_type": "image/png"}


def cube(memory: Memory, cube_id: str) -> MemCube:
    found = memory.get(cube_id, any_state=True)
    assert isinstance(found, MemCube)
    return found


@pytest.mark.parametrize(
    "item",
    [
        {"text": "A lake.", **IMAGE},
        {"text": "A lake.", "content": b"bytes"},
        {"text": "A lake.", "media_type": "image/png"},
        {"text": "A lake.", "media_type": "markdown"},
        {"text": "A lake.", "media_type": 10**5000},
        {"content": b"\xff\xfe", "media_type": "text/plain"},
        {"content": b"bytes"},
    ],
)
@pytest.mark.parametrize("key", [None, "k"])
def test_what_does_not_fit_together_is_refused(
    memory: Memory, item: dict[str, Any], key: str | None
) -> None:
    before = memory.digest()
    for call in (
        lambda: memory.add(scope="acme", idempotency_key=key, **item),
        lambda: memory.add_many([{"scope": "acme", "idempotency_key": key, **item}]),
    ):
        with pytest.raises(InvalidInput):
            call()
    assert memory.digest() == before


def test_a_text_keeps_its_media_type_whatever_is_joined_to_it(memory: Memory) -> None:
    one = memory.add("# Lakes", scope="acme", media_type="text/markdown", idempotency_key="k")
    other = memory.add(scope="acme", content=b"# Rivers", media_type="text/markdown")
    assert memory.search("lakes", scope="acme")[0].cube_id == one.cube_id
    memory.update(one.cube_id, "- Como", mode="append")
    found = cube(memory, one.cube_id)
    assert (found.text, found.media_type) == ("# Lakes\n- Como", "text/markdown")
    merged = cube(memory, memory.merge([one.cube_id, other.cube_id]).cube_id)
    assert (merged.text, merged.media_type) == ("# Lakes\n- Como\n# Rivers", "text/markdown")
    memory.update(merged.cube_id, "# Seas", tags=["water"], expected_version=1)
    assert cube(memory, merged.cube_id).media_type == "text/markdown"
    memory.rollback(merged.cube_id, to_version=1)
    memory.update(merged.cube_id, "# Seas", idempotency_key="seas")
    memory.update(merged.cube_id, "# Seas", idempotency_key="seas")
    found = cube(memory, merged.cube_id)
    assert (found.text, found.media_type) == ("# Seas", "text/markdown")
    (batched,) = memory.update_many([{"cube_id": merged.cube_id, "text": "# Oceans"}]).receipts
    assert cube(memory, batched.cube_id).media_type == "text/markdown"


def test_a_text_in_the_place_of_what_is_none_is_a_plain_one(memory: Memory) -> None:
    image = memory.add(scope="acme", **IMAGE).cube_id
    memory.update(image, "A lake.")
    found = cube(memory, image)
    assert (found.text, found.media_type, found.payload) == ("A lake.", "text/plain", b"")


def test_what_is_no_text_is_not_composed_with_one(memory: Memory) -> None:
    image = memory.add(scope="acme", **IMAGE).cube_id
    text = memory.add("A lake.", scope="acme").cube_id
    before = memory.digest()
    refused: list[Callable[[], Any]] = [
        lambda: memory.update(image, "a caption", mode="append"),
        lambda: memory.update(image, "a caption", mode="merge", idempotency_key="k"),
        lambda: memory.merge([image, text]),
        lambda: memory.merge([text, image], idempotency_key="k"),
    ]
    for call in refused:
        with pytest.raises(IllegalMove, match=f"{image} holds image/png"):
            call()
    assert memory.digest() == before
    assert cube(memory, image).payload == IMAGE["content"]
    memory.update(image, tags=["lake"])
    assert cube(memory, image).payload == IMAGE["content"]
    merged = memory.merge([image, text], "A picture of a lake.")  # the caller says what is kept
    assert cube(memory, merged.cube_id).text == "A picture of a lake."
