from __future__ import annotations

from typing import Any

import pytest

from memos.kernel.errors import InvalidInput
from memos.operation.commands.facts import (
    MOST_FACTS,
    SLOTS,
    facts_of,
    name_of,
    record_bytes,
    record_entries,
    record_id,
)
from tests.operation.memories import memory


def test_without_an_extractor_facts_are_the_claims_of_a_memory() -> None:
    told = memory("I live in Hove. My cat is nice.", {"speaker": "Ana"})
    assert facts_of(told, None) == ["Ana's residence is hove."]


def test_an_extractor_reads_who_says_it_and_gives_each_fact_once() -> None:
    read: list[str] = []

    def extract(text: str) -> list[str]:
        read.append(text)
        return [" Ana lives in Hove. ", "Ana lives in Hove.", " "]

    assert facts_of(memory("I live in Hove.", {"speaker": "Ana"}), extract) == [
        "Ana lives in Hove."
    ]
    assert read == ["Ana: I live in Hove."]


@pytest.mark.parametrize("given", ["a text", [3], ["fact"] * (MOST_FACTS + 1)])
def test_what_an_extractor_gives_is_checked(given: Any) -> None:
    with pytest.raises(InvalidInput, match="extractor"):
        facts_of(memory("I live in Hove."), lambda text: given)


def test_an_extractor_is_called_by_where_it_is_defined() -> None:
    assert name_of(None) == SLOTS
    assert name_of(record_bytes_of_nothing).endswith("test_facts.record_bytes_of_nothing")


def record_bytes_of_nothing(text: str) -> list[str]:
    return []


def test_a_record_says_again_what_was_read() -> None:
    assert record_entries(record_bytes([("a", 1), ("b", 2)])) == {("a", 1), ("b", 2)}


def test_a_record_of_an_extractor_has_one_id_in_one_scope() -> None:
    key = bytes(32)
    ids = {record_id(key, scope, SLOTS, n) for scope in ("acme", "acme/a") for n in range(2)}
    assert len(ids) == 4
    assert record_id(key, "acme", SLOTS, 0) in ids
