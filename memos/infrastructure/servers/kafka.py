"""One Kafka broker that is its own controller (KRaft)."""

from __future__ import annotations

import base64
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from memos.infrastructure.servers import cache, ports, tools, versions
from memos.infrastructure.servers.errors import EngineError
from memos.infrastructure.servers.server import Server

JDK = range(17, 26)
PROBE_SECONDS = 2.0

CONFIGURATION = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
listeners=PLAINTEXT://{host}:{client},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{client}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={data}
# A topic is made by an administrator, with the partitions and the retention of a log of record. One
# that a client made by naming it would have neither.
auto.create.topics.enable=false
# One broker: Kafka's own topics have one replica.
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
# A worker gets its partitions at once: there is no crowd of them to wait for.
group.initial.rebalance.delay.ms=0
# The default of six seconds is how long the others would wait at least for one that was killed.
group.min.session.timeout.ms=1000
# The default of 128 MiB is a quarter of a small heap, and only Kafka's own topics are compacted.
log.cleaner.dedupe.buffer.size=8388608
"""


class Kafka(Server):
    """The broker. Topics, with their retention, are made by MemOS and not here."""

    name = "kafka"
    port_names = ("client", "controller")
    setting_names = ("heap_mb",)
    start_seconds = 90.0
    stop_seconds = 30.0
    format_options: ClassVar[tuple[str, ...]] = ()
    """Options of `kafka-storage format`, beside the configuration and the cluster's id."""

    @property
    def version(self) -> str:
        return versions.KAFKA

    @property
    def _configuration(self) -> Path:
        return self.directory / "server.properties"

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    def configuration(self) -> str:
        """The text of `server.properties`."""
        return CONFIGURATION.format(host=self.host, data=self._data, **self.ports)

    def prepare(self) -> None:
        tools.require("confluent_kafka", "Kafka")
        program = self._java()
        self.directory.mkdir(parents=True, exist_ok=True)
        self._configuration.write_text(self.configuration())
        if not (self._data / "meta.properties").is_file():
            self._format(program)

    def _format(self, program: list[str]) -> None:
        tool = [*program, "kafka.tools.StorageTool", "format", "-c", str(self._configuration)]
        completed = subprocess.run(  # noqa: S603 # the command line is made here
            [*tool, "-t", self.cluster_id(), *self.format_options],
            capture_output=True,
            text=True,
            check=False,
        )
        if completed.returncode != 0:
            output = (completed.stdout + completed.stderr).strip()[-1000:]
            raise EngineError(f"Kafka's directory {self._data} cannot be set up:\n{output}")

    def cluster_id(self) -> str:
        """16 random bytes in base64url, as Kafka has it."""
        while True:
            text = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode("ascii")
            if not text.startswith("-"):  # which would be an option to the tool
                return text

    def _java(self) -> list[str]:
        java = tools.java("Kafka", JDK)  # asked for first: the download would be in vain
        jars = cache.jars(f"kafka-{versions.KAFKA}", versions.KAFKA_JARS)
        return [java, f"-Xmx{self.settings.heap_mb}m", "-cp", f"{jars}/*"]

    def command(self) -> list[str]:
        java, *options = self._java()
        logging = "-Dorg.slf4j.simpleLogger."
        return [
            java,
            f"{logging}defaultLogLevel=warn",
            f"{logging}showDateTime=true",
            f"{logging}dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSS",
            *options,
            "kafka.Kafka",
            str(self._configuration),
        ]

    def client_config(self) -> Mapping[str, str]:
        """What a client of it needs beside its address."""
        return {}

    def serves(self) -> bool:
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient

        if not ports.accepts(self.ports["client"], self.host):
            return False
        # Log level 0: that a server is not up yet is no news to the one who waits for it.
        client = AdminClient(
            {"bootstrap.servers": self.address, "log_level": 0, **self.client_config()}
        )
        try:
            return bool(client.list_topics(timeout=PROBE_SECONDS).brokers)
        except KafkaException:
            return False
