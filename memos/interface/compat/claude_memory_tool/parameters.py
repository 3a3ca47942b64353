"""The parameters of the commands, which a model wrote and nobody has checked."""

from __future__ import annotations

from memos.kernel.errors import InvalidInput, shorten


def check_text(value: object, name: str) -> str:
    """A text that a file can hold.

    Raises:
        InvalidInput: it is none, or holds half a surrogate pair, which no file and no answer does.
    """
    if not isinstance(value, str):
        raise InvalidInput(f"{name} must be a text, not {shorten(value)}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidInput(
            f"{name} holds half a surrogate pair, which is no character: {shorten(value)}"
        ) from None
    return value


def check_line(value: object, name: str) -> int:
    """The number of a line.

    Raises:
        InvalidInput: it is no whole number.
    """
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidInput(f"{name} must be a whole number, not {shorten(value)}")
    return value


def check_range(value: object) -> None:
    """The lines to be viewed, from the first to the last.

    Raises:
        InvalidInput: they are no whole numbers.
    """
    if not isinstance(value, list | tuple):
        raise InvalidInput(f"view_range must be two numbers of lines, not {shorten(value)}")
    for line in value:
        check_line(line, "view_range")
