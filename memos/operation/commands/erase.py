"""Erase: ask on every cube, destroy the keys, purge every copy, sign what was done.

Two steps, so that a hold is seen before any key is touched and a crash resumes from the request:
EraseRequested on all; then, in one transaction, keys destroyed and Erased on all.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Sequence
from datetime import datetime

from memos.infrastructure.engine.commit import Draft
from memos.infrastructure.engine.port import Transaction
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.kernel.cube import CubeState, Form, Lifecycle
from memos.kernel.errors import Held, IndexUnavailable, InvalidInput, NotFound, shorten
from memos.kernel.event import Kind, id_bytes, id_text
from memos.kernel.fold import Result
from memos.kernel.lineage import taint
from memos.kernel.scope import check_scope, tenant_of
from memos.operation import validation as validate
from memos.operation.commands.draft import new_event
from memos.operation.commands.rollback_plan import (
    VaultHistories,
    absorbed_by,
    fill_targets,
    unmerge_target,
)
from memos.operation.erasure_receipt import Artefact, ErasureReceipt, signed_receipt
from memos.operation.session import Session
from memos.wire.event_pb2 import Event


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

    def wanted(reader: Reader) -> list[bytes]:
        if cube_id is not None:
            raw = validate.check_id(cube_id)
            session.live_state(reader, raw)
            return [raw]
        if scope is not None:
            session.require(Action.READ, check_scope(scope), operation="erase")
            return reader.vault.cubes_in_scope(check_scope(scope))
        tenant = _tenant_of(session, reader, validate.check_name(subject, "subject"))
        subjects.update(session.lookups(tenant, b"subject", str(subject)))
        return reader.vault.cubes_of_subjects(sorted(subjects))

    def request(engine: Transaction) -> tuple[bytes, list[str]]:
        reader = engine.reader()
        states = _erasable(session, engine, wanted(reader), swept)
        if not states:
            named = cube_id or scope or subject
            raise NotFound(f"nothing to erase: no memory matches {shorten(named)}")
        states = _with_derived(reader, engine, states)
        gone = subjects | _only_theirs(reader, states)
        return _request(session, engine, states, gone)

    operation_id, held = session.engine.writer.write(request)
    if held:
        raise Held(
            f"{len(held)} of the cubes are frozen, so nothing was erased: thaw {', '.join(held)} "
            "first, or lift the hold",
            tuple(held),
        )
    return finish_erase(session, operation_id)


def finish_erase(session: Session, operation_id: bytes) -> ErasureReceipt:
    """The second step, also after a crash: destroy the keys, purge, write Erased, sign."""

    def destroy(engine: Transaction) -> str:
        request = _request_event(engine.reader(), operation_id)
        return _destroy(session, engine, request)

    told = json.loads(session.engine.writer.write(destroy))
    gone = session.engine.erasure.are_gone([id_bytes(each) for each in told["cube_ids"]])
    return ErasureReceipt(
        told["operation_id"],
        datetime.fromisoformat(told["erased_at"]),
        tuple(told["cube_ids"]),
        tuple(told["restored"]),
        tuple(Artefact(**artefact) for artefact in told["artefacts"]),
        told["note"],
        session.engine.erasure.confirm(),
        gone,
    )


def resume_erases(session: Session) -> list[ErasureReceipt]:
    """Finish what a crash cut off: between the two steps, or within the second."""
    finished = []
    for operation_id in session.engine.erasure.unfinished():
        try:
            finished.append(finish_erase(session, operation_id))
        except IndexUnavailable as error:  # the rest of the vault works without it
            warnings.warn(
                f"the erase {id_text(operation_id)} is not finished, and will be when the vault is "
                f"opened again: {error}",
                stacklevel=3,
            )
    return finished


def _tenant_of(session: Session, reader: Reader, subject: str) -> str:
    """The one tenant that knows this subject."""
    known = [
        tenant
        for tenant in session.tenants()
        if reader.vault.cubes_of_subjects(session.lookups(tenant, b"subject", subject))
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
    session: Session, engine: Transaction, cube_ids: Iterable[bytes], swept: bool
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
    reader: Reader, engine: Transaction, states: Sequence[CubeState]
) -> list[CubeState]:
    """These cubes and all that any version of theirs flowed into."""
    histories = VaultHistories(reader)
    seeds = [
        (state.cube_id, version) for state in states for version in range(1, state.version + 1)
    ]
    reached = taint(seeds, histories).keys() | {state.cube_id for state in states}
    found = [engine.head(raw) for raw in sorted(reached)]
    return [
        state for state in found if state is not None and state.lifecycle is not Lifecycle.ERASED
    ]


def _only_theirs(reader: Reader, states: Sequence[CubeState]) -> set[bytes]:
    """The subjects that nobody else has: their keys can go as a whole."""
    subjects = {subject for state in states for subject in state.subjects}
    return _nobody_elses(reader, subjects, [state.cube_id for state in states])


def _nobody_elses(
    reader: Reader, subjects: Iterable[bytes], cube_ids: Iterable[bytes]
) -> set[bytes]:
    """Of subjects those that no memory has but these, and what was erased before."""
    mine = set(cube_ids)

    def is_open(cube_id: bytes) -> bool:
        state = reader.vault.head(cube_id)
        return state is not None and state.lifecycle is not Lifecycle.ERASED

    return {
        subject
        for subject in subjects
        if not any(
            is_open(each) for each in reader.vault.cubes_of_subjects([subject]) if each not in mine
        )
    }


def _operation_event(session: Session, kind: Kind, operation_id: bytes, tenant: str) -> Event:
    return new_event(session, kind, operation_id, tenant, operation_id=operation_id)


def _request(
    session: Session, engine: Transaction, states: Sequence[CubeState], gone: set[bytes]
) -> tuple[bytes, list[str]]:
    """Ask on every cube; withdraw where one is held. The operation's id, and who is held."""
    operation_id = session.new_id()
    tenant = tenant_of(states[0].scope)
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


