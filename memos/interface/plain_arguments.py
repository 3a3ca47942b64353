"""What comes in through a door is plain, before anything looks at it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from memos.interface.members import members_of
from memos.operation.plain import are_plain, plain

P = ParamSpec("P")
T = TypeVar("T")
C = TypeVar("C", bound=type)


def takes_plain_arguments(door: C) -> C:
    """A class whose public methods, and what makes one of it, are given plain texts only."""
    for name, method in members_of(door):
        if name.startswith("_") and name != "__init__":
            continue
        if isinstance(method, classmethod):
            setattr(door, name, classmethod(_plainly(method.__func__)))
        elif callable(method):
            setattr(door, name, _plainly(method))
    return door


def _plainly(method: Callable[P, T]) -> Callable[P, T]:
    @wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        if are_plain(args[1:]) and are_plain(kwargs.values()):
            return method(*args, **kwargs)
        given = {name: plain(value, name=name) for name, value in kwargs.items()}
        return method(args[0], *map(plain, args[1:]), **given)  # type: ignore[arg-type]

    return call
