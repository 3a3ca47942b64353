"""Stands in for Claude Code: loads a plugin's folder, runs its hooks as it does, keeps a transcript.

Written after the public reference of its hooks and plugins; it is not Claude Code.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4


@dataclass
class ClaudeCode:
    """A session with a plugin."""

    plugin: Path
    folder: Path
    session: str = field(default_factory=lambda: str(uuid4()))
    context: list[str] = field(default_factory=list)
    """What hooks put before the model."""

    @property
    def transcript(self) -> Path:
        return self.folder / f"{self.session}.jsonl"

    def submit(self, prompt: str, **more: Any) -> str:
        """The user submits a prompt; returns what the model is given beside it."""
        given = self.fire("UserPromptSubmit", prompt=prompt, **more)
        recalled = ""
        if given:
            told = json.loads(given)["hookSpecificOutput"]
            assert told["hookEventName"] == "UserPromptSubmit"
            recalled = told["additionalContext"]
            self.context.append(recalled)
            self.write(
                "attachment", attachment={"type": "hook_additional_context", "content": [recalled]}
            )
        self.say("user", prompt)
        return recalled

    def answer(self, text: str) -> None:
        """The model answers, and stops."""
        self.say(
            "assistant", [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": text}]
        )
        assert self.fire("Stop", stop_hook_active=False) == ""

    def compact(self) -> None:
        """The transcript becomes too long."""
        assert self.fire("PreCompact", trigger="auto", custom_instructions="") == ""
        self.say("user", "This session is continued: a summary of it all.", isCompactSummary=True)

    def say(self, role: str, content: Any, **marks: Any) -> None:
        self.write(role, message={"role": role, "content": content}, **marks)

    def write(self, kind: Any, **entry: Any) -> None:
        line = {"type": kind, "uuid": str(uuid4()), "sessionId": self.session, **entry}
        with self.transcript.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**line, "timestamp": "2026-11-30T12:00:00.000Z"}) + "\n")

    def fire(self, event: str, **more: Any) -> str:
        """Run the hooks of an event, one after the other; what they print."""
        given = {
            "session_id": self.session, "transcript_path": str(self.transcript),
            "cwd": str(self.folder), "permission_mode": "default", "hook_event_name": event, **more,
        }  # fmt: skip
        return self.run(event, json.dumps(given).encode())

    def run(self, event: str, given: bytes) -> str:
        hooks = json.loads((self.plugin / "hooks" / "hooks.json").read_text())["hooks"]
        printed = []
        for matcher in hooks[event]:
            for hook in matcher["hooks"]:
                ran = subprocess.run(
                    ["/bin/sh", "-c", hook["command"]],
                    input=given,
                    capture_output=True,
                    check=False,
                    env={**os.environ, "CLAUDE_PLUGIN_ROOT": str(self.plugin)},
                )
                assert ran.returncode == 0, ran.stderr  # 2 would stop the agent
                assert ran.stderr == b""
                printed.append(ran.stdout.decode())
        return "".join(printed)

    def server_line(self) -> list[str]:
        """What starts the plugin's MCP server."""
        server = json.loads((self.plugin / ".mcp.json").read_text())["mcpServers"]["memos"]
        arguments = [
            argument.replace("${CLAUDE_PLUGIN_ROOT}", str(self.plugin))
            for argument in server["args"]
        ]
        return [server["command"], *arguments]
