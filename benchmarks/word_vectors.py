"""An embeddings endpoint that costs next to nothing: a benchmark of stores, not of a model.

Every word has a direction of its own, and a text points where its words do, so that texts which
share words are near, as they would be with a model.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from zlib import crc32

import numpy as np

from memos.infrastructure.index.models.embedders.port import Vectors, normalised

DIMENSIONS = 384
MODEL = "words"
DIGITS = 4


@cache
def _direction(word: str) -> Vectors:
    rng = np.random.default_rng(crc32(word.encode()))
    direction: Vectors = rng.standard_normal(DIMENSIONS, dtype=np.float32)
    return direction


def vectors(texts: Sequence[str]) -> Vectors:
    """One a text, shape (texts, DIMENSIONS), of length 1."""
    return normalised(np.stack([sum(map(_direction, text.split())) for text in texts]))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        found = np.round(vectors(body["input"]).astype(np.float64), DIGITS).tolist()
        data = [{"index": n, "embedding": vector} for n, vector in enumerate(found)]
        told = json.dumps({"data": data}).encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        pass


@contextmanager
def serving() -> Iterator[str]:
    """The endpoint's address, on the loopback, until the end of the block."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1"
        finally:
            server.shutdown()
            thread.join()