def _request_event(reader: Reader, operation_id: bytes) -> Event:
    first = reader.vault.attempts(operation_id)[0]
    return reader.event(first.position)


def _destroy(session: Session, engine: Transaction, request: Event) -> str:
    reader = engine.reader()
    operation_id = request.operation_id
    done = engine.erasure_receipt(operation_id)
    if done is not None:
        return done
    cube_ids = [target.cube_id for target in request.erase_requested.targets]
    artefacts = list(_version_artefacts(reader, cube_ids))
    # A memory that came after the request is not to be erased, and needs its subject's key.
    wanted = request.erase_requested.subject_digests
    subjects = sorted(_nobody_elses(reader, wanted, cube_ids))
    erased_at = _erased_at(reader, operation_id)
    if erased_at is None:
        engine.begin_erasure(operation_id, request.tenant, cube_ids)
        # The key file first: were the process killed now, the request is resumed, and no new memory
        # can be sealed under these keys, since writers wait for this transaction.
        session.engine.keys.destroy(request.tenant, subjects)
        erased_at = _write_erased(session, engine, request)
    purged = engine.purge(operation_id, cube_ids)
    restored = _bring_back(session, engine, cube_ids)
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
    receipt = signed_receipt(
        session.engine.proofs.signer(), operation_id, erased_at, cube_ids, restored, artefacts
    )
    return engine.keep_erasure_receipt(operation_id, receipt)


def _erased_at(reader: Reader, operation_id: bytes) -> int | None:
    """The log time of the Erased event, where a process that crashed had appended it."""
    attempts = reader.vault.attempts(operation_id)
    return next((each.log_time for each in attempts if each.kind is Kind.ERASED), None)


def _write_erased(session: Session, engine: Transaction, request: Event) -> int:
    """Append the Erased event; its log time."""
    erased = _operation_event(session, Kind.ERASED, request.operation_id, request.tenant)
    for target in request.erase_requested.targets:
        erased.erased.targets.add(cube_id=target.cube_id, scope=target.scope)
    return engine.append(Draft(erased)).log_time


def _version_artefacts(reader: Reader, cube_ids: Iterable[bytes]) -> Iterable[Artefact]:
    for raw in cube_ids:
        cube = id_text(raw)
        yield Artefact("cube key", cube)
        for attempt in reader.vault.attempts(raw):
            if attempt.outcome.digest and attempt.outcome.result is Result.ACCEPTED:
                version = f"{cube}@{attempt.outcome.version} sha256:{attempt.outcome.digest.hex()}"
                yield Artefact("version", version)


def _bring_back(session: Session, engine: Transaction, cube_ids: Iterable[bytes]) -> list[str]:
    """The other sources of an erased merge come back."""
    reader = engine.reader()
    erased = set(cube_ids)
    targets = [
        unmerge_target(state)
        for cube_id in sorted(erased)
        for source, state in absorbed_by(reader, cube_id)
        if source not in erased
    ]
    if targets:
        operation_id = session.new_id()
        tenant = tenant_of(targets[0].state.scope)
        event = _operation_event(session, Kind.ROLLED_BACK, operation_id, tenant)
        fill_targets(event, targets)
        engine.append(Draft(event))
    return [target.change.cube_id for target in targets]
