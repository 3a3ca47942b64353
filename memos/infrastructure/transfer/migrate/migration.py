"""The move itself: one log replayed into another, in order, and the keys of what it holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from memos.infrastructure.batches import batched
from memos.infrastructure.engine.cuts import ascending, holds
from memos.infrastructure.engine.migration import (
    BATCH,
    MigrationSource,
    MigrationTarget,
    Moved,
    Plan,
    Sealed,
)
from memos.infrastructure.log.ancestry import Ancestor
from memos.infrastructure.log.port import Cut
from memos.infrastructure.progress import Progress
from memos.kernel.errors import Refused


@dataclass(frozen=True, slots=True)
class MigrationReport:
    """What a migration did. `events` were appended now; `present` were there from one that was cut
    off. `digest` is that of both vaults. `origin` and `verifier_key` are the source's: its proofs
    hold against `checkpoints`, which the target keeps.
    """

    source: str
    target: str
    origin: str
    verifier_key: str
    events: int
    present: int
    accesses: int
    digest: str
    checkpoints: tuple[str, ...]


def migrate(
    source: MigrationSource, target: MigrationTarget, progress: Progress
) -> MigrationReport:
    """Move a vault. Cut off at any instruction, it is gone on with by doing it again.

    Raises:
        Refused: the target holds something else, an erase is under way, somebody wrote to the
            source meanwhile, or the digests differ.
    """
    return source.hold(lambda: _Migration(source, target, progress).run())


class _Migration:
    def __init__(
        self, source: MigrationSource, target: MigrationTarget, progress: Progress
    ) -> None:
        self._source = source
        self._target = target
        self._progress = progress
        self._done = 0
        self._events = 0

    def run(self) -> MigrationReport:
        source, target = self._source, self._target
        if source.erasing():
            raise Refused(
                f"an erase is under way in {source.name}: open that vault once, which finishes it, "
                "then move it; nothing was changed"
            )
        plan = target.plan(source.origin)
        if target.is_done():
            return self._report_of_done()
        seals = source.seal()
        end = {seal.partition: seal.size for seal in seals}
        plan = _extended(plan or Plan(source.origin), source, end)
        target.keep_plan(plan, seals, source.origin)
        self._move_keys()
        cuts = self._move_records(plan, end)
        accesses = self._move_accesses()
        ancestors = [*source.ancestors(), _ancestor(source, seals)]
        target.keep_erasures(source.erasures(), [one.verifier_key for one in ancestors])
        total = sum(end.values())
        target.fold(lambda done, _: self._progress(total + done, 2 * total))
        self._drop_subjects()
        digest = self._same_digest()
        if source.end() != end:
            raise Refused(
                f"{source.name} was written to while it was moved: stop its writers, then run the "
                "same `memos migrate` again, which takes what is new"
            )
        target.finish(cuts, ancestors, source.owed())
        self._progress(2 * total, 2 * total)
        return self._report(seals, total - self._events, accesses, digest)

    def _move_keys(self) -> None:
        here, there = self._source.keys, self._target.keys
        for tenant in here.tenants():
            for key in here.ring(tenant):
                there.add_tenant_key(tenant, key)
        for keys in batched(here.subjects(), BATCH):
            there.add_subject_keys(keys)

    def _drop_subjects(self) -> None:
        """A move that was cut off may have taken the key of who was erased since."""
        kept = {(tenant, subject) for tenant, subject, _ in self._source.keys.subjects()}
        there = self._target.keys
        moved = [(tenant, subject) for tenant, subject, _ in there.subjects()]
        for tenant, subject in moved:
            if (tenant, subject) not in kept:
                there.destroy(tenant, [subject])

    def _move_records(self, plan: Plan, end: Cut) -> dict[str, Cut]:
        """Append every record; where the named cuts are in the target."""
        named = self._source.cuts()
        stops = ascending([*plan.cuts, *named.values()], end)
        cuts: dict[str, Cut] = {}
        for stop, records in zip(stops, self._source.records(stops), strict=True):
            for batch in batched(records, BATCH):
                self._append(batch, 2 * sum(end.values()))
            at = self._target.counted()
            cuts |= {
                name: at for name, cut in named.items() if name not in cuts and holds(stop, cut)
            }
        return cuts

    def _append(self, batch: Sequence[Moved], total: int) -> None:
        self._events += self._target.append(batch, self._source.cube_keys)
        self._done += len(batch)
        self._progress(self._done, total)

    def _move_accesses(self) -> int:
        return sum(
            self._target.append_accesses(batch) for batch in batched(self._source.accesses(), BATCH)
        )

    def _same_digest(self) -> str:
        here, there = self._source.digest(), self._target.digest()
        if here != there:
            raise Refused(
                f"{self._source.name} has the digest {here} and what was moved of it {there}: call "
                "`memory.audit()` on the source, then migrate into a new place; the target cannot be "
                "opened"
            )
        return here

    def _report_of_done(self) -> MigrationReport:
        here, there = self._source.digest(), self._target.digest()
        if here != there:
            raise Refused(
                f"{self._source.name} was moved to {self._target.name} before, and since then they "
                "have gone two ways: nothing was changed"
            )
        seals = self._source.seal()
        return self._report(seals, sum(seal.size for seal in seals), 0, here)

    def _report(
        self, seals: Sequence[Sealed], present: int, accesses: int, digest: str
    ) -> MigrationReport:
        source = self._source
        return MigrationReport(
            source.name,
            self._target.name,
            source.origin,
            source.verifier_key,
            self._events,
            present,
            accesses,
            digest,
            _ancestor(source, seals).checkpoints,
        )


def _extended(plan: Plan, source: MigrationSource, end: Cut) -> Plan:
    """The plan, up to where the source ends now."""
    if plan.origin != source.origin:
        raise Refused(
            f"another vault ({plan.origin}) is being moved into the target: finish that, or name "
            "another target"
        )
    if plan.cuts and not holds(end, plan.cuts[-1]):
        raise Refused(
            f"{source.name} is shorter than when this migration began: it is not the same vault, or "
            "its log was cut; run `memos verify` on it"
        )
    if plan.cuts and plan.cuts[-1] == end:
        return plan
    return Plan(plan.origin, (*plan.cuts, end))


def _ancestor(source: MigrationSource, seals: Sequence[Sealed]) -> Ancestor:
    notes = tuple(seal.note for seal in seals if seal.size)
    return Ancestor(source.origin, source.verifier_key, notes)
