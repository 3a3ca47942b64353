"""Answers one hook in a process of its own: `python -m memos.interface.hosts SETTINGS < event`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from memos.interface.hosts.claude_code import ClaudeCodeHooks
from memos.interface.hosts.settings import HookSettings
from memos.interface.memory import Memory
from memos.interface.principal import principal_in_environment
from memos.kernel.errors import InvalidInput, MemosError


def main() -> int:
    """Answer it; what is refused is told on stderr."""
    try:
        settings = HookSettings.read(Path(sys.argv[1]))
        try:
            event = json.loads(sys.stdin.buffer.read())
        except ValueError as error:
            raise InvalidInput(f"the event is no JSON: {error}") from None
        with Memory(settings.vault, actor=settings.actor) as memory:
            principal = principal_in_environment(memory)
            answer = ClaudeCodeHooks(principal(), settings).answer(event)
    except MemosError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    if answer is not None:
        sys.stdout.write(json.dumps(answer) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
