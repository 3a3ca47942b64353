"""What any engine must do for the interface and for what works on memories.

`memos.infrastructure.embedded` and `memos.infrastructure.distributed` are the two. Both fold the
same events by the same kernel; they differ in where the log, the vault and the index live, and in
who folds: the writer's own transaction, or a worker behind the log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar

from memos.infrastructure.governance.usage import Usage
from memos.infrastructure.index.embedders.port import Embedder, Vectors
from memos.infrastructure.index.port import Ints, Nearest, View
from memos.infrastructure.keys.signer import NoteSigner
from memos.infrastructure.moment import At, Moment
from memos.infrastructure.vault.port import Vault
from memos.kernel.cube import CubeState
from memos.kernel.event import Position
from memos.kernel.fold import Outcome
from memos.kernel.lineage import Edge
from memos.wire.access_pb2 import AccessEvent
from memos.wire.body_pb2 import Body
from memos.wire.event_pb2 import Event

T = TypeVar("T")

Progress = Callable[[int, int], None]
"""Told (done, of how many) now and then."""


def no_progress(done: int, total: int) -> None:
    """Tell nobody."""


class Draft(NamedTuple):
    """An event ready to be appended; its body in clear for the index, and a new cube's key.

    `is_new` says that the cube's id was made for this event, so no state needs to be looked up.
    """

    event: Event
    body: Body | None = None
    cube_key: bytes | None = None
    is_new: bool = False


class Committed(NamedTuple):
    """A folded event and all that followed from it."""

    event: Event
    position: Position
    log_time: int
    outcome: Outcome
    state: CubeState | None
    consequences: tuple[Committed, ...] = ()

    def walk(self) -> Iterator[Committed]:
        """This one and, depth first, everything that followed."""
        yield self
        for consequence in self.consequences:
            yield from consequence.walk()


class Purged(NamedTuple):
    """How many rows an erase removed."""

    cube_keys: int
    texts: int
    spans: int
    postings: int
    vectors: int


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it was written. `where` is a position, a cube or a file."""

    where: str
    what: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What a check found. Everything that `problems` does not name is good."""

    events: int
    cubes: int
    checkpoints: int
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether everything is as it was written."""
        return not self.problems


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild did. `undecodable` lists positions that hold no event: rejected, and kept;
    `unreadable` those whose sealed body does not open: folded, but not found by a search.
    """

    events: int
    digest: str
    undecodable: tuple[str, ...]
    unreadable: tuple[str, ...] = ()


class TreeHead(NamedTuple):
    """A log's signed tree: `note` signs `size` records with the Merkle root `root`."""

    size: int
    root: bytes
    note: str


class Figures(NamedTuple):
    """Counts of a vault: `states` counts its memories by lifecycle."""

    events: int
    states: Mapping[int, int]
    scopes: int
    accesses: int
    bytes_on_disk: int


class Keys(Protocol):
    """Tenants' and subjects' keys, as the interface uses them."""

    def tenant_keys(self, tenant: str, *, create: bool = True) -> list[bytes]:
        """A tenant's keys, its own first."""
        ...

    def tenants(self) -> list[str]:
        """Every tenant that has a key."""
        ...

    def subject_key(self, tenant: str, subject: bytes, *, create: bool = True) -> bytes | None:
        """A subject's key; None where there is none."""
        ...

    def destroy(self, tenant: str, subjects: Iterable[bytes]) -> int:
        """End the keys of subjects for good; how many there were."""
        ...


class Reading(Protocol):
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

    def body(self, cube_id: bytes, version: int, at: Position | None = None) -> Body | None:
        """The body that a version of a cube supplied; None where its key was destroyed.

        Args:
            cube_id: the cube.
            version: which version supplied it.
            at: the position of the version's event, where that is known.
        """
        ...

    def cube_key(self, cube_id: bytes) -> bytes | None:
        """A cube's key; None where it, or a key that it needs, was destroyed."""
        ...

    def usage(self, cube_id: bytes) -> Usage:
        """How often and when last a cube was used."""
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

    def view(self, scope: str, at: At | None = None) -> View:
        """What is visible in a scope and under it, at a moment or (None) now."""
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


Divide = Callable[[str, str], list[str]]
"""(text, caption) to what is embedded: the text first, then its sentences; nothing of nothing."""


class DenseIndex(Protocol):
    """Embeds behind the writes what is new, and gives vectors to search."""

    failure: str
    """Why the embedder's last call did not succeed; empty where it did."""

    @property
    def name(self) -> str:
        """The embedder's name."""
        ...

    def start(self) -> None:
        """Begin to follow the writes in the background."""
        ...

    def close(self) -> None:
        """Stop after the batch at hand."""
        ...

    def waiting(self, reading: Reading) -> int:
        """How many indexed texts, of every scope, wait to be embedded."""
        ...

    def embed_pending(self) -> int:
        """Embed all that waits, in the calling thread; how many texts got their vectors.

        Raises:
            EmbeddingFailed: the embedder failed; what it had done is kept.
        """
        ...

    def nearest(self, reading: Reading, view: View, scope: str, queries: Vectors) -> Nearest:
        """How near what a view of a scope shows is to queries, one a row."""
        ...

    def of_query(self, texts: Sequence[str]) -> Vectors:
        """The vectors of a query's wordings.

        Raises:
            EmbeddingFailed: the embedder failed, now or within the last seconds.
        """
        ...


