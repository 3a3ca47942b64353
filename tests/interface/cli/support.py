"""Runs the program in this process, on one vault."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from memos.interface.cli import app

PROGRAM = Path(sys.executable).with_name("memos")


@dataclass(frozen=True)
class Ran:
    """What one run left."""

    code: int
    out: str
    err: str

    @property
    def result(self) -> Any:
        """The result of a run with --json; stderr must be silent."""
        assert self.code in (0, 6), self.err
        document = json.loads(self.out)
        assert document.keys() == {"schema", "command", "result"}
        assert document["schema"] == 1
        return document["result"]

    @property
    def error(self) -> Any:
        """The error of a run with --json; stdout must be silent."""
        assert self.out == ""
        document = json.loads(self.err)
        assert document.keys() == {"schema", "command", "error"}
        assert document["error"]["exit_code"] == self.code
        return document["error"]


@dataclass(frozen=True)
class Shell:
    """Runs commands on one vault."""

    vault: Path

    def run(self, *args: str, stdin: str | bytes | None = None) -> Ran:
        """One run in this process."""
        environment = {"MEMOS_VAULT": str(self.vault), "MEMOS_ACTOR": "agent:alice"}
        ran = CliRunner().invoke(app, list(args), input=stdin, env=environment)
        if ran.exception is not None and not isinstance(ran.exception, SystemExit):
            raise ran.exception
        return Ran(ran.exit_code, ran.stdout, ran.stderr)

    def json(self, *args: str, stdin: str | bytes | None = None) -> Any:
        """The result of one run with --json."""
        return self.run(*args, "--json", stdin=stdin).result

    def add(self, text: str, *options: str, scope: str = "acme/alice/chat-7") -> str:
        """Add a memory; its id."""
        return str(self.json("add", text, "--scope", scope, *options)["cube_id"])

    def process(self, *args: str, stdin: bytes = b"") -> Ran:
        """One run as a real process, with pipes for streams."""
        ran = subprocess.run(
            [str(PROGRAM), *args],
            input=stdin,
            capture_output=True,
            env={**os.environ, "MEMOS_VAULT": str(self.vault), "MEMOS_ACTOR": "agent:alice"},
            timeout=240,
            check=False,
        )
        return Ran(ran.returncode, ran.stdout.decode(), ran.stderr.decode())
