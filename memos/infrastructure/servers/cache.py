"""The servers' programs, fetched once into a cache directory."""

from __future__ import annotations

import lzma
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from memos.infrastructure.cache_directory import cache_directory, made_once
from memos.infrastructure.servers import tools, versions
from memos.infrastructure.servers.errors import EngineError

CACHE_VARIABLE = "MEMOS_ENGINES_CACHE"


def directory() -> Path:
    """Where programs are kept: MEMOS_ENGINES_CACHE, else ~/.cache/memos/engines."""
    return cache_directory(CACHE_VARIABLE, "engines")


def jars(name: str, coordinates: Sequence[str]) -> Path:
    """The directory with all jars of a program. Coordinates are "group:artifact:version".

    Raises:
        MissingTool: Maven is needed and missing.
        EngineError: the download failed.
    """

    def make(into: Path) -> None:
        work = into / "work"
        work.mkdir()
        pom = work / "pom.xml"
        pom.write_text(_pom(coordinates))
        plugin = (
            f"org.apache.maven.plugins:maven-dependency-plugin:{versions.MAVEN_DEPENDENCY_PLUGIN}"
        )
        command = [tools.maven(), "-q", "-B", "-C", "-f", str(pom), f"{plugin}:copy-dependencies"]
        _run(
            [*command, "-DincludeScope=runtime", f"-DoutputDirectory={into}"], f"the jars of {name}"
        )
        shutil.rmtree(work)

    return made_once(directory(), name, make)


def milvus_server() -> Path:
    """The directory with the `milvus` program and its libraries, from the wheel `milvus`.

    Raises:
        MissingTool: there is no installer of Python packages.
        EngineError: the download failed, or the wheel does not fit this machine.
    """

    def make(into: Path) -> None:
        wheel = into / "wheel"
        command = [*tools.installer(), "--quiet", "--no-deps", "--target", str(wheel)]
        _run([*command, f"milvus=={versions.MILVUS}"], f"the Milvus server {versions.MILVUS}")
        for packed in sorted((wheel / "milvus" / "data" / "bin").glob("*.lzma")):
            program = into / packed.stem
            with lzma.open(packed) as source, program.open("wb") as target:
                shutil.copyfileobj(source, target)
            program.chmod(0o755)
        shutil.rmtree(wheel)
        if not (into / "milvus").is_file():
            raise EngineError(
                f"the wheel milvus {versions.MILVUS} holds no server for this machine"
            )

    return made_once(directory(), f"milvus-{versions.MILVUS}", make)


def _pom(coordinates: Sequence[str]) -> str:
    dependencies = []
    for coordinate in coordinates:
        group, artifact, version = coordinate.split(":")
        dependencies.append(
            f"<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>"
            f"<version>{version}</version></dependency>"
        )
    return (
        "<project><modelVersion>4.0.0</modelVersion><packaging>pom</packaging>\n"
        "<groupId>memos</groupId><artifactId>engine</artifactId><version>1</version>\n"
        f"<dependencies>{''.join(dependencies)}</dependencies>\n"
        "</project>\n"
    )


def _run(command: list[str], what: str) -> None:
    completed = subprocess.run(  # noqa: S603 # the command line is made here
        command, capture_output=True, text=True, check=False
    )
    if completed.returncode != 0:
        output = "\n".join((completed.stdout + completed.stderr).strip().splitlines()[-15:])
        raise EngineError(
            f"{what} could not be fetched: `{Path(command[0]).name}` ended with "
            f"{completed.returncode}. Check the network and its settings, or copy the cache of a machine "
            f"that has them and name it with {CACHE_VARIABLE}. It said:\n{output}"
        )