class Writing(Protocol):
    """What a write of several events does: append, and read what that led to."""

    def append(self, draft: Draft) -> Committed:
        """Append one event; it is folded, and so is all that follows from it."""
        ...

    def head(self, cube_id: bytes) -> CubeState | None:
        """A cube as this writer sees it."""
        ...

    def written(self) -> Reading:
        """Reading, with what was appended so far."""
        ...

    def name_cut(self, draft: Draft) -> Committed:
        """Append a CutNamed event, its positions filled in with where the log ends now."""
        ...

    def begin_erasure(self, operation_id: bytes, tenant: str, cube_ids: Sequence[bytes]) -> None:
        """Before anything of cubes is destroyed: count what there is, and keep that."""
        ...

    def purge(self, operation_id: bytes, cube_ids: Sequence[bytes]) -> Purged:
        """Remove every copy of the cubes that an operation erased: keys, texts, vectors, usage.

        What there was of them, also where a process that crashed had begun to remove it.
        """
        ...

    def erasure_receipt(self, operation_id: bytes) -> str | None:
        """The receipt that was kept of an erase."""
        ...

    def keep_erasure_receipt(self, operation_id: bytes, receipt: str) -> str:
        """Keep the receipt of an erase; the one that is kept, where another was first."""
        ...


class Engine(Protocol):
    """The whole memory of a vault. Safe for threads; several processes may open one."""

    @property
    def name(self) -> str:
        """What an error calls the vault: its directory, or its settings file."""
        ...

    @property
    def origin(self) -> str:
        """The name under which the vault signs its checkpoints."""
        ...

    @property
    def store(self) -> Keys:
        """Tenants' and subjects' keys."""
        ...

    def commit(self, drafts: Iterable[Draft]) -> list[Committed]:
        """Append drafts in order and tell what became of each."""
        ...

    def commit_whole(
        self, drafts: Iterable[Draft], check: Callable[[Committed], None]
    ) -> list[Committed]:
        """Append drafts that are one command; `check` raises at an outcome that must not be.

        Embedded, nothing of them is done then. In a log of several partitions no append spans all
        of them: there, what was accepted stays, and the error says so.
        """
        ...

    def write(self, work: Callable[[Writing], T]) -> T:
        """Run several appends that belong together."""
        ...

    def wait_for(self, position: Position, seconds: float) -> None:
        """Wait until the record at a position can be read by get and found by its words.

        Raises:
            NotApplied: it cannot, in that time; the message says which worker is behind or dead.
        """
        ...

    def append_accesses(self, accesses: Sequence[AccessEvent]) -> None:
        """Append records to the access log; usage is folded from them."""
        ...

    def reading(self) -> AbstractContextManager[Reading]:
        """Everything read inside is of one moment, as far as the engine can tell."""
        ...

    def streaming(self) -> Reading:
        """Reading that may go on for long: what is appended meanwhile may be seen."""
        ...

    def setting(self, name: str) -> str:
        """A setting made when the vault was created."""
        ...

    def signer(self) -> NoteSigner:
        """Signs this vault's checkpoints and receipts."""
        ...

    def unfinished_erasures(self) -> list[bytes]:
        """The erase operations that were asked for and of which there is no receipt yet."""
        ...

    def are_gone(self, cube_ids: Sequence[bytes]) -> bool:
        """Look once more for keys, texts, vectors and usage of erased cubes; whether it is certain
        that the stores give none of them to anybody.
        """
        ...

    def confirm_erased(self) -> bool:
        """Overwrite what files of the stores still hold of erased keys; whether that is certain."""
        ...

    def verify(self, progress: Progress = no_progress) -> Verification:
        """Check the log against its hashes, trees and signed checkpoints, and every head."""
        ...

    def audit(self, progress: Progress = no_progress) -> Verification:
        """What `verify` checks, and every cube folded again from the log and compared."""
        ...

    def rebuild(self, progress: Progress = no_progress) -> Rebuilt:
        """Fold the log again into projections that take the place of those there."""
        ...

    def digest(self) -> str:
        """SHA-256 over every cube in id order."""
        ...

    def usage_digest(self) -> str:
        """SHA-256 over how often and when last each cube was used."""
        ...

    def figures(self) -> Figures:
        """Counts of the vault."""
        ...

    def sign_tree(self, partition: int = 0) -> TreeHead:
        """Sign a partition of the log as it is now."""
        ...

    def leaf(self, position: Position) -> bytes:
        """The Merkle leaf of the record at a position."""
        ...

    def inclusion(self, position: Position, size: int) -> list[bytes]:
        """The RFC 6962 path from a record to the root of the tree of `size` records."""
        ...

    def consistency(self, partition: int, old_size: int, size: int) -> list[bytes]:
        """The RFC 6962 proof that the tree of `size` records extends that of `old_size`."""
        ...

    def embed_with(self, embedder: Embedder, divide: Divide) -> DenseIndex:
        """The dense side of the index, of one embedder; not yet started."""
        ...

    def close(self) -> None:
        """Finish what is being written, and let go of everything."""
        ...


__all__ = [
    "At",
    "Committed",
    "DenseIndex",
    "Draft",
    "Edge",
    "Engine",
    "Figures",
    "Keys",
    "Moment",
    "Problem",
    "Progress",
    "Purged",
    "Reading",
    "Rebuilt",
    "TreeHead",
    "Verification",
    "Writing",
    "no_progress",
]
