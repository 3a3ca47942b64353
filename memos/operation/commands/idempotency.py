"""Idempotency keys: what a key names, and how a retry is told from another command under it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import MISSING, dataclass, fields
from typing import TYPE_CHECKING, Any, NamedTuple

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.keys.envelope import command_mac, new_key
from memos.kernel.cube import CubeState, Lifecycle
from memos.kernel.errors import InvalidInput
from memos.kernel.moment import NEWEST
from memos.kernel.outcome import Result
from memos.kernel.scope import tenant_of
from memos.operation.receipt import already_erased
from memos.operation.session import Session
from memos.wire.event_pb2 import Event

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

UNORDERED = (Set, Iterator)


class Ids(NamedTuple):
    """What a key always gives: the event's id, a new cube's id, and the digest of what it names.

    An event carries one half of the digest: which one tells by what rule its fingerprint was made.
    """

    event_id: bytes
    cube_id: bytes
    digest: bytes

    @property
    def present_half(self) -> bytes:
        """The fingerprint is over every argument that differs from its default."""
        return self.digest[16:]

    @property
    def former_half(self) -> bytes:
        """The fingerprint is one of releases up to 0.1, over one of `KeyedCommand.former`."""
        return self.digest[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedCommand:
    """A command under an idempotency key: the one rule of what a key names.

    Attributes:
        operation: which command; with the actor, the target and the number it is what a key names.
        target: the scope of a new cube, or the id of the cube that is changed.
        key: the caller's key.
        asked: every argument that differs from its default: its fingerprint tells a retry from
            another command under the same key.
        number: of several cubes under one key of a batch, which; 0 where the key is its own.
        former_number: the number that releases up to 0.1 gave it.
        former: the forms of `asked` over which those releases made the fingerprint.
        sources: the cubes that it names as sources, which those forms left out.
    """

    operation: str
    target: str
    key: str
    asked: Mapping[str, Any]
    number: int = 0
    former_number: int = 0
    former: tuple[Mapping[str, Any], ...] = ()
    sources: tuple[bytes, ...] = ()

    def ids(self, session: Session, tenant: str, number: int) -> Ids:
        """The ids that the key gives the caller's command."""
        named = (session.actor, self.operation, self.target, self.key, number)
        return Ids(*session.digests.keyed_ids(tenant, named))

    def mac(self, cube_key: bytes, ids: Ids, first: Event | None) -> bytes:
        """The command's fingerprint, by the rule of the event that stands under its key already."""
        mac = command_mac(cube_key, dict(self.asked))
        if first is None or first.idempotency_digest != ids.former_half:
            return mac
        if tuple(edge.other.cube_id for edge in first.edges) != self.sources:
            return mac
        macs = (command_mac(cube_key, dict(form)) for form in self.former)
        return first.command_mac if first.command_mac in macs else mac


class Identity(NamedTuple):
    """What a keyed command becomes.

    Attributes:
        ids: its event's and its cube's.
        cube_key: the key of its cube: kept, or new.
        mac: its fingerprint under the cube's key.
        is_known: an event under the same key is there.
        is_other: that one was another command.
        is_erased: its cube was erased, or is being erased.
    """

    ids: Ids
    cube_key: bytes
    mac: bytes
    is_known: bool = False
    is_other: bool = False
    is_erased: bool = False

    def check_not_erased(self, where: str = "") -> None:
        """Refuse a retry of what was erased since, before anything is written.

        Raises:
            AlreadyErased: it is one; `where` begins the message.
        """
        if self.is_erased:
            raise already_erased(self.ids.cube_id, where)


def stated_arguments(command: DataclassInstance, *without: str) -> dict[str, Any]:
    """A command's arguments that differ from their defaults. None says nothing, and neither does
    an empty list where the default is one.
    """
    stated = {}
    for argument in fields(command):
        if not argument.init or argument.name in without:
            continue
        value, default = getattr(command, argument.name), argument.default
        empty = isinstance(value, (list, tuple)) and not value and default == ()
        if value is not None and not empty and (default is MISSING or value != default):
            stated[argument.name] = value
    return stated


