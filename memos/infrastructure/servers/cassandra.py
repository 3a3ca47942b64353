"""One Cassandra node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from memos.infrastructure.servers import cache, ports, tools, versions
from memos.infrastructure.servers.server import Server

JDK = (11, 17)
PROBE_SECONDS = 5.0
NODETOOL_HEAP_MB = 128

CONFIGURATION = """\
cluster_name: memos
num_tokens: 1
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
endpoint_snitch: SimpleSnitch
listen_address: {host}
rpc_address: {host}
storage_port: {storage}
native_transport_port: {client}
start_native_transport: true
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters:
      - seeds: "{host}:{storage}"
data_file_directories: ["{data}/data"]
commitlog_directory: "{data}/commitlog"
hints_directory: "{data}/hints"
saved_caches_directory: "{data}/saved_caches"
{commitlog}
# A node that cannot write ends, and says so: half a node would go on answering reads.
disk_failure_policy: die
commit_failure_policy: die
# A snapshot would keep what an erasure has destroyed.
auto_snapshot: false
memtable_heap_space: 64MiB
memtable_offheap_space: 64MiB
# A table takes the heap that its rows need: by default a mebibyte from its first row on, and a vault has
# tens of tables.
memtable_allocation_type: unslabbed_heap_buffers
file_cache_size: 64MiB
trickle_fsync: true
# Rows of a projection are written in unlogged batches over several partitions; with one node they
# all go to the same place. What a batch may weigh at most stays as everywhere, 50 KiB.
batch_size_warn_threshold: 50KiB
batch_size_fail_threshold: 50KiB
unlogged_batch_across_partitions_warn_threshold: 1000
# One machine carries everything: a pause of its disk or processor is no failure of the node.
read_request_timeout: 10s
range_request_timeout: 20s
write_request_timeout: 10s
request_timeout: 20s
"""

# In batch mode a write is acknowledged once it is synced, and those that come during a sync share
# the next one.
# A write waits for the disk, so many wait at once: more threads than the default of 32.
DURABLE = "commitlog_sync: batch\nconcurrent_writes: 256"
PERIODIC = "commitlog_sync: periodic\ncommitlog_sync_period: 10s"

LOGGING = """\
<configuration>
  <appender name="OUT" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%date{ISO8601} %-5level %logger{0} %msg%n</pattern></encoder>
  </appender>
  <root level="WARN"><appender-ref ref="OUT"/></root>
