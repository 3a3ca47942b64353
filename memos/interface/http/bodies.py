"""What the bodies of requests have in common."""

from __future__ import annotations

import json
from base64 import b64decode
from binascii import Error as NoBase64
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from memos.kernel.errors import InvalidInput

Scopes = str | list[str]
"""One scope, or several of one tenant."""
JsonObject = dict[str, Any]
TimeText = Annotated[str, Field(description="A date or a time, ISO 8601.")]
AsOfText = Annotated[
    str, Field(description="A cut's name, a position (0:42) or a log time (ISO 8601).")
]


class Body(BaseModel):
    """A request's body. A field that it has not, and a value of another type, is an error."""

    model_config = ConfigDict(extra="forbid", strict=True)

    def given(self) -> dict[str, Any]:
        """The fields that the request names, by the names of the API's arguments."""
        return {name: getattr(self, name) for name in self.model_fields_set}


def json_object(text: str | None, name: str) -> JsonObject | None:
    """The JSON object that a parameter of an address holds.

    Raises:
        InvalidInput: it holds none.
    """
    if text is None:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise InvalidInput(f'{name} takes a JSON object, such as {{"tags": "home"}}')
    return value


def bytes_of(text: str, name: str) -> bytes:
    """The bytes that a field holds in base64.

    Raises:
        InvalidInput: it is none.
    """
    try:
        return b64decode(text, validate=True)
    except (NoBase64, ValueError):
        raise InvalidInput(f"{name} takes bytes in base64") from None
