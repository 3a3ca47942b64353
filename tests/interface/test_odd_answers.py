"""What callers' own functions, governors, numbers and files may give: a result, or a typed error."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memos import InvalidInput, MemCube, Memory, Refused
from memos.infrastructure.governance.decision import Decision, Filter
from tests.interface.odd import Hostile


def words(text: str) -> int:
    return len(text.split())


class NeverTheSame:
    """Counts more tokens each time."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, text: str) -> int:
        self.count += 1
        return self.count


COUNTERS: dict[str, Callable[[str], Any]] = {
    "more than there are": lambda text: words(text) + 200,
    "always too many": lambda text: 10**9,
    "more of a whole than of its lines": lambda text: words(text) ** 3,
    "only of a whole": lambda text: 10**9 if "zebra" in text and "</" in text else 0,
    "nothing": lambda text: 0,
    "never the same": NeverTheSame(),
    "a number of numpy": lambda text: np.int64(words(text)),
    "digits without end": lambda text: 10**5000,
}


@pytest.mark.parametrize("name", COUNTERS)
def test_a_block_is_within_its_budget_whatever_counts(memory: Memory, name: str) -> None:
    for n in range(3):
        memory.add(f"zebra {n}", scope="acme")
    block = memory.context("zebra", scope="acme", budget_tokens=100, count_tokens=COUNTERS[name])
    assert 0 <= block.tokens <= 100
    assert len(block.citations) + len(block.left_out) == 3
    assert bool(block.text) == bool(block.citations)
    memory.route("zebra", scope="acme", budget_tokens=100, count_tokens=COUNTERS[name])


@pytest.mark.parametrize(
    "said",
    [None, True, -1, 1.5, "9", np.float64(3), np.arange(3), Hostile(), np.int64(-1)],
    ids=range(9),
)
def test_a_counter_that_gives_no_count_is_told(memory: Memory, said: Any) -> None:
    memory.add("zebra", scope="acme")
    for call in (memory.context, memory.route):
        with pytest.raises(InvalidInput, match="count_tokens gives how many"):
            call("zebra", scope="acme", budget_tokens=100, count_tokens=lambda text: said)


class Odd(float):
    """A number that refuses to be compared."""

    def _refuse(self, *_: object) -> Any:
        raise RuntimeError("this number refuses")

    __eq__ = __lt__ = __gt__ = __le__ = __ge__ = __repr__ = _refuse
    __hash__ = float.__hash__


class OddInt(int):
    """The same, of a whole one."""

    def _refuse(self, *_: object) -> Any:
        raise RuntimeError("this number refuses")

    __eq__ = __lt__ = __gt__ = __le__ = __ge__ = __repr__ = _refuse
    __hash__ = int.__hash__


NUMBERS: list[Any] = [np.float64(2.5), Odd(2.5), OddInt(2)]
KEPT = [[], {}, None, "text", True, 10**400, -(10**400), 2.5, 2, [2.5], {"a": 2.5}]


@pytest.mark.parametrize(
    "operator", ["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin", "contains"]
)
@pytest.mark.parametrize("number", NUMBERS, ids=["numpy", "odd", "odd int"])
def test_a_number_of_any_class_compares_as_the_plain_one(
    memory: Memory, operator: str, number: float
) -> None:
    for value in KEPT:
        memory.add("zebra", scope="acme", metadata={"v": value})
    plain = int.__int__(number) if isinstance(number, int) else float.__float__(number)

    def found(operand: float) -> list[str]:
        condition = {"metadata.v": {operator: [operand] if operator.endswith("in") else operand}}
        hits = memory.search("zebra", scope="acme", filter=condition, k=50)
        return sorted(hit.cube_id for hit in hits)

    assert found(number) == found(plain)


@pytest.mark.parametrize("number", NUMBERS, ids=["numpy", "odd", "odd int"])
def test_a_number_of_any_class_is_kept_as_the_plain_one(memory: Memory, number: Any) -> None:
    added = memory.add("x", scope="acme", metadata={"v": number, "w": [number, {"u": number}]})
    cube = memory.get(added.cube_id)
    assert isinstance(cube, MemCube)
    plain = int.__int__(number) if isinstance(number, int) else float.__float__(number)
    assert cube.metadata == {"v": plain, "w": [plain, {"u": plain}]}
    assert type(cube.metadata["v"]) is type(plain)


@pytest.mark.parametrize("value", [np.int64(3), np.float32(1.5), np.bool_(True), np.arange(3)])
def test_what_is_no_number_of_python_is_refused(memory: Memory, value: Any) -> None:
    with pytest.raises(InvalidInput):
        memory.add("x", scope="acme", metadata={"v": value})
    with pytest.raises(InvalidInput):
        memory.search("x", scope="acme", filter={"metadata.v": {"eq": value}})


class Answers:
    """A governor that answers whatever it was given."""

    def __init__(self, decision: Any, said: Any = None, digest: Any = b"odd") -> None:
        self._decision = decision
        self._said = said
        self.digest = digest

    def decide(self, *_: object) -> Any:
        return self._decision

    def filter(self, *_: object) -> Any:
        return self._said


