"""The hooks of Claude Code: recall when a prompt is submitted, retain at stop and before compaction."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memos.interface.hosts.recollection import Recollection
from memos.interface.hosts.transcript import lines_from
from memos.kernel.errors import InvalidInput, shorten
from memos.language.well_formed import well_formed

if TYPE_CHECKING:
    from memos.interface.hosts.settings import HookSettings
    from memos.interface.memory import Memory

HOST = "claude-code"
Event = Mapping[str, Any]
_LINES_BETWEEN_NOTES = 50
"""After so many lines it is noted how far a transcript is retained: what is cut off goes on there."""


@dataclass
class _Session:
    """How far a session is retained, and whether the model still sees all of it."""

    path: Path
    offset: int = 0
    is_compacted: bool = False

    @classmethod
    def noted(cls, state: Path, session: str) -> _Session:
        path = state / "sessions" / sha256(session.encode()).hexdigest()[:32]
        try:
            noted = json.loads(path.read_text("utf-8"))
            return cls(path, int(noted["offset"]), bool(noted["is_compacted"]))
        except (OSError, ValueError, KeyError, TypeError):
            return cls(path)  # all is retained again, to no effect

    def note(self) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        noted = {"offset": self.offset, "is_compacted": self.is_compacted}
        self.path.write_text(json.dumps(noted), "utf-8")


class ClaudeCodeHooks:
    """Answers the hooks of the sessions of one agent."""

    def __init__(self, memory: Memory, settings: HookSettings) -> None:
        """Answer from an open vault, on behalf of the agent."""
        self._recollection = Recollection(memory, settings.scope)
        self._state = Path(settings.state)

    def answer(self, event: object) -> dict[str, Any] | None:
        """What a hook prints; None is nothing.

        Raises:
            InvalidInput: it is no event of a hook.
        """
        if not isinstance(event, Mapping):
            raise InvalidInput(f"a hook is given a JSON object, not {shorten(event)}")
        handle = _HANDLERS.get(_text(event, "hook_event_name"))
        return None if handle is None else handle(self, event)

    def _recall(self, event: Event) -> dict[str, Any] | None:
        session = _text(event, "session_id")
        block = self._recollection.recall(
            _text(event, "prompt"),
            session=session,
            includes_own=_Session.noted(self._state, session).is_compacted,
        )
        if block is None:
            return None
        told = {"hookEventName": "UserPromptSubmit", "additionalContext": block.text}
        return {"hookSpecificOutput": told}

    def _retain(self, event: Event) -> None:
        self._retain_all(event)

    def _retain_before_compaction(self, event: Event) -> None:
        session = self._retain_all(event)
        session.is_compacted = True
        session.note()

    def _retain_all(self, event: Event) -> _Session:
        name, path = _text(event, "session_id"), Path(_text(event, "transcript_path"))
        session = _Session.noted(self._state, name)
        try:
            for number, line in enumerate(lines_from(path, session.offset), 1):
                if line.turn is not None:
                    self._recollection.retain([line.turn], session=name, host=HOST)
                session.offset = line.end
                if number % _LINES_BETWEEN_NOTES == 0:
                    session.note()
        except OSError as error:
            raise InvalidInput(f"the transcript cannot be read ({error.strerror})") from None
        session.note()
        return session


_HANDLERS: Mapping[str, Callable[[ClaudeCodeHooks, Event], dict[str, Any] | None]] = {
    "UserPromptSubmit": ClaudeCodeHooks._recall,
    "Stop": ClaudeCodeHooks._retain,
    "PreCompact": ClaudeCodeHooks._retain_before_compaction,
}


def _text(event: Event, name: str) -> str:
    value = event.get(name)
    if not isinstance(value, str):
        raise InvalidInput(f"a hook's {name} must be a text, not {shorten(value)}")
    return well_formed(value)
