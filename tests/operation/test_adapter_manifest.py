"""A manifest comes back as it was written, and what is none hurts nobody who reads it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from memos import Damaged, DistillationSettings, Thresholds
from memos.operation.adapter_manifest import AdapterManifest, ListedMemory, Parent
from tests.adapting_model import PASSED

CUBE = "01a22eac-344d-755b-ba7f-c26df7d00181"
MANIFEST = AdapterManifest(
    job="00" * 32,
    model="tiny",
    model_digest="01" * 32,
    tokenizer_digest="02" * 32,
    generator="1",
    memories=(
        ListedMemory(CUBE, 3, "03" * 32, "source"),
        ListedMemory(CUBE, 4, "03" * 32, "distractor"),
    ),
    settings=DistillationSettings(seed=7, thresholds=Thresholds(retention=0.5)),
    evaluation=PASSED,
    parent=Parent(CUBE, 2),
    sha256="04" * 32,
    size=10,
    scale=2.0,
    steps=5,
    seconds=1.5,
    loss=0.25,
    valid_until=12,
    policy="mine",
)


def test_a_manifest_comes_back_as_it_was() -> None:
    read = AdapterManifest.parse(MANIFEST.content, CUBE)
    assert read == MANIFEST
    assert read.digest == MANIFEST.digest
    assert [each.version for each in read.sources] == [3]
    assert (read.holds(CUBE, 3), read.holds(CUBE, 4)) == (True, False)


@pytest.mark.parametrize(
    "change",
    [
        {"sha256": "no"},
        {"job": 1},
        {"memories": [["no", 1, "", "source"]]},
        {"memories": [[CUBE, "1", "", "source"]]},
        {"memories": [[CUBE]]},
        {"valid_until": "soon"},
        {"evaluation": None},
        {"settings": {}},
        {"more": 1},
    ],
    ids=str,
)
def test_what_is_no_manifest_is_damaged(change: dict[str, Any]) -> None:
    content = json.dumps({**json.loads(MANIFEST.content), **change}).encode()
    with pytest.raises(Damaged, match=CUBE):
        AdapterManifest.parse(content, CUBE)


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"\xff", b"{}"])
def test_nor_is_what_is_no_json_of_one(content: bytes) -> None:
    with pytest.raises(Damaged, match="distil its memories again"):
        AdapterManifest.parse(content, CUBE)
