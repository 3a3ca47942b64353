"""What a call tells whom or what cuts it off, whatever the call is."""

from __future__ import annotations

from _imp import lock_held
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from memos.infrastructure.import_lock import give_back_import_lock
from memos.interface.members import members_of
from memos.kernel.errors import MemosError
from memos.operation.begun import is_part_of_a_call, nothing_begun, noting_begun, tell_begun

P = ParamSpec("P")
T = TypeVar("T")
C = TypeVar("C", bound=type)


def told_when_cut_off(door: C) -> C:
    """A class whose public methods tell, in a note on whatever cuts them off, what they had begun."""
    for name, method in members_of(door):
        if not name.startswith("_") and callable(method):
            setattr(door, name, _told(method))
    return door


def _told(method: Callable[P, T]) -> Callable[P, T]:
    @wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        if is_part_of_a_call():
            return method(*args, **kwargs)
        if lock_held():  # since an import of the caller's own
            give_back_import_lock()
        begun = nothing_begun()
        try:
            return noting_begun(begun).run(method, *args, **kwargs)
        except MemosError:
            raise  # it says itself what was done
        except BaseException as interrupt:
            give_back_import_lock()
            tell_begun(interrupt, method.__name__, begun)
            raise

    return call
