"""The Ray cluster that pools and distillers are in: one of this process, or one that is there."""

from __future__ import annotations

import logging
import os
import socket

from memos.infrastructure.chat_models.ray_actors import has_any
from memos.infrastructure.chat_models.ray_connection import (
    CONNECTION,
    is_loopback,
    stay_on_loopback,
)
from memos.kernel.errors import InvalidInput
from ray_jobs.settings import ReplicaSettings

OBJECT_STORE_BYTES = 100 * 2**20
"""Pieces of text hardly need one; by default Ray takes a third of the machine's memory."""

SERVING_NICENESS = "5"
"""Ray's own is 15, hardly less than a distiller's, which is to give way to pools."""

log = logging.getLogger("memos.worker")


def start_cluster(settings: ReplicaSettings, host: str, port: int, spare_cpus: int) -> None:
    """Start a cluster on this machine, with room for the most replicas. It ends with this process.

    Args:
        settings: of the replicas.
        host: where it listens: the address, or its name, by which others reach this machine; or one of the
            loopback interface, where nobody else does.
        port: where programs connect.
        spare_cpus: more processors, for those who join.

    Raises:
        InvalidInput: the host is not known, or the port is taken.
    """
    address = _resolved(host)
    _check_free(address, port)
    os.environ["RAY_GCS_SERVER_PORT"] = str(port)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_worker_niceness", SERVING_NICENESS)
    if is_loopback(address):
        stay_on_loopback()
    import ray

    ray.init(
        address="local",
        num_cpus=settings.cpus * settings.most + spare_cpus,
        include_dashboard=False,
        object_store_memory=OBJECT_STORE_BYTES,
        namespace=settings.namespace,
        log_to_driver=True,
        configure_logging=False,
        _node_ip_address=address,
    )
    log.info("Ray cluster at %s:%d", address, port)


def join_cluster(settings: ReplicaSettings, address: str, leader: str) -> None:
    """Connect to a cluster that is there.

    Args:
        settings: of the replicas.
        address: `host:port`.
        leader: the name of the actor that a namespace has one of.

    Raises:
        InvalidInput: the namespace has one.
        ModelUnavailable: it is not there, or does not take this process.
    """
    ray = CONNECTION.ray(address, settings.namespace)
    if has_any(ray, settings.namespace, (leader,)):
        raise InvalidInput(
            f"the namespace {settings.namespace} of that cluster has such a worker: end it first, or give another "
            "--namespace"
        )
    log.info("joined the Ray cluster at %s", address)


def _resolved(host: str) -> str:
    try:
        return socket.gethostbyname(host)
    except OSError as error:
        raise InvalidInput(f"--host {host} is no address of this machine: {error}") from error


def _check_free(host: str, port: int) -> None:
    try:
        with socket.create_server((host, port)):
            pass
    except OSError as error:
        raise InvalidInput(
            f"no Ray cluster can listen on {host}:{port} ({error}): join the one that is there with "
            f"--address {host}:{port}, or choose another --port"
        ) from error
