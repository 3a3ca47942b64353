"""LangGraph's store on a vault: `MemosStore`."""

try:
    import langgraph.store.base  # noqa: F401
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "memos.compat.langgraph stands behind LangGraph's store, which is not installed: "
        "`pip install langgraph-checkpoint`",
        name=error.name,
    ) from None

from memos.interface.compat.langgraph.store import MemosStore

__all__ = ["MemosStore"]
