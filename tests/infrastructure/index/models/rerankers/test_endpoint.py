from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from memos import InvalidInput, RerankEndpoint, Reranker, RerankFailed

KEY = "a-key-of-this-test"


class Server(ThreadingHTTPServer):
    """Scores a text by its length, unless it has a `status` or an `answer` to give instead."""

    status = 200
    answer: bytes | None = None
    bare = False

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
        texts = body.get("documents") or body.get("texts")
        name = "score" if self.server.bare else "relevance_score"
        rows = [{"index": n, name: len(text) / 100} for n, text in enumerate(texts)][::-1]
        made = json.dumps(rows if self.server.bare else {"results": rows}).encode()
        told = made if self.server.answer is None else self.server.answer
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


def test_scores_come_back_in_the_order_of_the_texts(server: Server) -> None:
    endpoint = RerankEndpoint(server.url, "small", api_key=KEY)
    assert isinstance(endpoint, Reranker)
    assert endpoint.score("q", ["aaa", "", "aa"]).tolist() == [0.03, 0.01, 0.02]
    ((path, key, body),) = server.asked
    assert (path, key) == ("/v1/rerank", f"Bearer {KEY}")
    assert body == {"model": "small", "query": "q", "documents": ["aaa", " ", "aa"], "top_n": 3}
    assert endpoint.score("q", []).shape == (0,)


def test_an_endpoint_that_takes_texts_and_answers_a_bare_list_is_understood(server: Server) -> None:
    server.bare = True
    endpoint = RerankEndpoint(server.url, "small", field="texts")
    assert endpoint.score("q", ["a", "aa"]).tolist() == [0.01, 0.02]
    assert server.asked[0][2]["texts"] == ["a", "aa"]


@pytest.mark.parametrize(
    ("status", "answer", "reason"),
    [
        (500, b"broken", "it answered 500: broken"),
        (200, b"<html>", "its answer is no JSON"),
        (200, b"{}", "holds no scores"),
        (200, b'{"results": [{"index": 0, "relevance_score": 1}]}', "it scored 1 of 2 texts"),
        (200, b'[{"index": 7, "score": 1}]', "holds no scores"),
        (200, b'[{"index": -1, "score": 1}]', "holds no scores"),
        (200, b'[{"index": 0, "score": "high"}]', "holds no scores"),
        (200, b'[{"index": 0, "score": NaN}, {"index": 1, "score": 1}]', "it scored"),
        (401, KEY.encode(), r"401: \[key\]"),
    ],
)
def test_every_bad_answer_is_one_kind_of_error_that_says_why(
    server: Server, status: int, answer: bytes, reason: str
) -> None:
    server.status, server.answer = status, answer
    with pytest.raises(RerankFailed, match=reason) as failed:
        RerankEndpoint(server.url, "small", api_key=KEY).score("q", ["a", "b"])
    assert KEY not in str(failed.value)


def test_an_endpoint_that_is_gone_is_an_error() -> None:
    with pytest.raises(RerankFailed, match="cannot be reached"):
        RerankEndpoint("http://127.0.0.1:9/v1", "small", timeout=2).score("q", ["a"])


@pytest.mark.parametrize("url", ["", "ftp://host", "http://", "http://user@host", "http://h?q=1"])
def test_a_bad_address_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput):
        RerankEndpoint(url, "small")
