"""What a reader sees of a vault: log, projections, index and bodies, of one moment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from memos.infrastructure.governance.usage.usage import Usage
from memos.infrastructure.index.port import Ints, Order, Piece, View, Within
from memos.infrastructure.vault.port import Vault
from memos.kernel.cube import NO_MEMORY, CubeState, Lifecycle
from memos.kernel.event import Position
from memos.kernel.moment import At, Moment
from memos.wire.access_pb2 import AccessEvent
from memos.wire.body_pb2 import Body
from memos.wire.event_pb2 import Event


class Reader(Protocol):
    """Log, vault, index and bodies as one reader sees them."""

    @property
    def vault(self) -> Vault:
        """Heads, attempts, versions and lineage."""
        ...

    def event(self, position: Position) -> Event:
        """The event at a position.

        Raises:
            Damaged: there is none, though something refers to it.
        """
        ...

    def origin_of(self, position: Position) -> str:
        """The origin of the log that a record came from, with an export or a move: positions in it are
        of that log. Empty where it was written here.
        """
        ...

    def body(self, cube_id: bytes, version: int, at: Position | None = None) -> Body | None:
        """The body that a version of a cube supplied; None where the cube is erased.

        Args:
            cube_id: the cube.
            version: which version supplied it.
            at: the position of the version's event, where that is known.

        Raises:
            Damaged: it does not open, or its record is not there.
            KeysMissing: its key is not there, and the log says of no erase.
        """
        ...

    def cube_key(self, cube_id: bytes) -> bytes | None:
        """A cube's key; None where the log says that it was erased, or is being, or is none.

        Raises:
            KeysMissing: it, or a key that it needs, is not there, and the log says of no erase.
        """
        ...

    def usage(self, cube_id: bytes) -> Usage:
        """How often and when last a cube was used."""
        ...

    def usage_until(self, cube_id: bytes, time: int) -> Usage:
        """How a cube was used up to a time (microseconds): a look through the access log, which only
        an earlier moment than its last use needs.
        """
        ...

    def accesses(self, holding: bytes = b"") -> Iterator[AccessEvent]:
        """The access log, what was noted in one process in its order: a look through all of it.

        Args:
            holding: only records whose bytes hold these, such as a cube's id.
        """
        ...

    def access_size(self) -> int:
        """The number of records on the access log."""
        ...

    def created(self, cube_id: bytes) -> int:
        """Log time of the cube's first accepted record."""
        ...

    def read_ahead(self, cube_ids: Sequence[bytes], at: At) -> None:
        """Cubes will be read at a moment: whoever asks a server can ask for all of them at once."""
        ...

    def read_histories_ahead(self, cube_ids: Sequence[bytes]) -> None:
        """The attempts on cubes, and the edges that begin and end in them, will be read: as they are
        now, and not as they are when each is read.
        """
        ...

    def view(self, within: Within, at: At | None = None) -> View:
        """What is visible in a scope and under it, or in several of one tenant, at a moment or (None)
        now.
        """
        ...

    def pieces(self, within: Within, order: Order, behind: int | None = None) -> Iterator[Piece]:
        """What is visible now in scopes of one tenant; every row of a piece stands before all of the next.

        Args:
            within: where.
            order: of the rows.
            behind: what stands behind this ordinal is wanted alone; other rows may be there, too.
        """
        ...

    def rows_of(self, view: View, cube_ids: Iterable[bytes]) -> dict[bytes, int]:
        """The row of each cube that the view shows; cubes that it does not show are left out."""
        ...

    def matched_terms(self, view: View) -> dict[int, Ints]:
        """The terms that the view's texts are only matched by, such as tags, and their rows."""
        ...

    def moment_of(self, position: Position) -> Moment | None:
        """Just after the record at a position; None where the log ends before it."""
        ...

    def moment_at(self, log_time: int) -> Moment:
        """Just after the last record whose log time is not later."""
        ...

    def moment_of_cut(self, name: str) -> Moment | None:
        """At a named cut; None where there is none of that name."""
        ...

    def cuts(self) -> dict[str, int]:
        """The named cuts, and the number of records before each."""
        ...

    def folded_until(self) -> int | None:
        """The log time (microseconds) up to which every record is folded; None where all of them are."""
        ...


def has_no_key(head: CubeState | None) -> bool:
    """Whether a cube with this head has no key by rights: it is erased, being erased or no memory."""
    return (
        head is None
        or head.lifecycle is Lifecycle.ERASED
        or bool(head.erasing)
        or head.form in NO_MEMORY
    )
