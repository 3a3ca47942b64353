"""A distributed vault for tests: its settings file, its worker processes, and its removal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import cached_property
from pathlib import Path
from secrets import token_hex
from typing import Protocol

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.child_processes import ends_with_us
from memos.infrastructure.engine.distributed.settings import DistributedSettings, load_settings
from memos.infrastructure.engine.distributed.stores import Stores
from memos.infrastructure.index.milvus.audit import SpanKey, span_keys
from memos.infrastructure.index.milvus.connection import Milvus
from memos.infrastructure.index.milvus.generations import Generations
from memos.infrastructure.index.milvus.settings import MilvusSettings
from memos.infrastructure.servers import ServerName
from memos.infrastructure.vault.cassandra import schema
from memos.interface.vaults import create_vault
from memos.kernel.event import id_bytes
from tests.forked_worker import ForkedWorker

ROOT = Path(__file__).parents[1]
WORKERS = ("fold", "index", "usage", "seal")
WORKER_PROGRAM = "streams"
PARTITIONS = 4
APPLIED_SECONDS = 120
"""How long a command waits for the workers; less than WAIT_SECONDS, so that it is heard."""
REQUEST_SECONDS = 60
"""How long a command waits for an answer of Cassandra, on a machine that others load."""
WAIT_SECONDS = 300
"""How long a test waits for what it has brought about."""
END_SECONDS = 120
TOLD_LINES = 40

WorkerProcess = ForkedWorker | subprocess.Popen[bytes]


def waiting_for(settings: str, seconds: int) -> str:
    """The text of a settings file whose commands wait for the workers so long."""
    told = f"wait_seconds = {APPLIED_SECONDS}"
    assert told in settings
    return settings.replace(told, f"wait_seconds = {seconds}")


class Servers(Protocol):
    """Servers that run: a LocalServers, or some that a test has set up in its own way."""

    def address(self, server: ServerName) -> str:
        """Where clients connect to one."""
        ...


class Fleet:
    """One vault on running servers, and the worker processes that keep its projections.

    Args:
        directory: for the settings file, the root key and what the workers say.
        servers: Kafka and Cassandra, running; where there is an embedder, Milvus too.
        embedder: the settings' section [embedder]; without it, search goes by words.
        milvus_timeout: seconds that a call of Milvus may take.
    """

    def __init__(
        self,
        directory: Path,
        servers: Servers,
        *,
        embedder: str = "",
        milvus_timeout: float = 60.0,
    ) -> None:
        self.directory = directory
        self.path = directory / "memos.toml"
        self._processes: dict[str, WorkerProcess] = {}
        name = f"t{token_hex(4)}"
        port = servers.address("cassandra").rpartition(":")[2]
        self.path.write_text(
            f'engine = "distributed"\nroot_key = "root.key"\nwait_seconds = {APPLIED_SECONDS}\n\n'
            f'[kafka]\nbootstrap_servers = "{servers.address("kafka")}"\nprefix = "{name}"\n'
            f"partitions = {PARTITIONS}\n\n"
            f'[cassandra]\nhosts = ["127.0.0.1"]\nport = {port}\nkeyspace = "{name}"\n'
            f"replication_factor = 1\nrequest_timeout = {REQUEST_SECONDS}\n"
        )
        if embedder:
            with self.path.open("a") as settings:
                settings.write(
                    f'\n[milvus]\nuri = "{servers.address("milvus")}"\nprefix = "{name}"\n'
                    f"timeout = {milvus_timeout}\n\n{embedder}"
                )

    @property
    def settings(self) -> DistributedSettings:
        """What the settings file says."""
        return load_settings(self.path)

    def make(self, administrator: str) -> None:
        """Make the vault."""
        create_vault(self.path, actor=administrator)

    def wait_for_workers(self, seconds: int) -> None:
        """Let commands wait for the workers so long."""
        self.path.write_text(waiting_for(self.path.read_text(), seconds))

    def start(
        self,
        worker: str,
        *,
        name: str = "",
        program: str = WORKER_PROGRAM,
        environment: Mapping[str, str] | None = None,
        options: Sequence[str] = (),
    ) -> WorkerProcess:
        """Start one worker; `name` tells it from others of its kind, `program` is its module."""
        known = name or worker
        arguments = [worker, "--config", str(self.path), *options]
        environment = {**os.environ, **(environment or {})}
        self.log_of(known).touch()
        process: WorkerProcess
        if program == WORKER_PROGRAM:
            process = ForkedWorker(arguments, ROOT, environment, self.log_of(known))
        else:
            command = ends_with_us([sys.executable, "-m", program, *arguments])
            with self.log_of(known).open("ab") as told:
                process = subprocess.Popen(
                    command, cwd=ROOT, stdout=told, stderr=told, env=environment
                )
        self._processes[known] = process
        return process

    def start_all(self) -> None:
        """Start one worker of each kind, and wait until they follow the log."""
        for worker in WORKERS:
            self.start(worker)
        for worker in WORKERS:
            self.await_said(worker, "goes on from", PARTITIONS)

    def await_said(self, name: str, what: str, times: int = 1) -> None:
        """Wait until a worker's log says something so many times."""
        end = time.monotonic() + WAIT_SECONDS
        while self.said(name).count(what) < times:
            assert self._processes[name].poll() is None, self.told()
            assert time.monotonic() < end, f"{name} did not say {what!r}\n{self.told()}"
            time.sleep(0.05)

    def said(self, name: str) -> str:
        """All that a worker said."""
        return self.log_of(name).read_text("utf-8", "replace")

    def stop(self, name: str) -> int:
        """End a worker as a supervisor does; its exit status."""
        process = self._processes[name]
        process.send_signal(signal.SIGTERM)
        return process.wait(END_SECONDS)

    def kill(self, name: str) -> None:
        """SIGKILL a worker."""
        self._processes[name].kill()
        self._processes[name].wait(END_SECONDS)

    def process(self, name: str) -> WorkerProcess:
        """The process of a worker that was started."""
        return self._processes[name]

    @cached_property
    def milvus(self) -> MilvusSettings:
        """The Milvus of a vault with an embedder, and what the vault's collections begin with."""
        with closing(Stores(self.settings)) as stores:
            assert stores.settings.milvus is not None
            return stores.settings.milvus

    @contextmanager
    def collections(self) -> Iterator[Generations]:
        """Where Milvus keeps the vectors of a vault with an embedder."""
        settings = self.settings
        assert settings.embedder is not None
        model = settings.embedder.open()
        with closing(Milvus(self.milvus)) as milvus:
            yield Generations(milvus, model.digest, model.dimensions)

    def vectors_of(self, cube_id: str) -> list[SpanKey]:
        """The rows that Milvus has of a cube, in the live collection."""
        with self.collections() as collections, closing(Milvus(self.milvus)) as milvus:
            live = collections.live()
            assert live is not None
            prefix = id_bytes(cube_id).hex()
            rows = span_keys(milvus, collections.name(live))
            return [row for row in rows if row.key.startswith(prefix)]

    def log_of(self, name: str) -> Path:
        """The file of what a worker said."""
        return self.directory / f"{name}.log"

    def told(self) -> str:
        """The last lines of every worker."""
        parts = []
        for name, process in self._processes.items():
            status = process.poll()
            state = "runs" if status is None else f"ended with {status}"
            lines = self.said(name).splitlines()[-TOLD_LINES:]
            parts.append("\n".join([f"--- {name} ({state})", *lines]))
        return "\n".join(parts)

    def end(self) -> None:
        """End every worker."""
        running = [each for each in self._processes.values() if each.poll() is None]
        for process in running:
            process.send_signal(signal.SIGCONT)
            process.send_signal(signal.SIGTERM)
        for process in running:
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(END_SECONDS)

    def remove(self) -> None:
        """End every worker, and drop the vault's topics, keyspaces and collections."""
        self.end()
        settings = self.settings
        if settings.embedder is not None:
            with self.collections() as collections:
                collections.drop_all()
        with closing(CassandraSession(settings.cassandra)) as store:
            schema.drop_all(store)
        admin = AdminClient({"bootstrap.servers": settings.kafka.bootstrap_servers})
        for removed in admin.delete_topics(list(settings.kafka.topics)).values():
            try:
                removed.result()
            except KafkaException as error:
                if "UNKNOWN_TOPIC" not in str(error):
                    raise
