from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict

from memos.kernel.api_key import API_KEY_KINDS
from memos.kernel.digest import cube_digest
from memos.kernel.event import SCHEMA, Kind, TooNew, Undecodable, check_upcasters, decode
from memos.kernel.keyed_fold import KeyedFold
from memos.kernel.upcast import DAY, UPCASTERS
from memos.wire.access_pb2 import AccessEvent
from memos.wire.body_pb2 import Body
from memos.wire.event_pb2 import Event
from tests.replay.samples import GOLDEN, full

HISTORIES = sorted(
    path for path in GOLDEN.glob("*/*.jsonl") if path.stem not in ("events", "access")
)
LATER_KINDS = {
    "1.1": {Kind.GRANTED, Kind.REVOKED, Kind.CONFIGURED, *API_KEY_KINDS},
    "1.2": API_KEY_KINDS,
    "1.3": API_KEY_KINDS,
}
"""The kinds that came after a release."""


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*/events.jsonl")), ids=lambda p: p.parent.name)
def test_every_released_event_still_decodes_to_the_same(path: Path) -> None:
    events = lines(path)
    known = set(Kind) - LATER_KINDS.get(path.parent.name, set())
    assert {line["kind"] for line in events} == {kind.title for kind in known}
    for line in events:
        event = decode(base64.b64decode(line["data"]))
        decoded = MessageToDict(event, preserving_proto_field_name=True)
        assert decoded == {**line["event"], "schema_minor": SCHEMA[1]}


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*/access.jsonl")), ids=lambda p: p.parent.name)
def test_every_released_access_event_and_body_still_decodes_to_the_same(path: Path) -> None:
    messages = lines(path)
    assert [line["message"] for line in messages] == ["Accessed", "Denied", "Body", "Body"]
    for line in messages:
        message = (Body if line["message"] == "Body" else AccessEvent).FromString(
            base64.b64decode(line["data"])
        )
        assert MessageToDict(message, preserving_proto_field_name=True) == line["fields"]


@pytest.mark.parametrize("path", HISTORIES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_every_released_history_still_folds_to_the_same_digests(path: Path) -> None:
    state, keyed = None, KeyedFold()
    for line in lines(path):
        state, outcome, _ = keyed.fold(state, decode(base64.b64decode(line["data"])))
        assert (outcome.result.name, outcome.reason.name) == (line["result"], line["reason"])
        assert outcome.version == line["version"]
        assert state is not None
        assert cube_digest(state).hex() == line["digest"]


def test_the_histories_are_there() -> None:
    assert {path.parent.name for path in HISTORIES} >= {"1.0", "1.1", "1.2", "1.3", "1.4"}


def test_days_of_schema_1_0_become_microseconds() -> None:
    (first, *_) = lines(GOLDEN / "1.0" / "lifespans-in-days.jsonl")
    data = base64.b64decode(first["data"])
    assert Event.FromString(data).generated.header.lifespan.after_days == 90
    lifespan = decode(data).generated.header.lifespan
    assert (lifespan.after, lifespan.after_days) == (90 * DAY, 0)


def test_a_newer_schema_stops_aloud_instead_of_being_skipped() -> None:
    for version in ((SCHEMA[0], SCHEMA[1] + 1), (SCHEMA[0] + 1, 0)):
        newer = full(Kind.GENERATED, 1)
        newer.schema_major, newer.schema_minor = version
        with pytest.raises(TooNew, match="upgrade"):
            decode(newer.SerializeToString())


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff\xff\xff", b"not an event", full(Kind.REVISED, 1).SerializeToString()[:40]],
)
def test_bytes_that_are_no_event_are_undecodable(data: bytes) -> None:
    with pytest.raises(Undecodable):
        decode(data)


def test_an_event_whose_kind_and_facts_differ_is_undecodable() -> None:
    forged = full(Kind.REVISED, 1)
    forged.kind = Kind.ERASED.value  # type: ignore[assignment]
    with pytest.raises(Undecodable):
        decode(forged.SerializeToString())


def test_an_unknown_old_schema_is_undecodable() -> None:
    forged = full(Kind.REVISED, 1)
    forged.schema_major = 0
    with pytest.raises(Undecodable, match=rf"schema 0\.{SCHEMA[1]}"):
        decode(forged.SerializeToString())


def test_the_upcasters_lead_to_the_current_schema_without_gap_or_cycle() -> None:
    check_upcasters(UPCASTERS)
    assert UPCASTERS
    with pytest.raises(ValueError, match="no upcaster leads on"):
        check_upcasters({(0, 1): ((0, 2), lambda event: None)})
    with pytest.raises(ValueError, match=r"\(0, 2\) leads back to \(0, 1\)$"):
        check_upcasters({(0, 2): ((0, 1), lambda event: None), (0, 1): ((0, 2), print)})
    with pytest.raises(ValueError, match=r"\(0, 1\) leads back to \(0, 1\)$"):
        check_upcasters({(0, 1): ((0, 1), print)})
