"""No text is written after the text that it was made of was erased.

The fold sees one cube, so it cannot tell: a writer looks at the sources of what it is about to append.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from memos.kernel.cube import CubeState, Lifecycle
from memos.kernel.errors import SourceErased
from memos.kernel.event import id_text
from memos.kernel.lineage import named_edges
from memos.wire.event_pb2 import Event


def check_sources(event: Event, head: Callable[[bytes], CubeState | None]) -> None:
    """Refuse an event that names a source which is erased or being erased.

    Args:
        event: what is to be appended.
        head: a cube as the writer sees it.

    Raises:
        SourceErased: it does.
    """
    gone = [raw for raw in source_ids(event) if is_erased(head(raw))]
    if gone:
        raise source_erased(gone)


def source_ids(event: Event) -> list[bytes]:
    """The cubes that an event names as sources, each once."""
    return list(dict.fromkeys(edge.other.cube_id for edge in named_edges(event)))


def is_erased(state: CubeState | None) -> bool:
    """Whether a cube is erased, or was asked to be and may be so at any moment."""
    return state is not None and (state.lifecycle is Lifecycle.ERASED or bool(state.erasing))


def source_erased(cube_ids: Sequence[bytes]) -> SourceErased:
    """The error for what was to be made of erased cubes."""
    named = tuple(map(id_text, cube_ids))
    return SourceErased(
        f"{', '.join(named)} is erased or being erased: nothing can be made of it or linked to it, "
        "and nothing was written",
        named,
    )
