"""Models that answer from memories. None is loaded, and nothing is asked, unless one is given."""

from __future__ import annotations

from memos.infrastructure.chat_models.adapting import AdaptingModel
from memos.infrastructure.chat_models.port import CachingModel, ChatModel
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


def check_caching_model(model: object) -> CachingModel:
    """What is given as a model that keeps what it computed of memories.

    Raises:
        InvalidInput: it is none.
    """
    checked = check_model(model)
    if isinstance(checked, CachingModel):
        return checked
    raise InvalidInput(
        f"model={shorten(model)} keeps no KV cache that could be filled ahead of a question: give a local "
        "model. A server keeps the prefixes of the prompts that `chat` sends it by itself"
    )


def check_adapting_model(model: object) -> AdaptingModel:
    """What is given as a model that learns memories.

    Raises:
        InvalidInput: it is none.
    """
    checked = check_model(model)
    if isinstance(checked, AdaptingModel):
        return checked
    raise InvalidInput(
        f"model={shorten(model)} learns no memories: give a LocalLearner, a local model that does, or a RayPool beside distillers"
    )


__all__ = [
    "AdaptingModel",
    "CachingModel",
    "ChatModel",
    "check_adapting_model",
    "check_caching_model",
    "check_model",
]
