"""Making a vault."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from memos.infrastructure.clock import system_time
from memos.infrastructure.engine.location import open_engine
from memos.operation.validation import check_name


@dataclass(frozen=True, slots=True)
class VaultMade:
    """A vault that is there. `tables` is the version that its tables had before; None where they
    have none.
    """

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
    engine = open_engine(Path(path), actor=actor, clock=system_time, create=True)
    with closing(engine):
        before = engine.maintenance.upgrade()
        signer = engine.proofs.signer()
        return VaultMade(
            engine.name, engine.origin, signer.verifier_key, engine.setting("administrator"), before
        )
