"""Ids and positions as people write them."""

from __future__ import annotations

import re
from hashlib import sha256

import pytest

from memos.kernel.event import (
    Kind,
    Position,
    TooNew,
    Undecodable,
    as_uuid,
    caused_id,
    decode,
    id_bytes,
    id_text,
)
from memos.wire.event_pb2 import Event
from tests.kernel.builders import generated

RAW = bytes(range(16))
TEXT = "00010203-0405-0607-0809-0a0b0c0d0e0f"


def test_an_id_reads_back_from_its_text_in_either_case() -> None:
    assert id_text(RAW) == TEXT
    assert id_bytes(TEXT) == RAW
    assert id_bytes(TEXT.upper()) == RAW


@pytest.mark.parametrize(
    "text",
    [
        "",
        TEXT[:-1],
        f"{TEXT}0",
        TEXT.replace("-", ""),
        f"{TEXT[:-1]}g",
        f"{TEXT.replace('-', '')}----",
        "0001020-30405-0607-0809-0a0b0c0d0e0f",
        "-" * 36,
        f"{TEXT.replace('-', '')} -- ",
    ],
)
def test_what_is_no_id_is_told_with_an_example(text: str) -> None:
    told = f"{text!r} is no id: an id has 36 characters, such as {id_text(bytes(16))}"
    with pytest.raises(ValueError, match=f"^{re.escape(told)}$"):
        id_bytes(text)


def test_a_position_reads_back_from_its_text() -> None:
    assert str(Position(3, 42)) == "3:42"
    assert Position.parse("3:42") == Position(3, 42)


@pytest.mark.parametrize("text", ["", "3", "3:", ":42", "3:-1", "x:1", "1:x", "1:2:3", "3;42"])
def test_what_is_no_position_is_told_with_an_example(text: str) -> None:
    told = f"{text!r} is no position: it should look like 0:42"
    with pytest.raises(ValueError, match=f"^{re.escape(told)}$"):
        Position.parse(text)


def test_the_id_of_a_consequence_comes_from_cause_cube_and_kind() -> None:
    made = caused_id(RAW, RAW, Kind.MERGED)
    assert made == as_uuid(sha256(b"memos/caused/v1\n" + RAW + RAW + b"\x07").digest())
    others = [
        caused_id(bytes(16), RAW, Kind.MERGED),
        caused_id(RAW, bytes(16), Kind.MERGED),
        caused_id(RAW, RAW, Kind.ERASED),
    ]
    assert made not in others


def test_a_digest_as_an_id_is_a_uuid_of_version_8() -> None:
    made = as_uuid(b"\xff" * 32)
    assert id_text(made) == "ffffffff-ffff-8fff-bfff-ffffffffffff"
    assert id_text(as_uuid(bytes(16))) == "00000000-0000-8000-8000-000000000000"


def test_an_event_of_a_newer_release_says_what_to_do() -> None:
    told = (
        "this event has schema 9.8, newer than the 1.4 that this release of MemOS reads; upgrade "
        "MemOS, nothing was skipped"
    )
    assert str(TooNew(9, 8)) == told


def test_what_decodes_to_no_event_is_told() -> None:
    for field in ("event_id", "cube_id"):
        short = generated(1)
        setattr(short, field, b"short")
        with pytest.raises(Undecodable) as refused:
            decode(short.SerializeToString())
        assert str(refused.value) == (
            "the bytes decode, but not to an event with ids and a kind's own facts"
        )
    with pytest.raises(Undecodable, match=r"^the bytes are no event: "):
        decode(b"\xff")
    unknown = generated(1)
    unknown.kind = 99  # type: ignore[assignment]
    unknown.ClearField("generated")
    with pytest.raises(Undecodable):
        decode(unknown.SerializeToString())


def told(built: Event) -> str:
    """Why the bytes of an event are none; empty where they are one."""
    try:
        decode(built.SerializeToString())
    except Undecodable as error:
        return str(error)
    return ""


TOO_MUCH = "the event holds what no store can keep: a key too long, a number too big"


@pytest.mark.parametrize(("version", "reason"), [(2**63 - 1, ""), (2**63, TOO_MUCH)])
def test_a_number_that_no_store_can_keep_makes_no_event(version: int, reason: str) -> None:
    composed, linked = generated(1), generated(1)
    composed.composed_from = version
    for at in (1, version, 2):
        linked.edges.add().other.version = at
    assert (told(composed), told(linked)) == (reason, reason)


@pytest.mark.parametrize("key", ["scope", "actor", "tenant", "operation_id"])
@pytest.mark.parametrize(("length", "reason"), [(16_000, ""), (16_001, TOO_MUCH)])
def test_a_key_that_no_store_can_keep_makes_no_event(key: str, length: int, reason: str) -> None:
    built = generated(1)
    setattr(built, key, b"k" * length if key == "operation_id" else "k" * length)
    assert told(built) == reason
