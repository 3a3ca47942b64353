"""Making a vault."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from memos.infrastructure.clock import system_time
from memos.infrastructure.engine.location import open_engine
from memos.infrastructure.engine.purpose import Purpose
from memos.operation.validation import check_name, check_path


@dataclass(frozen=True, slots=True)
class VaultMade:
    """A vault that is there. `tables` is the version of its tables; None where it has none."""

    path: str
    origin: str
    verifier_key: str
    administrator: str
    tables: int | None


def create_vault(path: str | Path, *, actor: str) -> VaultMade:
    """Make what is missing of a vault, and bring its tables to this release's version.

    Of a distributed one: topics, keyspaces, root key. Repeated, it changes nothing.

    Args:
        path: the vault's directory, or a settings file.
        actor: administers a vault that is made now.

    Raises:
        VaultError: it cannot be made, or was made by a newer release.
    """
    check_name(actor, "actor")
    engine = open_engine(
        check_path(path), actor=actor, clock=system_time, create=True, purpose=Purpose.MAKE
    )
    with closing(engine):
        signer = engine.proofs.signer()
        return VaultMade(
            engine.name,
            engine.origin,
            signer.verifier_key,
            engine.setting("administrator"),
            engine.maintenance.table_version(),
        )
