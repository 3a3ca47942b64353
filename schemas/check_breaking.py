"""Refuses a schema change after which an event already written would no longer read the same.

`python -m schemas.check_breaking` compares schemas/memos with the released descriptor set in
schemas/golden/descriptors.binpb; `--release` adds what is new to that set. The rules are those of
the protobuf language guide, "Updating a Message Type", and stricter in two points: names are part
of the contract (exports and `--json` show them), and what is released can only be removed by
reserving both its number and its name.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    EnumValueDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorSet,
)

from schemas.generate import SCHEMAS, SchemaError, protoc

RELEASED = SCHEMAS / "golden" / "descriptors.binpb"

Composite = DescriptorProto | EnumDescriptorProto
Member = FieldDescriptorProto | EnumValueDescriptorProto


def compile_schemas(schemas: Path) -> FileDescriptorSet:
    """Return the descriptors of every schema under `schemas`.

    Raises:
        SchemaError: protoc found a fault in a schema.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "descriptors.binpb"
        protoc(schemas, "--descriptor_set_out", str(out))
        return FileDescriptorSet.FromString(out.read_bytes())


def breaking_changes(released: FileDescriptorSet, current: FileDescriptorSet) -> list[str]:
    """Return one sentence for each change from `released` to `current` that breaks old events."""
    return [*_syntax_changes(released, current), *_type_changes(released, current)]


def _syntax_changes(released: FileDescriptorSet, current: FileDescriptorSet) -> Iterator[str]:
    now = {file.name: file for file in current.file}
    for file in released.file:
        # A file may be split or renamed: its types are compared by their full names.
        if file.name in now and now[file.name].syntax != file.syntax:
            yield f"{file.name}: syntax changed from {file.syntax} to {now[file.name].syntax}"


def _type_changes(released: FileDescriptorSet, current: FileDescriptorSet) -> Iterator[str]:
    now = dict(_types(current))
    for name, old in _types(released):
        new = now.get(name)
        if new is None:
            yield f"{name}: removed"
        elif isinstance(old, DescriptorProto) and isinstance(new, DescriptorProto):
            yield from _message_changes(name, old, new)
        elif isinstance(old, EnumDescriptorProto) and isinstance(new, EnumDescriptorProto):
            yield from _enum_changes(name, old, new)
        else:
            yield f"{name}: a message became an enum, or an enum a message"


def _types(descriptors: FileDescriptorSet) -> Iterator[tuple[str, Composite]]:
    """Yield every message and enum, nested ones too, with its full name."""
    for file in descriptors.file:
        for enum in file.enum_type:
            yield f"{file.package}.{enum.name}", enum
        for message in file.message_type:
            yield from _nested(f"{file.package}.{message.name}", message)


def _nested(name: str, message: DescriptorProto) -> Iterator[tuple[str, Composite]]:
    yield name, message
    for enum in message.enum_type:
        yield f"{name}.{enum.name}", enum
    for inner in message.nested_type:
        yield from _nested(f"{name}.{inner.name}", inner)


def _message_changes(name: str, old: DescriptorProto, new: DescriptorProto) -> Iterator[str]:
    yield from _reserved_changes(name, old, new)
    fields = {field.number: field for field in new.field}
    for field in old.field:
        if field.number in fields:
            before, after = _facts(field, old), _facts(fields[field.number], new)
            for fact in (fact for fact in before if before[fact] != after[fact]):
                change = f"{fact} changed from {before[fact]} to {after[fact]}"
                yield f"{name}.{field.name} = {field.number}: {change}"
        else:
            yield from _removal(name, field, new)


def _enum_changes(name: str, old: EnumDescriptorProto, new: EnumDescriptorProto) -> Iterator[str]:
    yield from _reserved_changes(name, old, new)
    for value in old.value:
        # A number may have several names, by the option allow_alias.
        names = [each.name for each in new.value if each.number == value.number]
        if not names:
            yield from _removal(name, value, new)
        elif value.name not in names:
            yield f"{name}.{value.name}: renamed to {' and '.join(names)}"


def _facts(field: FieldDescriptorProto, message: DescriptorProto) -> dict[str, str]:
    """Return what a released field keeps for ever."""
    # protoc wraps every `optional` field in a oneof of its own; that one is told as presence.
    in_oneof = field.HasField("oneof_index") and not field.proto3_optional
    return {
        "name": field.name,
        "JSON name": field.json_name,
        "type": field.type_name or FieldDescriptorProto.Type.Name(field.type)[5:].lower(),
        "label": FieldDescriptorProto.Label.Name(field.label)[6:].lower(),
        "presence": "explicit" if field.proto3_optional else "implicit",
        "oneof": message.oneof_decl[field.oneof_index].name if in_oneof else "none",
    }


def _removal(name: str, member: Member, new: Composite) -> Iterator[str]:
    missing = []
    if not _reserves(new, member.number, member.number + 1):
        missing.append(f"number {member.number}")
    if member.name not in new.reserved_name:
        missing.append(f'name "{member.name}"')
    if missing:
        yield f"{name}.{member.name}: removed, but not reserved by {' and '.join(missing)}"


def _reserved_changes(name: str, old: Composite, new: Composite) -> Iterator[str]:
    for start, end in _reserved(old):
        if not _reserves(new, start, end):
            yield f"{name}: numbers {start} to {end - 1} are no longer reserved"
    for reserved_name in sorted(set(old.reserved_name) - set(new.reserved_name)):
        yield f'{name}: name "{reserved_name}" is no longer reserved'


def _reserved(composite: Composite) -> list[tuple[int, int]]:
    """Return the reserved numbers as half-open ranges, in order."""
    # descriptor.proto ends the ranges of a message exclusively, those of an enum inclusively.
    beyond = isinstance(composite, EnumDescriptorProto)
    return sorted((each.start, each.end + beyond) for each in composite.reserved_range)


def _reserves(composite: Composite, start: int, end: int) -> bool:
    """Whether every number of [start, end) is reserved, in however many ranges."""
    for reserved_start, reserved_end in _reserved(composite):
        if reserved_start <= start:
            start = max(start, reserved_end)
    return start >= end


def main() -> int:
    """Compare, or with --release write, the released descriptor set."""
    parser = argparse.ArgumentParser(prog="python -m schemas.check_breaking", description=__doc__)
    parser.add_argument(
        "--release", action="store_true", help="add what is new to the released set"
    )
    release = parser.parse_args().release
    try:
        current = compile_schemas(SCHEMAS)
    except SchemaError as error:
        print(error, file=sys.stderr)
        return 1
    # Without a released set there is nothing yet that could break.
    released = FileDescriptorSet.FromString(RELEASED.read_bytes() if RELEASED.exists() else b"")
    broken = breaking_changes(released, current)
    for change in broken:
        print(change)
    if broken:
        return 1
    if release:
        RELEASED.parent.mkdir(exist_ok=True)
        RELEASED.write_bytes(current.SerializeToString(deterministic=True))
    elif released != current:
        print("the schemas hold what is not released: python -m schemas.check_breaking --release")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
