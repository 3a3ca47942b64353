"""Composing texts without a model."""

from __future__ import annotations

from memos.kernel.body import is_text
from memos.kernel.errors import IllegalMove
from memos.kernel.event import id_text
from memos.operation.cube import Parts


def text_within(cube_id: bytes, parts: Parts) -> str:
    """The text of a memory that a new one is composed of.

    Raises:
        IllegalMove: its content is no text, and would be left out.
    """
    if not is_text(parts.media_type):
        raise IllegalMove(
            f"cube {id_text(cube_id)} holds {parts.media_type}, and no text to compose a new one of: "
            "nothing was written; pass the whole text (mode='overwrite', or text= of a merge), or keep "
            "what there is to say of it as a memory of its own, derived_from it"
        )
    return parts.text


def join_texts(text: str, addition: str) -> str:
    """The text, and the addition on a new line."""
    return f"{text}\n{addition}" if text else addition


def merge_texts(*texts: str) -> str:
    """Every line of the texts in order, each different line once."""
    return "\n".join(dict.fromkeys(line for text in texts for line in text.splitlines()))
