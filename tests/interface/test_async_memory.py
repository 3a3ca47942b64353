"""AsyncMemory has what Memory has."""

from __future__ import annotations

import asyncio
import inspect
import threading
from pathlib import Path

import pytest

from memos import AsyncMemory, InvalidInput, MemCube, Memory
from memos.interface import async_source


def public(kind: type) -> set[str]:
    return {name for name, _ in inspect.getmembers(kind) if not name.startswith("_")}


def test_the_module_is_the_one_that_memory_gives() -> None:
    assert async_source.TARGET.read_text("utf-8") == async_source.source()


def test_both_have_the_same_methods() -> None:
    assert public(AsyncMemory) - {"open", "memory"} == public(Memory)


def test_every_call_takes_what_that_of_memory_takes() -> None:
    for name in async_source.method_names():
        wanted = inspect.signature(getattr(Memory, name))
        assert inspect.signature(getattr(AsyncMemory, name)) == wanted, name


def test_an_export_is_made_loaded_and_imported_in_an_event_loop(tmp_path: Path) -> None:
    async def run() -> tuple[str, str, int]:
        async with await AsyncMemory.open(tmp_path / "one.vault", actor="agent:alice") as memory:
            await memory.add("She likes pottery.", scope="acme/alice")
            await memory.export(tmp_path / "export")
            digest = await memory.digest()
        loaded = await AsyncMemory.load(
            tmp_path / "export", tmp_path / "two.vault", actor="agent:alice"
        )
        async with loaded:
            assert loaded.path == tmp_path / "two.vault"
            assert loaded.load_report is not None
            again = await loaded.import_export(tmp_path / "export")
            return digest, await loaded.digest(), again.present

    before, after, present = asyncio.run(run())
    assert before == after
    assert present == 1


def test_as_many_calls_run_at_once_as_were_asked_for(tmp_path: Path) -> None:
    together = threading.Barrier(40, timeout=60)

    def count_tokens(text: str) -> int:
        together.wait()  # it is let go on once all forty are here
        return 1

    async def run() -> int:
        opened = AsyncMemory.open(tmp_path / "one.vault", actor="agent:alice", calls_at_once=40)
        async with await opened as memory:
            await memory.add("She likes pottery.", scope="acme")
            calls = [
                memory.context("pottery", scope="acme", count_tokens=count_tokens)
                for _ in range(40)
            ]
            return len(await asyncio.gather(*calls))

    assert asyncio.run(run()) == 40


def test_it_opens_as_memory_does_without_blocking_the_loop(tmp_path: Path) -> None:
    async def run() -> tuple[str, ...]:
        async with AsyncMemory(tmp_path / "one.vault", actor="agent:alice") as memory:
            added = await memory.add("She likes pottery.", scope="acme/alice")
        again = AsyncMemory(tmp_path / "one.vault", actor="agent:bob", create=False)
        got = await again.get(added.cube_id)
        await again.close()
        assert isinstance(got, MemCube)
        return got.text, got.owner

    assert asyncio.run(run()) == ("She likes pottery.", "agent:alice")


def test_what_is_never_called_opens_nothing(tmp_path: Path) -> None:
    unused = AsyncMemory(tmp_path / "none.vault")
    assert unused.path == tmp_path / "none.vault"
    asyncio.run(unused.close())
    assert not (tmp_path / "none.vault").exists()
    with pytest.raises(InvalidInput, match="actr"):
        AsyncMemory(tmp_path / "none.vault", actr="agent:alice")


def test_no_calls_at_once_is_an_error(tmp_path: Path) -> None:
    with (
        Memory(tmp_path / "one.vault") as memory,
        pytest.raises(InvalidInput, match="calls_at_once"),
    ):
        AsyncMemory(memory, calls_at_once=0)
