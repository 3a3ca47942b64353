"""Erase: ask on every cube, destroy the keys, purge every copy, sign what was done.

Two steps, so that a hold is seen before any key is touched and a crash resumes from the request:
EraseRequested on all; then, in one transaction, keys destroyed and Erased on all.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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
from memos.operation.commands.draft import operation_event
from memos.operation.commands.rollback_plan import (
    VaultHistories,
    absorbed_by,
    fill_targets,
    unmerge_target,
)
from memos.operation.erasure_receipt import Artefact, ErasureReceipt, signed_receipt
from memos.operation.gate import Passage
from memos.operation.session import Session, live_state
from memos.operation.validation import check_id, check_name
from memos.wire.event_pb2 import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseTarget:
    """What is to be erased: all about a subject, all in a scope, or one cube.

    Raises:
        InvalidInput: it is not exactly one of the three, or it does not fit.
    """

    subject: str | None = None
    scope: str | None = None
    cube_id: str | None = None

    def __post_init__(self) -> None:
        if sum(given is not None for given in (self.subject, self.scope, self.cube_id)) != 1:
            raise InvalidInput("say what to erase: one of subject=, scope=, cube_id=")
        if self.cube_id is not None:
            check_id(self.cube_id)
        elif self.scope is not None:
            check_scope(self.scope)
        else:
            check_name(self.subject, "subject")


def erase(session: Session, wanted: EraseTarget) -> ErasureReceipt:
    """See `Memory.erase`."""
    with session.gate.enter("erase") as passage:
        return erase_cubes(session, passage, wanted)


def erase_cubes(
    session: Session, passage: Passage, wanted: EraseTarget, *, by_lifespan: bool = False
) -> ErasureReceipt:
    """Request, then destroy; `by_lifespan`: the header's lifespan, not the actor, asks for it.

    Raises:
        Held: a cube is frozen; nothing was erased.
        NotFound: nothing matches.
    """
    passage.admit()  # every cube that matches is asked about

    def request(transaction: Transaction) -> tuple[bytes, list[str]]:
        reader = transaction.reader()
        cube_ids, subjects = _matching(session, passage, reader, wanted)
        states = _erasable(transaction, cube_ids)
        if not by_lifespan:
            passage.require_each(Action.ADMINISTER, states)
        if not states:
            named = wanted.cube_id or wanted.scope or wanted.subject
            raise NotFound(f"nothing to erase: no memory matches {shorten(named)}")
        states = _with_derived(reader, transaction, states)
        return _request(session, transaction, states, subjects | _only_theirs(reader, states))

    operation_id, held = session.engine.writer.write(request)
    if held:
        raise Held(
            f"{len(held)} of the cubes are frozen, so nothing was erased: thaw {', '.join(held)} "
            "first, or lift the hold",
            tuple(held),
        )
    return finish_erase(session, operation_id)


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


def finish_erase(session: Session, operation_id: bytes) -> ErasureReceipt:
    """The second step, also after a crash: destroy the keys, purge, write Erased, sign."""

    def destroy(transaction: Transaction) -> str:
        request = _request_event(transaction.reader(), operation_id)
        return _destroy(session, transaction, request)

    receipt = json.loads(session.engine.writer.write(destroy))
    erasure = session.engine.erasure
    gone = erasure.are_gone([id_bytes(cube_id) for cube_id in receipt["cube_ids"]])
    return ErasureReceipt(
        receipt["operation_id"],
        datetime.fromisoformat(receipt["erased_at"]),
        tuple(receipt["cube_ids"]),
        tuple(receipt["restored"]),
        tuple(Artefact(**artefact) for artefact in receipt["artefacts"]),
        receipt["note"],
        erasure.confirm(),
        gone,
    )


def _matching(
    session: Session, passage: Passage, reader: Reader, wanted: EraseTarget
) -> tuple[list[bytes], set[bytes]]:
    """The cubes that are to be erased, and the digests of the subject where one was named."""
    if wanted.cube_id is not None:
        raw = check_id(wanted.cube_id)
        live_state(reader, raw)
        return [raw], set()
    if wanted.scope is not None:
        passage.require(Action.READ, wanted.scope)
        return reader.vault.cubes_in_scope(wanted.scope), set()
    subject = wanted.subject or ""
    tenant = _tenant_of_subject(session, reader, subject)
    digests = set(session.digests.lookups(tenant, b"subject", subject))
    return reader.vault.cubes_of_subjects(sorted(digests)), digests


def _tenant_of_subject(session: Session, reader: Reader, subject: str) -> str:
    """The one tenant that knows this subject."""
    tenants = [
        tenant
        for tenant in session.tenants()
        if reader.vault.cubes_of_subjects(session.digests.lookups(tenant, b"subject", subject))
    ]
    if len(tenants) > 1:
        raise InvalidInput(
            f"the subject {subject!r} is known to several tenants ({', '.join(tenants)}): open the "
            "vault with tenant=, a subject belongs to one"
        )
    if not tenants:
        raise NotFound(f"nothing to erase: no memory is about {subject!r}")
    return tenants[0]


def _erasable(transaction: Transaction, cube_ids: Iterable[bytes]) -> list[CubeState]:
    heads = (transaction.head(raw) for raw in cube_ids)
    return [
        state
        for state in heads
        if state is not None
        and state.form is not Form.OPERATION
        and state.lifecycle is not Lifecycle.ERASED
    ]


def _with_derived(
    reader: Reader, transaction: Transaction, states: Sequence[CubeState]
) -> list[CubeState]:
    """These cubes and all that any version of theirs flowed into."""
    histories = VaultHistories(reader)
    seeds = [
        (state.cube_id, version) for state in states for version in range(1, state.version + 1)
    ]
    reached = taint(seeds, histories).keys() | {state.cube_id for state in states}
    heads = [transaction.head(raw) for raw in sorted(reached)]
    return [
        state for state in heads if state is not None and state.lifecycle is not Lifecycle.ERASED
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

    def is_anothers(cube_id: bytes) -> bool:
        if cube_id in mine:
            return False
        state = reader.vault.head(cube_id)
        return state is not None and state.lifecycle is not Lifecycle.ERASED

    return {
        subject
        for subject in subjects
        if not any(map(is_anothers, reader.vault.cubes_of_subjects([subject])))
    }


def _request(
    session: Session, transaction: Transaction, states: Sequence[CubeState], gone: set[bytes]
) -> tuple[bytes, list[str]]:
    """Ask on every cube; withdraw where one is held. The operation's id, and who is held."""
    operation_id = session.new_id()
    tenant = tenant_of(states[0].scope)
    event = operation_event(session, Kind.ERASE_REQUESTED, operation_id, tenant)
    for state in states:
        event.erase_requested.targets.add(cube_id=state.cube_id, scope=state.scope)
    event.erase_requested.subject_digests.extend(sorted(gone))
    committed = transaction.append(Draft(event))
    refused = [
        followed.event.cube_id
        for followed in committed.consequences
        if followed.outcome.result is Result.REJECTED
    ]
    if refused:
        withdrawal = operation_event(session, Kind.ERASE_WITHDRAWN, operation_id, tenant)
        for state in states:
            if state.cube_id not in refused:
                withdrawal.erase_withdrawn.targets.add(cube_id=state.cube_id, scope=state.scope)
        transaction.append(Draft(withdrawal))
    return operation_id, [id_text(raw) for raw in refused]


