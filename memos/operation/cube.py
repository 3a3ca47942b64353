"""A cube as a caller reads it: header facts, lifecycle and opened content, at one position."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.usage.usage import Usage
from memos.infrastructure.index.projection import content_text
from memos.infrastructure.vault.port import Attempt
from memos.kernel.body import FIRST_TIME, LAST_TIME, is_text, metadata_of
from memos.kernel.cube import CubeState, Lifecycle, Lifespan
from memos.kernel.errors import Damaged
from memos.kernel.event import Position, id_text
from memos.kernel.lifespan import deadline
from memos.kernel.moment import Moment
from memos.wire.body_pb2 import Body

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def as_datetime(microseconds: int) -> datetime:
    """Microseconds since 1970 as a time in UTC; what lies outside the years 1 to 9999 at their end."""
    return EPOCH + timedelta(microseconds=min(max(microseconds, FIRST_TIME), LAST_TIME))


@dataclass(frozen=True, slots=True)
class MemCube:
    """The unit of memory at one version: header and payload.

    `created` and `changed` are log times (when we learned it); `valid_from` and `valid_until` are
    when the content was true in the world. `payload` holds the bytes where `text` cannot. `digest`
    stands for this version and all before it: SHA-256, hexadecimal, over their sealed bytes.
    """

    cube_id: str
    version: int
    text: str
    tags: tuple[str, ...]
    metadata: Mapping[str, Any]
    state: str
    scope: str
    source: str
    origin: str
    semantic_type: str
    media_type: str
    valid_from: datetime | None
    valid_until: datetime | None
    owner: str
    readers: tuple[str, ...]
    writers: tuple[str, ...]
    priority: int
    sensitivity: str
    purpose: str
    lifespan: Lifespan | None
    created: datetime
    changed: datetime
    position: Position
    uses: int = 0
    last_used: datetime | None = None
    payload: bytes = field(default=b"", repr=False)
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What an erased cube reads as, at any position: its text and keys are gone for good."""

    cube_id: str
    state: str = "Erased"

    def __bool__(self) -> Literal[False]:
        return False


def is_over(state: CubeState, last_used: int, now: int) -> bool:
    """Whether a read at `now` hides a cube that no sweep has ended yet; a hold ends nothing."""
    if state.lifecycle is Lifecycle.FROZEN:
        return False
    return deadline(state.header.lifespan, last_used) <= now


def state_title(lifecycle: Lifecycle) -> str:
    """The name of a state as people write it."""
    return lifecycle.name.capitalize()


STATES_BY_TITLE = {state_title(state): state for state in Lifecycle}


@dataclass(frozen=True, slots=True)
class Parts:
    """The opened parts of a version, each from the version that supplied it."""

    content: Body
    tags: Body
    provenance: Body
    metadata: Body
    valid_time: Body

    @property
    def text(self) -> str:
        """The content's text; empty for other media."""
        return content_text(self.content)

    @property
    def media_type(self) -> str:
        """What the content is."""
        return self.content.content.media_type

    @property
    def tag_list(self) -> tuple[str, ...]:
        """The tags, as they were given."""
        return tuple(self.tags.tags.tags)

    @property
    def valid_until(self) -> int | None:
        """When the content stops being true (microseconds since 1970); None where nothing says it."""
        valid = self.valid_time.valid_time
        return valid.until if valid.HasField("until") else None

    def metadata_dict(self) -> dict[str, Any]:
        """The metadata, a fresh copy."""
        return metadata_of(self.metadata)


_SEALED = Parts(Body(), Body(), Body(), Body(), Body())


def open_parts(reader: Reader, state: CubeState, at: Position | None = None) -> Parts | None:
    """Open what a state's parts refer to; None where the key was destroyed.

    Args:
        reader: where to read.
        state: whose parts.
        at: the position of the event that made the state's version, where that is known.
    """
    opened: dict[int, Body] = {}
    for version in set(state.parts):
        position = at if version == state.version else None
        body = reader.body(state.cube_id, version, position)
        if body is None:
            return None
        opened[version] = body
    return Parts(*(opened[version] for version in state.parts))


def parts_left_by(reader: Reader, attempt: Attempt) -> Parts | None:
    """The parts of a cube as an accepted attempt left it; None where there is no key to open them."""
    if attempt.state is None:
        return None
    made_here = attempt.position if attempt.outcome.digest else None
    return open_parts(reader, attempt.state, made_here)


def usage_at(reader: Reader, cube_id: bytes, moment: Moment) -> Usage:
    """How a cube was used by the moment that is read: what was used since does not change it."""
    usage = reader.usage(cube_id)
    if moment.at is None or usage.last_used <= moment.read_time:
        return usage
    return reader.usage_until(cube_id, moment.read_time)


@dataclass(frozen=True, slots=True)
class DamagedCube:
    """What stands in a list for a memory that cannot be read, and why; `get` raises it."""

    cube_id: str
    reason: str


def try_cube(
    reader: Reader, attempt: Attempt, usage: Usage | None = None
) -> MemCube | Forgotten | DamagedCube:
    """As `read_cube`, for what reads several: one that is damaged hides no other."""
    try:
        return read_cube(reader, attempt, usage)
    except Damaged as error:
        return DamagedCube(id_text(attempt.cube_id), str(error))


def read_cube(reader: Reader, attempt: Attempt, usage: Usage | None = None) -> MemCube | Forgotten:
    """The cube as an accepted attempt left it; `usage` by default as it is now."""
    state, parts = attempt.state, parts_left_by(reader, attempt)
    if state is None or parts is None:
        return Forgotten(id_text(attempt.cube_id))
    if usage is None:
        usage = reader.usage(attempt.cube_id)
    is_first = attempt.sequence == 1
    created = attempt.log_time if is_first else reader.created(attempt.cube_id)
    return _with_parts(attempt, state, parts, usage, created)


def cube_in_clear(
    reader: Reader, attempt: Attempt, usage: Usage | None, created: int
) -> MemCube | Forgotten:
    """As `read_cube`, with nothing opened: of what is sealed it tells nothing."""
    if attempt.state is None:
        return Forgotten(id_text(attempt.cube_id))
    if usage is None:
        usage = reader.usage(attempt.cube_id)
    return _with_parts(attempt, attempt.state, _SEALED, usage, created)


def _with_parts(
    attempt: Attempt, state: CubeState, parts: Parts, usage: Usage, created: int
) -> MemCube:
    valid = parts.valid_time.valid_time
    provenance = parts.provenance.provenance
    return MemCube(
        cube_id=id_text(attempt.cube_id),
        version=state.version,
        text=parts.text,
        tags=parts.tag_list,
        metadata=parts.metadata_dict(),
        state=state_title(state.lifecycle),
        scope=state.scope,
        source=provenance.source,
        origin=provenance.origin,
        semantic_type=provenance.semantic_type,
        media_type=parts.media_type,
        valid_from=as_datetime(getattr(valid, "from")) if valid.HasField("from") else None,
        valid_until=as_datetime(valid.until) if valid.HasField("until") else None,
        owner=state.header.owner,
        readers=state.header.readers,
        writers=state.header.writers,
        priority=state.header.priority,
        sensitivity=state.header.sensitivity,
        purpose=state.header.purpose,
        lifespan=state.header.lifespan,
        created=as_datetime(created),
        changed=as_datetime(attempt.log_time),
        position=attempt.position,
        uses=usage.uses,
        last_used=as_datetime(usage.last_used) if usage.uses else None,
        payload=b"" if is_text(parts.media_type) else parts.content.content.inline,
        digest=state.versions_digest.hex(),
    )
