"""OpenAI Agents' sessions on a vault: `MemosSession`."""

try:
    from memos.interface.compat.openai_agents.session import MemosSession
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"memos.compat.openai_agents stands behind OpenAI's Agents SDK, and {error.name} is not "
        "installed: `pip install openai-agents`",
        name=error.name,
    ) from error

__all__ = ["MemosSession"]
