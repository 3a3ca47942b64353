"""A distributed vault on this machine for a benchmark: servers, settings, workers."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from memos.infrastructure.child_processes import ends_with_us
from memos.infrastructure.engine.distributed.stores import Stores
from memos.infrastructure.servers import LocalServers, cache, leased, tools, versions
from memos.infrastructure.servers.cassandra import EXPORTS, JDK, OPENS

DIRECTORY = "MEMOS_ENGINES"
PARTITIONS = 4
WAIT_SECONDS = 600
HEAP_MB = 1024  # and the commit log synced by the second, as Cassandra does by default


@contextmanager
def servers(directory: Path) -> Iterator[LocalServers]:
    """Kafka, Cassandra and Milvus: those of MEMOS_ENGINES, or new ones that end with the run."""
    named = os.environ.get(DIRECTORY)
    if named:
        running = LocalServers(named)
        running.up()
        yield running
        return
    own = LocalServers(directory / "engines", milvus="server", heap_mb=HEAP_MB, durable=False)
    with leased(own):
        own.up()
        yield own


def write_settings(engine: LocalServers, directory: Path, embedder: str = "") -> Path:
    """The settings file of a vault with names of its own.

    `embedder` is what stands in its section of that name; without it there are no vectors.
    """
    name = f"bench_{secrets.token_hex(4)}"
    host, _, port = engine.address("cassandra").rpartition(":")
    path = directory / f"{name}.toml"
    dense = (
        f'[milvus]\nuri = "{engine.address("milvus")}"\nprefix = "{name}"\n[embedder]\n{embedder}'
    )
    path.write_text(
        f"""engine = "distributed"
root_key = "{name}.key"
wait_seconds = {WAIT_SECONDS}
[kafka]
bootstrap_servers = "{engine.address("kafka")}"
prefix = "{name}"
partitions = {PARTITIONS}
[cassandra]
hosts = ["{host}"]
port = {port}
keyspace = "{name}"
replication_factor = 1
{dense if embedder else ""}"""
    )
    return path


def cpu_seconds(process: int) -> float:
    """CPU time that a process has used."""
    times = psutil.Process(process).cpu_times()
    return float(times.user + times.system)


def server_process(engine: LocalServers, name: str) -> int:
    """The process of a server."""
    return next(each.pid for each in engine.status() if each.server == name and each.pid)


def flush(engine: LocalServers) -> None:
    """Have Cassandra write to its files what it holds in memory."""
    port = next(each.ports["jmx"] for each in engine.status() if each.server == "cassandra")
    jars = cache.jars(f"cassandra-{versions.CASSANDRA}", versions.CASSANDRA_JARS)
    command = [
        tools.java("Cassandra", JDK),
        *(f"--add-exports={each}=ALL-UNNAMED" for each in EXPORTS),
        *(f"--add-opens={each}=ALL-UNNAMED" for each in OPENS),
        *("-cp", f"{jars}/*", "org.apache.cassandra.tools.NodeTool"),
        *("-h", "127.0.0.1", "-p", str(port), "flush"),
    ]
    subprocess.run(command, check=True, capture_output=True)


def position(stores: Stores, projection: str) -> int:
    """How many records a projection has taken, in all partitions."""
    return sum(at[0] for at in stores.live().vault.checkpoints(projection).values())


def catch_up(stores: Stores, projection: str) -> None:
    """Wait until a projection is where the log ends now."""
    end = sum(stores.logs.events.end().values())
    while position(stores, projection) < end:
        time.sleep(0.05)


def sizes(stores: Stores, engine: LocalServers) -> tuple[int, int]:
    """Bytes on disk of a vault's log and of its tables, flushed."""
    flush(engine)
    settings = stores.settings
    log = stored_bytes(engine.directory / "kafka", f"**/{settings.kafka.events}-*/*.log")
    tables = f"**/{settings.cassandra.keyspace}*/**/*"
    return log, stored_bytes(engine.directory / "cassandra", tables)


def stored_bytes(directory: Path, pattern: str) -> int:
    """Bytes of the files below a directory whose paths match."""
    return sum(file.stat().st_size for file in directory.glob(pattern) if file.is_file())


class Workers:
    """Worker processes of one vault, named as a supervisor would name them; what is still running is
    ended by `stop`.
    """

    def __init__(self, settings: Path) -> None:
        self._settings = settings
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []

    def running(self, name: str) -> list[subprocess.Popen[bytes]]:
        """The workers of a name."""
        return [process for each, process in self._running if each == name]

    def start(self, *names: str) -> None:
        """Start a worker of each name."""
        for name in names:
            taken = sum(process.poll() is None for process in self.running(name))
            line = [sys.executable, "-m", "streams", name, "--config", str(self._settings)]
            process = subprocess.Popen(
                ends_with_us([*line, "--instance", f"{name}-{taken}"]),
                stderr=subprocess.DEVNULL,
            )
            self._running.append((name, process))

    def stop(self) -> None:
        """End all of them, as a supervisor would."""
        for _, process in self._running:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for _, process in self._running:
            process.wait(60)
        self._running.clear()


def await_progress(position: Callable[[], int], end: int) -> tuple[int, float]:
    """Watch a position until it is at an end: how far it went after its first move, and how long.

    What comes before the first move is the start of a process, which is no part of a rate.
    """
    start = position()
    while (first := position()) == start:
        time.sleep(0.005)
    began = time.perf_counter()
    while position() < end:
        time.sleep(0.005)
    return end - first, time.perf_counter() - began
