"""What a former release stored under a key is found under it: the same receipt, nothing new.

`tests/fixtures/make_keys.py` made the fixture with the release that its directory names.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from memos import AlreadyErased, Memory, OtherContent
from tests.fixtures.make import ADMINISTRATOR
from tests.fixtures.make_keys import ERASED
from tests.fixtures.observation import as_json

FORMER = Path(__file__).parent / "fixtures" / "keys_0_1"
WRITTEN = json.loads((FORMER / "calls.json").read_text("utf-8"))


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    vault = tmp_path / "vault"
    shutil.copytree(FORMER / "vault", vault)
    for file in vault.iterdir():  # git keeps no permissions, and keys are nobody's
        file.chmod(0o600)
    with Memory(
        vault, actor=ADMINISTRATOR, clock=lambda: int(WRITTEN["now"]), create=False
    ) as memory:
        yield memory


def keyed_only(call: Mapping[str, Any]) -> Mapping[str, Any]:
    """The arguments of a call; of a batch's items those with a key: others are stored again."""
    arguments = dict(call["arguments"])
    if "items" in arguments and "idempotency_key" not in arguments:
        arguments["items"] = [item for item in arguments["items"] if "idempotency_key" in item]
    return arguments


@pytest.mark.parametrize("number", range(len(WRITTEN["calls"])))
def test_a_retry_gives_the_receipts_of_then(memory: Memory, number: int) -> None:
    call = WRITTEN["calls"][number]
    digest, stored = memory.digest(), memory.stats().memories
    again = as_json(getattr(memory, call["call"])(**call["arguments"]))
    assert memory.audit().ok
    if call["arguments"] == keyed_only(call):
        assert again == call["receipts"]
        assert memory.digest() == digest
        return
    unkeyed = {
        i for i, item in enumerate(call["arguments"]["items"]) if "idempotency_key" not in item
    }
    expected = [receipt for i, receipt in enumerate(call["receipts"]) if i not in unkeyed]
    assert [receipt for i, receipt in enumerate(again) if i not in unkeyed] == expected
    assert memory.stats().memories == stored + len(unkeyed)


def test_an_item_that_was_first_in_its_batch_is_found_by_add(memory: Memory) -> None:
    (call,) = (
        call
        for call in WRITTEN["calls"]
        if call["call"] == "add_many" and "own 0" in str(call["arguments"])
    )
    receipt = memory.add(**call["arguments"]["items"][0])
    assert as_json(receipt) == call["receipts"][0]


@pytest.mark.parametrize("key", ["derived", "late and derived"])
def test_other_sources_under_a_key_of_then_are_other_content(memory: Memory, key: str) -> None:
    other = memory.add("Another source.", scope="acme/keys").cube_id
    for call in WRITTEN["calls"]:
        arguments = json.loads(json.dumps(call["arguments"]))
        for item in arguments.get("items", [arguments]):
            if item.get("idempotency_key") == key:
                item["derived_from"] = [other]
                with pytest.raises(OtherContent):
                    getattr(memory, call["call"])(**arguments)


@pytest.mark.parametrize("number", range(len(ERASED)))
def test_what_was_erased_then_is_a_typed_error(memory: Memory, number: int) -> None:
    name, arguments = ERASED[number]
    before = memory.stats().memories
    with pytest.raises(AlreadyErased, match="fresh key"):
        getattr(memory, name)(**arguments)
    assert memory.stats().memories == before
