"""Whether the erasure receipts that a vault keeps are those that were signed."""

from __future__ import annotations

import json
from collections.abc import Iterator

from memos.infrastructure.log.ancestry import LOADED_FROM, ancestors_in
from memos.infrastructure.reports import Problem
from memos.infrastructure.vault.port import LogQuery
from memos.kernel.event import Kind, id_text
from memos.kernel.note import NoteError, parse_verifier_key
from memos.kernel.outcome import Result
from memos.operation.erasure_receipt import kept_receipt
from memos.operation.session import Session


def receipt_problems(session: Session) -> Iterator[Problem]:
    """Receipts that no known vault signed so, and erases of this vault that have none."""
    setting = session.engine.setting
    elsewhere = [setting(LOADED_FROM), *(a.verifier_key for a in ancestors_in(setting))]
    keys = [session.engine.proofs.signer().verifier_key, *filter(_is_key, elsewhere)]
    kept = set()
    with session.engine.dump() as source:
        for operation_id, receipt in source.erasures():
            kept.add(operation_id)
            if not _holds(operation_id, receipt, keys):
                yield Problem(
                    f"erasure {id_text(operation_id)}", "its receipt is not the one that was signed"
                )
        if len(keys) > 1:
            return  # erases of a log before this one may have left theirs there
        unfinished = set(session.engine.erasure.unfinished())
        for attempt in source.reader.vault.query(LogQuery(kind=Kind.ERASED)):
            is_operation = attempt.cube_id == attempt.operation_id
            is_done = is_operation and attempt.outcome.result is Result.ACCEPTED
            if is_done and attempt.cube_id not in kept | unfinished:
                yield Problem(f"erasure {id_text(attempt.cube_id)}", "its receipt is missing")


def _holds(operation_id: bytes, receipt: str, keys: list[str]) -> bool:
    try:
        kept = kept_receipt(json.loads(receipt))
    except (KeyError, TypeError, ValueError):
        return False
    return kept.operation_id == id_text(operation_id) and any(map(kept.verify, keys))


def _is_key(text: str) -> bool:
    try:
        parse_verifier_key(text)
    except NoteError:
        return False
    return True
