"""Idempotency keys: what a key names, and how a retry is told from another command under it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.keys.envelope import command_mac, new_key
from memos.kernel.cube import CubeState, Lifecycle
from memos.kernel.errors import InvalidInput
from memos.kernel.moment import NEWEST
from memos.kernel.outcome import Result
from memos.kernel.scope import tenant_of
from memos.operation.commands.meaning import without_owner
from memos.operation.receipt import already_erased
from memos.operation.session import Session
from memos.operation.tenant_digests import Ids, Rule, keyed_ids
from memos.operation.validation import check_time
from memos.wire.event_pb2 import Event

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

ADD, MERGE, CONVERSATION = "add", "merge", "add_conversation"
"""The commands that make memories under a key."""

_FORMER_RULES = frozenset({Rule.FORMS, Rule.ARGUMENTS})


class PossibleIds(NamedTuple):
    """Ids under which a command may stand, and the rules by which it does; None: whatever stands
    there does.
    """

    ids: Ids
    rules: frozenset[Rule] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedCommand:
    """A command under an idempotency key: the one rule of what a key names.

    Attributes:
        operation: which command; with the actor, the target and the number it is what a key names.
        target: the scope of a new cube, or the id of the cube that is changed.
        key: the caller's key.
        asked: every argument that differs from its default, as it was given.
        meant: the same as they are meant (see `meaning`): its fingerprint tells a retry from another
            command under the same key.
        number: of several cubes under one key of a batch, which; 0 where the key is its own.
        former_number: the number that releases up to 0.1 gave it.
        former: the forms of `asked` over which those releases made the fingerprint.
        sources: the cubes that it names as sources, which those forms left out.
    """

    operation: str
    target: str
    key: str
    asked: Mapping[str, Any]
    meant: Mapping[str, Any]
    number: int = 0
    former_number: int = 0
    former: tuple[Mapping[str, Any], ...] = ()
    sources: tuple[bytes, ...] = ()

    def ids(self, actor: str, tenant_key: bytes) -> Ids:
        """The ids that the key gives an actor's command."""
        return self._named(actor, tenant_key, self.operation, self.number)

    def candidates(self, actor: str, ring: Sequence[bytes]) -> list[PossibleIds]:
        """Under which ids a command that makes a cube may stand, those of one that is new first:
        what came from another vault stands under the key that came along.
        """
        former: dict[tuple[str, int], frozenset[Rule]] = {}
        if self.former_number != self.number:
            former[ADD, self.former_number] = frozenset({Rule.FORMS})
        if self.operation != ADD:
            former[ADD, self.number] = _FORMER_RULES
        return [
            candidate
            for tenant_key in ring
            for candidate in (
                PossibleIds(self.ids(actor, tenant_key)),
                *(
                    PossibleIds(self._named(actor, tenant_key, *named), rules)
                    for named, rules in former.items()
                ),
            )
        ]

    def _named(self, actor: str, tenant_key: bytes, operation: str, number: int) -> Ids:
        return keyed_ids(tenant_key, (actor, operation, self.target, self.key, number))

    def mac(self, actor: str, cube_key: bytes, ids: Ids, first: Event | None) -> bytes:
        """The fingerprint of an actor's command, by the rule of the event that stands under its key
        already.
        """
        mac = command_mac(cube_key, canonical(without_owner(self.meant, actor)))
        if first is None:
            return mac
        rule = ids.rule_of(first.idempotency_digest)
        forms: tuple[Any, ...] = ()
        if rule is Rule.COMMANDS:  # at first it was made over the arguments as they were given
            forms = (canonical(self.asked),)
        elif rule is Rule.ARGUMENTS:
            forms = (dict(self.asked),)
        elif rule is Rule.FORMS:
            named = tuple(edge.other.cube_id for edge in first.edges)
            forms = tuple(map(dict, self.former)) if named == self.sources else ()
        macs = (command_mac(cube_key, form) for form in forms)
        return first.command_mac if first.command_mac in macs else mac


def canonical(value: Any) -> Any:
    """An argument that was checked as JSON: the same in every process, wherever it came from.

    Times are microseconds, bytes their SHA-256.
    """
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, bytes):
        return ["bytes", sha256(value).hexdigest()]
    if isinstance(value, datetime):
        return ["time", check_time(value, "a time")]
    if isinstance(value, timedelta):
        return ["duration", value // timedelta(microseconds=1)]
    if isinstance(value, Mapping):
        return {name: canonical(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [canonical(inner) for inner in value]
    raise TypeError(f"no argument is a {type(value).__name__}")


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
    tenants = {tenant_of(command.target) for command in commands if command is not None}
    rings = {tenant: session.digests.ring(tenant) for tenant in tenants}
    named = [
        command.candidates(session.actor, rings[tenant_of(command.target)]) if command else []
        for command in commands
    ]
    wanted = [candidate.ids.cube_id for candidates in named for candidate in candidates]
    if not wanted:
        return [None] * len(commands)
    with session.engine.read() as reader:
        states = _states(reader, wanted)
        return [
            None
            if command is None
            else _identity(reader, session.actor, command, candidates, states)
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


def standing_ids(
    session: Session, reader: Reader, command: KeyedCommand, state: CubeState
) -> tuple[Ids, Event | None]:
    """The ids of a change of one cube, and the event that stands under them already."""
    ring = session.digests.ring(tenant_of(state.scope))
    every = [command.ids(session.actor, tenant_key) for tenant_key in ring]
    for ids in every:
        first = first_event(reader, ids, state.cube_id)
        if first is not None:
            return ids, first
    return every[0], None


def _stands(
    reader: Reader, command: KeyedCommand, candidate: PossibleIds, states: Mapping[bytes, CubeState]
) -> bool:
    """Whether the cube that a command makes stands under these ids."""
    ids = candidate.ids
    if ids.cube_id not in states:
        return False
    if candidate.rules is None:
        return True
    first = first_event(reader, ids, ids.cube_id)
    if first is None or ids.rule_of(first.idempotency_digest) not in candidate.rules:
        return False
    return command.operation in _may_have_made(reader, first)


def _may_have_made(reader: Reader, first: Event) -> frozenset[str]:
    """Which commands a memory may be of that was made when all of them were called add."""
    if first.generated.absorbs:
        return frozenset({MERGE})
    body = reader.body(first.cube_id, 1)
    if body is None:  # a turn is told from another memory by what is erased
        return frozenset({ADD, CONVERSATION})
    return frozenset({CONVERSATION if body.provenance.HasField("turn") else ADD})


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
    actor: str,
    command: KeyedCommand,
    candidates: Sequence[PossibleIds],
    states: Mapping[bytes, CubeState],
) -> Identity:
    standing = (one for one in candidates if _stands(reader, command, one, states))
    ids = next(standing, candidates[0]).ids
    state = states.get(ids.cube_id)
    is_erased = state is not None and (state.lifecycle is Lifecycle.ERASED or bool(state.erasing))
    # While the first command under the key is being written, its cube's key may be there alone.
    kept = reader.cube_key(ids.cube_id)
    first = None if state is None else first_event(reader, ids, ids.cube_id)
    cube_key = kept or new_key()
    mac = command.mac(actor, cube_key, ids, first)
    is_other = first is not None and first.command_mac != mac
    return Identity(ids, cube_key, mac, first is not None, is_other, is_erased)
