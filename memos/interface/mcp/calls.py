"""What each tool does: a call of `Memory`, and its answer in short."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from memos.interface.mcp.answers import (
    Answer,
    access_answers,
    change_answer,
    hit_answer,
    listed_answer,
    memory_answer,
    receipt_answer,
)
from memos.interface.serialise import json_line, plain
from memos.kernel.errors import Denied, InvalidInput, NotFound
from memos.operation.validation import check_list

if TYPE_CHECKING:
    from memos.interface.memory import Memory
    from memos.operation.commands.erase_plan import ErasePlan

DEFAULT_LIMIT = 10
"""Of memories, in an answer of several."""


def add_memory(
    memory: Memory,
    text: str,
    *,
    scope: str | None = None,
    source: str | None = None,
    tags: list[str] | None = None,
    valid_from: str | None = None,
    idempotency_key: str | None = None,
) -> Answer:
    """See `Memory.add`."""
    receipt = memory.add(
        text,
        scope=_named(scope),
        source=source,
        tags=tags or (),
        valid_from=valid_from,
        idempotency_key=idempotency_key,
    )
    return receipt_answer(receipt)


def search_memories(
    memory: Memory,
    query: str,
    *,
    scope: str | None = None,
    limit: int = DEFAULT_LIMIT,
    tags: list[str] | None = None,
    as_of: str | None = None,
) -> Answer:
    """See `Memory.search`; of `tags` a memory has all."""
    wanted = [{"tags": tag} for tag in check_list(tags, "tags")]
    fits = {"and": wanted} if wanted else None
    hits = memory.search(query, scope=_named(scope), k=limit, filter=fits, as_of=as_of)
    return {"memories": [hit_answer(hit) for hit in hits]}


def get_memory(
    memory: Memory,
    id: str,  # noqa: A002
    *,
    version: int | None = None,
) -> Answer:
    """See `Memory.get`."""
    return memory_answer(memory.get(id, version=version, any_state=True))


def list_memories(
    memory: Memory,
    *,
    scope: str | None = None,
    limit: int = DEFAULT_LIMIT,
    cursor: str | None = None,
    state: str | None = None,
) -> Answer:
    """See `Memory.list`."""
    page = memory.list(scope=scope, limit=limit, cursor=cursor, state=state)
    answer: Answer = {"memories": [listed_answer(cube) for cube in page]}
    if page.cursor is not None:
        answer["cursor"] = page.cursor
    if page.damaged:
        answer["damaged"] = dict(page.damaged)
    return answer


def update_memory(
    memory: Memory,
    id: str,  # noqa: A002
    text: str,
    *,
    mode: str = "overwrite",
    expected_version: int | None = None,
) -> Answer:
    """See `Memory.update`."""
    return receipt_answer(memory.update(id, text, mode=mode, expected_version=expected_version))


def delete_memory(memory: Memory, id: str, *, expected_version: int | None = None) -> Answer:  # noqa: A002
    """See `Memory.archive`."""
    return receipt_answer(memory.archive(id, expected_version=expected_version))


def purge_memory(memory: Memory, id: str, *, confirm: str | None = None) -> Answer:  # noqa: A002
    """See `Memory.erase`. The plan's `confirm` fits only while the plan is the same.

    Raises:
        InvalidInput: it was confirmed for another plan; nothing was erased.
    """
    plan = memory.erase(cube_id=id, dry_run=True)
    wanted = _confirmation(plan)
    if confirm is None:
        return {"plan": plain(plan), "confirm": wanted}
    if confirm != wanted:
        raise InvalidInput(
            "this confirms another plan, and nothing was erased: call purge_memory without confirm, "
            "show the user what it would erase, and pass the confirm of that answer"
        )
    receipt = memory.erase(cube_id=id)
    return {"erased": plain(receipt)}


def memory_history(memory: Memory, id: str) -> Answer:  # noqa: A002
    """See `Memory.history`."""
    return {"id": id, "changes": [change_answer(change) for change in memory.history(id)]}


def memory_diff(memory: Memory, id: str, before: int, after: int) -> Answer:  # noqa: A002
    """See `Memory.diff`."""
    diff = memory.diff(id, before, after)
    return {"id": id, "text": list(diff.text), "fields": plain(diff.fields)}


def restore_memory(memory: Memory, id: str, *, version: int | None = None) -> Answer:  # noqa: A002
    """See `Memory.restore` and, with a version, `Memory.rollback`."""
    if version is None:
        return receipt_answer(memory.restore(id))
    return {"id": id, "rollback": plain(memory.rollback(id, to_version=version))}


def explain_access(memory: Memory, id: str) -> Answer:  # noqa: A002
    """Who may do what with a memory, by its header, and the newest of the access log.

    Whoever neither owns nor administers the memory is told their own accesses; reading this is no use.

    Raises:
        NotFound: there is none that the caller may read.
    """
    states = ["Generated", "Activated", "Merged", "Archived", "Frozen", "Expired"]
    (cube,) = memory.list(filter={"cube_id": id}, state=states, limit=1) or (None,)
    if cube is None:
        raise NotFound(f"there is no memory {id} that you may read")
    answer: Answer = {
        "id": id,
        "owner": cube.owner,
        "readers": list(cube.readers) or ["every actor of the tenant"],
        "writers": list(cube.writers) or ["every actor of the tenant"],
        "state": cube.state,
    }
    try:
        answer["accesses"] = access_answers(memory.accesses(cube_id=id, limit=DEFAULT_LIMIT))
        answer["denials"] = access_answers(memory.denials(cube_id=id, limit=DEFAULT_LIMIT))
    except Denied as error:
        answer["accesses_denied"] = str(error)
    return answer


def _named(scope: str | None) -> str:
    if scope is None:
        raise InvalidInput("say the scope, such as acme/alice: this server has no scope of its own")
    return scope


def _confirmation(plan: ErasePlan) -> str:
    """A short text that fits this plan only."""
    return hashlib.sha256(json_line(plan).encode()).hexdigest()[:12]
