"""Events for tests, built and folded by hand so that the kernel is tested without any engine."""

from __future__ import annotations

from memos.kernel.cube import CubeState, LifespanEnd
from memos.kernel.event import DETAILS, SCHEMA, Kind
from memos.kernel.keyed_fold import KeyedFold
from memos.kernel.lineage import Relation
from memos.kernel.outcome import Outcome
from memos.kernel.scope import tenant_of
from memos.kernel.tenant import ADMINISTRATOR, tenant_cube_id
from memos.wire.event_pb2 import Event, RollbackTarget

SCOPE = "acme/alice/chat-1"
TIME = 1_700_000_000_000_000


def ident(number: int) -> bytes:
    """Sixteen bytes that stand for a number."""
    return number.to_bytes(16, "big")


def event(
    kind: Kind, number: int, cube: int = 1, *, scope: str = SCOPE, operation: int | None = None
) -> Event:
    """An event of a kind, with nothing in it but its envelope."""
    built = Event(
        event_id=ident(number),
        schema_major=SCHEMA[0],
        schema_minor=SCHEMA[1],
        kind=kind.value,  # type: ignore[arg-type]
        tenant=tenant_of(scope),
        scope=scope,
        actor="agent:alice",
        cube_id=ident(cube),
        operation_id=ident(number if operation is None else operation),
        client_time=TIME + number,
        policy_digest=bytes(16),
        service="memos/test",
    )
    getattr(built, DETAILS[kind]).SetInParent()
    return built


def sealed(built: Event, parts: int = 31, box: bytes = b"") -> Event:
    """The same event with a body."""
    built.body.suite = 1
    built.body.box = box or b"box of " + built.event_id
    built.parts = parts
    return built


def generated(number: int, cube: int = 1, **options: str) -> Event:
    """A new memory."""
    built = sealed(event(Kind.GENERATED, number, cube, **options))  # type: ignore[arg-type]
    built.generated.form = 1  # type: ignore[assignment]
    built.generated.header.owner = "agent:alice"
    built.subject_digests.append(b"subject of acme!")
    return built


def revised(number: int, cube: int = 1, expected: int | None = None) -> Event:
    """New content for a memory."""
    built = sealed(event(Kind.REVISED, number, cube), parts=1)
    built.revised.mode = 1  # type: ignore[assignment]
    if expected is not None:
        built.expected_version = expected
    return built


def freeze(number: int, cube: int = 1) -> Event:
    """An owner's freeze."""
    built = event(Kind.FROZEN, number, cube)
    built.frozen.yields_to_erase = True
    return built


def thaw(number: int, cube: int = 1) -> Event:
    """An owner's thaw."""
    built = event(Kind.THAWED, number, cube)
    built.thawed.freeze_only = True
    return built


def erase_request(number: int, cube: int = 1, operation: int = 99) -> Event:
    """An administrator's erase, asked of a cube."""
    built = event(Kind.ERASE_REQUESTED, number, cube, operation=operation)
    built.erase_requested.ends_freezes = True
    return built


def tenant_event(kind: Kind, number: int, tenant: str = "acme") -> Event:
    """An event on a tenant's own cube."""
    built = event(kind, number, scope=tenant)
    built.cube_id = tenant_cube_id(tenant)
    return built


def granted(number: int, actor: str, tenant: str = "acme") -> Event:
    """An actor becomes administrator of a tenant."""
    built = tenant_event(Kind.GRANTED, number, tenant)
    built.granted.role, built.granted.actor = ADMINISTRATOR, actor
    return built


def revoked(number: int, actor: str, tenant: str = "acme") -> Event:
    """An actor is administrator of a tenant no more."""
    built = tenant_event(Kind.REVOKED, number, tenant)
    built.revoked.role, built.revoked.actor = ADMINISTRATOR, actor
    return built


def key_issued(number: int, *, expires: int = 0, replaces: int = 0, ends: int = 0) -> Event:
    """An API key for an agent, whose id is `ident(number)`; `ends` is when the one ends that it replaces."""
    built = tenant_event(Kind.API_KEY_ISSUED, number)
    issued = built.api_key_issued
    issued.secret_digest = bytes((number,)) * 32
    issued.actor, issued.name, issued.origin = "agent:bob", "laptop", "memos/0123456789abcdef"
    issued.actions.extend(["read", "write"])
    issued.scopes.append("acme/bob")
    issued.expires = expires
    if replaces:
        issued.replaces, issued.replaced_expires = ident(replaces), ends
    return built


def key_revoked(number: int, key: int) -> Event:
    """An API key ends."""
    built = tenant_event(Kind.API_KEY_REVOKED, number)
    built.api_key_revoked.key_id = ident(key)
    return built


def key_used(number: int, key: int) -> Event:
    """An API key is used."""
    built = tenant_event(Kind.API_KEY_USED, number)
    built.api_key_used.key_id = ident(key)
    return built


def restored_to(number: int, cube: int, version: int, sequence: int, operation: int) -> Event:
    """What a rollback does to one cube."""
    built = event(Kind.ROLLED_BACK, number, cube, operation=operation)
    target = built.rolled_back.targets.add(
        cube_id=ident(cube),
        scope=SCOPE,
        action=RollbackTarget.ACTION_RESTORE,
        to_version=version,
        expected_sequence=sequence,
    )
    kept = target.restoration
    kept.content = kept.tags = kept.provenance = kept.metadata = kept.valid_time = version
    kept.header.owner = "agent:alice"
    return built


def expired(number: int, sequence: int, then: LifespanEnd = LifespanEnd.EXPIRE) -> Event:
    """The end of a memory's lifespan, as a sweeper writes it who saw the memory at a sequence."""
    built = event(Kind.EXPIRED, number)
    built.expired.then = then.value  # type: ignore[assignment]
    built.expired.expected_sequence = sequence
    return built


def folded(*events: Event) -> tuple[CubeState, list[Outcome]]:
    """The cube that events of one cube make in their order, and what became of each."""
    state, outcomes, keyed_fold = None, [], KeyedFold()
    for following in events:
        state, outcome, _ = keyed_fold.fold(state, following)
        outcomes.append(outcome)
    assert state is not None
    return state, outcomes


def linked(number: int, other: int, subject: bytes = b"", cube: int = 1) -> Event:
    """A cube is said to be quoted from the first version of another, whose subject it takes on."""
    built = event(Kind.LINKED, number, cube)
    edge = built.edges.add(relation=Relation.QUOTED_FROM.value)
    edge.other.cube_id, edge.other.version, edge.other.digest = ident(other), 1, b"d" * 32
    if subject:
        built.subject_digests.append(subject)
    return built


def unlinked(number: int, *, version: int, sequence: int, other: int, subject: bytes) -> Event:
    """What `linked` said of a version of cube 1 is undone; the cube goes back to its version 1."""
    built = restored_to(number, 1, 1, sequence, operation=77)
    target = built.rolled_back.targets[0]
    ended = target.ended_edges.add(relation=Relation.QUOTED_FROM.value, version=version)
    ended.other.cube_id, ended.other.version = ident(other), 1
    target.ended_subject_digests.append(subject)
    return built
