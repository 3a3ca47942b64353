"""A real embedder behind HTTP, for vaults of both engines: MiniLM, which a test may stop and break.

Worker processes and the tests' own share it, and embed with one model as they would in a fleet.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from memos import EmbeddingsEndpoint
from memos.infrastructure.index.models.embedders.minilm import MiniLM

MODEL = "minilm"


class Embeddings(ThreadingHTTPServer):
    """Speaks OpenAI's `POST /embeddings`; `hold` makes texts wait, `broken` refuses all,
    and a batch with the word `refused` in it is no good request.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.broken = False
        self.refused = "\0"
        self._model = MiniLM()
        self._vector = cache(lambda text: self._model.embed([text])[0].tolist())
        self._held = ""
        self._free = threading.Event()
        self._free.set()

    @property
    def url(self) -> str:
        """Its base address."""
        return f"http://127.0.0.1:{self.server_port}/v1"

    @property
    def dimensions(self) -> int:
        """The width of its vectors."""
        return self._model.dimensions

    @property
    def section(self) -> str:
        """The settings of a vault that embeds here."""
        told = f'url = "{self.url}"\nmodel = "{MODEL}"\ndimensions = {self.dimensions}\n'
        return f"[embedder]\n{told}"

    def embedder(self) -> EmbeddingsEndpoint:
        """A client, as a vault is opened with it."""
        return EmbeddingsEndpoint(self.url, MODEL, self.dimensions)

    @contextmanager
    def hold(self, word: str) -> Iterator[None]:
        """Inside, texts with a word get no answer; at the end they get theirs."""
        self._held = word
        self._free.clear()
        try:
            yield
        finally:
            self._free.set()
            self._held = ""

    @contextmanager
    def gone(self) -> Iterator[None]:
        """Inside, nobody gets vectors."""
        self.broken = True
        try:
            yield
        finally:
            self.broken = False

    @contextmanager
    def refusing(self, word: str) -> Iterator[None]:
        """Inside, a batch of texts with a word in one of them is refused."""
        self.refused = word
        try:
            yield
        finally:
            self.refused = "\0"

    def vectors(self, texts: list[str]) -> list[list[float]]:
        """One a text, in order."""
        if self._held and any(self._held in text for text in texts):
            self._free.wait()
        return [self._vector(text) for text in texts]


class _Handler(BaseHTTPRequestHandler):
    server: Embeddings

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.broken:
            self.send_error(HTTPStatus.SERVICE_UNAVAILABLE, "the model is away")
            return
        if any(self.server.refused in text for text in body["input"]):
            self.send_error(HTTPStatus.BAD_REQUEST, "a text is none")
            return
        vectors = self.server.vectors(body["input"])
        data = [{"index": n, "embedding": vector} for n, vector in enumerate(vectors)]
        told = json.dumps({"data": data}).encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def serving() -> Iterator[Embeddings]:
    """The embedder, served until the end of the block."""
    with Embeddings() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
