"""Errors in the words of the command line: an argument of the Memory API is called by its option, a method
by its command.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from typer.models import ArgumentInfo, OptionInfo

# What the commands call otherwise than the Memory API does; of these the first that a command has.
_OTHERWISE: Mapping[str, tuple[str, ...]] = {
    "actor": ("by",),
    "budget_tokens": ("budget",),
    "cube_id": ("cube_id", "other_id"),
    "expected_version": ("expect_version",),
    "filter": ("filter_",),
    "format": ("form",),
    "idempotency_key": ("key",),
    "passphrase": ("passphrase_file",),
    "recipient_key": ("recipient_key_file",),
}
COMMANDS: Mapping[str, str] = {
    "keep_queries": "memos keep-queries",
    "name_cut": "memos cut name",
    "set_header": "memos set-header",
    "set_lifespan": "memos lifespan",
}
"""The commands that do what methods do whose names errors mention."""

PHRASES: Mapping[str, str] = {
    "load it (memos load, Memory.load or import_export)": "load it (`memos load`)",
    'open the vault for reading (`mode="read"`; the commands that read do so)': (
        "use the commands that read, which need no more"
    ),
    'open it with mode="read", as the commands that read do': "use the commands that read",
    "open it for writing, as one who may write there": (
        "run this as a user who may write there, or name another vault with --vault"
    ),
}
"""What is said otherwise altogether, since a command opens the vault itself."""

_ARGUMENT = re.compile(r"\b([a-z_]+)=(?:\.\.\.|True\b)?")
_NAME = re.compile(r"(?<![\w'\"./=`-])[a-z]+(?:_[a-z]+)+(?![\w'\"/=`])")
_SUBJECT = re.compile(r"^([a-z_]+)(?= (?:must|is not|is no|has) )")


def names_of(parameters: Iterable[inspect.Parameter]) -> dict[str, str]:
    """What a command calls its parameters, by their names in Python: an option, or an argument."""
    own = {each.name: _name_of(each) for each in parameters}
    for name, others in _OTHERWISE.items():
        found = next((own[other] for other in others if other in own), None)
        if found is not None:
            own[name] = found
    return own


def _name_of(parameter: inspect.Parameter) -> str:
    told: Any = next(
        (
            each
            for each in get_args(parameter.annotation)
            if isinstance(each, (ArgumentInfo, OptionInfo))
        ),
        None,
    )
    if isinstance(told, ArgumentInfo):
        return told.metavar or parameter.name.upper()
    # Inside Annotated the first name stands where a default would.
    declared = () if told is None else (told.default, *(told.param_decls or ()))
    names = [name for name in declared if isinstance(name, str) and name.startswith("--")]
    return names[0] if names else f"--{parameter.name.replace('_', '-')}"


def spoken(message: str, names: Mapping[str, str]) -> str:
    """A message of the Memory API as the command says it whose parameters are called so."""

    def option(match: re.Match[str]) -> str:
        name = names.get(match[1])
        if name is None:
            return match[0]
        follows = message[match.end() : match.end() + 1]
        return name if not follows or follows in " ,;:." else f"{name} "

    def named(match: re.Match[str]) -> str:
        if match[0] in COMMANDS:
            return f"`{COMMANDS[match[0]]}`"
        name = names.get(match[0], "")
        # An argument's name is a field of data as well.
        return name if name.startswith("--") else match[0]

    for words, instead in PHRASES.items():
        message = message.replace(words, instead)
    told = _NAME.sub(named, _ARGUMENT.sub(option, message))
    return _SUBJECT.sub(lambda match: names.get(match[1], match[1]), told)
