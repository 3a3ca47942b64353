"""The server: where it may listen, how it ends, and one process that does both."""

from __future__ import annotations

import ipaddress
import resource
import signal
import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn

from memos.infrastructure.metrics_server import MetricsServer
from memos.interface.http.app import application
from memos.interface.http.log_lines import logging_settings
from memos.interface.http.protocol import IDLE_SECONDS, BoundedProtocol
from memos.kernel.errors import InvalidInput
from memos.kernel.event import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from memos.interface.async_memory import AsyncMemory
    from memos.interface.http.settings import HttpSettings

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
WAITING_CONNECTIONS = 2048
MOST_PORT = 65_535
DRAIN_SECONDS = 30
"""How long requests may take to end, when the server ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """Where a server listens.

    Attributes:
        host: the address.
        port: 0 takes a free one.
        certificate: of TLS.
        private_key: of the certificate.
        behind_proxy: said by whoever has TLS end in front of the server.
        metrics_host: where Prometheus reads, apart from all else.
        metrics_port: 0 takes a free one; None for none.
    """

    host: str = "127.0.0.1"
    port: int = 8420
    certificate: Path | None = None
    private_key: Path | None = None
    behind_proxy: bool = False
    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = None

    @property
    def is_private(self) -> bool:
        """Whether only this machine reaches it."""
        return self._is_loopback and not self.behind_proxy

    @property
    def _is_loopback(self) -> bool:
        if self.host == "localhost":
            return True
        with suppress(ValueError):
            return ipaddress.ip_address(self.host).is_loopback
        return False

    def check(self, settings: HttpSettings) -> None:
        """That nobody is let in whom nobody knows, and no key is read on its way.

        Raises:
            InvalidInput: somebody would be.
        """
        if (self.certificate is None) != (self.private_key is None):
            raise InvalidInput("--tls-cert and --tls-key go together: pass both, or neither")
        for path in (self.certificate, self.private_key):
            if path is not None and not path.is_file():
                raise InvalidInput(
                    f"there is no file {path}: --tls-cert and --tls-key name PEM files"
                )
        for option, port in (("--port", self.port), ("--metrics-port", self.metrics_port or 0)):
            if not 0 <= port <= MOST_PORT:
                raise InvalidInput(f"{option} takes a number of at most {MOST_PORT}, not {port}")
        if self.certificate is not None and self.private_key is not None:
            _check_tls(self.certificate, self.private_key)
        if settings.anonymous and not self.is_private:
            raise InvalidInput(
                "--no-auth is for who listens on 127.0.0.1 with nothing in front: elsewhere callers "
                "need API keys (`memos api-key create`)"
            )
        if not self.is_private and self.certificate is None and not self.behind_proxy:
            raise InvalidInput(
                f"on {self.host} anybody on the way could read API keys: pass --tls-cert and "
                "--tls-key, or --behind-proxy where TLS ends in front of this server"
            )


def _check_tls(certificate: Path, private_key: Path) -> None:
    """That these files are what TLS takes.

    Raises:
        InvalidInput: they are not.
    """
    try:
        # With a password at hand nobody is asked for one on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, private_key, "")
    except OSError as error:
        raise InvalidInput(
            f"{certificate} and {private_key} are no certificate and its private key, without a password, in "
            f"PEM files that can be read ({error.strerror or type(error).__name__}): see --tls-cert and --tls-key"
        ) from None


class _Server(uvicorn.Server):
    """uvicorn's, which ends answers that go on before it waits for those that end."""

    def __init__(self, config: uvicorn.Config, stop_streams: Callable[[], None]) -> None:
        super().__init__(config)
        self._stop_streams = stop_streams

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End on a signal, and go on: uvicorn would raise it again, before the vault is closed."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {each: signal.signal(each, self.handle_exit) for each in _SIGNALS}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let requests end."""
        self._stop_streams()
        await super().shutdown(sockets)


def serve_vault(
    memory: AsyncMemory,
    settings: HttpSettings,
    listening: Listening,
    *,
    log_level: str,
    tell: Callable[[str], None],
) -> None:
    """Serve a vault until a signal; what was acknowledged is durable whenever it ends.

    Args:
        memory: the vault.
        settings: of the application.
        listening: where.
        log_level: from which level on lines are logged.
        tell: told the addresses, once they are listened at.

    Raises:
        InvalidInput: nobody may listen there so, or the address is taken.
    """
    listening.check(settings)
    if not listening.is_private:
        _check_keys(memory)
    chosen = replace(
        settings,
        hosts=(*settings.hosts, _shown(listening.host)) if listening.is_private else (),
        shows_metrics=listening.is_private,
    )
    app = application(memory, chosen)
    _allow_connections()
    with _bound(listening) as bound:
        metrics = _metrics_server(listening, app.state.metrics)
        try:
            config = uvicorn.Config(app, **_config(listening, log_level))
            scheme = "http" if listening.certificate is None else "https"
            tell(f"{scheme}://{_shown(listening.host)}:{bound.getsockname()[1]}")
            if metrics is not None:
                tell(f"metrics: http://{_shown(listening.metrics_host)}:{metrics.port}/metrics")
            _Server(config, app.state.streams.stop).run([bound])
        finally:
            if metrics is not None:
                metrics.close()


def _check_keys(memory: AsyncMemory) -> None:
    """That somebody could come in.

    Raises:
        InvalidInput: nobody could.
    """
    if next(memory.memory.events(kind=Kind.API_KEY_ISSUED.title), None) is None:
        raise InvalidInput(
            "nobody has an API key of this vault: make one before others are to reach it "
            "(`memos api-key create`)"
        )


def _config(listening: Listening, log_level: str) -> dict[str, Any]:
    return {
        "http": BoundedProtocol,
        "ws": "none",
        "log_config": logging_settings(log_level.upper()),
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
        "timeout_keep_alive": IDLE_SECONDS,
        "timeout_graceful_shutdown": DRAIN_SECONDS,
        "ssl_certfile": listening.certificate,
        "ssl_keyfile": listening.private_key,
    }


def _bound(listening: Listening) -> socket.socket:
    family = socket.AF_INET6 if ":" in listening.host else socket.AF_INET
    bound = socket.socket(family)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((listening.host, listening.port))
        bound.listen(WAITING_CONNECTIONS)  # who is told the address may call at once
    except OSError as error:
        bound.close()
        raise InvalidInput(
            f"nobody can listen at {listening.host}:{listening.port} ({error.strerror}): name another "
            "with --host and --port; port 0 takes a free one"
        ) from None
    return bound


def _metrics_server(listening: Listening, metrics: Any) -> MetricsServer | None:
    if listening.metrics_port is None:
        return None
    try:
        return MetricsServer(metrics, listening.metrics_host, listening.metrics_port)
    except OSError as error:
        raise InvalidInput(
            f"metrics cannot be served at {listening.metrics_host}:{listening.metrics_port} "
            f"({error.strerror}): name another with --metrics-host and --metrics-port"
        ) from None


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _allow_connections() -> None:
    """As many open files as this process may have: a connection is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
