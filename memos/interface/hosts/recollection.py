"""What an agent recalls and retains, whichever host it runs in. What was recalled is not retained again."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from memos.kernel.errors import AlreadyErased, InvalidInput, OtherContent
from memos.kernel.scope import check_scope
from memos.language.blank import is_blank
from memos.operation.reads.context_block import CLOSE, OPEN

if TYPE_CHECKING:
    from memos.interface.memory import Memory
    from memos.operation.reads.context_block import ContextBlock

LOG = logging.getLogger(__name__)

BUDGET_TOKENS = 800
MOST_CONSIDERED = 10
_RECALLED = re.compile(f"{re.escape(OPEN)}.*?(?:{re.escape(CLOSE.strip())}\n?|\\Z)", re.DOTALL)
"""A block as recall gives it: what it quotes holds no angle bracket, so its end is its end."""
_SEGMENT = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class Recollection:
    """The memory of one agent: whose vault, and the scope under which its sessions lie."""

    memory: Memory
    scope: str

    def recall(self, prompt: str, *, session: str, includes_own: bool) -> ContextBlock | None:
        """The memories that fit a prompt, as a block for it; None where none does.

        Args:
            prompt: what the user says.
            session: the session that asks.
            includes_own: also what this session said: it no longer stands before the model.
        """
        asked = without_recalled(prompt)
        if is_blank(asked):
            return None
        own = self.scope_of(session)
        block = self.memory.context(
            asked,
            scope=self.scope,
            budget_tokens=BUDGET_TOKENS,
            k=MOST_CONSIDERED,
            filter=None if includes_own else {"not": {"scope": own}},
        )
        return block if block.text else None

    def retain(self, turns: Iterable[Mapping[str, Any]], *, session: str, host: str) -> int:
        """Remember the turns of a session, each once, however often they come; how many there were.

        Args:
            turns: as of `Memory.add_conversation`, each with an `id` that no other turn of the
                session has.
            session: whose they are.
            host: which program they come from, such as `claude-code`.
        """
        scope, count = self.scope_of(session), 0
        for turn in turns:
            said = without_recalled(str(turn["text"]))
            if is_blank(said):
                continue
            try:
                self.memory.add_conversation(
                    [{**turn, "text": said}],
                    scope=scope,
                    session=session,
                    source=f"{host}:{session}",
                    idempotency_key=f"{host}:{session}:{turn['id']}",
                )
            except (AlreadyErased, OtherContent):
                continue  # it was retained; what became of it since stays so
            except InvalidInput as error:  # the turns behind it are retained all the same
                LOG.warning("a turn of %s is not retained: %s", host, error)
                continue
            count += 1
        return count

    def scope_of(self, session: str) -> str:
        """Where the turns of a session lie; a name that no scope takes is there by its digest."""
        named = session if _SEGMENT.fullmatch(session) and session.strip(".") else ""
        return check_scope(f"{self.scope}/{named or sha256(session.encode()).hexdigest()[:32]}")


def without_recalled(text: str) -> str:
    """A text without the blocks that recall put into it."""
    return _RECALLED.sub("", text).strip()
