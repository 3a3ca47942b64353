"""LangGraph's store on a vault: `MemosStore`."""

try:
    from memos.interface.compat.langgraph.store import MemosStore
except ImportError as error:
    raise ImportError(
        f"memos.compat.langgraph stands behind LangGraph's store, which is not installed as it should be ({error}): "
        "`pip install 'langgraph-checkpoint>=4.3'`",
        name=error.name,
    ) from error

__all__ = ["MemosStore"]
