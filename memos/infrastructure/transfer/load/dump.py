"""What is loaded: an export, and the increments that go on from it, read as the one export that they make."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import chain, pairwise

from memos.infrastructure.engine.dump import EventLine
from memos.infrastructure.progress import Progress
from memos.infrastructure.transfer import layout
from memos.infrastructure.transfer.load.reader import AccessLine, ExportPart
from memos.infrastructure.transfer.manifest import ExportManifest
from memos.kernel.errors import Refused
from memos.kernel.merkle import Frontier


class Dump:
    """An export and its increments, in their order; of what stands in each the newest counts.

    Args:
        parts: at least one.

    Raises:
        Refused: one of them does not go on from the one before it.
    """

    def __init__(self, parts: Sequence[ExportPart]) -> None:
        _check_links(parts)
        self._parts = parts
        self.manifest = _manifest_of([part.manifest for part in parts])
        self.checkpoint = parts[-1].checkpoint
        self.checkpoint_note = parts[-1].checkpoint_note

    def unlock(self, passphrase: str | None, recipient_key: str | bytes | None) -> None:
        """Open the wrapping of the keys of every part.

        Raises:
            Refused: the passphrase or key is missing or another one, or the method is not known.
            InvalidInput: it is no passphrase or key at all.
        """
        for part in self._parts:
            part.unlock(passphrase, recipient_key)

    def check_log(self, progress: Progress) -> None:
        """Read every event, and hold the log against the signed checkpoint of each part.

        Raises:
            Refused: an event is missing, changed, or out of order.
        """
        tree, log_time = Frontier(), 0
        total = 2 * self.manifest.events
        for part in self._parts:
            log_time = part.check_log(tree, log_time, lambda done: progress(done, total))

    def events(self) -> Iterator[EventLine]:
        """The events, in log order."""
        return chain.from_iterable(part.events() for part in self._parts)

    def event_ids_on(self, cube_ids: Collection[bytes]) -> set[bytes]:
        """The ids of the events on some cubes."""
        if not cube_ids:
            return set()
        events = filter(None, (layout.decoded(line.data) for line in self.events()))
        return {event.event_id for event in events if event.cube_id in cube_ids}

    def cube_keys(self) -> Iterator[tuple[bytes, bytes]]:
        """(cube id, key), in the order in which the cubes were made; without those of which a later
        part says that they were erased.
        """
        erased = frozenset(self.tombstones()) if len(self._parts) > 1 else frozenset()
        for part in self._parts:
            is_last = part is self._parts[-1]
            yield from (key for key in part.cube_keys() if is_last or key[0] not in erased)

    def tenant_keys(self) -> Iterator[tuple[str, bytes]]:
        """(tenant, key), each ring in its order."""
        return self._parts[-1].tenant_keys()

    def tombstones(self) -> Iterator[bytes]:
        """The ids of the cubes that were erased."""
        return self._parts[-1].tombstones()

    def accesses(self) -> Iterator[AccessLine]:
        """The access log, in order."""
        return chain.from_iterable(part.accesses() for part in self._parts)

    def erasures(self) -> Iterator[tuple[bytes, str]]:
        """(operation id, signed receipt) of every erase."""
        return self._parts[-1].erasures()


def _check_links(parts: Sequence[ExportPart]) -> None:
    first = parts[0].manifest
    if first.base:
        raise Refused(
            "the first export is an increment: name the export of the whole vault that it goes on from "
            "before it, with every increment between, in their order"
        )
    for number, (before, part) in enumerate(pairwise(parts), 2):
        if part.manifest.verifier_key != first.verifier_key:
            raise Refused(f"export {number} is of another vault than the first")
        if not part.manifest.base:
            raise Refused(f"export {number} is no increment: load it by itself")
        if part.manifest.base != before.sums_digest:
            raise Refused(
                f"export {number} does not go on from the one before it: one between them is missing, "
                "or they are in another order; nothing was taken"
            )


def _manifest_of(manifests: Sequence[ExportManifest]) -> ExportManifest:
    """The manifest of the whole: a cut is where the export that knew it first says it is."""
    cuts: dict[str, int] = {}
    for manifest in manifests:
        cuts = {**manifest.cuts, **cuts}
    return replace(
        manifests[-1],
        events=sum(manifest.events for manifest in manifests),
        cubes=sum(manifest.cubes for manifest in manifests),
        accesses=sum(manifest.accesses for manifest in manifests),
        cuts=cuts,
        base="",
    )
