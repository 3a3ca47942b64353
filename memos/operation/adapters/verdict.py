"""What the gate said of a trained adapter, kept on its cube: an event with the figures, pass or not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime

from memos.infrastructure.chat_models.adapting import DistillationSettings, Evaluation
from memos.infrastructure.engine.commit import Draft
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.keys.envelope import open_body, seal_body
from memos.kernel.cube import CubeState
from memos.kernel.errors import Damaged
from memos.kernel.event import Kind
from memos.kernel.outcome import Result
from memos.operation.adapter_manifest import evaluation_of, settings_of
from memos.operation.commands.draft import new_event
from memos.operation.cube import as_datetime
from memos.operation.gate import Passage
from memos.operation.session import Session
from memos.wire.body_pb2 import Body

GATE = "gate"
PROMOTED, REFUSED = "promoted", "refused"


@dataclass(frozen=True, slots=True)
class AdapterRejection:
    """An adapter that was trained, and that the gate did not promote.

    Attributes:
        at: when.
        actor: who had it trained.
        job: what was asked for, in hex.
        settings: how it was trained.
        evaluation: what it was measured to do; its `refusals` say why it was not promoted.
        seconds: how long it might take; None for as long as its steps take.
    """

    at: datetime
    actor: str
    job: str
    settings: DistillationSettings
    evaluation: Evaluation
    seconds: float | None = None


def verdict(
    session: Session,
    passage: Passage,
    state: CubeState,
    cube_key: bytes,
    *,
    job: bytes,
    settings: DistillationSettings,
    evaluation: Evaluation,
    seconds: float | None = None,
) -> Draft:
    """The event of it: the choice in clear, the figures sealed under the adapter's key."""
    event = new_event(session, Kind.DECIDED, state.cube_id, state.scope, passage=passage)
    event.decided.policy = GATE
    event.decided.choice = PROMOTED if evaluation.passed else REFUSED
    told = {
        "job": job.hex(),
        "settings": asdict(settings),
        "evaluation": asdict(evaluation),
        "seconds": seconds,
    }
    seal_body(cube_key, event, Body(reason=json.dumps(told, sort_keys=True)))
    return Draft(event)


def rejections(reader: Reader, cube_id: bytes) -> Iterator[AdapterRejection]:
    """The rejections on an adapter's cube, the oldest first; of an erased one none can be read."""
    key = reader.cube_key(cube_id)
    for attempt in reader.vault.attempts(cube_id):
        if key is None or attempt.kind is not Kind.DECIDED:
            continue
        event = reader.event(attempt.position)
        decided = event.decided
        if attempt.outcome.result is not Result.ACCEPTED or decided.policy != GATE:
            continue
        if decided.choice == REFUSED:
            try:
                told = json.loads(open_body(key, event).reason)
                yield AdapterRejection(
                    as_datetime(attempt.log_time),
                    attempt.actor,
                    told["job"],
                    settings_of(told["settings"]),
                    evaluation_of(told["evaluation"]),
                    told["seconds"],
                )
            except (Damaged, ValueError, TypeError, KeyError):
                continue  # somebody else's words
