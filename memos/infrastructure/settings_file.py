"""Settings files: TOML whose values may name environment variables."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from memos.infrastructure.regular_files import check_regular
from memos.kernel.errors import InvalidInput

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def check_present(path: Path) -> None:
    """Check that there is a settings file, before anything is done that needs it.

    Raises:
        InvalidInput: there is none, or its directory cannot be read.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise InvalidInput(
            f"there is no settings file {path}: name one that exists, or write it first; its line "
            '`engine = "embedded"` or `engine = "distributed"` says where the vault is'
        ) from None
    except OSError as error:
        raise _unreadable(path, error) from None


def read_toml(path: Path) -> dict[str, Any]:
    """A settings file's contents, its environment variables filled in.

    Raises:
        InvalidInput: there is none, or it cannot be read.
    """
    import tomllib  # a vault that is a directory has no settings

    check_present(path)
    try:
        check_regular(path)
        settings = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise _unreadable(path, error) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} is no TOML: {error}") from None
    return {name: _filled(path, value) for name, value in settings.items()}


def _unreadable(path: Path, error: OSError) -> InvalidInput:
    return InvalidInput(f"{path} cannot be read ({error.strerror}): name a file that can")


def _filled(path: Path, value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _filled(path, item) for name, item in value.items()}
    if isinstance(value, list):
        return [_filled(path, item) for item in value]
    if not isinstance(value, str):
        return value

    def variable(match: re.Match[str]) -> str:
        setting = os.environ.get(match[1])
        if setting is None:
            raise InvalidInput(f"{path}: the environment variable {match[1]} is not set")
        return setting

    return _VARIABLE.sub(variable, value)
