"""How long does a host wait for memories: a search by MCP, and a recall hook from a cold process?

    python -m benchmarks.hosts [--sizes MEMORIES] [--json FILE] [--check]

MCP: the official client beside the server, over stdio and over HTTP with an API key, searches for the
ten best. Hook: the command of the plugin for Claude Code, started as the host starts it, from its
start to its end: while the plugin's MCP server runs, which answers it, and without, when it opens the
vault itself.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import anyio
import uvicorn
from mcp import Client, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

from benchmarks.harness import Options, Report, finish, p50, parse, percentile, progress, workshop
from benchmarks.texts import Texts, scope_of
from benchmarks.vaults import fill
from memos import Memory
from memos.interface.hosts.plugins import write_plugin
from memos.interface.hosts.settings import STATE_VARIABLE, HookSettings
from memos.interface.mcp.http import PATH, http_app
from memos.kernel.scope import tenant_of

AGENT = "agent:claude"
SEARCHES, HOOKS = 100, 30
WARM = 5
BUDGET_MS = 60_000
"""So that no hook gives up: how long it takes is what is asked."""
SCOPE = scope_of(0)

Search = Callable[[Client], object]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; the exit code."""
    options = parse("hosts", __doc__, arguments)
    report = Report()
    with workshop("hosts") as directory:
        os.environ[STATE_VARIABLE] = str(directory / "state")
        _measure(options, report, directory)
    report.notes.append(f"Load of the machine after: {os.getloadavg()[0]:.1f}.")
    return finish(options, report)


def _measure(options: Options, report: Report, directory: Path) -> None:
    size = 10_000 if 10_000 in options.sizes else options.sizes[-1]
    progress(f"{size:,} memories")
    vault, texts = directory / "vault", Texts()
    with Memory(vault, actor=AGENT) as memory:
        fill(memory, texts, 0, size)
        key = memory.create_api_key(AGENT, tenant=tenant_of(SCOPE)).key
    queries = [" ".join(text.split()[:6]) for text in texts.take(SEARCHES + WARM)]
    plugin = write_plugin(
        "claude-code", directory / "plugin", vault=vault, actor=AGENT, scope=SCOPE,
        budget_ms=BUDGET_MS,
    )  # fmt: skip
    settings = HookSettings.read(plugin / "memos.json")

    progress("hooks, each opens the vault")
    _row(report, "recall hook, alone", _hooks(plugin, queries[:HOOKS]))
    progress("hooks, a server answers")
    with _server(plugin, settings):
        _row(report, "recall hook", _hooks(plugin, queries[:HOOKS]))
    progress("searches by MCP")
    line = _server_line(plugin)
    _row(report, "MCP search, stdio", anyio.run(partial(_over_stdio, line, queries)))
    with Memory(vault, actor=AGENT) as memory, _served(memory) as url:
        _row(report, "MCP search, HTTP", anyio.run(partial(_over_http, url, key, queries)))


def _row(report: Report, name: str, times: list[float]) -> None:
    report.row(wait=name, p50_ms=p50(times), p95_ms=percentile(times, 0.95), times=len(times))
    report.figures[f"{name} p50 ms"] = p50(times)


def _hooks(plugin: Path, prompts: Sequence[str]) -> list[float]:
    hooks = json.loads((plugin / "hooks" / "hooks.json").read_text())["hooks"]
    command = hooks["UserPromptSubmit"][0]["hooks"][0]["command"]
    environment = {**os.environ, "CLAUDE_PLUGIN_ROOT": str(plugin)}
    times = []
    for prompt in prompts:
        event = {"hook_event_name": "UserPromptSubmit", "session_id": "s", "prompt": prompt}
        started = time.perf_counter()
        ran = subprocess.run(
            ["/bin/sh", "-c", command],
            input=json.dumps(event).encode(),
            capture_output=True,
            check=True,
            env=environment,
        )
        times.append(time.perf_counter() - started)
        assert b"<memories>" in ran.stdout, ran
    return times


@contextmanager
def _server(plugin: Path, settings: HookSettings) -> Iterator[None]:
    process = subprocess.Popen(_server_line(plugin), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    while not settings.socket.exists():
        time.sleep(0.01)
    try:
        yield
    finally:
        process.communicate()


def _server_line(plugin: Path) -> list[str]:
    server = json.loads((plugin / ".mcp.json").read_text())["mcpServers"]["memos"]
    arguments = (each.replace("${CLAUDE_PLUGIN_ROOT}", str(plugin)) for each in server["args"])
    return [server["command"], *arguments]


async def _over_stdio(line: Sequence[str], queries: Sequence[str]) -> list[float]:
    parameters = StdioServerParameters(command=line[0], args=list(line[1:]), env=dict(os.environ))
    async with Client(stdio_client(parameters)) as client:
        return await _searches(client, queries)


async def _over_http(url: str, key: str, queries: Sequence[str]) -> list[float]:
    async with (
        create_mcp_http_client(headers={"Authorization": f"Bearer {key}"}) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        return await _searches(client, queries)


async def _searches(client: Client, queries: Sequence[str]) -> list[float]:
    times = []
    for query in queries:
        started = time.perf_counter()
        result = await client.call_tool("search_memories", {"query": query})
        times.append(time.perf_counter() - started)
        assert not result.is_error, result
    return times[WARM:]


@contextmanager
def _served(memory: Memory) -> Iterator[str]:
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(http_app(memory, scope=SCOPE), log_level="error", access_log=False)
    server = uvicorn.Server(config)
    serving = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    serving.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}{PATH}"
    finally:
        server.should_exit = True
        serving.join()
        listening.close()


if __name__ == "__main__":
    sys.exit(main())
