"""The whole audit of a distributed vault: every folded row beside what the log folds to, both ways.

The log is folded into a spare generation, as a rebuild folds it, and the tables of the two are read
side by side; then the spare one is dropped.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from memos.infrastructure.engine.distributed.auditing.comparison import Comparison
from memos.infrastructure.engine.distributed.auditing.keys import key_problems
from memos.infrastructure.engine.distributed.auditing.settled import ends_of
from memos.infrastructure.engine.distributed.auditing.vectors import not_embedded, vector_problems
from memos.infrastructure.engine.distributed.auditing.verification import verify
from memos.infrastructure.engine.distributed.building import built_generation
from memos.infrastructure.engine.distributed.stores import Generation, Stores, open_generation
from memos.infrastructure.engine.kept_keys import KeptKeys
from memos.infrastructure.progress import Progress, no_progress
from memos.infrastructure.reports import MOST_PROBLEMS, Problem, Verification
from memos.infrastructure.vault.cassandra import schema
from memos.kernel.errors import Damaged, VaultError

NOT_COMPARED = {
    "rows behind the checkpoint of their projection": "the worker writes them again when it goes on",
    "ending and erasing: rows too many": "hints, each of which its cube's head confirms",
    "note": "signed checkpoints: the log is held against those in the topic of checkpoints",
    "checkpoint: that of vectors": "how far texts are embedded is compared by the vectors themselves",
    "checkpoint: the ordinal in that of seal": "nothing reads it",
    "setting: where its seal is gone": "an earlier release made vaults without",
    "setting: query_keys": "it only tells up to which day the keys of queries are gone",
    "erasure_begun, generation, lease, pointer, schema_version": "they say what is under way and which "
    "tables are in use; no log has them",
    "erasure: the receipts of a log that came from elsewhere": "they are signed by vaults whose "
    "keys may not be known here",
    "subject_key, tenant_key: keys that no memory needs, and rings' last keys": "nothing else says "
    "that they were there",
    "subject_key: marks of erases that are about to end a key": "whoever writes next takes one away",
    "cube_key: keys of no cube": "a writer keeps a key before it sends the event; one that was stopped "
    "between the two leaves it",
    "query_text, query_cube": "the texts of queries are kept for a time, and no log has them",
    "set_aside": "what a model or a release refuses no log says; the doctor names it",
    "vectors: the numbers of all but a sample": "to embed every text again may cost money",
}
"""What no audit can compare, each with its reason."""


def audit(stores: Stores, live: Generation, progress: Progress) -> Verification:
    """Everything that `verify` checks, and every folded row compared with a fresh fold of the log.

    The vault may be written meanwhile. The audit takes the room of a second generation while it
    runs, and an erase that ends in that time does not say that everything is gone.

    Raises:
        VaultError: rebuilds took away meanwhile what is compared.
    """
    try:
        audited = _audit(stores, live, progress)
    except VaultError:
        _check_there(stores, live)  # where it is not, that is why
        raise
    _check_there(stores, live)
    return audited


def _check_there(stores: Stores, live: Generation) -> None:
    if stores.live_number() != live.number and not schema.is_there(stores.cassandra, live.number):
        raise VaultError(
            f"generation {live.number}, which was audited, was replaced by a rebuild and removed meanwhile: "
            "run the audit again"
        )


def _audit(stores: Stores, live: Generation, progress: Progress) -> Verification:
    checked = verify(stores, live, no_progress)
    waiting = list(_waiting(stores, live))
    problems = dict.fromkeys(checked.problems)
    for problem in _problems(stores, live, progress, waiting):
        problems[problem] = None
        if len(problems) >= MOST_PROBLEMS:
            break
    not_compared = (*waiting, *(f"{what} ({why})" for what, why in NOT_COMPARED.items()))
    return replace(checked, problems=tuple(problems), not_compared=not_compared)


def _waiting(stores: Stores, live: Generation) -> Iterator[str]:
    """What is not compared as the workers have not come there."""
    ends = ends_of(stores, live).events
    for partition, size in sorted(stores.logs.events.end().items()):
        reached = ends.get(partition, 0)
        if reached < size:
            yield f"records {partition}:{reached} and on (they are not folded and indexed yet)"
    if stores.settings.embedder is not None:
        for partition in not_embedded(live):
            yield f"vectors of partition {partition} (not all of its texts are embedded yet)"


def _problems(
    stores: Stores, live: Generation, progress: Progress, waiting: list[str]
) -> Iterator[Problem]:
    keys = list(key_problems(stores, live))
    yield from keys
    if keys:
        yield Problem(
            "projections", "they are not compared while keys are damaged: mend those first"
        )
        return
    with _spare(stores) as fresh:
        try:
            kept = KeptKeys(stores.keys)
            comparison = Comparison(stores, live, fresh, kept)
            yield from comparison.problems(progress)
            waiting += comparison.waiting
            yield from kept.problems()
            if not kept.lost:
                yield from _of_vectors(stores, live, fresh, waiting)
        except Damaged as error:
            yield Problem("projections", f"they cannot all be compared: {error}")


def _of_vectors(
    stores: Stores, live: Generation, fresh: Generation, waiting: list[str]
) -> Iterator[Problem]:
    """The vectors of a vault at rest: one that is written is ahead of what was folded here."""
    folded = {partition: mark[0] for partition, mark in fresh.vault.checkpoints().items()}
    problems = list(vector_problems(stores, live, fresh))
    end = stores.logs.events.end()
    if problems and any(folded.get(partition, 0) != size for partition, size in end.items()):
        waiting.append("vectors (the vault was written meanwhile)")
        return
    yield from problems


@contextmanager
def _spare(stores: Stores) -> Iterator[Generation]:
    """An empty generation, which no rebuild takes away; one that a killed audit left is dropped by the
    next rebuild.

    Raises:
        VaultError: the audit was paused for so long that a rebuild took it away.
    """
    store = stores.cassandra
    with built_generation(store) as (number, lease):
        try:
            yield open_generation(store, number)
        except VaultError:
            lease.check()  # where a rebuild took the tables away, that is why
            raise
        finally:
            if lease.is_held():
                schema.drop_generation(store, number)
