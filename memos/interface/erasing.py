"""Erase: ask on every cube, destroy the keys, purge every copy, sign what was done.

Two steps, so that a hold is seen before any key is touched and a crash resumes from the request:
EraseRequested on all; then, in one transaction, keys destroyed and Erased on all.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from memos.infrastructure.engine import Committed, Draft, Reading, Writing
from memos.infrastructure.governance.decision import Action
from memos.infrastructure.keys.signer import NoteVerifier
from memos.interface import validate
from memos.interface.commands import new_event
from memos.interface.session import Session
from memos.kernel.cube import CubeState, Form, Lifecycle
from memos.kernel.errors import Held, InvalidInput, NotFound
from memos.kernel.event import Kind, id_text
from memos.kernel.fold import Result
from memos.kernel.lineage import taint
from memos.kernel.note import NoteError, open_note, sign_note
from memos.operation.cubes import as_datetime
from memos.operation.rollback import Histories, absorbed_by, fill_targets, unmerge_target
from memos.wire.event_pb2 import Event


@dataclass(frozen=True, slots=True)
class Artefact:
    """One thing that an erase destroyed, or one version that nothing can open any more."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class ErasureReceipt:
    """What was erased, signed by the vault. `confirmed` says that the write-ahead log, too, was
    overwritten; where a reader held it, the next checkpoint does that.
    """

    operation_id: str
    erased_at: datetime
    cube_ids: tuple[str, ...]
    restored: tuple[str, ...]
    artefacts: tuple[Artefact, ...]
    note: str
    confirmed: bool

    def verify(self, verifier_key: str) -> bool:
        """Whether the vault with this verifier key signed exactly this receipt."""
        try:
            text = open_note(self.note, [NoteVerifier(verifier_key)]).text
        except NoteError:
            return False
        return text == _receipt_text(
            self.operation_id, self.erased_at, self.cube_ids, self.restored, self.artefacts
        )


def erase_cubes(
    session: Session,
    *,
    subject: str | None = None,
    scope: str | None = None,
    cube_id: str | None = None,
    swept: bool = False,
) -> ErasureReceipt:
    """See `Memory.erase`. `swept`: the header's lifespan, not the actor, asks for it."""
    if sum(given is not None for given in (subject, scope, cube_id)) != 1:
        raise InvalidInput("say what to erase: one of subject=, scope=, cube_id=")
    subjects: set[bytes] = set()

    def wanted(reading: Reading) -> list[bytes]:
        if cube_id is not None:
            raw = validate.check_id(cube_id)
            session.live_state(reading, raw)
            return [raw]
        if scope is not None:
            session.require(Action.READ, validate.check_scope(scope), operation="erase")
            return reading.vault.cubes_in_scope(validate.check_scope(scope))
        tenant = _tenant_of(session, reading, validate.check_name(subject, "subject"))
        subjects.update(session.lookups(tenant, b"subject", str(subject)))
        return reading.vault.cubes_of_subjects(sorted(subjects))

    def request(engine: Writing) -> tuple[bytes, list[str]]:
        reading = engine.written()
        states = _erasable(session, engine, wanted(reading), swept)
        if not states:
            named = cube_id or scope or subject
            raise NotFound(f"nothing to erase: no memory matches {validate.shorten(named)}")
        states = _with_derived(reading, engine, states)
        gone = subjects | _only_theirs(reading, states)
        return _request(session, engine, states, gone)

    operation_id, held = session.engine.write(request)
    if held:
        raise Held(
            f"{len(held)} of the cubes are frozen, so nothing was erased: thaw {', '.join(held)} "
            "first, or lift the hold",
            tuple(held),
        )
    return finish_erase(session, operation_id)


