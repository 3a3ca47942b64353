"""mem0's Memory on a vault."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self

from memos.infrastructure.chat_models import check_model
from memos.infrastructure.chat_models.port import ChatModel
from memos.interface.compat.arguments import check_text
from memos.interface.compat.mem0.config import configuration_from
from memos.interface.compat.mem0.reading import ReadingCalls
from memos.interface.compat.mem0.writing import WritingCalls
from memos.interface.compat.scopes import base_scope
from memos.interface.compat.vaults import adapted_vault
from memos.interface.memory import Memory as Vault


class Memory(ReadingCalls, WritingCalls):
    """mem0's `Memory`, whose memories are cubes of a vault below a scope.

        with Memory("team.vault", scope="acme/agents") as m:
            m.add("I like pottery.", user_id="alice", infer=False)
            m.search("pottery", filters={"user_id": "alice"})

    What is deleted or reset is archived: `history` still has it, and `vault` has what mem0 has not, such as `restore`,
    `rollback`, as-of reads and `erase`. Several processes may use one vault. Safe for threads.

    Args:
        vault: an open `memos.Memory`, or the path of one, which `close` then closes.
        scope: what all memories lie below; each entity has a scope of its own there.
        chat_model: makes memories of messages where `infer` is true; without one they are stored as they were said.
        custom_instructions: what the chat model is told besides.
        options: those of `memos.Memory`, of a vault at a path.

    Raises:
        InvalidInput: an argument does not fit. As every error of this kind it is a `ValueError`.
        VaultError: the vault cannot be opened.
    """

    def __init__(
        self,
        vault: str | Path | Vault,
        *,
        scope: str,
        chat_model: ChatModel | None = None,
        custom_instructions: str = "",
        **options: Any,
    ) -> None:
        self._base = base_scope(scope)
        self._model = None if chat_model is None else check_model(chat_model)
        self._instructions = check_text(custom_instructions, "custom_instructions")
        self._vault = adapted_vault(vault, options)

    @classmethod
    def from_config(cls, config_dict: Mapping[str, Any]) -> Self:
        """The memory that a configuration describes: see `memos.interface.compat.mem0.config`.

        Raises:
            InvalidInput: it names what a vault has no use for, or no vault.
        """
        said = configuration_from(config_dict)
        return cls(
            said.path,
            scope=said.scope,
            chat_model=said.chat_model,
            custom_instructions=said.instructions,
            **said.options,
        )

    def close(self) -> None:
        """Close the vault where this memory opened it."""
        self._vault.close()

    def chat(self, query: str) -> NoReturn:
        """Not there, as in mem0: `vault.chat` answers from memories."""
        raise NotImplementedError("Chat function not implemented yet: vault.chat answers")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
