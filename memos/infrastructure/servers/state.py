"""What was started in a directory, kept there: ports, settings, processes."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from memos.infrastructure.servers.errors import EngineError
from memos.infrastructure.servers.names import SERVERS, ServerName
from memos.infrastructure.servers.process import ServerProcess
from memos.infrastructure.servers.settings import ServerSettings

STATE_FILE = "engine.json"
LOCK_FILE = "engine.lock"
FORMAT = 1


@dataclass
class ServerEntry:
    """One server: its ports, how it is run, and its process of the last start."""

    ports: dict[str, int]
    settings: ServerSettings
    process: ServerProcess | None = None


@dataclass
class State:
    """All servers of one directory."""

    servers: dict[ServerName, ServerEntry] = field(default_factory=dict)


def read(directory: Path) -> State:
    """The state in a directory; empty where nothing was started there.

    Raises:
        EngineError: the file is not what this version writes.
    """
    path = directory / STATE_FILE
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        return State()
    except ValueError as error:
        raise EngineError(f"{path} cannot be read ({error}): {_MEND}") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise EngineError(f"{path} is not of format {FORMAT}: {_MEND}")
    entries = document["servers"]
    return State({name: _entry(entries[name]) for name in SERVERS if name in entries})


_MEND = (
    "end the servers that name this directory in their command line, remove the file and start "
    "again; the data stays"
)


def _entry(document: dict[str, Any]) -> ServerEntry:
    process = None if document["process"] is None else ServerProcess(**document["process"])
    return ServerEntry(dict(document["ports"]), ServerSettings(**document["settings"]), process)


def write(directory: Path, state: State) -> None:
    """Replace the state at once: a reader sees the old one or the new one."""
    path = directory / STATE_FILE
    unfinished = path.with_suffix(".new")
    servers = {name: asdict(entry) for name, entry in state.servers.items()}
    unfinished.write_text(json.dumps({"format": FORMAT, "servers": servers}, indent=1) + "\n")
    unfinished.replace(path)


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold the directory's lock: of two programs that start or stop servers, one waits."""
    descriptor = os.open(directory / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