def _request_event(reader: Reader, operation_id: bytes) -> Event:
    first = reader.vault.attempts(operation_id)[0]
    return reader.event(first.position)


def _destroy(session: Session, transaction: Transaction, request: Event) -> str:
    reader = transaction.reader()
    operation_id = request.operation_id
    receipt = transaction.erasure_receipt(operation_id)
    if receipt is not None:
        return receipt
    cube_ids = [target.cube_id for target in request.erase_requested.targets]
    artefacts = list(_version_artefacts(reader, cube_ids))
    # A memory that came after the request is not to be erased, and needs its subject's key.
    wanted = request.erase_requested.subject_digests
    subjects = sorted(_nobody_elses(reader, wanted, cube_ids))
    erased_at = _erased_at(reader, operation_id)
    if erased_at is None:
        transaction.begin_erasure(operation_id, request.tenant, cube_ids)
        # The key file first: were the process killed now, the request is resumed, and no new memory
        # can be sealed under these keys, since writers wait for this transaction.
        session.engine.keys.destroy(request.tenant, subjects)
        erased_at = _write_erased(session, transaction, request)
    purged = transaction.purge(operation_id, cube_ids)
    restored = _bring_back(session, transaction, cube_ids)
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
    signer = session.engine.proofs.signer()
    receipt = signed_receipt(signer, operation_id, erased_at, cube_ids, restored, artefacts)
    return transaction.keep_erasure_receipt(operation_id, receipt)


def _erased_at(reader: Reader, operation_id: bytes) -> int | None:
    """The log time of the Erased event, where a process that crashed had appended it."""
    attempts = reader.vault.attempts(operation_id)
    return next((a.log_time for a in attempts if a.kind is Kind.ERASED), None)


def _write_erased(session: Session, transaction: Transaction, request: Event) -> int:
    """Append the Erased event; its log time."""
    erased = operation_event(session, Kind.ERASED, request.operation_id, request.tenant)
    for target in request.erase_requested.targets:
        erased.erased.targets.add(cube_id=target.cube_id, scope=target.scope)
    return transaction.append(Draft(erased)).log_time


def _version_artefacts(reader: Reader, cube_ids: Iterable[bytes]) -> Iterable[Artefact]:
    for raw in cube_ids:
        cube = id_text(raw)
        yield Artefact("cube key", cube)
        for attempt in reader.vault.attempts(raw):
            if attempt.outcome.digest and attempt.outcome.result is Result.ACCEPTED:
                version = f"{cube}@{attempt.outcome.version} sha256:{attempt.outcome.digest.hex()}"
                yield Artefact("version", version)


def _bring_back(session: Session, transaction: Transaction, cube_ids: Iterable[bytes]) -> list[str]:
    """The other sources of an erased merge come back."""
    reader = transaction.reader()
    erased = set(cube_ids)
    targets = [
        unmerge_target(state)
        for cube_id in sorted(erased)
        for source, state in absorbed_by(reader, cube_id)
        if source not in erased
    ]
    if targets:
        tenant = tenant_of(targets[0].state.scope)
        event = operation_event(session, Kind.ROLLED_BACK, session.new_id(), tenant)
        fill_targets(event, targets)
        transaction.append(Draft(event))
    return [target.change.cube_id for target in targets]
