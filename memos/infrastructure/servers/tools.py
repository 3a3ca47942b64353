"""The programs of this machine that the local servers need: a JDK, Maven, an installer."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from memos.infrastructure.release import pip_install
from memos.infrastructure.servers.errors import MissingTool

HOW_TO_GET = "apt-get install openjdk-17-jdk-headless maven"
OR_ELSE = "or leave the server out and give the address of one that you already have in memos.toml"


def java(server: str, majors: Sequence[int]) -> str:
    """The `java` that a server runs on: of JAVA_HOME, else of PATH.

    Raises:
        MissingTool: there is none, or not of a version that this server runs on.
    """
    home = os.environ.get("JAVA_HOME")
    program = shutil.which("java", path=str(Path(home) / "bin") if home else None)
    versions = f"{majors[0]} {'to' if isinstance(majors, range) else 'or'} {majors[-1]}"
    if program is None:
        where = f"JAVA_HOME={home} has no bin/java" if home else "no `java` on PATH"
        raise MissingTool(
            f"{server} runs on a JDK {versions}, and there is {where}: `{HOW_TO_GET}`, {OR_ELSE}"
        )
    major = _java_major(program)
    if major not in majors:
        raise MissingTool(
            f"{server} runs on a JDK {versions}, and {program} is version {major}: `{HOW_TO_GET}` and "
            f"set JAVA_HOME to it, {OR_ELSE}"
        )
    return program


@lru_cache(maxsize=8)
def _java_major(program: str) -> int:
    completed = subprocess.run(  # noqa: S603 # found by shutil.which
        [program, "-version"], capture_output=True, text=True, check=False
    )
    version = re.search(r'version "(?:1\.)?(\d+)', completed.stderr + completed.stdout)
    if version is None:
        raise MissingTool(f"{program} does not tell its version: {completed.stderr.strip()[:200]}")
    return int(version[1])


def maven() -> str:
    """Maven's `mvn`.

    Raises:
        MissingTool: it is not on PATH.
    """
    program = shutil.which("mvn")
    if program is None:
        raise MissingTool(
            f"Kafka and Cassandra are fetched with Maven, and `mvn` is not on PATH: `{HOW_TO_GET}`,"
            f" {OR_ELSE}"
        )
    return program


def installer() -> list[str]:
    """The command that installs Python packages into a directory (`--target`).

    Raises:
        MissingTool: this environment has neither uv nor pip.
    """
    beside = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if beside is not None:
        return [beside, "pip", "install", "--python", sys.executable]
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "install"]
    raise MissingTool(
        "the Milvus server is fetched from the Python index, and this environment has neither uv "
        f"nor pip: `{sys.executable} -m ensurepip`, {OR_ELSE}"
    )


def require(module: str, what: str) -> None:
    """See that a Python package is installed.

    Raises:
        MissingTool: it is not.
    """
    if importlib.util.find_spec(module) is None:
        raise MissingTool(
            f"{what} needs the Python package {module}: `{pip_install('distributed')}`"
        )
