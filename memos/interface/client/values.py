"""From the JSON that `serialise.plain` makes back to the values of the API."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from memos.kernel.cube import Lifespan, LifespanEnd
from memos.kernel.event import Position

if TYPE_CHECKING:
    from cattrs import Converter

T = TypeVar("T")


def value_of(kind: type[T], told: Mapping[str, Any]) -> T:
    """A dataclass of the API. Fields that it has not, being of a newer server, are passed over."""
    return _converter().structure(told, kind)


@cache
def _converter() -> Converter:
    from cattrs import Converter

    made = Converter(detailed_validation=False)
    made.register_structure_hook(datetime, lambda value, kind: datetime.fromisoformat(value))
    made.register_structure_hook(bytes, lambda value, kind: b64decode(value))
    made.register_structure_hook(Position, lambda value, kind: Position.parse(value))
    made.register_structure_hook(Lifespan, _lifespan)
    return made


def _lifespan(value: Mapping[str, Any], kind: type[Lifespan]) -> Lifespan:
    return kind(**{**value, "then": LifespanEnd[value["then"].upper()]})
