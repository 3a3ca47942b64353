"""Models that answer from memories. None is loaded, and nothing is asked, unless one is given."""

from __future__ import annotations

from memos.infrastructure.chat_models.port import ChatModel
from memos.kernel.errors import InvalidInput, shorten

_PARTS = ("name", "stream")


def check_model(model: object) -> ChatModel:
    """What is given as a chat model.

    Raises:
        InvalidInput: it is none.
    """
    if isinstance(model, ChatModel) and not isinstance(model, type):
        return model
    lacks = [name for name in _PARTS if not hasattr(model, name)]
    raise InvalidInput(
        f"model={shorten(model)} is no chat model: it lacks {', '.join(lacks) or 'an instance'}. Give "
        "OpenAICompatible(base_url, model), a local model, or an object with name and stream"
    )


__all__ = ["ChatModel", "check_model"]
