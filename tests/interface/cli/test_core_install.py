"""The library and the command line start with what a plain install brings: no package of an extra."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from memos import Memory

PROGRAM = """
import importlib, json, sys
before = set(sys.modules)
module = importlib.import_module(sys.argv[1])
for name in getattr(module, "__all__", ()):
    getattr(module, name)
print(json.dumps(sorted({name.partition(".")[0] for name in set(sys.modules) - before})))
"""


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def needed_by(name: str) -> set[str]:
    """A distribution and all that it needs, without its extras."""
    needed: set[str] = set()
    waiting = [normalised(name)]
    while waiting:
        name = waiting.pop()
        if name in needed:
            continue
        needed.add(name)
        waiting += [
            normalised(requirement.name)
            for requirement in map(Requirement, distribution(name).requires or ())
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        ]
    return needed


@pytest.mark.parametrize("module", ["memos", "memos.interface.cli", "memos.interface.demo"])
def test_what_is_imported_comes_with_a_plain_install(module: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, module], capture_output=True, text=True, check=True
    )
    installed = packages_distributions()
    core = needed_by("memos-ledger")
    of_extras = {
        name: found
        for name in json.loads(ran.stdout)
        if (found := [normalised(each) for each in installed.get(name, ())])
        and not core.intersection(found)
    }
    assert of_extras == {}


STARTED = """
import json, sys
from memos.interface.cli import run
try:
    run(sys.argv[1:])
except SystemExit:
    pass
sys.stderr.write(json.dumps(sorted(sys.modules)))
"""


def loaded_by(line: tuple[str, ...], directory: Path) -> set[str]:
    """The modules that a command on a vault has loaded when it ends."""
    vault = directory / "one.vault"
    Memory(vault).close()
    ran = subprocess.run(
        [sys.executable, "-c", STARTED, *line],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "MEMOS_VAULT": str(vault)},
    )
    return set(json.loads(ran.stderr[ran.stderr.index("[") :]))


@pytest.mark.parametrize(
    "line",
    [("--version",), ("add", "Tea.", "--scope", "acme"), ("stats",), ("events",), ("get", "0000")],
)
def test_a_command_starts_without_what_it_does_not_need(
    line: tuple[str, ...], tmp_path: Path
) -> None:
    loaded = loaded_by(line, tmp_path)
    unneeded = {"numpy", "rich.console", "pydantic", "memos.operation.search.search"}
    assert loaded & unneeded == set()
    assert "memos.interface.cli.transfer" not in loaded


def test_what_shows_what_is_there_starts_without_what_changes_it_and_reads_queries(
    tmp_path: Path,
) -> None:
    loaded = loaded_by(("list", "--scope", "acme"), tmp_path)
    unneeded = {"memos.operation.commands", "memos.language.english.windows", "tomllib", "numpy.ma"}
    assert loaded & unneeded == set()


def test_the_release_is_told_without_all_that_reads_a_command_line(tmp_path: Path) -> None:
    loaded = loaded_by(("--version",), tmp_path)
    assert loaded & {"typer", "google.protobuf", "memos.interface.memory"} == set()


def test_a_name_of_the_package_is_imported_when_it_is_asked_for() -> None:
    program = "import memos, sys; memos.MemosError; print(*sorted(sys.modules), sep='\\n')"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    ours = [name for name in ran.stdout.split() if name.startswith("memos.")]
    assert ours == ["memos.kernel", "memos.kernel.errors"]
