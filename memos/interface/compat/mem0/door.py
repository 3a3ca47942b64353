"""What every family of mem0's calls works on."""

from __future__ import annotations

from memos.infrastructure.chat_models.port import ChatModel
from memos.interface.compat.vaults import AdaptedVault
from memos.interface.memory import Memory as Vault
from memos.kernel.errors import NotFound
from memos.kernel.scope import contains
from memos.operation.cube import MemCube


class Door:
    """Memories below a scope of a vault. `Memory` is made of its families of calls."""

    _base: str
    _vault: AdaptedVault
    _model: ChatModel | None
    _instructions: str

    @property
    def vault(self) -> Vault:
        """The vault: as-of reads, diffs, lineage, restore, rollback and erase of what is here."""
        return self._vault.memory

    def _cube(self, memory_id: str) -> MemCube | None:
        """A memory in sight below the scope; None where there is none."""
        try:
            cube = self.vault.get(memory_id)
        except NotFound:
            return None
        return cube if isinstance(cube, MemCube) and contains(self._base, cube.scope) else None
