"""What a call has begun: the operations whose ids it has made, so that who cuts it off can be told."""

from __future__ import annotations

from collections import deque
from contextvars import Context, ContextVar, copy_context

from memos.kernel.event import id_text
from memos.wire.event_pb2 import Event

SHOWN = 3

Begun = deque[Event]
"""The last events that a call has made, one an operation: those before them it has seen through."""

_begun: ContextVar[Begun | None] = ContextVar("begun", default=None)


def nothing_begun() -> Begun:
    """What a call has begun that begins."""
    return deque(maxlen=SHOWN)


def has_begun(event: Event) -> None:
    """Keep an event that was made in this call; its ids may still change."""
    begun = _begun.get()
    if begun is not None and not (begun and begun[-1].operation_id == event.operation_id):
        begun.append(event)


def noting_begun(begun: Begun) -> Context:
    """A context to make a call in: the operations that it begins are added to `begun`."""
    # Of its own, and ending with the call: nothing need be put back when it is cut off.
    context = copy_context()
    context.run(_begun.set, begun)
    return context


def is_part_of_a_call() -> bool:
    """Whether what is begun here is noted by a call around this one."""
    return _begun.get() is not None


def tell_begun(interrupt: BaseException, name: str, begun: Begun) -> None:
    """Add to what cut a call off what may be written, and how to ask."""
    if not begun:
        return
    operations = dict.fromkeys(id_text(event.operation_id) for event in begun)
    asked = ", ".join(f"memory.events(operation={operation!r})" for operation in operations)
    interrupt.add_note(
        f"{name} was cut off: what it had begun may be written. Ask {asked}; or call it again with "
        "the same idempotency_key, if it had one, which does it once"
    )
