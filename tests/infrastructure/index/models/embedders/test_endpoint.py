from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from memos import EmbeddingFailed, EmbeddingsEndpoint, InvalidInput
from memos.kernel.errors import EmbedderUnavailable

KEY = "a-key-of-this-test"


class Server(ThreadingHTTPServer):
    """Answers every request with `status` and `answer`, and keeps what it was asked."""

    status = 200
    answer: bytes | None = None

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str | None, dict[str, Any]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, self.headers["Authorization"], body))
        data = [
            {"index": n, "embedding": [3.0, 4.0 * len(text)]}
            for n, text in enumerate(body["input"])
        ]
        answer = self.server.answer
        told = json.dumps({"data": data[::-1]}).encode() if answer is None else answer
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as opened:
        thread = threading.Thread(target=opened.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield opened
        opened.shutdown()
        thread.join()


def test_texts_come_back_as_vectors_of_length_one_in_their_order(server: Server) -> None:
    endpoint = EmbeddingsEndpoint(server.url, "small", 2, api_key=KEY, batch=2)
    vectors = endpoint.embed(["a", "bb", "ccc"])
    assert vectors.dtype == np.float32
    expected = np.array([[3, 4], [3, 8], [3, 12]], np.float32)
    assert vectors == pytest.approx(expected / np.linalg.norm(expected, axis=1, keepdims=True))
    assert [body["input"] for _, _, body in server.asked] == [["a", "bb"], ["ccc"]]
    assert {(path, key) for path, key, _ in server.asked} == {("/v1/embeddings", f"Bearer {KEY}")}


def test_the_key_comes_from_the_environment_and_shows_nowhere(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEMOS_EMBEDDINGS_KEY", KEY)
    endpoint = EmbeddingsEndpoint(server.url, "small", 2)
    server.status, server.answer = 401, f"no such key: {KEY}".encode()
    with pytest.raises(EmbeddingFailed, match="401") as failed:
        endpoint.embed(["a"])
    assert KEY not in str(failed.value) + repr(endpoint)
    assert server.asked[0][1] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"<html>", "no JSON"),
        (b"{}", "no vectors"),
        (b'{"data": []}', "shape"),
        (b'{"data": [{"index": 0, "embedding": [1, 2, 3]}]}', "shape"),
    ],
)
def test_an_answer_without_vectors_is_told(server: Server, answer: bytes, told: str) -> None:
    server.answer = answer
    with pytest.raises(EmbeddingFailed, match=told):
        EmbeddingsEndpoint(server.url, "small", 2).embed(["a"])


def test_an_endpoint_that_is_gone_is_told_with_its_host() -> None:
    endpoint = EmbeddingsEndpoint("http://127.0.0.1:1/v1", "small", 2, timeout=2)
    with pytest.raises(EmbeddingFailed, match=r"127\.0\.0\.1:1.*cannot be reached"):
        endpoint.embed(["a"])


@pytest.mark.parametrize(
    "url", ["ftp://host", "host/v1", "http://user:pass@host", "http://h?key=1"]
)
def test_an_address_that_does_not_fit_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput):
        EmbeddingsEndpoint(url, "small", 2)


def test_the_identity_of_its_vectors_is_host_path_model_and_width() -> None:
    made = [("http://a/v1", "m", 2), ("http://b/v1", "m", 2), ("http://a/v1", "n", 2)]
    made.append(("http://a/v1", "m", 3))
    digests = {EmbeddingsEndpoint(*each).digest for each in made}
    assert len(digests) == 4
    again = EmbeddingsEndpoint("http://a/v1/", "m", 2, api_key="other").digest
    assert again in digests


@pytest.mark.parametrize(
    ("status", "is_away"), [(400, False), (413, False), (500, False), (429, True), (503, True)]
)
def test_an_endpoint_that_is_away_is_told_from_one_that_refuses_a_text(
    server: Server, status: int, is_away: bool
) -> None:
    server.status, server.answer = status, b"no"
    with pytest.raises(EmbeddingFailed) as refused:
        EmbeddingsEndpoint(server.url, "small", 2).embed(["a"])
    assert isinstance(refused.value, EmbedderUnavailable) == is_away


def test_an_endpoint_that_cannot_be_reached_is_away() -> None:
    with pytest.raises(EmbedderUnavailable, match="cannot be reached"):
        EmbeddingsEndpoint("http://127.0.0.1:1/v1", "small", 2).embed(["a"])
