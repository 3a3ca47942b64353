"""The doctor: what is wrong with a vault of either engine."""

from __future__ import annotations

from pathlib import Path

from memos.infrastructure.doctor import Finding
from memos.infrastructure.doctor import examine as examine_directory
from memos.infrastructure.toml import read_toml
from memos.interface.opening import distributed_driver
from memos.kernel.errors import InvalidInput, VaultError


def doctor(path: str | Path) -> tuple[Finding, ...]:
    """What is wrong with a vault, and how to mend it; empty where all is well.

    Args:
        path: the vault's directory, or its settings file; of a distributed vault the servers and
            workers are examined too.
    """
    vault = Path(path)
    if vault.suffix != ".toml":
        return examine_directory(vault)
    try:
        told = read_toml(vault)
        if told.get("engine") == "embedded":
            return examine_directory(vault.parent / str(told.get("path", "")))
        if told.get("engine") != "distributed":
            raise InvalidInput(f'{vault}: engine must be "embedded" or "distributed"')
        with distributed_driver():
            from memos.infrastructure.distributed.doctor import examine
    except (InvalidInput, VaultError) as error:
        return (Finding("error", str(error), "correct the settings file"),)
    return examine(vault)
