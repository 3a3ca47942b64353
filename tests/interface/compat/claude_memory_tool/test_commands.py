"""The six commands beside Anthropic's own implementation on files: what one answers, the other does."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import pytest
from anthropic.lib.tools import ToolError
from anthropic.tools import BetaLocalFilesystemMemoryTool

from memos import Memory
from memos.compat.anthropic import AsyncMemoryTool, MemoryTool

SCOPE = "acme/claude"
ROOT = "/memories"
LINES = "one\ntwo\nthree\n"
SIZE_OF_FOLDER = re.compile(r"^[0-9.]+[BKMG]\t(/memories|\S+/)$", re.MULTILINE)
"""A disk counts its own blocks for a folder, and a tree the bytes of its files."""

Call = Callable[..., str]


@pytest.fixture
def memory(tmp_path: Path) -> Any:
    with Memory(tmp_path / "test.vault", actor="agent:claude") as opened:
        yield opened


@pytest.fixture
def call(memory: Memory) -> Call:
    return caller(MemoryTool(memory, scope=SCOPE))


def caller(tool: Any) -> Call:
    def call(command: str, **arguments: Any) -> str:
        try:
            return str(tool.call({"command": command, **arguments}))
        except ToolError as error:
            return f"error: {error}"

    return call


def at(name: str) -> str:
    return f"{ROOT}/{name}"


SCRIPT: tuple[dict[str, Any], ...] = (
    {"command": "view", "path": ROOT},
    {"command": "create", "path": at("a.txt"), "file_text": LINES},
    {"command": "create", "path": at("a.txt"), "file_text": "other"},
    {"command": "create", "path": at("empty"), "file_text": ""},
    {"command": "view", "path": at("empty")},
    {"command": "insert", "path": at("empty"), "insert_line": 0, "insert_text": "filled"},
    {"command": "view", "path": at("empty")},
    {"command": "str_replace", "path": at("empty"), "old_str": "filled\n", "new_str": ""},
    {"command": "view", "path": at("empty")},
    {"command": "create", "path": at("notes/deep/er/file"), "file_text": "x" * 1500},
    {"command": "create", "path": at("notes/.hidden"), "file_text": "y"},
    {"command": "view", "path": ROOT},
    {"command": "view", "path": at("a.txt")},
    {"command": "view", "path": at("a.txt"), "view_range": [2, 3]},
    {"command": "view", "path": at("a.txt"), "view_range": [2, -1]},
    {"command": "view", "path": at("a.txt"), "view_range": [9, 12]},
    {"command": "view", "path": at("nothing")},
    {"command": "str_replace", "path": at("a.txt"), "old_str": "two", "new_str": "2\n2"},
    {"command": "str_replace", "path": at("a.txt"), "old_str": "two", "new_str": "2"},
    {"command": "str_replace", "path": at("a.txt"), "old_str": "2", "new_str": "3"},
    {"command": "str_replace", "path": at("notes"), "old_str": "2", "new_str": "3"},
    {"command": "str_replace", "path": at("nothing"), "old_str": "2", "new_str": "3"},
    {"command": "insert", "path": at("a.txt"), "insert_line": 0, "insert_text": "zero\n"},
    {"command": "insert", "path": at("a.txt"), "insert_line": 99, "insert_text": "z"},
    {"command": "insert", "path": at("a.txt"), "insert_line": -1, "insert_text": "z"},
    {"command": "insert", "path": at("a.txt"), "insert_line": 5, "insert_text": "end"},
    {"command": "insert", "path": at("nothing"), "insert_line": 0, "insert_text": "z"},
    {"command": "view", "path": at("a.txt")},
    {"command": "rename", "old_path": at("a.txt"), "new_path": at("notes/b.txt")},
    {"command": "view", "path": at("a.txt")},
    {"command": "rename", "old_path": at("a.txt"), "new_path": at("notes/b.txt")},
    {"command": "rename", "old_path": at("nothing"), "new_path": at("else")},
    {"command": "rename", "old_path": at("notes"), "new_path": at("moved")},
    {"command": "view", "path": at("moved/b.txt")},
    {"command": "rename", "old_path": ROOT, "new_path": at("else")},
    {"command": "delete", "path": at("moved/deep")},
    {"command": "delete", "path": at("moved/deep")},
    {"command": "delete", "path": at("moved/b.txt")},
    {"command": "delete", "path": ROOT},
    {"command": "create", "path": at("moved/b.txt"), "file_text": "anew"},
    {"command": "view", "path": at("moved/b.txt")},
    {"command": "view", "path": "/etc"},
    {"command": "view", "path": ROOT},
)


def test_every_answer_is_that_of_anthropics_implementation(call: Call, tmp_path: Path) -> None:
    on_files = caller(BetaLocalFilesystemMemoryTool(str(tmp_path)))
    for step in SCRIPT:
        told, expected = (
            SIZE_OF_FOLDER.sub(r"\1", each(**step)).replace("'", "") for each in (call, on_files)
        )
        assert told == expected.replace("'", ""), step


LEADING_AWAY = (
    "/memories/../secret", "/memories/a/../../secret", "/memories/..", "/memories/./a",
    "/etc/passwd", "memories/a", "/memoriesx/a", "", "/", "~/a", "C:\\memories\\a",
    "/memories/%2e%2e/a", "/memories/%2e%2e%2fa", "/memories/..%2f..%2fa", "/memories/%252e%252e/a",
    "/memories/..%c0%af", "/memories/\uff0e\uff0e/a", "/memories/\u2025/a", "/memories/a\\..\\b",
    "/memories/a%5c..%5cb", "/memories/a\0.txt", "/memories/a%00", "/memories/a\nb",
    "/memories/\x1b[2J", "/memories//a", "/memories/ ../a", "/memories/a /b", "/memories/\ud800",
    "/memories/.\u200b./a", "/memories/.\u200d./a", "/memories/\u202etxt.a", "/memories/%u002e%u002e/a",
    "/memories/" + "a" * 2000, "/MEMORIES/a", "file:///memories/a", "/memories/a/\u2028",
)  # fmt: skip


def test_a_path_that_leads_elsewhere_or_hides_it_is_refused_by_every_command(
    call: Call, memory: Memory
) -> None:
    call("create", path=at("a"), file_text="text")
    for path in LEADING_AWAY:
        for arguments in (
            {"command": "view", "path": path},
            {"command": "create", "path": path, "file_text": "x"},
            {"command": "str_replace", "path": path, "old_str": "text", "new_str": "x"},
            {"command": "insert", "path": path, "insert_line": 0, "insert_text": "x"},
            {"command": "delete", "path": path},
            {"command": "rename", "old_path": path, "new_path": at("b")},
            {"command": "rename", "old_path": at("a"), "new_path": path},
        ):
            assert call(**arguments).startswith("error: "), arguments
    assert [(cube.metadata["path"], cube.text) for cube in memory.list()] == [(at("a"), "text")]


def test_other_names_are_names(call: Call) -> None:
    for name in (
        "na\u00efve.md",
        "\u65e5\u672c.txt",
        "a b.txt",
        "100%.txt",
        "\U0001f469\u200d\U0001f52c",
        "x%20y",
        "a.b..c",
    ):
        assert call("create", path=at(name), file_text="x").startswith("File created")
        assert at(name) in call("view", path=ROOT)


NO_PARAMETERS: tuple[dict[str, Any], ...] = (
    {"command": "create", "path": at("b"), "file_text": "half \ud83d"},
    {"command": "create", "path": at("b"), "file_text": None},
    {"command": "create", "path": at("b"), "file_text": 5},
    {"command": "str_replace", "path": at("a"), "old_str": None, "new_str": "x"},
    {"command": "str_replace", "path": at("a"), "old_str": "text", "new_str": 5},
    {"command": "str_replace", "path": at("a"), "old_str": "text", "new_str": "\ud83d"},
    {"command": "insert", "path": at("a"), "insert_line": 1.5, "insert_text": "x"},
    {"command": "insert", "path": at("a"), "insert_line": 0, "insert_text": None},
    {"command": "view", "path": at("a"), "view_range": "ab"},
    {"command": "view", "path": at("a"), "view_range": [1, "b"]},
)


@pytest.mark.parametrize("arguments", NO_PARAMETERS)
def test_what_is_no_parameter_is_refused_in_words(
    call: Call, memory: Memory, arguments: dict[str, Any]
) -> None:
    call("create", path=at("a"), file_text="text")
    assert call(**arguments).startswith("error: ")
    assert [cube.text for cube in memory.list()] == ["text"]


def test_a_file_that_others_wrote_with_half_a_pair_is_shown(call: Call, memory: Memory) -> None:
    memory.add("half \ud83d", scope=SCOPE, metadata={"path": at("a")})
    assert at("a") in call("view", path=ROOT)
    assert call("view", path=at("a")).endswith("half ?")
    assert "edited" in call("str_replace", path=at("a"), old_str="half", new_str="whole")


def test_what_lies_in_a_file_and_a_folder_in_itself_are_refused(call: Call) -> None:
    call("create", path=at("file"), file_text="x")
    call("create", path=at("folder/file"), file_text="x")
    assert "is a file" in call("create", path=at("file/inner"), file_text="y")
    assert "already exists" in call("create", path=at("folder"), file_text="y")
    assert "into itself" in call("rename", old_path=at("folder"), new_path=at("folder/folder"))
    assert "is a file" in call("rename", old_path=at("folder"), new_path=at("file/folder"))
    assert "already exists" in call("rename", old_path=at("file"), new_path=at("folder"))


def test_every_edit_is_a_version_and_a_deleted_file_can_be_brought_back(
    call: Call, memory: Memory
) -> None:
    call("create", path=at("a"), file_text=LINES)
    call("str_replace", path=at("a"), old_str="two", new_str="2")
    call("insert", path=at("a"), insert_line=3, insert_text="four")
    call("rename", old_path=at("a"), new_path=at("b"))
    (cube,) = memory.list(scope=SCOPE)
    assert cube.version == 4
    call("delete", path=at("b"))
    assert call("view", path=at("b")).endswith("does not exist. Please provide a valid path.")
    memory.restore(cube.cube_id)
    assert call("view", path=at("b")).endswith("4\tfour\n     5\t")
    memory.rollback(cube.cube_id, to_version=1)
    assert "two" in call("view", path=at("a"))
    texts = [change.text for change in memory.history(cube.cube_id)]
    assert texts[:3] == [LINES, "one\n2\nthree\n", "one\n2\nthree\nfour\n"]


def test_a_file_that_changed_since_it_was_read_is_not_overwritten(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = MemoryTool(memory, scope=SCOPE)
    call = caller(tool)
    call("create", path=at("a"), file_text=LINES)
    (cube,) = memory.list(scope=SCOPE)
    update = Memory.update

    def another_comes_first(self: Memory, cube_id: str, *args: Any, **kwargs: Any) -> Any:
        update(self, cube_id, "another's")
        return update(self, cube_id, *args, **kwargs)

    monkeypatch.setattr(Memory, "update", another_comes_first)
    assert "changed meanwhile" in call("str_replace", path=at("a"), old_str="two", new_str="2")
    monkeypatch.undo()
    assert memory.get(cube.cube_id).text == "another's"  # type: ignore[union-attr]


def test_of_two_writers_that_make_one_path_at_once_one_is_refused(memory: Memory) -> None:
    ready = threading.Barrier(4)
    told: list[str] = []

    def make(number: int) -> None:
        call = caller(MemoryTool(memory, scope=SCOPE))
        ready.wait()
        told.append(call("create", path=at("a"), file_text=f"writer {number}"))

    writers = [threading.Thread(target=make, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sum(each.startswith("File created") for each in told) == 1
    assert sum("already exists" in each for each in told) == 3
    assert memory.count(scope=SCOPE) == 1


def test_what_another_actor_may_not_read_is_not_in_their_tree(memory: Memory) -> None:
    caller(MemoryTool(memory, scope=SCOPE))("create", path=at("a"), file_text="x")
    (cube,) = memory.list(scope=SCOPE)
    memory.set_header(cube.cube_id, readers=["agent:claude"])
    theirs = caller(MemoryTool(memory.as_actor("agent:bob", tenant="acme"), scope=SCOPE))
    assert "/a" not in theirs("view", path=ROOT)
    assert "does not exist" in theirs("delete", path=at("a"))


def test_clearing_puts_every_file_out_of_sight_and_the_tool_names_itself(
    call: Call, memory: Memory
) -> None:
    tool = MemoryTool(memory, scope=SCOPE, cache_control={"type": "ephemeral"})
    call("create", path=at("a"), file_text="x")
    call("create", path=at("b/c"), file_text="x")
    assert tool.clear_all_memory() == "All memory cleared"
    assert tool.clear_all_memory() == "All memory cleared"
    assert memory.count(scope=SCOPE) == 0
    assert tool.to_dict() == {
        "type": "memory_20250818", "name": "memory", "cache_control": {"type": "ephemeral"},
    }  # fmt: skip


def test_the_asynchronous_tool_does_the_same(memory: Memory) -> None:
    async def main() -> None:
        tool = AsyncMemoryTool(memory, scope=SCOPE)
        for step in SCRIPT:
            with suppress(ToolError):
                await tool.call(step)
        assert await tool.clear_all_memory() == "All memory cleared"

    anyio.run(main)
    paths = {cube.metadata["path"] for cube in memory.list(scope=SCOPE, state="Archived")}
    assert at("moved/b.txt") in paths
