"""Three Cassandra nodes and three Kafka brokers on this machine, each on an address of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from memos.infrastructure.servers import ServerName, ports
from memos.infrastructure.servers.cassandra import Cassandra
from memos.infrastructure.servers.kafka import Kafka
from memos.infrastructure.servers.settings import ServerSettings
from tests.fleet import Fleet, waiting_for
from tests.servers import OwnServer

HOSTS = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
CLUSTER = "bWVtb3MtcmVwbGljYXMtMQ"
KAFKA_HEAP_MB, CASSANDRA_HEAP_MB = 256, 512

KAFKA = """
node.id={number}
controller.quorum.voters={voters}
default.replication.factor=3
offsets.topic.replication.factor=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
share.coordinator.state.topic.replication.factor=3
share.coordinator.state.topic.min.isr=2
"""


class Node(Cassandra):
    """One of three nodes; the first is whom the others ask for the way."""

    def configuration(self) -> str:
        whole = super().configuration()
        storage = self.ports["storage"]
        return whole.replace(f'seeds: "{self.host}:{storage}"', f'seeds: "{HOSTS[0]}:{storage}"', 1)

    def options(self) -> tuple[str, ...]:
        return ("-Dcassandra.skip_wait_for_gossip_to_settle=0", "-Dcassandra.ring_delay_ms=4000")


class Broker(Kafka):
    """One of three brokers, all of them controllers."""

    def configuration(self) -> str:
        controller = self.ports["controller"]
        voters = ",".join(f"{n}@{host}:{controller}" for n, host in enumerate(HOSTS, 1))
        number = HOSTS.index(self.host) + 1
        # Of two lines for one property the later one holds.
        return super().configuration() + KAFKA.format(number=number, voters=voters)

    def cluster_id(self) -> str:
        return CLUSTER


class Cluster:
    """The six servers."""

    def __init__(self, directory: Path) -> None:
        shared = ports.choose(("client", "storage", "kafka", "controller"))
        jmx = ports.choose(HOSTS)  # on the loopback, whatever the node's address
        self.nodes = [
            OwnServer(
                Node(
                    directory / f"cassandra-{host}",
                    {"client": shared["client"], "storage": shared["storage"], "jmx": jmx[host]},
                    ServerSettings(heap_mb=CASSANDRA_HEAP_MB),
                    host,
                )
            )
            for host in HOSTS
        ]
        self.brokers = [
            OwnServer(
                Broker(
                    directory / f"kafka-{host}",
                    {"client": shared["kafka"], "controller": shared["controller"]},
                    ServerSettings(heap_mb=KAFKA_HEAP_MB),
                    host,
                )
            )
            for host in HOSTS
        ]

    def servers(self, name: ServerName) -> Sequence[OwnServer]:
        """The three of a kind."""
        return self.brokers if name == "kafka" else self.nodes

    def address(self, server: ServerName) -> str:
        """Where clients connect: all three, with commas."""
        return ",".join(each.server.address for each in self.servers(server))

    def up(self) -> None:
        """Start all: brokers together, since one alone is no majority; nodes one after another."""
        for each in self.brokers:
            each.begin()
        for each in self.brokers:
            each.await_serving()
        for each in self.nodes:
            each.up()

    def down(self) -> None:
        """End all."""
        for each in (*self.nodes, *self.brokers):
            each.down()


class ReplicatedVault(Fleet):
    """A vault with three copies of everything; two have a record before it is acknowledged."""

    def __init__(self, directory: Path, cluster: Cluster) -> None:
        super().__init__(directory, cluster)
        hosts = ", ".join(f'"{host}"' for host in HOSTS)
        self.path.write_text(
            self.path.read_text()
            .replace("[kafka]\n", "[kafka]\nreplication = 3\nmin_insync = 2\n")
            .replace('hosts = ["127.0.0.1"]', f"hosts = [{hosts}]")
            .replace("replication_factor = 1", "replication_factor = 3")
        )

    def impatient(self) -> Path:
        """Its settings, for who does not wait long."""
        path = self.directory / "impatient.toml"
        text = self.path.read_text().replace("[kafka]\n", "[kafka]\ntimeout = 5\n")
        path.write_text(waiting_for(text, 10))
        return path