</configuration>
"""

EXPORTS = (
    "java.base/jdk.internal.misc",
    "java.base/jdk.internal.ref",
    "java.base/java.lang.ref",
    "java.base/sun.nio.ch",
    "java.management.rmi/com.sun.jmx.remote.internal.rmi",
    "java.rmi/sun.rmi.registry",
    "java.rmi/sun.rmi.server",
    "java.sql/java.sql",
    "jdk.unsupported/sun.misc",
    "jdk.compiler/com.sun.tools.javac.file",
)
OPENS = (
    "java.base/java.lang.module",
    "java.base/jdk.internal.loader",
    "java.base/jdk.internal.ref",
    "java.base/jdk.internal.reflect",
    "java.base/jdk.internal.math",
    "java.base/jdk.internal.module",
    "java.base/jdk.internal.util.jar",
    "java.base/sun.nio.ch",
    "java.base/java.io",
    "java.base/java.lang.reflect",
    "java.base/java.lang",
    "java.base/java.util",
    "java.base/java.nio",
    "java.base/java.util.concurrent",
    "java.base/java.util.concurrent.atomic",
    "jdk.management/com.sun.management.internal",
    "jdk.compiler/com.sun.tools.javac",
)


class Cassandra(Server):
    """The node. `nodetool` reaches it on its `jmx` port, from this machine only."""

    name = "cassandra"
    port_names = ("client", "storage", "jmx")
    setting_names = ("durable", "heap_mb")
    start_seconds = 180.0
    stop_seconds = 60.0

    @property
    def version(self) -> str:
        return versions.CASSANDRA

    @property
    def _configuration(self) -> Path:
        return self.directory / "cassandra.yaml"

    @property
    def _logging(self) -> Path:
        return self.directory / "logback.xml"

    def configuration(self) -> str:
        """The text of `cassandra.yaml`."""
        commitlog = DURABLE if self.settings.durable else PERIODIC
        data = self.directory / "data"
        return CONFIGURATION.format(host=self.host, data=data, commitlog=commitlog, **self.ports)

    def options(self) -> tuple[str, ...]:
        """System properties of its own."""
        # A single node has nobody to gossip with.
        return ("-Dcassandra.skip_wait_for_gossip_to_settle=0", "-Dcassandra.ring_delay_ms=1")

    def client_config(self) -> Mapping[str, Any]:
        """What the driver's Cluster needs beside its address."""
        return {}

    def prepare(self) -> None:
        tools.require("cassandra", "Cassandra")
        self._java()
        self._jars()
        (self.directory / "triggers").mkdir(parents=True, exist_ok=True)
        self._configuration.write_text(self.configuration())
        self._logging.write_text(LOGGING)

    def _jars(self) -> Path:
        return cache.jars(f"cassandra-{versions.CASSANDRA}", versions.CASSANDRA_JARS)

    def command(self) -> list[str]:
        jars = self._jars()
        jamm = next(
            jars.glob("jamm-*.jar")
        )  # measures objects: Cassandra sizes its memtables by it
        return [
            *(self._java(), f"-javaagent:{jamm}", f"-Xbootclasspath/a:{jamm}"),
            *(f"-Xms{self.settings.heap_mb}m", f"-Xmx{self.settings.heap_mb}m"),
            "-XX:+ExitOnOutOfMemoryError",
            *self._common(),
            "-Djdk.attach.allowAttachSelf=true",
            "-Dio.netty.tryReflectionSetAccessible=true",
            f"-Dcassandra.storagedir={self.directory / 'data'}",
            f"-Dcassandra.triggers_dir={self.directory / 'triggers'}",
            f"-Dcassandra.jmx.local.port={self.ports['jmx']}",
            "-Dcassandra-foreground=yes",
            *self.options(),
            *("-cp", f"{jars}/*", "org.apache.cassandra.service.CassandraDaemon"),
        ]

    def nodetool(self, arguments: Sequence[str]) -> list[str]:
        """The command line of Cassandra's `nodetool` for this node: the jars bring no script for it."""
        return [
            *(self._java(), f"-Xmx{NODETOOL_HEAP_MB}m", "-XX:TieredStopAtLevel=1"),
            *self._common(),
            f"-Duser.home={self.directory}",  # where it keeps what it was asked before
            *("-cp", f"{self._jars()}/*", "org.apache.cassandra.tools.NodeTool"),
            *("--port", str(self.ports["jmx"]), *arguments),
        ]

    def _java(self) -> str:
        return tools.java("Cassandra", JDK)

    def _common(self) -> list[str]:
        """What the node and its tools are started with alike."""
        return [
            *(f"--add-exports={package}=ALL-UNNAMED" for package in EXPORTS),
            *(f"--add-opens={package}=ALL-UNNAMED" for package in OPENS),
            f"-Dcassandra.config={self._configuration.as_uri()}",
            f"-Dlogback.configurationFile={self._logging}",
        ]

    def serves(self) -> bool:
        from cassandra import DriverException, OperationTimedOut
        from cassandra.cluster import (
            EXEC_PROFILE_DEFAULT,
            Cluster,
            ExecutionProfile,
            NoHostAvailable,
        )
        from cassandra.policies import WhiteListRoundRobinPolicy

        if not ports.accepts(self.ports["client"], self.host):
            return False
        profile = ExecutionProfile(load_balancing_policy=WhiteListRoundRobinPolicy([self.host]))
        cluster = Cluster(
            [self.host],
            port=self.ports["client"],
            connect_timeout=PROBE_SECONDS,
            execution_profiles={EXEC_PROFILE_DEFAULT: profile},
            protocol_version=5,
            **self.client_config(),
        )
        try:
            session = cluster.connect()
            return session.execute("SELECT release_version FROM system.local").one() is not None
        except (NoHostAvailable, DriverException, OperationTimedOut):
            return False
        finally:
            cluster.shutdown()
