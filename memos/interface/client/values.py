"""From the JSON that `serialise.plain` makes back to the values of the API."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from cattrs import Converter

from memos.kernel.cube import Lifespan, LifespanEnd
from memos.kernel.event import Position

T = TypeVar("T")


def _lifespan(told: Mapping[str, Any], kind: type[Lifespan]) -> Lifespan:
    return kind(**{**told, "then": LifespanEnd[told["then"].upper()]})


_CONVERTER = Converter(detailed_validation=False)
_CONVERTER.register_structure_hook(datetime, lambda told, kind: datetime.fromisoformat(told))
_CONVERTER.register_structure_hook(bytes, lambda told, kind: b64decode(told))
_CONVERTER.register_structure_hook(Position, lambda told, kind: Position.parse(told))
_CONVERTER.register_structure_hook(Lifespan, _lifespan)


def value_of(kind: type[T], told: Mapping[str, Any]) -> T:
    """A dataclass of the API. Fields that it has not, being of a newer server, are passed over."""
    return _CONVERTER.structure(told, kind)
