"""How much later does a first token come, when memories are put into the question on its way?

    python -m benchmarks.proxy [--json FILE] [--check]

Beside the same request to the same server, in turns: through `memos serve --upstream` as it is, and with the
memories of a scope, in conversations whose history is sent again with each question. Servers and client share
the processors.
"""

from __future__ import annotations

import http.client
import json
import random
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.harness import Options, Report, finish, p50, parse, percentile, workshop
from benchmarks.http_server import serving
from benchmarks.texts import Texts, scope_of
from benchmarks.vaults import fill
from memos import Memory
from memos.kernel.scope import tenant_of

MEMORIES = 10_000
CONVERSATIONS, TURNS = 12, 10
QUESTION_WORDS = 8
NO_LIMIT = "1000000"
DIRECT, PLAIN, RECALLED, REMEMBERED = (
    "direct",
    "proxy",
    "proxy, memories",
    "proxy, memories, remembered",
)
Message = dict[str, str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; the exit code."""
    options: Options = parse("proxy", __doc__, arguments)
    report = Report()
    with workshop("proxy") as directory:
        _measure(report, directory / "vault")
    report.notes.append(
        f"{MEMORIES:,} memories; {CONVERSATIONS} conversations of {TURNS} questions of {QUESTION_WORDS} words of "
        "a memory each, to a server that answers at once. Milliseconds from the request to the first line of "
        "its answer."
    )
    return finish(options, report)


def _measure(report: Report, vault: Path) -> None:
    with Memory(vault, actor="user:bench") as memory:
        texts = Texts()
        fill(memory, texts, 0, MEMORIES)
        questions = _questions(memory)
        key = memory.create_api_key("user:bench", tenant=tenant_of(scope_of(0))).key
    with serving("benchmarks.proxy_upstream") as upstream:
        served = ("serve", "--actor", "user:bench", "--log-level", "warning", "--port", "0")
        chosen = ("--vault", str(vault), "--rate", NO_LIMIT, "--upstream", f"{upstream}/v1")
        with serving("memos", *served, *chosen) as proxy:
            authorized = {"Authorization": f"Bearer {key}"}
            recalled = {**authorized, "X-Memos-Scope": scope_of(0)}
            ways = {
                DIRECT: _Asking(upstream, "/v1/chat/completions", {}),
                PLAIN: _Asking(proxy, "/openai/v1/chat/completions", authorized),
                RECALLED: _Asking(proxy, "/openai/v1/chat/completions", recalled),
                REMEMBERED: _Asking(
                    proxy, "/openai/v1/chat/completions", {**recalled, "X-Memos-Remember": "true"}
                ),
            }
            _converse(ways, questions)
            _tell(report, {name: way.seconds for name, way in ways.items()})


def _questions(memory: Memory) -> list[str]:
    chosen = random.Random(1)
    cubes = memory.list(scope=scope_of(0), limit=CONVERSATIONS * TURNS)
    return [" ".join(chosen.sample(cube.text.split(), QUESTION_WORDS)) for cube in cubes]


class _Asking:
    """One way to the server, on a connection that stays open."""

    def __init__(self, address: str, path: str, headers: Mapping[str, str]) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(address).netloc)
        self._connection.connect()
        # A request is two small packets, of which the second would wait for an answer to the first.
        self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._path = path
        self._headers = {"Content-Type": "application/json", **headers}
        self.seconds: list[float] = []

    def ask(self, messages: list[Message]) -> None:
        """Ask, and read the answer."""
        body = json.dumps({"model": "m", "messages": messages, "stream": True})
        begun = time.perf_counter()
        self._connection.request("POST", self._path, body, self._headers)
        answer = self._connection.getresponse()
        first = answer.readline()
        self.seconds.append(time.perf_counter() - begun)
        assert first.startswith(b"data: "), (answer.status, first)
        answer.read()


def _converse(ways: Mapping[str, _Asking], questions: list[str]) -> None:
    for number in range(CONVERSATIONS):
        messages: list[Message] = [{"role": "system", "content": "Answer from the memories."}]
        for question in questions[number * TURNS :][:TURNS]:
            messages.append({"role": "user", "content": question})
            for way in ways.values():
                way.ask(messages)
            messages.append({"role": "assistant", "content": "word " * 20})


def _tell(report: Report, seconds: Mapping[str, list[float]]) -> None:
    for name, times in seconds.items():
        cells: dict[str, Any] = {"": name}
        report.row(**cells, p50_ms=p50(times), p95_ms=percentile(times, 0.95))
    direct = p50(seconds[DIRECT])
    report.figures["first token - direct, ms"] = p50(seconds[RECALLED]) - direct
    report.figures["first token, as it is - direct, ms"] = p50(seconds[PLAIN]) - direct
    report.figures["first token, remembered - direct, ms"] = p50(seconds[REMEMBERED]) - direct


if __name__ == "__main__":
    sys.exit(main())
