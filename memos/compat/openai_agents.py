"""OpenAI Agents' sessions on a vault: `MemosSession`."""

try:
    import agents  # noqa: F401
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "memos.compat.openai_agents stands behind OpenAI's Agents SDK, which is not installed: "
        "`pip install openai-agents`",
        name=error.name,
    ) from None

from memos.interface.compat.openai_agents.session import MemosSession

__all__ = ["MemosSession"]
