"""Each change that would make an old event read differently is named; harmless ones pass."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorSet

from schemas import check_breaking
from schemas.check_breaking import breaking_changes, compile_schemas
from schemas.generate import ROOT, SchemaError

SCHEMA = """
syntax = "proto3";
package memos.v1;

enum Kind {
  reserved 7 to 9;
  reserved "KIND_LOST";
  KIND_UNSPECIFIED = 0;
  KIND_GENERATED = 1;
}

message Event {
  reserved 4 to 6, 10;
  reserved "payload";
  string event_id = 1;
  optional uint32 priority = 2;
  repeated string readers = 3;
  oneof body {
    bytes sealed = 7;
    string clear = 8;
  }
  map<string, string> facts = 9;
  message Edge {
    Kind kind = 1;
  }
  Edge edge = 11;
}
"""


def compiled(folder: Path, schema: str) -> FileDescriptorSet:
    path = folder / "memos" / "v1" / "event.proto"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(schema, "utf-8")
    return compile_schemas(folder)


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> FileDescriptorSet:
    return compiled(tmp_path_factory.mktemp("released"), SCHEMA)


BREAKING = [
    ("string event_id = 1;", "", 'Event.event_id: removed, but not reserved by number 1 and name "event_id"'),
    ("string event_id = 1;", "reserved 1;", 'Event.event_id: removed, but not reserved by name "event_id"'),
    ("string event_id = 1;", 'reserved "event_id";', "Event.event_id: removed, but not reserved by number 1"),
    ("string event_id = 1;", "string event_id = 20;", 'Event.event_id: removed, but not reserved by number 1 and name "event_id"'),
    ("string event_id = 1;", "bytes event_id = 1;", "Event.event_id = 1: type changed from string to bytes"),
    ("Edge edge = 11;", "Event edge = 11;", "Event.edge = 11: type changed from .memos.v1.Event.Edge to .memos.v1.Event"),
    ("string event_id = 1;", "repeated string event_id = 1;", "Event.event_id = 1: label changed from optional to repeated"),
    ("optional uint32", "uint32", "Event.priority = 2: presence changed from explicit to implicit"),
    ("string event_id = 1;", 'string event_id = 1 [json_name = "id"];', "Event.event_id = 1: JSON name changed from eventId to id"),
    ("oneof body", "oneof content", "Event.sealed = 7: oneof changed from body to content"),
    ("map<string, string>", "map<string, bytes>", "Event.FactsEntry.value = 2: type changed from string to bytes"),
    ("reserved 4 to 6, 10;", "reserved 4, 6, 10;", "Event: numbers 4 to 6 are no longer reserved"),
    ('reserved "payload";', "", 'Event: name "payload" is no longer reserved'),
    ("reserved 7 to 9;", "reserved 7 to 8;", "Kind: numbers 7 to 9 are no longer reserved"),
    ('reserved "KIND_LOST";', "", 'Kind: name "KIND_LOST" is no longer reserved'),
    ("KIND_GENERATED = 1;", "", 'Kind.KIND_GENERATED: removed, but not reserved by number 1 and name "KIND_GENERATED"'),
    ("KIND_GENERATED = 1;", "KIND_MADE = 1;", "Kind.KIND_GENERATED: renamed to KIND_MADE"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "named"), BREAKING)
def test_a_breaking_change_is_named(
    before: str, after: str, named: str, released: FileDescriptorSet, tmp_path: Path
) -> None:
    assert before in SCHEMA
    current = compiled(tmp_path, SCHEMA.replace(before, after))
    assert f"memos.v1.{named}" in breaking_changes(released, current)


def test_a_rename_is_told_with_both_names(released: FileDescriptorSet, tmp_path: Path) -> None:
    current = compiled(tmp_path, SCHEMA.replace("string event_id", "string id"))
    assert breaking_changes(released, current) == [
        "memos.v1.Event.event_id = 1: name changed from event_id to id",
        "memos.v1.Event.event_id = 1: JSON name changed from eventId to id",
    ]


HARMLESS = [
    ("", ""),
    ("string event_id = 1;", 'reserved 1; reserved "event_id";'),
    ("string event_id = 1;", "string event_id = 1; string operation_id = 12;"),
    ("reserved 4 to 6, 10;", "reserved 10, 5 to 6, 4;"),
    ("reserved 7 to 9;", "reserved 7 to 8, 9, 12;"),
    ("KIND_GENERATED = 1;", "KIND_GENERATED = 1; KIND_REVISED = 2;"),
    ("KIND_GENERATED = 1;", 'reserved 1; reserved "KIND_GENERATED";'),
    ("KIND_GENERATED = 1;", "option allow_alias = true; KIND_GENERATED = 1; KIND_MADE = 1;"),
    ("message Event", "message Access {} message Event"),
]


@pytest.mark.parametrize(("before", "after"), HARMLESS)
def test_an_addition_or_a_reserved_removal_breaks_nothing(
    before: str, after: str, released: FileDescriptorSet, tmp_path: Path
) -> None:
    assert before in SCHEMA
    current = compiled(tmp_path, SCHEMA.replace(before, after, 1))
    assert breaking_changes(released, current) == []


def remove_message(current: FileDescriptorSet) -> None:
    del current.file[0].message_type[:]


def remove_nested_message(current: FileDescriptorSet) -> None:
    del current.file[0].message_type[0].nested_type[:]


def remove_enum(current: FileDescriptorSet) -> None:
    del current.file[0].enum_type[:]


def turn_enum_into_message(current: FileDescriptorSet) -> None:
    del current.file[0].enum_type[:]
    current.file[0].message_type.add(name="Kind")


def leave_oneof(current: FileDescriptorSet) -> None:
    (field,) = [each for each in current.file[0].message_type[0].field if each.name == "clear"]
    field.ClearField("oneof_index")


def change_number_type(current: FileDescriptorSet) -> None:
    current.file[0].message_type[0].field[1].type = FieldDescriptorProto.TYPE_SINT32


def change_syntax(current: FileDescriptorSet) -> None:
    current.file[0].syntax = "proto2"


def change_package(current: FileDescriptorSet) -> None:
    current.file[0].package = "memos.v2"


@pytest.mark.parametrize(
    ("mutate", "named"),
    [
        (remove_message, "memos.v1.Event: removed"),
        (remove_nested_message, "memos.v1.Event.Edge: removed"),
        (remove_enum, "memos.v1.Kind: removed"),
        (turn_enum_into_message, "memos.v1.Kind: a message became an enum, or an enum a message"),
        (leave_oneof, "memos.v1.Event.clear = 8: oneof changed from body to none"),
        (change_number_type, "memos.v1.Event.priority = 2: type changed from uint32 to sint32"),
        (change_syntax, "memos/v1/event.proto: syntax changed from proto3 to proto2"),
        (change_package, "memos.v1.Event: removed"),
    ],
)
def test_a_mutated_descriptor_is_named(
    mutate: Callable[[FileDescriptorSet], None], named: str, released: FileDescriptorSet
) -> None:
    current = FileDescriptorSet()
    current.CopyFrom(released)
    mutate(current)
    assert named in breaking_changes(released, current)


def test_a_type_that_moves_to_another_file_is_still_found(released: FileDescriptorSet) -> None:
    current = FileDescriptorSet()
    current.CopyFrom(released)
    moved = current.file.add(name="memos/v1/kind.proto", package="memos.v1", syntax="proto3")
    moved.enum_type.extend(current.file[0].enum_type)
    del current.file[0].enum_type[:]
    assert breaking_changes(released, current) == []


def test_a_faulty_schema_is_told_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match=r"event\.proto:5:"):
        compiled(tmp_path, SCHEMA.replace("enum Kind", "enumeration Kind"))


def run_main(*arguments: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["check_breaking", *arguments])
    return check_breaking.main()


def test_a_release_adds_what_is_new_and_never_what_breaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    golden = tmp_path / "golden" / "descriptors.binpb"
    monkeypatch.setattr(check_breaking, "SCHEMAS", tmp_path)
    monkeypatch.setattr(check_breaking, "RELEASED", golden)
    compiled(tmp_path, SCHEMA)
    assert run_main(monkeypatch=monkeypatch) == 1
    assert "--release" in capsys.readouterr().out
    assert run_main("--release", monkeypatch=monkeypatch) == 0
    assert run_main(monkeypatch=monkeypatch) == 0
    first_release = golden.read_bytes()

    compiled(tmp_path, SCHEMA.replace("string event_id = 1;", ""))
    assert run_main("--release", monkeypatch=monkeypatch) == 1
    assert "memos.v1.Event.event_id: removed" in capsys.readouterr().out
    assert golden.read_bytes() == first_release

    compiled(tmp_path, SCHEMA.replace("Edge edge = 11;", "Edge edge = 11; string tenant = 12;"))
    assert run_main(monkeypatch=monkeypatch) == 1
    assert run_main("--release", monkeypatch=monkeypatch) == 0
    assert golden.read_bytes() != first_release


def test_the_check_runs_as_a_program_from_the_repository_root() -> None:
    command = [sys.executable, "-m", "schemas.check_breaking", "--help"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert "--release" in done.stdout