def listed(value: Any) -> Any:
    """Sets and iterators as lists in one order: a retry must be seen to ask for the same."""
    if isinstance(value, Set):
        return sorted(value, key=repr)
    return list(value) if isinstance(value, UNORDERED) else value


def check_distinct(commands: Iterable[tuple[str, KeyedCommand | None]]) -> None:
    """Refuse a batch in which a key names two items, each given with what to call it.

    Raises:
        InvalidInput: a key does.
    """
    places: dict[tuple[str, str, int], str] = {}
    for place, command in commands:
        if command is None:
            continue
        first = places.setdefault((command.target, command.key, command.number), place)
        if first != place:
            raise InvalidInput(
                f"the idempotency key of {first} is that of {place}, too: give each its own; nothing "
                "was written"
            )


def identify(session: Session, commands: Sequence[KeyedCommand | None]) -> list[Identity | None]:
    """What commands that make cubes become, looked up together; None where there is no key."""
    named: list[list[Ids]] = []
    for command in commands:
        if command is None:
            named.append([])
            continue
        tenant = tenant_of(command.target)
        numbers = dict.fromkeys((command.number, command.former_number))
        named.append([command.ids(session, tenant, number) for number in numbers])
    wanted = [ids.cube_id for candidates in named for ids in candidates]
    if not wanted:
        return [None] * len(commands)
    with session.engine.read() as reader:
        states = _states(reader, wanted)
        return [
            None if command is None else _identity(reader, command, candidates, states)
            for command, candidates in zip(commands, named, strict=True)
        ]


def identify_one(session: Session, command: KeyedCommand) -> Identity:
    """What one command becomes.

    Raises:
        AlreadyErased: what stands under its key was erased.
    """
    (identity,) = identify(session, [command])
    assert identity is not None  # noqa: S101 - it has a key
    identity.check_not_erased()
    return identity


def first_event(reader: Reader, ids: Ids, cube_id: bytes) -> Event | None:
    """The accepted event that stands under a key already."""
    attempt = reader.vault.by_event(ids.event_id, cube_id)
    if attempt is None or attempt.cube_id != cube_id:
        return None
    if attempt.outcome.result is not Result.ACCEPTED:
        return None
    return reader.event(attempt.position)


def _stands(reader: Reader, ids: Ids, present: Ids, states: Mapping[bytes, CubeState]) -> bool:
    """Whether a cube stands under these ids. By another number than the present one a command is
    known only to the rule of former releases: by the present rule that number is another key.
    """
    if ids.cube_id not in states:
        return False
    if ids == present:
        return True
    first = first_event(reader, ids, ids.cube_id)
    return first is not None and first.idempotency_digest == ids.former_half


def _states(reader: Reader, cube_ids: Sequence[bytes]) -> Mapping[bytes, CubeState]:
    if len(cube_ids) == 1:
        state = reader.vault.head(cube_ids[0])
        return {} if state is None else {cube_ids[0]: state}
    reader.read_ahead(cube_ids, NEWEST)
    attempts = ((cube_id, reader.vault.state_at(cube_id)) for cube_id in cube_ids)
    return {
        cube_id: attempt.state
        for cube_id, attempt in attempts
        if attempt is not None and attempt.state is not None
    }


def _identity(
    reader: Reader,
    command: KeyedCommand,
    candidates: Sequence[Ids],
    states: Mapping[bytes, CubeState],
) -> Identity:
    ids = next(
        (ids for ids in candidates if _stands(reader, ids, candidates[0], states)), candidates[0]
    )
    state = states.get(ids.cube_id)
    is_erased = state is not None and (state.lifecycle is Lifecycle.ERASED or bool(state.erasing))
    # While the first command under the key is being written, its cube's key may be there alone.
    kept = reader.cube_key(ids.cube_id)
    first = None if state is None else first_event(reader, ids, ids.cube_id)
    cube_key = kept or new_key()
    mac = command.mac(cube_key, ids, first)
    is_other = first is not None and first.command_mac != mac
    return Identity(ids, cube_key, mac, first is not None, is_other, is_erased)
