"""Exit codes, and the report of an error: one plain paragraph, or JSON, always on stderr."""

from __future__ import annotations

import sys
from enum import IntEnum

import typer

from memos.interface.cli.terminal import clean
from memos.interface.serialise import error_document
from memos.kernel.errors import (
    Conflict,
    Damaged,
    Denied,
    EraseUnfinished,
    Held,
    IllegalMove,
    InvalidInput,
    MemosError,
    NotApplied,
    NotFound,
    OtherContent,
    PartlyDone,
    SourceErased,
    SubjectErased,
)


class ExitCode(IntEnum):
    """What the program's exit status means. Scripts rely on these numbers."""

    OK = 0
    ERROR = 1
    USAGE = 2
    NOT_FOUND = 3
    DENIED = 4
    CONFLICT = 5
    VERIFICATION_FAILED = 6
    ILLEGAL_MOVE = 7


_CODES: tuple[tuple[type[MemosError], ExitCode], ...] = (
    (InvalidInput, ExitCode.USAGE),
    (NotFound, ExitCode.NOT_FOUND),
    (Denied, ExitCode.DENIED),
    (Conflict, ExitCode.CONFLICT),
    (OtherContent, ExitCode.CONFLICT),
    (Damaged, ExitCode.VERIFICATION_FAILED),
    (IllegalMove, ExitCode.ILLEGAL_MOVE),
)


def exit_code(error: MemosError) -> ExitCode:
    """The exit status of an error."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), ExitCode.ERROR)


def report(error: MemosError, message: str, command: str, *, as_json: bool) -> ExitCode:
    """Write an error to stderr, in these words; returns the exit status that goes with it."""
    code = exit_code(error)
    _write(type(error).__name__, message, code, command, _details(error), as_json=as_json)
    return code


def report_usage(error: typer.TyperException, *, as_json: bool) -> int:
    """Write to stderr why a command line cannot be understood; returns the exit status."""
    context = getattr(error, "ctx", None)
    path = "memos" if context is None else str(context.command_path)
    message = error.format_message()
    if not message.strip():  # the help was asked for by giving no arguments, and is printed
        return error.exit_code
    if type(error).__name__ == "NoSuchOption":
        message = f"{message}. A text that begins with - goes behind --."
    if not as_json and context is not None:
        message = f"{message} Try '{path} --help'."
    command = path.partition(" ")[2]
    _write("Usage", message, error.exit_code, command, {}, as_json=as_json)
    return error.exit_code


def _details(error: MemosError) -> dict[str, object]:
    """What a program needs to go on: the current version, the rule, who is held."""
    match error:
        case Conflict():
            return {"current_version": error.current_version}
        case Denied():
            return {"rule": error.rule}
        case EraseUnfinished():
            return {"operation_id": error.operation_id}
        case PartlyDone():
            return {
                "done": list(error.done),
                "left": list(error.left),
                "operation_id": error.operation_id,
            }
        case Held() | SourceErased() | SubjectErased():
            return {"cube_ids": list(error.cube_ids)}
        case NotApplied():
            return {"cube_ids": list(error.cube_ids), "positions": list(error.positions)}
        case _:
            return {}


def _write(
    kind: str,
    message: str,
    code: int,
    command: str,
    details: dict[str, object],
    *,
    as_json: bool,
) -> None:
    if not as_json:
        sys.stderr.write(f"{clean(message, keep_newlines=True)}\n")
        return
    sys.stderr.write(f"{error_document(command, kind, message, int(code), details)}\n")
