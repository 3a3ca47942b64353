"""An export, a load and an opening that are interrupted at whatever step leave nothing beside."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from memos import Memory
from memos.infrastructure import directories
from memos.infrastructure.engine.embedded import creation


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory(tmp_path / "vault", actor="agent:alice") as memory:
        memory.add("A memory.", scope="acme")
        memory.export(tmp_path / "out.tar")
        yield memory


def interrupted_once(do: Callable[..., Any], *, done: bool) -> Callable[..., Any]:
    """A step whose first call is interrupted, where it ends or (`done` is False) where it begins."""
    calls = []

    def step(*arguments: Any, **named: Any) -> Any:
        calls.append(arguments)
        if len(calls) > 1:
            return do(*arguments, **named)
        if done:
            do(*arguments, **named)
        raise KeyboardInterrupt

    return step


@pytest.mark.parametrize("done", [True, False])
@pytest.mark.parametrize(
    ("place", "step"),
    [(directories, "_lock"), (Path, "mkdir"), (shutil, "rmtree"), (creation, "_fill")],
)
def test_nothing_is_left(
    memory: Memory,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: Any,
    step: str,
    done: bool,
) -> None:
    calls: dict[str, Callable[[], Any]] = {
        "export": lambda: memory.export(tmp_path / "again.tar"),
        "import": lambda: memory.import_export(tmp_path / "out.tar"),
        "load": lambda: Memory.load(tmp_path / "out.tar", tmp_path / "loaded").close(),
        "open": lambda: Memory(tmp_path / "opened").close(),
    }
    for name, call in calls.items():
        with monkeypatch.context() as patched:
            patched.setattr(place, step, interrupted_once(getattr(place, step), done=done))
            with suppress(KeyboardInterrupt):
                call()
        left = [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]
        assert left == [], name
    assert memory.audit().ok
