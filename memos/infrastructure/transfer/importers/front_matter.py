"""Front matter: YAML between `---` lines, TOML between `+++` lines, at the head of a note.

Whatever it holds becomes metadata. Where all of it together is no YAML or TOML, each field is read by
itself, and one that is none is a text.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from functools import cache
from typing import Any, NamedTuple

MAX_VALUES = 10_000
"""Aliases can make a small text very large: what has more values is kept as it was written."""
MAX_DEPTH = 50

MAX_FLAT = 200
MAX_CHARACTERS = 100_000
"""Of front matter: what is longer is text."""

_INDENT = re.compile(r"[ \t?:-]*")
_CLOSES = {"---": ("---", "..."), "+++": ("+++",)}
_FIELD = re.compile(r"([^\s:=#\-][^:=]*?)\s*(?::(?=\s|$)|=)\s*(.*)")
RAW = "front_matter"
"""The field that keeps lines that belong to no field."""


class FrontMatter(NamedTuple):
    """The fields, and how many lines they take with their marks."""

    fields: Mapping[str, Any]
    lines: int


_NONE = FrontMatter({}, 0)


def front_matter(lines: list[str]) -> FrontMatter:
    """The front matter of a note; none where its marks do not enclose fields."""
    mark = lines[0].rstrip() if lines else ""
    closes = _CLOSES.get(mark, ())
    end = next((at for at, line in enumerate(lines) if at and line.rstrip() in closes), 0)
    if not end:
        return _NONE
    held = lines[1:end]
    text = "\n".join(held)
    if not text.strip():
        return FrontMatter({}, end + 1)
    if len(text) > MAX_CHARACTERS:
        return _NONE
    read = tomllib.loads if mark == "+++" else _yaml
    try:
        given = read(text)
        fields = _Plain().fields(given) if isinstance(given, Mapping) else {}
    except (ValueError, RecursionError):
        fields = _by_fields(held, read)
    return FrontMatter(fields, end + 1) if fields else _NONE  # words between two rules


def _by_fields(lines: list[str], read: Callable[[str], Any]) -> dict[str, Any]:
    """Each field by itself, where all together are no YAML or TOML: one that is none is a text."""
    fields: dict[str, Any] = {}
    chunks: list[list[str]] = []
    for line in lines:
        if _FIELD.fullmatch(line) or not chunks:
            chunks.append([])
        chunks[-1].append(line)
    for chunk in chunks:
        match = _FIELD.fullmatch(chunk[0])
        text = "\n".join(chunk).rstrip()
        try:
            fields.update(_Plain().fields(read(text)))
        except (ValueError, RecursionError, AttributeError):  # AttributeError: it is no mapping
            name, first = (RAW, chunk[0]) if match is None else (match[1], match[2] or "")
            fields[name.strip()] = "\n".join((first, *chunk[1:])).strip()
    return fields


def _yaml(text: str) -> Any:
    """Raises ValueError where it is none."""
    import yaml

    try:
        # A subclass of the safe loader: no YAML makes an object here.
        return yaml.load(text, Loader=_loader(_is_flat(text)))  # noqa: S506
    except (yaml.YAMLError, TypeError) as error:  # TypeError: a key that is a list
        raise ValueError(str(error)) from None


def _is_flat(text: str) -> bool:
    """Whether a text nests no deeper than libyaml's reader can go, which ends the process beyond that:
    each level takes a bracket, or indentation or a mark at the start of a line.
    """
    starts = (_INDENT.match(line) for line in text.split("\n"))
    deepest = max((match.end() for match in starts if match is not None), default=0)
    return text.count("[") + text.count("{") + deepest <= MAX_FLAT


@cache
def _loader(is_flat: bool) -> Any:
    """The safe loader with the plain values of YAML 1.2, which note-taking programs write: `no` and
    `12:30` are texts.
    """
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader) if is_flat else yaml.SafeLoader
    loader: Any = type("NoteLoader", (base,), {"yaml_implicit_resolvers": {}})
    plain = {
        "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
        "int": (r"[-+]?[0-9]+", "-+0123456789"),
        "float": (r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
        "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    }
    # In this order: what is an int fits a float's pattern, too.
    for name, (pattern, first) in plain.items():
        loader.add_implicit_resolver(
            f"tag:yaml.org,2002:{name}", re.compile(f"(?:{pattern})$"), list(first)
        )
    return loader


class _Plain:
    """Makes JSON of values, and counts them."""

    def __init__(self) -> None:
        self._left = MAX_VALUES

    def fields(self, value: Mapping[Any, Any], depth: int = 0) -> dict[str, Any]:
        return {
            str(self.value(key, depth)): self.value(inner, depth) for key, inner in value.items()
        }

    def value(self, value: Any, depth: int) -> Any:
        self._left -= 1
        if self._left < 0 or depth > MAX_DEPTH:
            raise ValueError("there is too much of it")
        if isinstance(value, Mapping):
            return self.fields(value, depth + 1)
        if isinstance(value, (list, tuple, set, frozenset)):
            return [self.value(inner, depth + 1) for inner in value]
        if isinstance(value, (datetime, date, time)):
            return value.isoformat()
        is_number = isinstance(value, float) and math.isfinite(value)
        if value is None or is_number or isinstance(value, (str, bool, int)):
            return value
        return str(value)
