"""The public dataclasses as pydantic models, in which OpenAPI describes the JSON that `serialise.plain`
makes of them.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import is_dataclass
from enum import Enum
from functools import cache
from inspect import getdoc
from pathlib import Path
from typing import Annotated, Any, ForwardRef, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model

from memos.kernel.event import Position

POSITION = Annotated[str, Field(pattern=r"^\d+:\d+$", examples=["0:42"])]


@cache
def model_of(shape: type) -> type[BaseModel]:
    """The model of a dataclass, or of a named tuple: the same names, in the types of JSON."""
    hints = get_type_hints(shape)
    names = getattr(shape, "_fields", None) or list(getattr(shape, "__dataclass_fields__", ()))
    fields: dict[str, Any] = {name: (_json_type(hints[name], shape), ...) for name in names}
    return create_model(
        shape.__name__,
        __config__=ConfigDict(extra="allow", protected_namespaces=()),
        __doc__=(getdoc(shape) or "").partition("\n\n")[0] or None,
        **fields,
    )


def _json_type(hint: Any, owner: type) -> Any:
    """What `plain` makes of a value of a type."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return Union[tuple(_json_type(each, owner) for each in inner)]  # noqa: UP007 - of types that are made here
    if origin is Literal:
        return hint
    if origin is tuple:
        return _json_tuple(inner, owner)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return dict[str, _json_type(inner[1], owner)]  # type: ignore[misc] # a type that is made here
    if isinstance(origin, type) and issubclass(origin, (Sequence, Set, Iterable)):
        return list[_json_type(inner[0], owner)]  # type: ignore[misc] # a type that is made here
    return _json_scalar(hint, owner)


def _json_tuple(inner: tuple[Any, ...], owner: type) -> Any:
    if len(inner) == 2 and inner[1] is Ellipsis:
        return list[_json_type(inner[0], owner)]  # type: ignore[misc] # a type that is made here
    return tuple[tuple(_json_type(each, owner) for each in inner)]  # type: ignore[misc] # a type that is made here


def _json_scalar(hint: Any, owner: type) -> Any:
    if hint is Position:
        return POSITION
    if hint is owner:  # within itself, by its name
        return ForwardRef(owner.__name__)
    if isinstance(hint, type) and issubclass(hint, (Path, Enum, bytes)):
        return str
    return model_of(hint) if is_dataclass(hint) or hasattr(hint, "_fields") else hint
