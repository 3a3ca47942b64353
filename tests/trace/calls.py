"""The warm calls that are traced: each on a vault of its own, made through the public API."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

import memos
from memos import Memory
from memos.infrastructure.awaited import Awaited
from tests.trace.way import Profile, Way, profiled, trace

PACKAGE = Path(memos.__file__).parent
SCOPE = "acme/alice/chat-7"


def _add(memory: Memory) -> Callable[[], object]:
    """A memory with a tag, and with a time from which it was true."""
    text, start = "She likes painting too.", "2023-05-08"
    return partial(memory.add, text, scope=SCOPE, tags=("craft",), valid_from=start)


def _search(memory: Memory) -> Callable[[], object]:
    """The first search after an add, in a scope of two memories, of which it finds both."""
    scope = "acme/bob"
    memory.add("He likes pottery.", scope=scope)
    memory.search("pottery", scope=scope)
    memory.add("He sold a pottery bowl.", scope=scope)
    return partial(memory.search, "pottery", scope=scope)


def _erase(memory: Memory) -> Callable[[], object]:
    """Of a subject with one memory."""
    memory.add("He plays chess.", scope="acme/carol", subject="carol")
    return partial(memory.erase, subject="carol")


CALLS: Mapping[str, Callable[[Memory], Callable[[], object]]] = {
    "add": _add,
    "search": _search,
    "erase": _erase,
}


def way_of(name: str) -> Way:
    """Trace one of `CALLS`, warm, on a new embedded vault."""
    with (
        tempfile.TemporaryDirectory(prefix="memos-trace-") as directory,
        Memory(Path(directory) / "vault", actor="agent:alice") as memory,
    ):
        _warm(memory)
        return trace(PACKAGE, CALLS[name](memory), handed=_awaited)


@contextmanager
def _awaited(profile: Profile) -> Iterator[None]:
    """Follow what other threads do while a caller waits for it."""
    run = Awaited[object].run

    def followed(work: Awaited[object]) -> None:
        with profiled(profile):
            run(work)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Awaited, "run", followed)
        yield


def _warm(memory: Memory) -> None:
    """Use the vault, so that modules are imported, statements prepared and caches filled."""
    for number in range(5):
        text = f"She likes pottery, said friend number {number} in May 2023."
        made = memory.add(text, scope=SCOPE, tags=("craft",), source=f"web:blog/{number}")
        memory.search("pottery", scope=SCOPE)
        memory.get(made.cube_id)
        memory.update(made.cube_id, "She likes glass now.")
    memory.add("To be forgotten.", scope="acme/dave", subject="dave")
    memory.erase(subject="dave")
    memory.add("She sings.", scope=SCOPE, valid_from="2023-05-07", tags=("music",))
