"""The way that one call takes through a package: which functions, files and rooms it passes.

A **call** is every entry into Python code of the package by the calling thread, or by one to which it
hands work and waits for it: a function that is called, and a generator that is resumed. Code outside the package is passed over, so that the
caller of a call is the nearest function of the package below it on the stack, if any.

- *functions* are the distinct code objects entered; comprehensions, generator expressions, lambdas
  and class bodies (`<listcomp>`, `<lambda>`, ...) are no functions of their own.
- *files* are the distinct files entered.
- *rooms* are the distinct folders of those files, at most two parts deep: `kernel`,
  `infrastructure/log`.
- *switches* are the calls whose file is another one than that of the call just before.
- *climbs* are the calls of a function in a higher room by one in a lower room, rooms being ordered
  by their first part. As imports point down, what climbs was handed down: a callback, a closure, a
  generator of a higher room that a lower one consumes.

Figures are those of Python 3.11; from 3.12 on, a list comprehension is no call any more.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple

LAYERS = ("wire", "kernel", "language", "infrastructure", "operation", "interface")
"""The rooms of MemOS from the lowest to the highest."""


Profile = Callable[[FrameType, str, Any], None]
Handed = Callable[[Profile], AbstractContextManager[None]]


class Function(NamedTuple):
    """A function: its file, from the package's folder on, its qualified name and its line."""

    file: str
    name: str
    line: int

    @property
    def room(self) -> str:
        """The folder of its file, at most two parts deep; `.` for the package's own folder."""
        return Path(*Path(self.file).parent.parts[:2]).as_posix()

    @property
    def is_named(self) -> bool:
        """Whether it is a function of its own: no comprehension, lambda or class body."""
        return not self.name.endswith(">")

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.name}"


class Call(NamedTuple):
    """One call: what was called, by which function of the package, and how deep below the first."""

    function: Function
    caller: Function | None
    depth: int


class Climb(NamedTuple):
    """A function called from a lower room than its own."""

    caller: Function
    callee: Function


@dataclass(frozen=True)
class Way:
    """The calls of one traced call, in order."""

    calls: tuple[Call, ...]
    layers: tuple[str, ...] = LAYERS

    @property
    def functions(self) -> frozenset[Function]:
        """The distinct functions entered, but for comprehensions and the like."""
        return frozenset(call.function for call in self.calls if call.function.is_named)

    @property
    def files(self) -> frozenset[str]:
        """The distinct files entered."""
        return frozenset(call.function.file for call in self.calls)

    @property
    def rooms(self) -> frozenset[str]:
        """The distinct rooms entered."""
        return frozenset(call.function.room for call in self.calls)

    @property
    def switches(self) -> int:
        """How many calls are in another file than the call before."""
        files = [call.function.file for call in self.calls]
        return sum(before != after for before, after in pairwise(files))

    @property
    def climbs(self) -> Counter[Climb]:
        """The calls that enter a higher room again, and how often each was made."""
        return Counter(
            Climb(call.caller, call.function)
            for call in self.calls
            if call.caller is not None and self._height(call.function) > self._height(call.caller)
        )

    def _height(self, function: Function) -> int:
        """The layer of a function; above all of them where it is in none."""
        first = Path(function.file).parts[0]
        return self.layers.index(first) if first in self.layers else len(self.layers)

    def figures(self) -> dict[str, int]:
        """How many functions, files, rooms, switches and climbs."""
        return {
            "functions": len(self.functions),
            "files": len(self.files),
            "rooms": len(self.rooms),
            "switches": self.switches,
            "climbs": self.climbs.total(),
        }


def trace(
    package: Path,
    call: Callable[[], object],
    layers: Sequence[str] = LAYERS,
    handed: Handed = lambda _: nullcontext(),
) -> Way:
    """Run a call and follow it through the package in this folder.

    Args:
        package: the folder.
        call: what is run.
        layers: the package's, from the lowest.
        handed: what follows work handed to other threads, which are not seen else.
    """
    recorder = _Recorder(package)
    with handed(recorder), profiled(recorder):
        call()
    return Way(tuple(recorder.calls()), tuple(layers))


@contextmanager
def profiled(profile: Profile) -> Iterator[None]:
    """Have this thread's calls told."""
    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(before)


class _Recorder:
    """A profile function that keeps, for each call, the code on the stack."""

    def __init__(self, package: Path) -> None:
        self._prefix = f"{package}/"
        self._entered: list[tuple[CodeType, CodeType | None, int]] = []

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        if event != "call" or not self._is_ours(frame.f_code):
            return
        depth, caller, above = 0, None, frame.f_back
        while above is not None:
            if self._is_ours(above.f_code):
                caller = caller or above.f_code
                depth += 1
            above = above.f_back
        self._entered.append((frame.f_code, caller, depth))

    def calls(self) -> Iterator[Call]:
        """What was entered."""
        for code, caller, depth in self._entered:
            yield Call(
                self._function(code), None if caller is None else self._function(caller), depth
            )

    def _is_ours(self, code: CodeType) -> bool:
        return code.co_filename.startswith(self._prefix)

    def _function(self, code: CodeType) -> Function:
        file = code.co_filename.removeprefix(self._prefix)
        return Function(file, code.co_qualname, code.co_firstlineno)
