"""One Milvus: Milvus Lite behind a port, or the real server in one process."""

from __future__ import annotations

import http.client
import importlib.metadata
import sys
from collections.abc import Mapping
from typing import Any

from memos.infrastructure.servers import cache, ports, tools, versions
from memos.infrastructure.servers.names import HOST
from memos.infrastructure.servers.server import Server

PROBE_SECONDS = 5.0

CONFIGURATION = """\
etcd:
  endpoints: {host}:{etcd}
  rootPath: memos
  use:
    embed: true
  data:
    dir: {data}/etcd
  config:
    path: {directory}/etcd.yaml
  log:
    level: warn
    path: stdout
localStorage:
  path: {data}
common:
  storageType: local
  simdType: auto
  # A killed server comes back once its former self counts as dead.
  session:
    ttl: 5
mq:
  type: rocksmq
rocksmq:
  path: {data}/rocksmq
log:
  level: warn
  stdout: true
trace:
  exporter: noop
{components}"""

GLOG = """\
--logtostderr=true
--minloglevel=1
"""
"""Without this file Milvus ends, and does not say why."""

EXACT_UNTIL_SEALED = """\
  segcore:
    interimIndex:
      enableIndex: false
"""
"""What is not indexed yet is compared row by row: the coarse index for it misses half of what a
filter keeps.
"""

COMPONENTS = {
    "proxy": "client",
    "rootCoord": "root_coord",
    "queryCoord": "query_coord",
    "queryNode": "query_node",
    "dataCoord": "data_coord",
    "dataNode": "data_node",
    "indexNode": "index_node",
}

ETCD = """\
name: memos
listen-client-urls: http://{host}:{etcd}
advertise-client-urls: http://{host}:{etcd}
listen-peer-urls: http://{host}:{etcd_peer}
initial-advertise-peer-urls: http://{host}:{etcd_peer}
initial-cluster: memos=http://{host}:{etcd_peer}
auto-compaction-mode: revision
auto-compaction-retention: "1000"
"""


class _Milvus(Server):
    name = "milvus"
    setting_names = ("milvus",)
    start_seconds = 120.0
    # The server hardly ever ends by itself; what it acknowledged is in its log whichever way it ends.
    stop_seconds = 5.0

    @property
    def address(self) -> str:
        return f"http://{super().address}"

    def client_config(self) -> Mapping[str, Any]:
        """What the driver's client needs beside its address."""
        return {}

    def serves(self) -> bool:
        import grpc
        from pymilvus import MilvusClient, MilvusException

        from memos.infrastructure.index.milvus.driver import QUIET

        if not ports.accepts(self.ports["client"]):
            return False
        try:
            # Clients of one address share a connection, so this one asks as seldom as they do.
            client = MilvusClient(
                uri=self.address, timeout=PROBE_SECONDS, grpc_options=QUIET, **self.client_config()
            )
        except (MilvusException, grpc.RpcError):
            return False
        try:
            client.list_collections(timeout=PROBE_SECONDS)
        except (MilvusException, grpc.RpcError):
            return False
        finally:
            client.close()
        return True


class MilvusLite(_Milvus):
    """Milvus Lite as a server for several processes: dense and sparse vectors, small data."""

    port_names = ("client",)

    @property
    def version(self) -> str:
        try:
            return f"lite {importlib.metadata.version('milvus-lite')}"
        except importlib.metadata.PackageNotFoundError:
            return "lite"

    def prepare(self) -> None:
        tools.require("milvus_lite", "Milvus Lite")
        tools.require("pymilvus", "Milvus")
        self.directory.mkdir(parents=True, exist_ok=True)

    def command(self) -> list[str]:
        place = ["--data-dir", str(self.directory / "data"), "--host", HOST]
        server = [sys.executable, "-m", "milvus_lite", "server"]
        return [*server, *place, "--port", str(self.ports["client"])]


class MilvusServer(_Milvus):
    """The real server with its own etcd, message queue and object store: dense vectors.

    Its own ports are opened on every interface of the machine, for which this version has no
    setting: a firewall has to close them where others can reach the machine.
    """

    port_names = (*COMPONENTS.values(), "proxy_internal", "metrics", "etcd", "etcd_peer")

    @property
    def version(self) -> str:
        return versions.MILVUS

    @property
    def mark(self) -> str:
        return self.command()[0]

    @property
    def environment(self) -> Mapping[str, str]:
        libraries = str(cache.milvus_server())
        return {
            "DEPLOY_MODE": "STANDALONE",
            "METRICS_PORT": str(self.ports["metrics"]),
            "MILVUSCONF": str(self.directory),
            "MILVUS_RUN_DIR": str(self.directory / "run"),
            "LD_LIBRARY_PATH": libraries,
        }

    def serves(self) -> bool:
        # Asked first, because a call to components that are still coming up hangs.
        health = http.client.HTTPConnection(HOST, self.ports["metrics"], timeout=PROBE_SECONDS)
        try:
            health.request("GET", "/healthz")
            healthy = health.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            health.close()
        return healthy and super().serves()

    def prepare(self) -> None:
        tools.require("pymilvus", "Milvus")
        cache.milvus_server()
        self.directory.mkdir(parents=True, exist_ok=True)
        places = {"host": HOST, "directory": self.directory, "data": self.directory / "data"}
        (self.directory / "milvus.yaml").write_text(self.configuration())
        (self.directory / "glog.conf").write_text(GLOG)
        (self.directory / "etcd.yaml").write_text(ETCD.format(**places, **self.ports))

    def configuration(self) -> str:
        """The text of `milvus.yaml`."""
        components = "".join(
            f"{component}:\n  ip: {HOST}\n  port: {self.ports[port]}\n"
            + (f"  internalPort: {self.ports['proxy_internal']}\n" if component == "proxy" else "")
            + (EXACT_UNTIL_SEALED if component == "queryNode" else "")
            for component, port in COMPONENTS.items()
        )
        places = {"host": HOST, "directory": self.directory, "data": self.directory / "data"}
        return CONFIGURATION.format(components=components, **places, **self.ports)

    def command(self) -> list[str]:
        return [str(cache.milvus_server() / "milvus"), "run", "standalone"]
