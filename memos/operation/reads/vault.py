"""The vault as a whole: its checks, digests, figures and named cuts; and rebuilding it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.infrastructure.index.projection import internal_rows
from memos.infrastructure.log.ancestry import Ancestor, ancestors_in
from memos.infrastructure.progress import Progress
from memos.infrastructure.reports import MOST_PROBLEMS, Figures, Problem, Verification
from memos.infrastructure.vault.port import LogQuery
from memos.kernel.cube import NO_MEMORY, CubeState, Lifecycle
from memos.kernel.errors import Damaged, VaultError
from memos.kernel.scope import tenant_of
from memos.operation.cube import state_title
from memos.operation.gate import Passage
from memos.operation.reads.as_of import is_cut_shown
from memos.operation.reads.problems import problems_shown
from memos.operation.reads.receipts import receipt_problems
from memos.operation.reads.records import RecordsShown
from memos.operation.session import Session
from memos.operation.vocabulary import vocabularies_in


@dataclass(frozen=True, slots=True)
class Stats:
    """Figures of a vault. `memories` counts those that are there, erased ones not; `scopes` where they
    are; `states` those of each state, erased ones too.

    Records, memories and scopes are those that the caller may read; `accesses` and `bytes_on_disk`
    are of the vault as a whole. `accesses_waiting` are noted by this process and cannot be written,
    for the reason that `access_failure` says; `accesses_lost` came when too many waited already, or no
    record can hold them, as `access_failure` says where none waits.
    """

    events: int
    memories: int
    states: Mapping[str, int]
    scopes: int
    accesses: int
    bytes_on_disk: int
    vault_id: str
    verifier_key: str
    accesses_waiting: int
    accesses_lost: int
    access_failure: str


def cuts(session: Session) -> dict[str, int]:
    """See `Memory.cuts`."""
    with session.gate.enter("cuts") as passage:
        passage.require_vault(Action.READ)
        with session.engine.read() as reader:
            return {
                name: size
                for name, size in reader.cuts().items()
                if is_cut_shown(session, passage, reader, name)
            }


def verify(session: Session, progress: Progress) -> Verification:
    """See `Memory.verify`."""
    with session.gate.enter("verify") as passage:
        passage.require_vault(Action.READ)
        verified = session.engine.maintenance.verify(progress)
        return replace(verified, problems=problems_shown(session, passage, verified.problems))


def audit(session: Session, progress: Progress) -> Verification:
    """See `Memory.audit`."""
    with session.gate.enter("audit") as passage:
        passage.require_vault(Action.READ)
        audited = session.engine.maintenance.audit(progress)
        problems = (*audited.problems, *_of_receipts(session))
        shown = problems_shown(session, passage, problems[:MOST_PROBLEMS])
        return replace(audited, problems=shown)


def _of_receipts(session: Session) -> Iterator[Problem]:
    try:
        yield from receipt_problems(session)
    except Damaged as error:
        yield Problem("erasures", f"not all of their receipts could be checked: {error}")


def digest(session: Session) -> str:
    """See `Memory.digest`."""
    with session.gate.enter("digest") as passage:
        passage.require_vault(Action.READ)
        return session.engine.maintenance.digest()


def usage_digest(session: Session) -> str:
    """See `Memory.usage_digest`."""
    with session.gate.enter("usage_digest") as passage:
        passage.require_vault(Action.READ)
        session.access_log.flush()
        return session.engine.maintenance.usage_digest()


def stats(session: Session) -> Stats:
    """See `Memory.stats`."""
    with session.gate.enter("stats") as passage:
        passage.require_vault(Action.READ)
        log = session.access_log
        with suppress(VaultError):  # then `failure` says why they wait
            log.flush()
        figures = session.engine.maintenance.figures()
        with session.engine.stream() as reader:
            if passage.permitted(Action.READ).whole_vault:
                events, memories = figures.events, _without_vocabularies(session, reader, figures)
            else:
                events, memories = _permitted(session, passage, reader)
        states: Counter[int] = Counter()
        for (_, lifecycle), count in memories.items():
            states[lifecycle] += count
        there = {scope for scope, lifecycle in memories if lifecycle != Lifecycle.ERASED}
        return Stats(
            events=events,
            memories=states.total() - states[Lifecycle.ERASED],
            states={state_title(Lifecycle(at)): states[at] for at in sorted(states) if states[at]},
            scopes=len(there),
            accesses=figures.accesses,
            bytes_on_disk=figures.bytes_on_disk,
            vault_id=session.engine.setting("vault_id"),
            verifier_key=session.engine.proofs.signer().verifier_key,
            accesses_waiting=log.waiting if log.failure else 0,
            accesses_lost=log.lost,
            access_failure=log.failure or log.loss,
        )


_Memories = Mapping[tuple[str, int], int]
"""How many memories of each scope are in each state."""


def _without_vocabularies(session: Session, reader: Reader, whole: Figures) -> _Memories:
    """The memories of a vault without the cubes that say how they are tagged."""
    memories = Counter(whole.memories)
    scopes = sorted({scope for scope, _ in memories})
    for tenant, of_tenant in groupby(scopes, tenant_of):
        ring = session.engine.keys.ring(tenant)
        for head in vocabularies_in(reader, ring, list(of_tenant)).values():
            memories[head.scope, int(head.lifecycle)] -= 1
    return +memories


def _permitted(session: Session, passage: Passage, reader: Reader) -> tuple[int, _Memories]:
    """The records and the memories that the caller may read, by a look at every record."""
    from memos.operation.search.vocabularies import vocabulary_rows  # others start without it

    shown = RecordsShown(passage, reader)
    events = 0
    heads: dict[bytes, CubeState | None] = {}
    for attempt in shown.of(LogQuery()):
        events += 1
        if attempt.cube_id not in heads:
            heads[attempt.cube_id] = reader.vault.head(attempt.cube_id)
    memories = [head for head in heads.values() if head and head.form not in NO_MEMORY]
    none = set[bytes]()
    for tenant in sorted({tenant_of(head.scope) for head in memories}):
        view = reader.view(tenant)
        vocabularies = vocabulary_rows(reader, view, session.engine.keys.ring(tenant))
        none.update(view.cube_ids((internal_rows(view) | vocabularies).nonzero()[0]))
    return events, Counter(
        (head.scope, int(head.lifecycle)) for head in memories if head.cube_id not in none
    )


def migrated_from(session: Session) -> tuple[Ancestor, ...]:
    """See `Memory.migrated_from`."""
    with session.gate.enter("migrated_from") as passage:
        passage.admit()  # public keys and signed checkpoints
        return ancestors_in(session.engine.setting)