YES = Decision(True, "yes")
NO_DECISIONS: list[Any] = [
    None,
    True,
    "yes",
    (True, "yes", ""),
    {"allowed": True},
    Hostile(),
    Decision("yes", "rule"),  # type: ignore[arg-type]
    Decision(1, "rule"),  # type: ignore[arg-type]
    Decision(True, None),  # type: ignore[arg-type]
    Decision(False, "rule", None),  # type: ignore[arg-type]
]
NO_FILTERS: list[Any] = [
    True,
    "yes",
    (True, True),
    Filter("yes"),  # type: ignore[arg-type]
    Filter(True, 1),  # type: ignore[arg-type]
    Hostile(),
]
DOORS: Mapping[str, Callable[[Memory, str], object]] = {
    "add": lambda memory, cube: memory.add("more", scope="acme"),
    "get": lambda memory, cube: memory.get(cube),
    "search": lambda memory, cube: memory.search("zebra", scope="acme"),
    "freeze": lambda memory, cube: memory.freeze(cube),
    "erase": lambda memory, cube: memory.erase(cube_id=cube),
    "sweep": lambda memory, cube: memory.sweep(),
    "rollback": lambda memory, cube: memory.rollback(source="web"),
}


@pytest.mark.parametrize("decision", NO_DECISIONS, ids=range(len(NO_DECISIONS)))
def test_an_answer_that_is_no_decision_is_told_and_nothing_is_done(
    vault: Path, decision: Any
) -> None:
    with Memory(vault, actor="agent:alice") as memory:
        cube = memory.add("zebra", scope="acme", source="web").cube_id
        digest = memory.digest()
    with Memory(vault, actor="agent:alice", governor=Answers(decision)) as governed:
        for call in DOORS.values():
            with pytest.raises(InvalidInput, match="decide must answer with a Decision"):
                call(governed, cube)
    with Memory(vault, actor="agent:alice") as memory:
        assert memory.digest() == digest


@pytest.mark.parametrize("said", NO_FILTERS, ids=range(len(NO_FILTERS)))
def test_an_answer_that_is_no_filter_is_told(vault: Path, said: Any) -> None:
    with Memory(vault, actor="agent:alice") as memory:
        memory.add("zebra", scope="acme")
    with (
        Memory(vault, actor="agent:alice", governor=Answers(YES, said)) as governed,
        pytest.raises(InvalidInput, match="filter must answer with a Filter"),
    ):
        governed.search("zebra", scope="acme")
    with Memory(vault, actor="agent:alice", governor=Answers(YES, None)) as governed:
        assert governed.search("zebra", scope="acme")


@pytest.mark.parametrize("digest", [None, "text", 5])
def test_a_digest_that_becomes_none_is_told_and_nothing_is_written(
    vault: Path, digest: Any
) -> None:
    governor = Answers(YES)
    with Memory(vault, actor="agent:alice", governor=governor) as governed:
        governor.digest = digest
        with pytest.raises(InvalidInput, match="digest must be bytes"):
            governed.add("zebra", scope="acme")
        governor.digest = b"odd"
        assert governed.stats().events == 0


def test_a_folder_with_links_queues_and_folders_is_imported_as_far_as_it_is_files(
    memory: Memory, tmp_path: Path
) -> None:
    folder = tmp_path / "notes"
    (folder / "folder.md").mkdir(parents=True)
    (folder / "folder.md" / "in.md").write_text("inside")
    (folder / "good.md").write_text("good")
    (folder / "also.md").symlink_to("good.md")
    (folder / "loop.md").symlink_to("loop.md")
    (folder / "one.md").symlink_to("two.md")
    (folder / "two.md").symlink_to("one.md")
    (folder / "gone.md").symlink_to("nothing.md")
    (folder / "up").symlink_to(".")
    os.mkfifo(folder / "queue.md")
    report = memory.import_file(folder, scope="acme/i")
    assert report.added == 3
    left = [name.partition(":")[0] for name in report.skipped]
    assert left == ["gone.md", "loop.md", "one.md", "queue.md", "two.md"]


@pytest.mark.parametrize("name", ["queue.md", "queue.json", "queue.jsonl", "queue"])
@pytest.mark.parametrize("form", ["auto", "markdown", "jsonl", "messages", "mem0", "locomo"])
def test_a_queue_or_a_device_is_no_file_to_import_or_load(
    memory: Memory, tmp_path: Path, name: str, form: str
) -> None:
    os.mkfifo(tmp_path / name)
    (tmp_path / f"zero-{name}").symlink_to("/dev/zero")
    for path in (tmp_path / name, tmp_path / f"zero-{name}"):
        with pytest.raises(Refused):
            memory.import_file(path, scope="acme/i", format=form)
    with pytest.raises(Refused, match="a queue"):
        memory.import_export(tmp_path / name)
    assert memory.stats().events == 0
