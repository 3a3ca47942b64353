"""Which adapters may answer for an actor now: looked up at every use, so that nothing has to be told for an
answer to be right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from memos.infrastructure.engine.erased_sources import is_erased
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.vault.port import LogQuery
from memos.kernel.cube import SHOWN, CubeState, Form, Lifecycle
from memos.kernel.event import Kind, id_bytes, id_text
from memos.kernel.lineage import Relation
from memos.operation.adapter_manifest import AdapterManifest, ListedMemory, adapter_manifest
from memos.operation.cube import is_over, state_title

NOT_YOURS = "a memory that it was made with is not yours to read"
NOT_PROMOTED = "no version of it was promoted"


class Outdated(NamedTuple):
    """Why an adapter is not to answer.

    Attributes:
        reason: in words; it names only what the actor may read.
        for_all: whether it is so for every actor.
    """

    reason: str
    for_all: bool = True


class KnownAdapter(NamedTuple):
    """An adapter's cube as a reader sees it, and what stands against its use.

    Attributes:
        manifest: None where no version stands.
        outdated: empty where it may answer.
        scopes: those of its sources, where it may.
    """

    state: CubeState
    manifest: AdapterManifest | None
    outdated: tuple[Outdated, ...]
    scopes: frozenset[str] = frozenset()

    @property
    def is_live(self) -> bool:
        """Whether it may answer."""
        return self.manifest is not None and not self.outdated


class Adapters:
    """Adapters as a reader sees them at a time, for one actor; each is looked at once.

    Args:
        reader: where they are read.
        may_read: what the actor may read.
        now: microseconds since 1970.
    """

    def __init__(self, reader: Reader, may_read: Callable[[CubeState], bool], now: int) -> None:
        self._reader = reader
        self._may_read = may_read
        self._now = now
        self._known: dict[bytes, KnownAdapter | None] = {}

    def within(self, scope: str, *, refused: bool = False) -> Iterator[KnownAdapter]:
        """The adapters in a scope and under it that the actor may read and that were not erased, the oldest
        first.

        Args:
            scope: where to look.
            refused: also those of which the gate has let no version pass.
        """
        kinds = (Kind.DISTILLED, Kind.DECIDED) if refused else (Kind.DISTILLED,)
        tried = (self._reader.vault.query(LogQuery(kind=kind, scope=scope)) for kind in kinds)
        found = {attempt.cube_id for attempts in tried for attempt in attempts}
        for cube_id in sorted(found):
            known = self.of(cube_id)
            if known is not None:
                yield known

    def holding(self, cube_id: str, version: int) -> Iterator[KnownAdapter]:
        """The live adapters that hold a memory at just this version, the newest first."""
        edges = self._reader.vault.edges(id_bytes(cube_id), downstream=True, version=version)
        made = {edge.derived[0] for edge in edges if edge.relation is Relation.DISTILLED_INTO}
        for raw in sorted(made, reverse=True):
            known = self.of(raw)
            if known is None or known.manifest is None or not known.is_live:
                continue
            if known.manifest.holds(cube_id, version):
                yield known

    def of(self, cube_id: bytes) -> KnownAdapter | None:
        """The adapter in a cube; None where there is none that the actor may read, or it was erased."""
        if cube_id not in self._known:
            self._known[cube_id] = self._looked_up(cube_id)
        return self._known[cube_id]

    def of_version(self, state: CubeState, manifest: AdapterManifest) -> tuple[Outdated, ...]:
        """What stands against the use of a version of an adapter, beside the state that its cube is in."""
        return tuple(self._outdated_memories(manifest)[0])

    def of_memory(self, listed: ListedMemory) -> Outdated | None:
        """What stands against a memory that an adapter was made with; None where it is as it was."""
        head = self._reader.vault.head(id_bytes(listed.cube_id))
        return self._outdated_memory(listed, head) or next(self._superseded([listed]), None)

    def _looked_up(self, cube_id: bytes) -> KnownAdapter | None:
        state = self._reader.vault.head(cube_id)
        if state is None or state.form is not Form.PARAMETRIC or is_erased(state):
            return None
        if not self._may_read(state):
            return None
        manifest = adapter_manifest(self._reader, state)
        if manifest is None:
            return KnownAdapter(state, None, (Outdated(NOT_PROMOTED),))
        outdated, heads = self._outdated_memories(manifest)
        own = [*self._outdated_cube(state), *outdated]
        scopes = (
            frozenset()
            if own
            else frozenset(heads[each.cube_id].scope for each in manifest.sources)
        )
        return KnownAdapter(state, manifest, tuple(own), scopes)

    def _outdated_cube(self, state: CubeState) -> Iterator[Outdated]:
        if state.lifecycle not in SHOWN:
            yield Outdated(f"it is {state_title(state.lifecycle).lower()}")
        elif self._is_over(state):
            yield Outdated("its lifespan is over")

    def _outdated_memories(
        self, manifest: AdapterManifest
    ) -> tuple[list[Outdated], dict[str, CubeState]]:
        """What stands against a manifest, and the memories in it as they are."""
        found = self._reader.vault.heads_many(id_bytes(each.cube_id) for each in manifest.memories)
        heads = {id_text(raw): state for raw, state in found.items()}
        outdated = [
            reason
            for listed in manifest.memories
            if (reason := self._outdated_memory(listed, heads.get(listed.cube_id))) is not None
        ]
        if manifest.valid_until is not None and manifest.valid_until <= self._now:
            outdated.append(Outdated("a memory of it is no longer true"))
        if not outdated:
            outdated.extend(self._superseded(manifest.sources))
        return list(dict.fromkeys(outdated)), heads

    def _outdated_memory(self, listed: ListedMemory, head: CubeState | None) -> Outdated | None:
        if head is None:
            return Outdated("a memory of it is not there")
        changed = self._changed(listed, head)
        if not self._may_read(head):
            return Outdated(NOT_YOURS, for_all=bool(changed))
        return Outdated(f"cube {listed.cube_id} {changed}") if changed else None

    def _changed(self, listed: ListedMemory, head: CubeState) -> str:
        """What is another than the manifest says of a memory; empty where all is as it was."""
        if is_erased(head):
            return "is erased"
        if head.lifecycle not in SHOWN:
            return f"is {state_title(head.lifecycle).lower()}"
        if head.version != listed.version:
            return f"is at version {head.version}, and version {listed.version} was distilled"
        return "has outlived its lifespan" if self._is_over(head) else ""

    def _superseded(self, sources: Sequence[ListedMemory]) -> Iterator[Outdated]:
        vault = self._reader.vault
        for listed in sources:
            for edge in vault.edges(id_bytes(listed.cube_id), downstream=True):
                newer = (
                    vault.head(edge.derived[0]) if edge.relation is Relation.SUPERSEDES else None
                )
                if newer is not None and newer.lifecycle in SHOWN and self._may_read(newer):
                    yield Outdated(f"cube {listed.cube_id} is superseded")

    def _is_over(self, state: CubeState) -> bool:
        if state.header.lifespan is None or state.lifecycle is Lifecycle.FROZEN:
            return False
        return is_over(state, self._reader.usage(state.cube_id).last_used, self._now)
