"""A turn's place in the conversation of its scope."""

from __future__ import annotations

from memos.operation import validation as validate
from memos.operation.validation import Time
from memos.wire.body_pb2 import Turn


def placed(
    scope: str,
    session: str,
    number: int,
    *,
    id: str = "",  # noqa: A002 - the field's word
    speaker: str = "",
    role: str = "",
    caption: str = "",
    at: Time | None = None,
) -> Turn:
    """Where a turn stands in the conversation of its scope; `number` orders those of a session."""
    turn = Turn(
        conversation=scope,
        session=session,
        number=number,
        speaker=validate.check_name(speaker, "speaker", empty=True),
        role=role,
        id=validate.check_name(id, "id", empty=True),
        caption=validate.check_name(caption, "caption", empty=True),
    )
    if at is not None:
        turn.at = validate.check_time(at, "at")
    return turn
