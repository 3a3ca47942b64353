"""This process's connection to a Ray cluster, made when it is first needed: Ray has one for each process."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock, current_thread, main_thread
from typing import Any

from memos.infrastructure.release import pip_install
from memos.kernel.errors import ModelUnavailable

DEFAULT_PORT = 6399
DEFAULT_ADDRESS = f"127.0.0.1:{DEFAULT_PORT}"
"""Where `memos worker kv` has its cluster, unless it is told."""

LOOPBACK_VARIABLE = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
"""At 0, Ray lets a cluster be on the loopback interface; else it puts the machine's own address in place
of that, where all who reach the machine reach the cluster.
"""

GUEST_SETTINGS = {
    # By default Ray ends a process whose cluster has been away for a minute.
    "RAY_gcs_rpc_server_reconnect_timeout_s": "1000000",
    # By default Ray starts a cluster when it is used without one.
    "RAY_ENABLE_AUTO_CONNECT": "0",
}
"""What Ray reads from the environment when it is imported."""

AUTH_VARIABLE = "RAY_AUTH_MODE"
TOKEN_VARIABLES = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
PROBE_SECONDS = 5.0


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by the loopback interface."""
    return host == "localhost" or host.startswith("127.")


def stay_on_loopback() -> None:
    """Have Ray use the loopback interface.

    Raises:
        ModelUnavailable: Ray was imported before, with another setting.
    """
    if os.environ.get(LOOPBACK_VARIABLE) == "0":
        return
    if "ray" in sys.modules:
        raise ModelUnavailable(
            f"a Ray cluster on the loopback interface needs {LOOPBACK_VARIABLE}=0 in the environment before "
            "ray is imported: set it where the process starts"
        )
    os.environ[LOOPBACK_VARIABLE] = "0"


class RayConnection:
    """The connection of this process. Safe for threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._address = ""

    def ray(self, address: str, namespace: str, *, anew: bool = False) -> Any:
        """Ray, connected; to the cluster that others have connected this process to, if they have.

        Args:
            address: `host:port`.
            namespace: what is found by its name without one.
            anew: whether the cluster that was connected to may have been replaced meanwhile.

        Raises:
            ModelUnavailable: Ray is not installed, or there is no cluster that takes this process.
        """
        with self._lock:
            is_connected = "ray" in sys.modules and _ray().is_initialized()
            if is_connected and not self._address:
                return _ray()
            if is_connected and address != self._address:
                raise ModelUnavailable(
                    f"this process is connected to the Ray cluster at {self._address}, and Ray connects a "
                    f"process to one: ask {address} in another process"
                )
            is_there = _answers(address)
            if is_connected and (anew or not is_there):
                _ray().shutdown()
                is_connected = False
            if not is_there:
                raise ModelUnavailable(
                    f"there is no Ray cluster at {address}: start `memos worker kv`, or name another one's "
                    "host:port"
                )
            if not is_connected:
                _connect(address, namespace)
                self._address = address
            return _ray()


CONNECTION = RayConnection()


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise ModelUnavailable(f"pools of a Ray cluster need Ray: {pip_install('ray')}") from error
    return ray


def _answers(address: str) -> bool:
    """Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), PROBE_SECONDS).close()
    except (OSError, ValueError, OverflowError):
        return False
    return True


def _connect(address: str, namespace: str) -> None:
    for name, value in GUEST_SETTINGS.items():
        os.environ.setdefault(name, value)
    if is_loopback(address.rpartition(":")[0]):
        stay_on_loopback()
        _show_token()
    ray = _ray()
    try:
        with _own_sigterm():
            ray.init(
                address=address,
                namespace=namespace,
                configure_logging=False,
                log_to_driver=False,
            )
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise ModelUnavailable(
            f"the Ray cluster at {address} does not take this process: {error}. It needs the cluster's "
            f"versions of Ray and Python, and its token: {AUTH_VARIABLE}=token, and the token in "
            f"{TOKEN_VARIABLES[0]}"
        ) from error


def _show_token() -> None:
    """Ray shows the token of this user's clusters by itself only to one whose address it has found out."""
    has_token = any(os.environ.get(name) for name in TOKEN_VARIABLES)
    if has_token or (Path.home() / ".ray" / "auth_token").is_file():
        os.environ.setdefault(AUTH_VARIABLE, "token")


@contextmanager
def _own_sigterm() -> Iterator[None]:
    """Inside, what is set for SIGTERM is undone behind it: Ray sets a handler of its own."""
    if current_thread() is not main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