def finish_erase(session: Session, operation_id: bytes) -> ErasureReceipt:
    """The second step, also after a crash: destroy the keys, purge, write Erased, sign."""

    def destroy(engine: Writing) -> str:
        request = _request_event(engine.written(), operation_id)
        return _destroy(session, engine, request)

    stored = session.engine.write(destroy)
    confirmed = session.engine.confirm_erased()
    told = json.loads(stored)
    return ErasureReceipt(
        told["operation_id"],
        datetime.fromisoformat(told["erased_at"]),
        tuple(told["cube_ids"]),
        tuple(told["restored"]),
        tuple(Artefact(**artefact) for artefact in told["artefacts"]),
        told["note"],
        confirmed,
    )


def resume_erases(session: Session) -> list[ErasureReceipt]:
    """Finish what a crash cut off between the two steps."""
    with session.engine.reading() as reading:
        pending = reading.vault.erasing()
    return [finish_erase(session, operation_id) for operation_id in pending]


def _tenant_of(session: Session, reading: Reading, subject: str) -> str:
    """The one tenant that knows this subject."""
    known = [
        tenant
        for tenant in session.tenants()
        if reading.vault.cubes_of_subjects(session.lookups(tenant, b"subject", subject))
    ]
    if len(known) > 1:
        raise InvalidInput(
            f"the subject {subject!r} is known to several tenants ({', '.join(known)}): open the "
            "vault with tenant=, a subject belongs to one"
        )
    if not known:
        raise NotFound(f"nothing to erase: no memory is about {subject!r}")
    return known[0]


def _erasable(
    session: Session, engine: Writing, cube_ids: Iterable[bytes], swept: bool
) -> list[CubeState]:
    states = []
    for raw in cube_ids:
        state = engine.head(raw)
        if state is None or state.form is Form.OPERATION or state.lifecycle is Lifecycle.ERASED:
            continue
        if not swept:
            session.require(Action.ADMINISTER, state.scope, state, operation="erase")
        states.append(state)
    return states


def _with_derived(
    reading: Reading, engine: Writing, states: Sequence[CubeState]
) -> list[CubeState]:
    """These cubes and all that any version of theirs flowed into."""
    histories = Histories(reading)
    seeds = [
        (state.cube_id, version) for state in states for version in range(1, state.version + 1)
    ]
    reached = taint(seeds, histories).keys() | {state.cube_id for state in states}
    found = [engine.head(raw) for raw in sorted(reached)]
    return [
        state for state in found if state is not None and state.lifecycle is not Lifecycle.ERASED
    ]


def _only_theirs(reading: Reading, states: Sequence[CubeState]) -> set[bytes]:
    """The subjects that nobody else has: their keys can go as a whole."""
    mine = {state.cube_id for state in states}
    subjects = {subject for state in states for subject in state.subjects}
    return {
        subject
        for subject in subjects
        if mine.issuperset(reading.vault.cubes_of_subjects([subject]))
    }


def _operation_event(session: Session, kind: Kind, operation_id: bytes, tenant: str) -> Event:
    return new_event(session, kind, operation_id, tenant, operation_id=operation_id)


def _request(
    session: Session, engine: Writing, states: Sequence[CubeState], gone: set[bytes]
) -> tuple[bytes, list[str]]:
    """Ask on every cube; withdraw where one is held. The operation's id, and who is held."""
    operation_id = session.new_id()
    tenant = states[0].scope.partition("/")[0]
    event = _operation_event(session, Kind.ERASE_REQUESTED, operation_id, tenant)
    for state in states:
        event.erase_requested.targets.add(cube_id=state.cube_id, scope=state.scope)
    event.erase_requested.subject_digests.extend(sorted(gone))
    committed = engine.append(Draft(event))
    refused = [
        each.event.cube_id
        for each in committed.consequences
        if each.outcome.result is Result.REJECTED
    ]
    if refused:
        withdrawal = _operation_event(session, Kind.ERASE_WITHDRAWN, operation_id, tenant)
        for state in states:
            if state.cube_id not in refused:
                withdrawal.erase_withdrawn.targets.add(cube_id=state.cube_id, scope=state.scope)
        engine.append(Draft(withdrawal))
    return operation_id, [id_text(raw) for raw in refused]


def _request_event(reading: Reading, operation_id: bytes) -> Event:
    first = reading.vault.attempts(operation_id)[0]
    return reading.event(first.position)


