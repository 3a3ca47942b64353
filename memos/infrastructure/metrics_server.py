"""A process's Prometheus metrics, and whether it does what it should, over HTTP."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest


class Watched(Protocol):
    """What is told of a process."""

    @property
    def registry(self) -> CollectorRegistry:
        """Its metrics."""
        ...

    @property
    def problem(self) -> str:
        """Why it does not do what it should; empty where it does."""
        ...


class MetricsServer:
    """Serves `/metrics`, and `/healthz`: 200, or 503 and the problem."""

    def __init__(self, watched: Watched, host: str, port: int) -> None:
        """Listen; port 0 takes a free one.

        Raises:
            OSError: the port is taken.
        """

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/metrics":
                    self._answer(200, CONTENT_TYPE_LATEST, generate_latest(watched.registry))
                elif self.path == "/healthz":
                    problem = watched.problem
                    body = f"{problem or 'ok'}\n".encode()
                    self._answer(503 if problem else 200, "text/plain; charset=utf-8", body)
                else:
                    self._answer(404, "text/plain; charset=utf-8", b"see /metrics and /healthz\n")

            def _answer(self, status: int, kind: str, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                return  # a probe every few seconds is no news

        self._server = ThreadingHTTPServer((host, port), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="memos-metrics", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
