"""What every local server is: where it lives, how it is set up, started and asked whether it serves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from memos.infrastructure.servers import process
from memos.infrastructure.servers.names import HOST, ServerName
from memos.infrastructure.servers.settings import ServerSettings

QUOTED_LINES = 20


@dataclass(frozen=True)
class Server(ABC):
    """One server. `directory` holds all it writes; ports are by their purpose, all on `host`."""

    directory: Path
    ports: Mapping[str, int]
    settings: ServerSettings
    host: str = HOST

    name: ClassVar[ServerName]
    port_names: ClassVar[tuple[str, ...]]
    """The first is the one that clients connect to."""
    setting_names: ClassVar[tuple[str, ...]]
    """The settings that matter to it; a change of the others is ignored."""
    start_seconds: ClassVar[float]
    """It serves within this time, or has failed."""
    stop_seconds: ClassVar[float]
    """It ends within this time after SIGTERM, or is killed."""

    @property
    @abstractmethod
    def version(self) -> str:
        """The version that runs."""

    @property
    def address(self) -> str:
        """Where clients connect."""
        return f"{self.host}:{self.ports[self.port_names[0]]}"

    @property
    def log(self) -> Path:
        """Its output, of all its starts."""
        return self.directory / "log"

    @property
    def mark(self) -> str:
        """A part of its command line, by which its process is known again."""
        return str(self.directory)

    @property
    def environment(self) -> Mapping[str, str]:
        """What it needs in its environment, beside this program's."""
        return {}

    def quote(self) -> str:
        """The end of its log, for a message."""
        lines = process.tail(self.log, QUOTED_LINES)
        return f"The end of {self.log}:\n{lines}" if lines else f"{self.log} is empty"

    @abstractmethod
    def prepare(self) -> None:
        """Fetch the program where it is not here yet, and write the configuration.

        Raises:
            EngineError: it cannot be had.
        """

    @abstractmethod
    def command(self) -> list[str]:
        """The command line."""

    @abstractmethod
    def serves(self) -> bool:
        """Ask the server itself, once, whether it answers its clients."""
