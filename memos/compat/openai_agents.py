"""OpenAI Agents' sessions on a vault: `MemosSession`."""

try:
    from memos.interface.compat.openai_agents.session import MemosSession
except ImportError as error:
    raise ImportError(
        "memos.compat.openai_agents stands behind OpenAI's Agents SDK, which is not installed as it should be "
        f"({error}): `pip install 'openai-agents>=0.22'`",
        name=error.name,
    ) from error

__all__ = ["MemosSession"]
