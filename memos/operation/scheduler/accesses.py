"""The accesses that a scheduler goes by: those that used a memory of its scope, numbered as they were noted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import accumulate

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.infrastructure.governance.usage.usage import counts_as_use, cubes_of
from memos.kernel.cube import Form
from memos.kernel.scope import contains, tenant_of
from memos.operation.gate import Passage
from memos.operation.scheduler.port import Use
from memos.wire.access_pb2 import AccessEvent


class ConcernedAccesses:
    """The recorded accesses that used a memory of a scope which the actor may read and change; of others
    none is counted.

    They stand in the order in which they were noted, so what is noted late comes behind all that a plan
    went by.

    Args:
        passage: where the actor's rights are asked.
        reader: where the access log is read.
        scope: the scope.
    """

    def __init__(self, passage: Passage, reader: Reader, scope: str) -> None:
        self._passage = passage
        self._reader = reader
        self._scope = scope
        self._concerned: dict[bytes, bool] = {}

    def __len__(self) -> int:
        return len(self.recorded)

    @cached_property
    def recorded(self) -> Sequence[AccessEvent]:
        """All of them."""
        found = (
            access
            for access in self._reader.accesses(tenant_of(self._scope).encode())
            if counts_as_use(access.action, access.rule)
            and any(map(self.concerns, cubes_of(access)))
        )
        # Ids are made where accesses are written, and grow.
        return sorted(found, key=lambda access: access.event_id)

    @cached_property
    def uses(self) -> Mapping[bytes, Sequence[Use]]:
        """The uses of each cube, in their order."""
        uses: dict[bytes, list[Use]] = {}
        for number, access in enumerate(self.recorded, 1):
            for raw in filter(self.concerns, cubes_of(access)):
                uses.setdefault(raw, []).append(Use(number, access.client_time))
        return uses

    def time_of(self, accesses: int) -> int:
        """When the first so many had been (microseconds since 1970)."""
        return self._times[accesses - 1]

    def versions_used(self, access: AccessEvent) -> Iterator[tuple[bytes, int]]:
        """The memories that an access used, each at its version."""
        for cube in access.cubes:
            if self.concerns(cube.cube_id):
                yield cube.cube_id, cube.version

    def concerns(self, raw: bytes) -> bool:
        """Whether a cube is a memory of the scope, erased or not, that the actor may read and change."""
        known = self._concerned.get(raw)
        if known is None:
            head = self._reader.vault.head(raw)
            known = self._concerned[raw] = (
                head is not None
                and head.form is Form.PLAINTEXT
                and contains(self._scope, head.scope)
                and self._passage.allows(Action.READ, head)
                and self._passage.allows(Action.WRITE, head)
            )
        return known

    @cached_property
    def _times(self) -> Sequence[int]:
        return list(accumulate((access.client_time for access in self.recorded), max))
