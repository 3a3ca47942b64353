"""How fast are a get and a search over HTTP, with the client on the same processors?

    python -m benchmarks.http [--json FILE] [--check]

`memos serve` runs in a process of its own, with an API key; the client's connections stay open. Beside it,
in turns: the same calls in this process, and the least that FastAPI over SQLite does.
"""

from __future__ import annotations

import random
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.harness import Options, Report, finish, p50, parse, percentile, timed, workshop
from benchmarks.http_server import Connection, serving
from benchmarks.texts import Texts, scope_of
from benchmarks.vaults import fill
from memos import Memory
from memos.kernel.scope import tenant_of

MEMORIES = 10_000
CONNECTIONS = 2
ROUNDS = 5
GETS = 1_000
SEARCHES = 60
BEST = 10
NO_LIMIT = "1000000"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; the exit code."""
    options: Options = parse("http", __doc__, arguments)
    report = Report()
    with workshop("http") as directory:
        _measure(report, directory)
    report.notes.append(
        f"{MEMORIES:,} memories. gets/s: {CONNECTIONS} connections, each of which asks as soon as it is "
        f"answered; the median of {ROUNDS} rounds. Searches look for the {BEST} best for six terms, each "
        "in 5 % of the memories of a scope, on one connection. SQLite's server gets a row of id and text."
    )
    return finish(options, report)


def _measure(report: Report, directory: Path) -> None:
    vault, rows, texts = directory / "vault", directory / "rows.db", Texts()
    with Memory(vault, actor="user:bench") as memory:
        ids = fill(memory, texts, 0, MEMORIES)
        tenant = tenant_of(scope_of(0))
        key = memory.create_api_key("user:bench", tenant=tenant).key
        _fill_rows(rows, ids)
        options = ("--vault", str(vault), "--port", "0", "--rate", NO_LIMIT)
        with (
            serving("memos", "serve", "--actor", "user:bench", *options) as ours,
            serving("benchmarks.http_floor", str(rows)) as floor,
        ):
            _tell(report, *_ask(memory, ids, texts, _Servers(ours, floor, key)))


class _Servers:
    """The two servers, and the key of ours."""

    def __init__(self, ours: str, floor: str, key: str) -> None:
        self._ours, self._floor = ours, floor
        self._headers = {"Authorization": f"Bearer {key}"}

    def ours(self) -> Connection:
        return Connection(self._ours, self._headers)

    def floor(self) -> Connection:
        return Connection(self._floor)


class _Found(NamedTuple):
    """Of each kind of caller: gets a second in each round, and seconds of each search."""

    gets: dict[str, list[float]]
    searches: dict[str, list[float]]


def _ask(memory: Memory, ids: list[str], texts: Texts, servers: _Servers) -> _Found:
    found = _Found(
        {"in process": [], "memos serve": [], "FastAPI and SQLite": []},
        {"in process": [], "memos serve": []},
    )
    chosen = random.Random(1).choices(ids, k=GETS)
    query: dict[str, Any] = {"query": texts.frequent, "scope": scope_of(0), "k": BEST}
    for _ in range(ROUNDS):
        seconds = timed(lambda: [memory.get(each) for each in chosen])
        found.gets["in process"].append(len(chosen) / seconds)
        found.gets["memos serve"].append(_rate(servers.ours, "/v1/memories/", chosen))
        found.gets["FastAPI and SQLite"].append(_rate(servers.floor, "/memories/", chosen))
        _search(memory, servers, query, found.searches)
    return found


def _search(
    memory: Memory, servers: _Servers, query: dict[str, Any], searches: dict[str, list[float]]
) -> None:
    connection = servers.ours()
    for _ in range(SEARCHES // ROUNDS):
        searches["in process"].append(timed(lambda: memory.search(**query)))
        searches["memos serve"].append(timed(lambda: connection.post("/v1/search", query)))
    connection.close()


def _rate(connect: Callable[[], Connection], path: str, ids: list[str]) -> float:
    """How many gets a second, of all connections together."""

    def ask(connection: Connection) -> None:
        for each in ids:
            connection.get(path + each)

    connections = [connect() for _ in range(CONNECTIONS)]
    asking = [threading.Thread(target=ask, args=(each,)) for each in connections]
    begun = time.perf_counter()
    for each in asking:
        each.start()
    for each in asking:
        each.join()
    seconds = time.perf_counter() - begun
    for connection in connections:
        connection.close()
    return CONNECTIONS * len(ids) / seconds


def _tell(report: Report, gets: dict[str, list[float]], searches: dict[str, list[float]]) -> None:
    medians = {name: sorted(rates)[len(rates) // 2] for name, rates in gets.items()}
    for name, rate in medians.items():
        times = searches.get(name)
        report.row(
            **{"": name},
            gets_a_second=rate,
            search_p50_ms=None if times is None else p50(times),
            search_p95_ms=None if times is None else percentile(times, 0.95),
        )
    report.figures["gets/s"] = medians["memos serve"]
    report.figures["gets/s / FastAPI and SQLite"] = (
        medians["memos serve"] / medians["FastAPI and SQLite"]
    )
    report.figures["search p50 ms"] = p50(searches["memos serve"])
    report.figures["search p95 ms"] = percentile(searches["memos serve"], 0.95)
    report.figures["search p50 - in process, ms"] = p50(searches["memos serve"]) - p50(
        searches["in process"]
    )


def _fill_rows(database: Path, ids: list[str]) -> None:
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE memory (id TEXT PRIMARY KEY, text TEXT)")
        connection.executemany(
            "INSERT INTO memory VALUES (?, ?)", [(each, "a text of a memory") for each in ids]
        )
    connection.close()


if __name__ == "__main__":
    sys.exit(main())
