"""What former rules stored under a key is found under it: the same receipt, nothing new.

`tests/fixtures/make_keys.py` made each fixture: `keys_0_1` with the release of that name, and
`keys_by_arguments` with the code that first had every argument in the fingerprint, and called
whatever makes a memory add.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from memos import AlreadyErased, Memory, OtherContent
from tests.fixtures.make import ADMINISTRATOR
from tests.fixtures.make_keys import ERASED, SCOPE, TIMED
from tests.fixtures.observation import as_json, of_then

FIXTURES = Path(__file__).parent / "fixtures"
WRITTEN = {
    name: json.loads((FIXTURES / name / "calls.json").read_text("utf-8"))
    for name in ("keys_0_1", "keys_by_arguments")
}
CALLS = [(name, number) for name, told in WRITTEN.items() for number in range(len(told["calls"]))]
GONE = [(name, call) for name, told in WRITTEN.items() for call in told.get("erased", ERASED)]


class Former(NamedTuple):
    """A fixture, opened where it may be written, and what was called when it was made."""

    memory: Memory
    calls: list[dict[str, Any]]


@pytest.fixture
def name() -> str:
    return "keys_by_arguments"


@pytest.fixture
def former(tmp_path: Path, name: str) -> Iterator[Former]:
    vault, told = tmp_path / "vault", WRITTEN[name]
    shutil.copytree(FIXTURES / name / "vault", vault)
    for file in vault.iterdir():  # git keeps no permissions, and keys are nobody's
        file.chmod(0o600)
    with Memory(vault, actor=ADMINISTRATOR, clock=lambda: int(told["now"]), create=False) as memory:
        yield Former(memory, told["calls"])


def keyed(former: Former, key: str) -> Mapping[str, Any]:
    """The call under a key, its arguments and its receipts."""
    (call,) = (one for one in former.calls if one["arguments"].get("idempotency_key") == key)
    return call


def keyed_only(call: Mapping[str, Any]) -> Mapping[str, Any]:
    """The arguments of a call; of a batch's items those with a key: others are stored again."""
    arguments = dict(call["arguments"])
    if "items" in arguments and "idempotency_key" not in arguments:
        arguments["items"] = [item for item in arguments["items"] if "idempotency_key" in item]
    return arguments


@pytest.mark.parametrize(("name", "number"), CALLS)
def test_a_retry_gives_the_receipts_of_then(former: Former, number: int) -> None:
    memory, call = former.memory, former.calls[number]
    digest, stored = memory.digest(), memory.stats().memories
    again = as_json(getattr(memory, call["call"])(**call["arguments"]))
    assert memory.audit().ok
    if call["arguments"] == keyed_only(call):
        assert of_then(again, call["receipts"]) == call["receipts"]
        assert memory.digest() == digest
        return
    unkeyed = {
        i for i, item in enumerate(call["arguments"]["items"]) if "idempotency_key" not in item
    }
    expected = [receipt for i, receipt in enumerate(call["receipts"]) if i not in unkeyed]
    kept = [receipt for i, receipt in enumerate(again) if i not in unkeyed]
    assert of_then(kept, expected) == expected
    assert memory.stats().memories == stored + len(unkeyed)


def test_times_and_sets_of_then_are_known(former: Former) -> None:
    for (call, arguments), receipts in zip(
        TIMED, WRITTEN["keys_by_arguments"]["timed"], strict=True
    ):
        again = as_json(getattr(former.memory, call)(**arguments))
        assert of_then(again, receipts) == receipts


@pytest.mark.parametrize("name", WRITTEN)
def test_an_item_that_was_first_in_its_batch_is_found_by_add(former: Former) -> None:
    (call,) = (
        call
        for call in former.calls
        if call["call"] == "add_many" and "own 0" in str(call["arguments"])
    )
    receipt = former.memory.add(**call["arguments"]["items"][0])
    assert of_then(as_json(receipt), call["receipts"][0]) == call["receipts"][0]


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("key", ["derived", "late and derived"])
def test_other_sources_under_a_key_of_then_are_other_content(former: Former, key: str) -> None:
    other = former.memory.add("Another source.", scope="acme/keys").cube_id
    for call in former.calls:
        arguments = json.loads(json.dumps(call["arguments"]))
        for item in arguments.get("items", [arguments]):
            if item.get("idempotency_key") == key:
                item["derived_from"] = [other]
                with pytest.raises(OtherContent):
                    getattr(former.memory, call["call"])(**arguments)


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize(
    ("key", "other"),
    [("merge", {"text": "Other."}), ("talk", {"session": "2"}), ("change", {"text": "Other."})],
)
def test_another_argument_under_a_key_of_then_is_other_content(
    former: Former, key: str, other: Mapping[str, Any]
) -> None:
    call = keyed(former, key)
    before = former.memory.digest()
    with pytest.raises(OtherContent):
        getattr(former.memory, call["call"])(**{**call["arguments"], **other})
    assert former.memory.digest() == before


@pytest.mark.parametrize("name", WRITTEN)
def test_a_key_of_an_add_of_then_is_free_for_another_command(former: Former) -> None:
    memory = former.memory
    cubes = [memory.add(f"New {number}.", scope=SCOPE).cube_id for number in range(2)]
    taken = keyed(former, "plain")["receipts"]["cube_id"]
    merged = memory.merge(cubes, idempotency_key="plain")
    (turn,) = memory.add_conversation(
        [{"text": "Hello."}], scope=SCOPE, session="9", idempotency_key="plain"
    )
    assert len({taken, merged.cube_id, turn.cube_id}) == 3


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("key", ["merge", "talk"])
def test_an_add_under_a_key_of_a_merge_or_a_conversation_of_then_is_other_content(
    former: Former, key: str
) -> None:
    items = [{"text": f"Part {number}.", "scope": SCOPE} for number in range(2)]
    with pytest.raises(OtherContent):
        former.memory.add_many(items, idempotency_key=key)


@pytest.mark.parametrize(("name", "call"), GONE)
def test_what_was_erased_then_is_a_typed_error(
    former: Former, call: tuple[str, Mapping[str, Any]]
) -> None:
    before = former.memory.stats().memories
    with pytest.raises(AlreadyErased, match="fresh key"):
        getattr(former.memory, call[0])(**call[1])
    assert former.memory.stats().memories == before
