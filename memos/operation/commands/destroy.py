"""The second step of an erase: keys destroyed, every copy purged, Erased written, all of it signed.

A crash between the two steps, or within this one, is gone on with by whoever opens the vault next.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Sequence
from datetime import datetime

from memos.infrastructure.awaited import uninterrupted
from memos.infrastructure.chat_models.caching_models import (
    evict_everywhere,
    forget_everywhere,
    kv_owner,
)
from memos.infrastructure.engine.commit import Draft
from memos.infrastructure.engine.port import Transaction
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.vault.port import Attempt
from memos.kernel.cube import CubeState, Form, Lifecycle
from memos.kernel.errors import Damaged, IndexUnavailable
from memos.kernel.event import Kind, Position, id_bytes, id_text
from memos.kernel.keyed_digest import digests_among
from memos.kernel.late import late_erase
from memos.kernel.outcome import Result
from memos.kernel.scope import tenant_of
from memos.operation.adapter_manifest import promoted_versions
from memos.operation.commands.draft import operation_event
from memos.operation.commands.erase_standing import EraseStanding, asked, take_back
from memos.operation.commands.late_derivations import late_derivations, supplemented
from memos.operation.commands.parts import in_parts
from memos.operation.commands.rollback_plan import (
    absorbed_by,
    fill_targets,
    target_size,
    unmerge_target,
)
from memos.operation.commands.taint import left_behind
from memos.operation.erasure_receipt import Artefact, ErasureReceipt, signed_receipt
from memos.operation.gate import Passage
from memos.operation.session import Session
from memos.wire.event_pb2 import Event


@uninterrupted
def resume_erases(session: Session) -> list[ErasureReceipt]:
    """Finish what a crash cut off: between the two steps, or within the second."""
    finished = []
    for operation_id in sorted(session.engine.erasure.unfinished()):  # as they were asked for
        try:
            if _is_erase(session, operation_id) and _has_agreement(session, operation_id):
                finished.append(finish_erase(session, operation_id))
        except IndexUnavailable as error:  # the rest of the vault works without it
            warnings.warn(
                f"the erase {id_text(operation_id)} is not finished, and will be when the vault is "
                f"opened again: {error}",
                stacklevel=3,
            )
    return finished


def finish_late_erases(session: Session) -> list[ErasureReceipt]:
    """Finish what the fold asked for: erases of memories that were made of erased ones."""
    with session.engine.read() as reader:
        standings = {
            operation_id: asked(reader, operation_id)
            for operation_id in session.engine.erasure.unfinished()
        }
        late = [
            operation_id
            for operation_id, (request, standing, _) in standings.items()
            if standing is EraseStanding.AGREED and supplemented(reader, request) is not None
        ]
    return [finish_erase(session, operation_id) for operation_id in late]


def _has_agreement(session: Session, operation_id: bytes) -> bool:
    """Whether every cube agreed to an erase. Where one refused, no key may be touched: the request is
    withdrawn, as whoever asked was about to. Where one has not answered yet, somebody may be asking
    at this moment.
    """
    with session.engine.read() as reader:
        request, standing, refused = asked(reader, operation_id)
    if standing in (EraseStanding.REFUSED, EraseStanding.WITHDRAWN):
        take_back(session, request, refused)
    return standing is EraseStanding.AGREED


def finish_erase(
    session: Session, operation_id: bytes, passage: Passage | None = None
) -> ErasureReceipt:
    """`finish_erases` of one operation."""
    (receipt,) = finish_erases(session, [operation_id], passage)
    return receipt


def finish_erases(
    session: Session, operation_ids: Iterable[bytes], passage: Passage | None = None
) -> list[ErasureReceipt]:
    """The second step, also after a crash: destroy the keys, purge, write Erased, sign.

    What is left of it in other memories is looked for when all operations are done, and named where
    the caller on `passage` administers the tenant.
    """
    ended = [_end(session, operation_id) for operation_id in operation_ids]
    return [_receipt(session, *one, passage) for one in ended]


def _end(session: Session, operation_id: bytes) -> tuple[Event, str, tuple[ErasureReceipt, ...]]:
    """The request of an operation, its receipt as it is kept, and those of what came behind it."""

    def destroy(transaction: Transaction) -> tuple[Event, str, set[bytes]]:
        request = _request_event(transaction.reader(), operation_id)
        return request, *_destroy(session, transaction, request)

    request, kept, learnt = session.engine.writer.transact(destroy)
    supplements = _erase_late(session, request)
    owner = kv_owner(session.engine.setting("vault_id"), request.tenant)
    evict_everywhere(owner, [id_text(target.cube_id) for target in request.erase_requested.targets])
    if learnt:
        forget_everywhere(learnt)
    return request, kept, supplements


def _adapters_of(reader: Reader, cube_ids: Iterable[bytes]) -> set[bytes]:
    """The digests of adapters, while their manifests can be opened: where a crash came between, no model of that
    process is left, and nothing opens their files.
    """
    return {
        bytes.fromhex(manifest.sha256)
        for cube_id in cube_ids
        for _, manifest in promoted_versions(reader, cube_id)
        if manifest is not None
    }


def _receipt(
    session: Session,
    request: Event,
    kept: str,
    supplements: tuple[ErasureReceipt, ...],
    passage: Passage | None,
) -> ErasureReceipt:
    """The receipt of an ended operation, with what can only be looked at."""
    receipt = json.loads(kept)
    erasure = session.engine.erasure
    cube_ids = [id_bytes(cube_id) for cube_id in receipt["cube_ids"]]
    gone = erasure.are_gone(cube_ids)
    with session.engine.read() as reader:
        left = left_behind(reader, cube_ids)
    tells = passage is not None and passage.administers(request.tenant)
    return ErasureReceipt(
        receipt["operation_id"],
        datetime.fromisoformat(receipt["erased_at"]),
        tuple(receipt["cube_ids"]),
        tuple(receipt["restored"]),
        tuple(Artefact(**artefact) for artefact in receipt["artefacts"]),
        receipt["note"],
        erasure.confirm(),
        gone and not left,
        tuple(map(id_text, left)) if tells else (),
        supplements,
    )


def _erase_late(session: Session, request: Event) -> tuple[ErasureReceipt, ...]:
    """Erase what was made of the erased cubes behind what their erase had read: in an embedded vault
    nothing, where writers see that a source is being erased.
    """
    with session.engine.read() as reader:
        late = late_derivations(reader, request)
    receipts = (_erase_derivation(session, event, request) for event in late)
    return tuple(receipt for receipt in receipts if receipt is not None)


def _erase_derivation(session: Session, event: Event, erased: Event) -> ErasureReceipt | None:
    """None where the cube is held, or others are about to erase it."""
    asked = late_erase(event, erased)

    def ask(transaction: Transaction) -> CubeState | None:
        transaction.append(Draft(asked))
        return transaction.head(event.cube_id)

    state = session.engine.writer.transact(ask)
    if state is None or state.erasing != asked.operation_id:
        return None
    return finish_erase(session, asked.operation_id)


def _is_erase(session: Session, operation_id: bytes) -> bool:
    """Whether the operation that a cube waits for is, or may still turn out to be, an erase."""
    with session.engine.read() as reader:
        attempts = reader.vault.attempts(operation_id)
    return not attempts or attempts[0].kind is Kind.ERASE_REQUESTED


def _request_event(reader: Reader, operation_id: bytes) -> Event:
    attempts = reader.vault.attempts(operation_id)
    if not attempts:
        raise Damaged(
            f"the request of erase {id_text(operation_id)} is not in the vault: run `memos rebuild`"
        )
    return reader.event(attempts[0].position)


def _destroy(session: Session, transaction: Transaction, request: Event) -> tuple[str, set[bytes]]:
    """The receipt, and the digests of the adapters that were reached."""
    reader = transaction.reader()
    operation_id = request.operation_id
    receipt = transaction.erasure_receipt(operation_id)
    if receipt is not None:
        return receipt, set()
    cube_ids = [target.cube_id for target in request.erase_requested.targets]
    artefacts = list(_artefacts(reader, operation_id, cube_ids))
    heads = list(transaction.heads(cube_ids))
    theirs = {raw for state in heads for raw in state.subjects}
    adapters = [state.cube_id for state in heads if state.form is Form.PARAMETRIC]
    learnt = _adapters_of(reader, adapters) if adapters else set()
    named = theirs.union(request.erase_requested.subject_digests)

    def unneeded(reader: Reader) -> set[bytes]:
        # A memory that came after the request is not to be erased, and needs its subject's key.
        return nobody_elses(reader, named, cube_ids)

    erased_at = _erased_at(reader, operation_id)
    if erased_at is None:
        transaction.begin_erasure(operation_id, request.tenant, cube_ids)
        subjects = transaction.destroy_subject_keys(operation_id, request.tenant, unneeded)
        erased_at = _write_erased(session, transaction, request)
    else:  # a process that crashed had destroyed some
        subjects = set()
    # Of two erases that each have a subject's last memories but for the other's, the one that looks
    # later, behind its event, sees that nobody has it.
    named -= subjects
    subjects |= transaction.destroy_subject_keys(operation_id, request.tenant, unneeded)
    transaction.forget_queries(cube_ids, request.erase_requested.scope, erased_at)
    purged = transaction.purge(operation_id, cube_ids)
    restored, frozen = _bring_back(session, transaction, cube_ids)
    artefacts += [Artefact("frozen source", cube_id) for cube_id in frozen]
    artefacts += [Artefact("subject key", subject.hex()) for subject in sorted(subjects)]
    artefacts += [
        Artefact(f"index {name}", str(count))
        for name, count in (
            ("texts", purged.texts),
            ("spans", purged.spans),
            ("postings", purged.postings),
            ("vectors", purged.vectors),
        )
    ]
    artefacts += _reach(reader, request)
    signer = session.engine.proofs.signer()
    receipt = signed_receipt(signer, operation_id, erased_at, cube_ids, restored, artefacts)
    return transaction.keep_erasure_receipt(operation_id, receipt), learnt


def _reach(reader: Reader, request: Event) -> Iterable[Artefact]:
    """Up to where the log was read for what was to be erased, and which erase this one adds to."""
    positions = request.erase_requested.positions
    if positions:
        read = ", ".join(str(Position(at.partition, at.offset)) for at in positions)
        yield Artefact("read up to", read)
    earlier = supplemented(reader, request)
    if earlier is not None:
        yield Artefact("supplement to", id_text(earlier))


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


def _artefacts(
    reader: Reader, operation_id: bytes, cube_ids: Sequence[bytes]
) -> Iterable[Artefact]:
    """The keys and versions of cubes, and the freezes that the erase went through."""
    reader.read_histories_ahead(cube_ids)
    for raw in cube_ids:
        cube = id_text(raw)
        yield Artefact("cube key", cube)
        for attempt in reader.vault.attempts(raw):
            if attempt.outcome.digest and attempt.outcome.result is Result.ACCEPTED:
                named = f"{cube}@{attempt.outcome.version}"
                yield Artefact("version", f"{named} sha256:{attempt.outcome.digest.hex()}")
                if attempt.kind is Kind.DISTILLED:
                    manifest = reader.event(attempt.position).distilled.manifest_digest
                    yield Artefact("adapter", f"{named} manifest sha256:{manifest.hex()}")
            if attempt.operation_id == operation_id and _was_frozen(attempt):
                yield Artefact("freeze", cube)


def _was_frozen(request: Attempt) -> bool:
    """Whether an erase was asked for while a freeze was on."""
    state = request.state
    return (
        request.kind is Kind.ERASE_REQUESTED
        and state is not None
        and state.lifecycle is Lifecycle.FROZEN
    )


def _bring_back(
    session: Session, transaction: Transaction, cube_ids: Sequence[bytes]
) -> tuple[list[str], list[str]]:
    """The other sources of an erased merge come back, but those that are being erased, too; which did,
    and which are frozen or held: a rollback of the merge brings these back once they are thawed.
    """
    reader = transaction.reader()
    reader.read_histories_ahead(cube_ids)
    erased = set(cube_ids)
    targets = [
        unmerge_target(state)
        for cube_id in sorted(erased)
        for source, state in absorbed_by(reader, cube_id)
        if source not in erased and not state.erasing
    ]
    refused: set[bytes] = set()
    for part in in_parts(targets, target_size):
        tenant = tenant_of(part[0].state.scope)
        event = operation_event(session, Kind.ROLLED_BACK, session.new_id(), tenant)
        fill_targets(event, part)
        refused |= {
            followed.event.cube_id
            for followed in transaction.append(Draft(event)).consequences
            if followed.outcome.result is Result.REJECTED
        }
    return (
        [target.change.cube_id for target in targets if target.state.cube_id not in refused],
        [target.change.cube_id for target in targets if target.state.cube_id in refused],
    )


def nobody_elses(
    reader: Reader, subjects: Iterable[bytes], cube_ids: Iterable[bytes]
) -> set[bytes]:
    """Of subjects those that no memory has but these, and what was erased before."""
    mine = set(cube_ids)

    def is_anothers(subject: bytes) -> bool:
        others = set(reader.vault.cubes_of_subjects([subject])) - mine
        return any(
            state.lifecycle is not Lifecycle.ERASED and carries(state, [subject])
            for state in reader.vault.heads_many(others).values()
        )

    return {subject for subject in digests_among(subjects) if not is_anothers(subject)}


def carries(state: CubeState, subjects: Iterable[bytes]) -> bool:
    """Whether a cube that was found by one of these subjects still has it: a link that brought it may
    be undone.
    """
    return not state.ended_edges or not frozenset(subjects).isdisjoint(state.subjects)
