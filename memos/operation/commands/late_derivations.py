"""What was made of erased memories behind what their erase had read (see `memos.kernel.late`)."""

from __future__ import annotations

from memos.infrastructure.engine.reader import Reader
from memos.kernel.cube import Lifecycle
from memos.kernel.late import comes_behind, late_erase_id, made_of
from memos.kernel.lineage import CARRIES_TAINT
from memos.wire.event_pb2 import Event


def late_derivations(reader: Reader, request: Event) -> list[Event]:
    """The events that made memories of what a request erased, and that it could not know of."""
    erased = {target.cube_id for target in request.erase_requested.targets}
    reader.read_histories_ahead(sorted(erased))
    named = sorted(
        {
            edge.derived[0]
            for cube_id in erased
            for edge in reader.vault.edges(cube_id, downstream=True)
            if edge.relation in CARRIES_TAINT and edge.derived[1] == 1
        }
        - erased
    )
    late = []
    heads = reader.vault.heads_many(named)
    for cube_id in named:
        state = heads.get(cube_id)
        if state is None or state.lifecycle is Lifecycle.ERASED:
            continue
        made = reader.vault.version(cube_id, 1)
        if made is None:
            continue
        if comes_behind(request, made.position):
            event = reader.event(made.position)
            if not erased.isdisjoint(made_of(event)):
                late.append(event)
    return late


def supplemented(reader: Reader, request: Event) -> bytes | None:
    """The erase that a request adds a late derivation to; None where it is one of its own."""
    targets = request.erase_requested.targets
    if len(targets) != 1:
        return None
    cube_id = targets[0].cube_id
    for edge in reader.vault.edges(cube_id, downstream=False, version=1):
        source = reader.vault.head(edge.source[0])
        earlier = b"" if source is None else source.erasing
        if earlier and late_erase_id(cube_id, earlier) == request.operation_id:
            return earlier
    return None
