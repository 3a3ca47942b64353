"""What is said of an operation of which a rollback changes nothing: it is none, or ends in another way."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.vault.port import LogQuery
from memos.kernel.errors import IllegalMove, NotFound, shorten
from memos.kernel.event import Kind, id_text
from memos.kernel.outcome import Result
from memos.operation.gate import Passage
from memos.operation.reads.records import RecordsShown
from memos.wire.event_pb2 import Event


def check_operation(passage: Passage, reader: Reader, query: LogQuery) -> None:
    """Go on only where there is such an operation, and it is none that a rollback never takes back.

    Args:
        passage: whose caller is told of it only where they may read what it is about.
        reader: where it is looked up.
        query: the operation.

    Raises:
        NotFound: there is none.
        IllegalMove: something else ends it; the error says what.
    """
    attempts = list(RecordsShown(passage, reader).of(query))
    if not attempts:
        raise NotFound(
            f"there is no operation {id_text(query.operation_id)}: check the id, and the vault it is from"
        )
    for attempt in attempts:
        way = _WAYS.get(attempt.kind)
        if way is not None and attempt.outcome.result is Result.ACCEPTED:
            raise IllegalMove(
                f"operation {id_text(query.operation_id)} is not undone by a rollback, and nothing was "
                f"changed: {way(reader.event(attempt.position))}"
            )


def _freeze(event: Event) -> str:
    cube_id = id_text(event.cube_id)
    if event.frozen.yields_to_erase:
        return f"a freeze is ended by thaw, here of cube {cube_id}"
    return f"a legal hold is ended by lift_hold, here of cube {cube_id}"


def _thaw(event: Event) -> str:
    cube_id = id_text(event.cube_id)
    if event.thawed.freeze_only:
        return f"freeze stops the changes of cube {cube_id} again"
    return f"hold puts cube {cube_id} under a legal hold again"


def _grant(event: Event) -> str:
    return f"a grant is ended by revoke_administrator, here of {_whose(event, event.granted.actor)}"


def _revocation(event: Event) -> str:
    return f"grant_administrator names {_whose(event, event.revoked.actor)} again"


def _whose(event: Event, actor: str) -> str:
    return f"{shorten(actor)} in {event.tenant}"


_WAYS: Mapping[Kind, Callable[[Event], str]] = {
    Kind.FROZEN: _freeze,
    Kind.THAWED: _thaw,
    Kind.GRANTED: _grant,
    Kind.REVOKED: _revocation,
    Kind.CONFIGURED: lambda event: f"set_sensitivities orders the labels of {event.tenant} anew",
    Kind.API_KEY_ISSUED: lambda event: (
        f"revoke_api_key({id_text(event.event_id)!r}, tenant={event.tenant or None!r}) ends the key"
    ),
    Kind.API_KEY_REVOKED: lambda event: "a revoked key stays so: create_api_key makes another",
    Kind.API_KEY_USED: lambda event: "a use of a key changes nothing",
    Kind.CUT_NAMED: lambda event: "a cut keeps its name",
    Kind.ERASE_REQUESTED: lambda event: "an erase destroys keys, and nothing brings them back",
}
"""What ends, or does again, the operations that are no change of a memory's content or header."""
