from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterator, Mapping, Set
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

from tests.trace.__main__ import main
from tests.trace.calls import CALLS, way_of
from tests.trace.way import Way, trace


class Limit(NamedTuple):
    """The most that a warm call may pass."""

    functions: int
    files: int
    switches: int


LIMITS: Mapping[str, Limit] = {
    "add": Limit(177, 68, 179),
    "search": Limit(214, 74, 254),
    "erase": Limit(265, 76, 672),
}

HANDED_DOWN: Mapping[str, Set[str]] = {
    "add": frozenset(),
    "search": frozenset(),
    "erase": {
        "erase",  # to its thread
        "_ask.<locals>.ask",  # to its transaction, as the next
        "_end.<locals>.destroy",
        "_destroy.<locals>.unneeded",
        "accepted_before",  # the fold asks for the one row of an event's key
    },
}
"""What is called from below, for it was handed there; what else climbs is a fault."""

DOOR = """
from toy.kernel.rule import each, rule

def add(text):
    return [helper(text), rule(text, lambda said: callback(said))]

def helper(text):
    return text

def callback(text):
    return text

def pages():
    yield from range(3)

def search():
    return each(pages())
"""

RULE = """
def rule(text, tell):
    return [tell(text), inner(text)]

def inner(text):
    return "".join(sign for sign in text)

def each(pages):
    return sum(pages)
"""


@pytest.fixture
def toy(tmp_path: Path) -> Iterator[Path]:
    """A package of two rooms, of which the lower one is handed a function and a generator."""
    package = tmp_path / "toy"
    for room, file, text in (("kernel", "rule", RULE), ("interface", "door", DOOR)):
        (package / room).mkdir(parents=True)
        (package / room / f"{file}.py").write_text(text)
    yield package
    for name in [name for name in sys.modules if name.split(".")[0] == "toy"]:
        del sys.modules[name]


def door_of(package: Path) -> ModuleType:
    for name, file in (
        ("toy.kernel.rule", "kernel/rule"),
        ("toy.interface.door", "interface/door"),
    ):
        spec = importlib.util.spec_from_file_location(name, package / f"{file}.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules["toy.interface.door"]


def names(way: Way) -> list[str]:
    return [call.function.name.rpartition(".")[2] for call in way.calls]


def test_a_way_tells_functions_files_rooms_and_switches(toy: Path) -> None:
    door = door_of(toy)
    way = trace(toy, lambda: door.add("ab"))
    assert names(way)[:6] == ["add", "helper", "rule", "<lambda>", "callback", "inner"]
    assert {str(function).split()[1] for function in way.functions} == {
        "add",
        "helper",
        "rule",
        "callback",
        "inner",
    }
    assert way.files == {"interface/door.py", "kernel/rule.py"}
    assert way.rooms == {"interface", "kernel"}
    # Into rule, out of it into the callback, and back into inner.
    assert way.switches == 3
    assert [call.depth for call in way.calls[:6]] == [0, 1, 1, 2, 3, 2]


def test_a_climb_is_a_call_from_a_lower_room_into_a_higher(toy: Path) -> None:
    door = door_of(toy)
    way = trace(toy, lambda: door.add("ab"))
    ((climb, times),) = way.climbs.items()
    assert (climb.caller.name, climb.callee.name, times) == ("rule", "add.<locals>.<lambda>", 1)
    assert (climb.caller.room, climb.callee.room) == ("kernel", "interface")


def test_a_generator_of_a_higher_room_climbs_each_time_it_is_resumed(toy: Path) -> None:
    door = door_of(toy)
    way = trace(toy, door.search)
    ((climb, times),) = way.climbs.items()
    assert (climb.caller.name, climb.callee.name, times) == ("each", "pages", 4)
    assert way.figures() == {"functions": 3, "files": 2, "rooms": 2, "switches": 2, "climbs": 4}


def test_what_stands_outside_the_package_is_passed_over(toy: Path) -> None:
    door = door_of(toy)
    way = trace(toy / "interface", lambda: door.add("ab"))
    assert names(way) == ["add", "helper", "<lambda>", "callback"]
    assert way.calls[2].caller is not None
    assert way.calls[2].caller.name == "add"
    assert not way.climbs


def test_the_profile_function_that_was_set_before_is_set_again(toy: Path) -> None:
    def fail() -> None:
        raise KeyError

    before = sys.getprofile()
    with pytest.raises(KeyError):
        trace(toy, fail)
    assert sys.getprofile() is before


@pytest.mark.parametrize("name", CALLS)
def test_the_way_of_a_warm_call_goes_down_and_is_no_longer_than_stated(name: str) -> None:
    way = way_of(name)
    assert {climb.callee.name for climb in way.climbs} == HANDED_DOWN[name]
    measured = Limit(len(way.functions), len(way.files), way.switches)
    over = [
        f"{figure}: {count} > {most}"
        for figure, count, most in zip(Limit._fields, measured, LIMITS[name], strict=True)
        if count > most
    ]
    assert not over


def test_the_command_line_prints_figures_climbs_and_lines(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["add", "--lines"]) == 0
    printed = capsys.readouterr().out
    assert "functions" in printed
    assert "interface/" in printed
    assert main(["search", "--json", "--lines"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["figures"]["files"] == len(report["files"])
    assert report["calls"][0][0] == 0
