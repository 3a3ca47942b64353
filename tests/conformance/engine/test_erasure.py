"""The contract of erasure, and of what a transaction erases with (see
`memos.infrastructure.engine.port`).
"""

from __future__ import annotations

from memos.infrastructure.engine.commit import Draft, Purged
from memos.infrastructure.engine.port import Transaction
from memos.kernel.cube import Lifecycle
from memos.kernel.event import Kind
from memos.kernel.outcome import Result
from tests.conformance.engine.vault import EngineVault, new_id
from tests.waiting import wait_until


def request(vault: EngineVault, operation_id: bytes, cube_id: bytes) -> None:
    """Ask for an erase; nothing is destroyed by that."""
    event = vault.event(Kind.ERASE_REQUESTED, operation_id, operation_id=operation_id)
    event.erase_requested.targets.add(cube_id=cube_id, scope=vault.tenant)
    vault.commit(Draft(event))


def destroy(vault: EngineVault, operation_id: bytes, cube_id: bytes) -> Purged:
    """The second step of an erase: keys, the Erased event, copies, receipt."""

    def work(transaction: Transaction) -> Purged:
        transaction.begin_erasure(operation_id, vault.tenant, [cube_id])
        event = vault.event(Kind.ERASED, operation_id, operation_id=operation_id)
        event.erased.targets.add(cube_id=cube_id, scope=vault.tenant)
        committed = transaction.append(Draft(event))
        assert {each.outcome.result for each in committed.walk()} == {Result.ACCEPTED}
        purged = transaction.purge(operation_id, [cube_id])
        transaction.keep_erasure_receipt(operation_id, "receipt")
        return purged

    return vault.engine.writer.transact(work)


def test_an_erase_is_unfinished_from_its_request_to_its_receipt(vault: EngineVault) -> None:
    erasure = vault.engine.erasure
    operation_id, cube_id = new_id(), vault.add("secret").event.cube_id
    assert operation_id not in erasure.unfinished()
    request(vault, operation_id, cube_id)
    assert operation_id in erasure.unfinished()
    assert operation_id in vault.open().erasure.unfinished()
    destroy(vault, operation_id, cube_id)
    assert operation_id not in erasure.unfinished()


def test_what_is_erased_is_counted_and_then_gone(vault: EngineVault) -> None:
    erased = vault.add("secret words").event.cube_id
    kept = vault.add("other words").event.cube_id
    vault.engine.writer.append_accesses([vault.access(erased)])
    wait_until(lambda: vault.uses(erased) == 1, "its use is counted")
    operation_id = new_id()
    request(vault, operation_id, erased)
    purged = destroy(vault, operation_id, erased)
    assert (purged.cube_keys, purged.texts) == (1, 1)
    assert purged.spans > 0
    assert purged.postings > 0
    with vault.engine.read() as reader:
        head = reader.vault.head(erased)
        assert head is not None
        assert head.lifecycle is Lifecycle.ERASED
        assert reader.body(erased, 1) is None
        assert reader.usage(erased).uses == 0
        view = reader.view(vault.tenant)
        assert reader.rows_of(view, [erased, kept]).keys() == {kept}
    assert vault.engine.erasure.are_gone([erased])


def test_what_was_not_erased_is_not_gone(vault: EngineVault) -> None:
    kept = vault.add("words").event.cube_id
    # The store of vectors is asked last; a live cube has a key and rows.
    if vault.is_embedded:
        assert not vault.engine.erasure.are_gone([kept])
    erased, operation_id = vault.add("secret").event.cube_id, new_id()
    request(vault, operation_id, erased)
    destroy(vault, operation_id, erased)
    assert not vault.engine.erasure.are_gone([erased, kept])


def test_only_an_engine_that_owns_its_files_is_certain_that_they_hold_nothing(
    vault: EngineVault,
) -> None:
    assert vault.engine.erasure.confirm() == vault.is_embedded


def test_a_vault_that_was_not_put_back_is_at_the_end_of_its_list_of_erases(
    vault: EngineVault,
) -> None:
    erased, operation_id = vault.add("secret").event.cube_id, new_id()
    request(vault, operation_id, erased)
    destroy(vault, operation_id, erased)
    assert not vault.engine.erasure.is_behind_list()
    vault.engine.erasure.complete_list()
    assert not vault.engine.erasure.is_behind_list()
