"""Anthropic's tool runner with the tool, on a stub of its API: nothing leaves this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from anthropic import Anthropic

from memos import Memory
from memos.compat.anthropic import MemoryTool

CALLS: tuple[dict[str, Any], ...] = (
    {"command": "view", "path": "/memories"},
    {"command": "create", "path": "/memories/tea.md", "file_text": "Green tea."},
    {"command": "create", "path": "/memories/../tea.md", "file_text": "Green tea."},
)


@contextmanager
def stub(asked: list[Any]) -> Iterator[str]:
    """Messages: the calls of the tool, one an answer, then the end."""

    class Stub(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["content-length"])))
            asked.append(request)
            number = len(asked) - 1
            content: dict[str, Any] = {"type": "text", "text": "done"}
            if number < len(CALLS):
                content = {
                    "type": "tool_use", "id": f"toolu_{number}", "name": "memory",
                    "input": CALLS[number],
                }  # fmt: skip
            body = json.dumps({
                "id": f"msg_{number}", "type": "message", "role": "assistant", "model": "stub",
                "content": [content], "stop_sequence": None,
                "stop_reason": "tool_use" if content["type"] == "tool_use" else "end_turn",
                "usage": {"input_tokens": 1, "output_tokens": 1},
            }).encode()  # fmt: skip
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


def test_the_tool_runner_runs_the_commands_and_passes_refusals_on(tmp_path: Path) -> None:
    asked: list[Any] = []
    with (
        Memory(tmp_path / "test.vault", actor="agent:claude") as memory,
        stub(asked) as url,
        Anthropic(api_key="none", base_url=url, max_retries=0) as client,
    ):
        message = client.beta.messages.tool_runner(
            model="stub",
            max_tokens=100,
            messages=[{"role": "user", "content": "Remember that I like green tea."}],
            tools=[MemoryTool(memory, scope="acme/claude")],
        ).until_done()
        assert message.stop_reason == "end_turn"
        assert [cube.text for cube in memory.list(scope="acme/claude")] == ["Green tea."]
    assert asked[0]["tools"] == [{"type": "memory_20250818", "name": "memory"}]
    results = [request["messages"][-1]["content"][0] for request in asked[1:]]
    assert results[1]["content"] == "File created successfully at: /memories/tea.md"
    assert [bool(result.get("is_error")) for result in results] == [False, False, True]
    assert "would escape /memories" in results[2]["content"]
