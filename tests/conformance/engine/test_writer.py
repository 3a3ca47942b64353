"""The contract of a writer and of its transactions (see `memos.infrastructure.engine.port`)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from memos.infrastructure.engine.commit import Committed, Draft
from memos.infrastructure.engine.port import Transaction
from memos.infrastructure.engine.reader import Reader
from memos.kernel.cube import Lifecycle
from memos.kernel.errors import Conflict, NotApplied, SourceErased
from memos.kernel.event import Kind, Position, id_text
from memos.kernel.lineage import Relation
from memos.kernel.outcome import Reason, Result
from tests.conformance.engine.vault import EngineVault, new_id, text_of
from tests.waiting import wait_until


def test_what_was_committed_is_there_for_who_opens_the_vault_next(vault: EngineVault) -> None:
    first, second = vault.commit(vault.memory("first"), vault.memory("second"))
    assert first.position != second.position
    with vault.open().read() as reader:
        for committed in (first, second):
            head = reader.vault.head(committed.event.cube_id)
            assert head == committed.state
            assert head is not None
            assert (head.version, head.scope) == (1, vault.tenant)
            assert reader.event(committed.position) == committed.event


def test_a_stale_version_is_rejected_and_the_attempt_stays(vault: EngineVault) -> None:
    cube_id = vault.add("one").event.cube_id
    vault.commit(vault.revision(cube_id, "two", expected_version=1))
    (stale,) = vault.engine.writer.commit([vault.revision(cube_id, "three", expected_version=1)])
    assert (stale.outcome.result, stale.outcome.reason) == (Result.REJECTED, Reason.CONFLICT)
    assert stale.outcome.version == 2
    with vault.engine.read() as reader:
        head = reader.vault.head(cube_id)
        assert head is not None
        assert head.version == 2
        attempts = reader.vault.attempts(cube_id)
    assert [attempt.position for attempt in attempts][-1] == stale.position


def test_changes_that_threads_compose_at_once_meet_no_conflict(vault: EngineVault) -> None:
    cube_id = vault.add("0").event.cube_id

    def increment(reader: Reader) -> Draft:
        head = reader.vault.head(cube_id)
        assert head is not None
        number = int(text_of(reader.body(cube_id, head.version)) or "")
        return vault.revision(cube_id, str(number + 1), expected_version=head.version)

    with ThreadPoolExecutor(4) as threads:
        writes = [threads.submit(vault.engine.writer.compose, cube_id, increment) for _ in range(8)]
    assert {write.result().outcome.result for write in writes} == {Result.ACCEPTED}
    with vault.engine.read() as reader:
        assert text_of(reader.body(cube_id, 9)) == "8"


def test_an_error_in_composing_comes_to_the_caller(vault: EngineVault) -> None:
    cube_id = vault.add("one").event.cube_id

    def refuse(reader: Reader) -> Draft:
        raise ValueError("not this one")

    with pytest.raises(ValueError, match="not this one"):
        vault.engine.writer.compose(cube_id, refuse)
    vault.commit(vault.revision(cube_id, "two", expected_version=1))


def test_a_keyed_event_that_comes_twice_has_one_effect(vault: EngineVault) -> None:
    cube_id = vault.add("one").event.cube_id
    draft = vault.revision(cube_id, "two")
    draft.event.idempotency_digest, draft.event.command_mac = new_id(), new_id()
    (first,) = vault.commit(draft)
    (again,) = vault.engine.writer.commit([draft])
    assert again.outcome.result is Result.DUPLICATE
    assert again.outcome.duplicate_of == first.event.event_id
    assert again.state is not None
    assert again.state.version == 2


def test_keys_are_known_after_a_rebuild_and_every_outcome_is_audited(vault: EngineVault) -> None:
    cube_id = vault.add("one").event.cube_id
    drafts = [vault.revision(cube_id, text) for text in ("two", "three", "four")]
    for draft in drafts:
        draft.event.idempotency_digest, draft.event.command_mac = new_id(), new_id()
    vault.commit(*drafts)
    commit = vault.engine.writer.commit

    def repeat() -> set[Result]:
        return {committed.outcome.result for committed in commit(drafts)}

    assert repeat() == {Result.DUPLICATE}
    assert vault.engine.maintenance.audit().problems == ()
    digest = vault.engine.maintenance.digest()
    assert vault.engine.maintenance.rebuild().digest == digest
    assert repeat() == {Result.DUPLICATE}
    drafts[1].event.command_mac = new_id()
    (other,) = commit(drafts[1:2])
    assert other.outcome.reason is Reason.OTHER_CONTENT
    assert vault.engine.maintenance.audit().problems == ()
    assert vault.engine.maintenance.digest() == digest


def test_the_error_of_a_check_comes_to_the_caller(vault: EngineVault) -> None:
    drafts = [vault.memory("one"), vault.memory("two")]

    def refuse(committed: Committed) -> None:
        if committed.event.cube_id == drafts[1].event.cube_id:
            raise ValueError("not this one")

    with pytest.raises(ValueError, match="not this one"):
        vault.engine.writer.commit_whole(drafts, refuse)
    with vault.engine.read() as reader:
        heads = [reader.vault.head(draft.event.cube_id) for draft in drafts]
    # In a log of several partitions, what was accepted stays.
    assert [head is None for head in heads] == [vault.is_embedded] * 2


def test_a_command_that_is_refused_in_part_tells_what_stays(vault: EngineVault) -> None:
    cube_id = vault.add("one").event.cube_id
    new = vault.memory("another")
    drafts = [vault.revision(cube_id, "two", expected_version=7), new]

    def refuse(committed: Committed) -> None:
        if committed.outcome.result is Result.REJECTED:
            raise Conflict("it is at version 1", 1)

    with pytest.raises(Conflict) as refused:
        vault.engine.writer.commit_whole(drafts, refuse)
    told, named = str(refused.value), id_text(new.event.cube_id)
    assert told.startswith("it is at version 1")
    assert refused.value.current_version == 1
    assert (f"Generated on {named}" in told) is not vault.is_embedded
    with vault.engine.read() as reader:
        assert (reader.vault.head(new.event.cube_id) is None) is vault.is_embedded


def test_a_check_that_holds_lets_all_of_it_be(vault: EngineVault) -> None:
    seen: list[bytes] = []
    commits = vault.engine.writer.commit_whole(
        [vault.memory("one"), vault.memory("two")],
        lambda committed: seen.append(committed.event.cube_id),
    )
    assert seen == [committed.event.cube_id for committed in commits]


def test_a_transaction_reads_what_it_has_appended(vault: EngineVault) -> None:
    draft = vault.memory("one")
    cube_id = draft.event.cube_id

    def work(transaction: Transaction) -> Committed:
        assert transaction.head(cube_id) is None
        committed = transaction.append(draft)
        assert transaction.head(cube_id) == committed.state
        with_it = transaction.reader().vault.state_at(cube_id)
        assert with_it is not None
        assert with_it.position == committed.position
        return committed

    committed = vault.engine.writer.transact(work)
    assert committed.outcome.result is Result.ACCEPTED


def test_an_error_in_a_transaction_undoes_it_where_there_is_one_log(vault: EngineVault) -> None:
    draft = vault.memory("one")

    def append_and_fail(transaction: Transaction) -> None:
        transaction.append(draft)
        raise ValueError("not this one")

    with pytest.raises(ValueError, match="not this one"):
        vault.engine.writer.transact(append_and_fail)
    with vault.engine.read() as reader:
        assert (reader.vault.head(draft.event.cube_id) is None) == vault.is_embedded
    vault.add("the next")


def test_what_follows_from_an_event_is_told_with_it(vault: EngineVault) -> None:
    sources = [vault.add(text).event.cube_id for text in ("one", "two")]
    (merge,) = vault.commit(vault.memory("both", absorbs=sources))
    followed = [committed for committed in merge.walk() if committed is not merge]
    assert sorted(committed.event.cube_id for committed in followed) == sorted(sources)
    assert {committed.outcome.result for committed in followed} == {Result.ACCEPTED}
    with vault.engine.read() as reader:
        for source in sources:
            head = reader.vault.head(source)
            assert head is not None
            assert head.lifecycle is Lifecycle.MERGED


def test_a_cut_is_named_where_the_log_ends(vault: EngineVault) -> None:
    before = vault.add("before").event.cube_id
    event = vault.event(Kind.CUT_NAMED, new_id())
    event.cut_named.name = f"cut of {vault.tenant}"
    committed = vault.engine.writer.transact(lambda transaction: transaction.name_cut(Draft(event)))
    assert committed.outcome.result is Result.ACCEPTED
    after = vault.add("after").event.cube_id
    with vault.engine.read() as reader:
        assert reader.cuts()[event.cut_named.name] == sum(
            position.offset for position in committed.event.cut_named.positions
        )
        moment = reader.moment_of_cut(event.cut_named.name)
        assert moment is not None
        assert moment.at is not None
        assert reader.vault.state_at(before, moment.at) is not None
        assert reader.vault.state_at(after, moment.at) is None
        assert reader.moment_of_cut(f"no cut of {vault.tenant}") is None


def test_a_position_is_waited_for_and_one_that_never_comes_is_an_error(vault: EngineVault) -> None:
    committed = vault.add("one")
    vault.engine.writer.wait_for(committed.position, 30)
    partition, offset = committed.position
    with pytest.raises(NotApplied):
        vault.engine.writer.wait_for(Position(partition, offset + 1_000_000), 0.2)


def test_accesses_are_folded_into_usage(vault: EngineVault) -> None:
    used, other = vault.add("used").event.cube_id, vault.add("other").event.cube_id
    with vault.engine.read() as reader:
        size = reader.access_size()
    vault.engine.writer.append_accesses([vault.access(used), vault.access(used)])
    wait_until(lambda: vault.uses(used) == 2, "two uses are counted")
    assert vault.uses(other) == 0
    with vault.engine.read() as reader:
        assert reader.access_size() == size + 2


def test_the_receipt_of_an_erase_that_was_kept_first_stays(vault: EngineVault) -> None:
    operation_id = new_id()

    receipts = vault.engine.writer.transact(
        lambda transaction: [
            transaction.erasure_receipt(operation_id),
            transaction.keep_erasure_receipt(operation_id, "first"),
            transaction.keep_erasure_receipt(operation_id, "second"),
            transaction.erasure_receipt(operation_id),
        ]
    )
    assert receipts == [None, "first", "first", "first"]


def test_a_commit_of_nothing_is_nothing(vault: EngineVault) -> None:
    assert vault.engine.writer.commit([]) == []


def test_a_durable_add_says_what_the_fold_will_make_of_it(vault: EngineVault) -> None:
    engine = vault.open(wait="durable")
    (committed,) = engine.writer.commit([vault.memory("one")])
    engine.writer.wait_for(committed.position, 60)
    with engine.read() as reader:
        assert reader.vault.head(committed.event.cube_id) == committed.state


def test_nothing_is_appended_that_was_made_of_what_is_being_erased(vault: EngineVault) -> None:
    source = vault.add("Ann has the flu").event.cube_id
    operation_id = new_id()
    request = vault.event(Kind.ERASE_REQUESTED, operation_id, operation_id=operation_id)
    request.erase_requested.targets.add(cube_id=source, scope=vault.tenant)
    vault.commit(Draft(request))
    for relation in Relation:
        derived = vault.memory("A patient is ill")
        edge = derived.event.edges.add(relation=relation.value)
        edge.other.cube_id, edge.other.version = source, 1
        with pytest.raises(SourceErased, match="nothing was written"):
            vault.engine.writer.commit([vault.memory("beside it"), derived])
        with vault.engine.read() as reader:
            assert reader.vault.head(derived.event.cube_id) is None
    # The request would else be gone on with by whoever opens the vault next.
    withdrawal = vault.event(Kind.ERASE_WITHDRAWN, operation_id, operation_id=operation_id)
    withdrawal.erase_withdrawn.targets.add(cube_id=source, scope=vault.tenant)
    vault.commit(Draft(withdrawal))
    vault.commit(derived)