def _destroy(session: Session, engine: Writing, request: Event) -> str:
    reading = engine.written()
    operation_id = request.operation_id
    done = engine.erasure_receipt(operation_id)
    if done is not None:
        return done
    targets = request.erase_requested.targets
    artefacts = list(_version_artefacts(reading, [target.cube_id for target in targets]))
    subjects = list(request.erase_requested.subject_digests)
    # The key file first: were the process killed now, the request is resumed, and no new memory
    # can be sealed under these keys, since writers wait for this transaction.
    session.engine.store.destroy(request.tenant, subjects)
    erased = _operation_event(session, Kind.ERASED, operation_id, request.tenant)
    for target in targets:
        erased.erased.targets.add(cube_id=target.cube_id, scope=target.scope)
    committed = engine.append(Draft(erased))
    restored = _bring_back(session, engine, [target.cube_id for target in targets])
    purged = engine.purge([target.cube_id for target in targets])
    artefacts += [Artefact("subject key", subject.hex()) for subject in subjects]
    artefacts += [
        Artefact(f"index {name}", str(count))
        for name, count in (
            ("texts", purged.texts),
            ("spans", purged.spans),
            ("postings", purged.postings),
            ("vectors", purged.vectors),
        )
    ]
    receipt = _signed(session, committed, operation_id, targets, restored, artefacts)
    engine.keep_erasure_receipt(operation_id, receipt)
    return receipt


def _version_artefacts(reading: Reading, cube_ids: Iterable[bytes]) -> Iterable[Artefact]:
    for raw in cube_ids:
        cube = id_text(raw)
        yield Artefact("cube key", cube)
        for attempt in reading.vault.attempts(raw):
            if attempt.outcome.digest and attempt.outcome.result is Result.ACCEPTED:
                version = f"{cube}@{attempt.outcome.version} sha256:{attempt.outcome.digest.hex()}"
                yield Artefact("version", version)


def _bring_back(session: Session, engine: Writing, cube_ids: Iterable[bytes]) -> list[str]:
    """The other sources of an erased merge come back."""
    reading = engine.written()
    erased = set(cube_ids)
    targets = [
        unmerge_target(state)
        for cube_id in sorted(erased)
        for source, state in absorbed_by(reading, cube_id)
        if source not in erased
    ]
    if targets:
        operation_id = session.new_id()
        tenant = targets[0].state.scope.partition("/")[0]
        event = _operation_event(session, Kind.ROLLED_BACK, operation_id, tenant)
        fill_targets(event, targets)
        engine.append(Draft(event))
    return [target.change.cube_id for target in targets]


def _signed(
    session: Session,
    committed: Committed,
    operation_id: bytes,
    targets: Iterable[object],
    restored: Sequence[str],
    artefacts: Sequence[Artefact],
) -> str:
    erased_at = as_datetime(committed.log_time)
    cube_ids = [id_text(each.event.cube_id) for each in committed.consequences]
    text = _receipt_text(id_text(operation_id), erased_at, cube_ids, restored, artefacts)
    return json.dumps(
        {
            "operation_id": id_text(operation_id),
            "erased_at": erased_at.isoformat(),
            "cube_ids": cube_ids,
            "restored": list(restored),
            "artefacts": [{"kind": a.kind, "name": a.name} for a in artefacts],
            "note": sign_note(text, [session.engine.signer()]),
        }
    )


def _receipt_text(
    operation_id: str,
    erased_at: datetime,
    cube_ids: Iterable[str],
    restored: Iterable[str],
    artefacts: Iterable[Artefact],
) -> str:
    lines = [
        "memos erasure receipt",
        f"operation {operation_id}",
        f"erased {erased_at.isoformat()}",
    ]
    lines += [f"cube {cube_id}" for cube_id in cube_ids]
    lines += [f"restored {cube_id}" for cube_id in restored]
    lines += [f"{artefact.kind} {artefact.name}" for artefact in artefacts]
    return "\n".join(lines) + "\n"
