"""The doctor: what is wrong with a vault of either engine."""

from __future__ import annotations

from pathlib import Path

from memos.infrastructure.engine.embedded.doctor import examine as examine_directory
from memos.infrastructure.reports import Finding
from memos.infrastructure.settings_file import check_present
from memos.kernel.errors import InvalidInput, VaultError
from memos.operation.opening import distributed_driver, embedded_directory, names_settings


def doctor(path: str | Path) -> tuple[Finding, ...]:
    """What is wrong with a vault, and how to mend it; empty where all is well.

    Args:
        path: the vault's directory, or its settings file; of a distributed vault the servers and
            workers are examined too.

    Raises:
        InvalidInput: there is no such settings file.
    """
    vault = Path(path)
    if names_settings(vault):
        check_present(vault)
    try:
        directory = embedded_directory(vault)
        if directory is not None:
            return examine_directory(directory)
        with distributed_driver():
            from memos.infrastructure.engine.distributed.doctor import examine
    except (InvalidInput, VaultError) as error:
        return (Finding("error", str(error), "correct the settings file"),)
    return examine(vault)
