"""One event of every kind with every field set, and whole histories: what the golden files hold.

The files are written once for each released schema version (`python -m tests.replay.samples`) and
never changed afterwards: old events decode for ever.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.json_format import MessageToDict

from memos.kernel.digest import cube_digest
from memos.kernel.event import SCHEMA, Kind, decode
from memos.kernel.keyed_fold import KeyedFold
from memos.kernel.tenant import tenant_cube_id
from memos.wire.access_pb2 import AccessEvent
from memos.wire.body_pb2 import Body
from memos.wire.event_pb2 import Event, Lifespan, RollbackTarget
from tests.kernel.builders import (
    TIME,
    erase_request,
    event,
    freeze,
    generated,
    granted,
    ident,
    key_issued,
    key_revoked,
    key_used,
    linked,
    restored_to,
    revised,
    revoked,
    sealed,
    tenant_event,
    thaw,
    unlinked,
)

GOLDEN = Path(__file__).parents[2] / "schemas" / "golden"


def full(kind: Kind, number: int) -> Event:
    """An event with every field of the envelope and of its kind set."""
    built = sealed(event(kind, number))
    built.expected_version = 3
    built.cause_id = ident(900)
    built.policy_digest = b"p" * 16
    built.subject_digests.append(b"s" * 16)
    built.source_digests.extend([b"a" * 16, b"b" * 16])
    built.idempotency_digest = b"i" * 16
    built.command_mac = b"m" * 16
    built.composed_from = 2
    edge = built.edges.add(relation=1)
    edge.other.cube_id, edge.other.version, edge.other.digest = ident(9), 4, b"d" * 32
    edge.binding = True
    _fill(built, kind)
    return built


def _fill(built: Event, kind: Kind) -> None:  # noqa: C901 - a table, one case a kind
    match kind:
        case Kind.GENERATED:
            built.generated.form = 1  # type: ignore[assignment]
            _header(built.generated.header)
            built.generated.absorbs.add(cube_id=ident(8), scope="acme/bob", expected_version=6)
        case Kind.REVISED:
            built.revised.mode = 2  # type: ignore[assignment]
        case Kind.HEADER_CHANGED:
            _header(built.header_changed.header)
            built.header_changed.fields.extend(["readers", "priority"])
        case Kind.MERGED:
            built.merged.into_cube_id = ident(7)
        case Kind.EXPIRED:
            built.expired.deadline = 1_700_000_000_000_000
            built.expired.then = Lifespan.END_EXPIRE
            built.expired.access_position.offset = 12
            built.expired.expected_sequence = 5
        case Kind.ROLLED_BACK:
            target = built.rolled_back.targets.add(
                cube_id=ident(1),
                scope="acme/alice",
                action=RollbackTarget.ACTION_RESTORE,
                to_version=2,
                expected_sequence=4,
                reactivate=True,
                into_cube_id=ident(7),
            )
            kept = target.restoration
            kept.content, kept.tags, kept.provenance, kept.metadata, kept.valid_time = 1, 2, 3, 4, 5
            _header(kept.header)
            ended = target.ended_edges.add(relation=5, version=2)
            ended.other.cube_id, ended.other.version, ended.other.digest = ident(9), 1, b"d" * 32
            target.ended_subject_digests.append(b"s" * 16)
        case Kind.ERASE_REQUESTED | Kind.ERASE_WITHDRAWN | Kind.ERASED:
            getattr(built, kind.name.lower()).targets.add(cube_id=ident(1), scope="acme/alice")
            if kind is Kind.ERASE_REQUESTED:
                built.erase_requested.subject_digests.append(b"s" * 16)
                built.erase_requested.ends_freezes = True
                built.erase_requested.targets[0].bound = True
                built.erase_requested.positions.add(partition=1, offset=42)
                built.erase_requested.scope = "acme/alice"
        case Kind.FROZEN:
            built.frozen.yields_to_erase = True
        case Kind.THAWED:
            built.thawed.freeze_only = True
        case Kind.GRANTED | Kind.REVOKED:
            detail = getattr(built, kind.name.lower())
            detail.role, detail.actor = "administrator", "agent:bob"
        case Kind.CONFIGURED:
            built.configured.sensitivities.extend(["public", "secret"])
        case Kind.API_KEY_ISSUED:
            issued = built.api_key_issued
            issued.secret_digest, issued.origin = b"k" * 32, "memos/0123456789abcdef"
            issued.actor, issued.name = "agent:bob", "laptop"
            issued.actions.extend(["read", "write"])
            issued.scopes.extend(["acme/bob", "acme/shared"])
            issued.expires = 1_800_000_000_000_000
            issued.replaces, issued.replaced_expires = ident(7), 1_700_000_003_600_000
        case Kind.API_KEY_REVOKED | Kind.API_KEY_USED:
            getattr(built, kind.name.lower()).key_id = ident(7)
        case Kind.CACHED | Kind.DISTILLED:
            detail = getattr(built, kind.name.lower())
            detail.manifest_digest, detail.model_id = b"f" * 32, "model@1"
        case Kind.DECIDED:
            built.decided.policy, built.decided.choice = "scheduler/1", "activation"
        case Kind.CUT_NAMED:
            built.cut_named.name = "before"
            built.cut_named.positions.add(partition=1, offset=42)
        case _:
            pass


def _header(header: object) -> None:
    header.owner = "agent:alice"  # type: ignore[attr-defined]
    header.readers.append("agent:bob")  # type: ignore[attr-defined]
    header.writers.append("agent:carol")  # type: ignore[attr-defined]
    header.priority, header.sensitivity, header.purpose = 2, "private", "support"  # type: ignore[attr-defined]
    span = header.lifespan  # type: ignore[attr-defined]
    span.after, span.since, span.renewed_by_access = 86_400_000_000, 1_700_000_000_000_000, True
    span.half_life, span.then = 3_600_000_000, Lifespan.END_ERASE


def long_life() -> Iterator[Event]:
    """A cube that is made, revised, tagged, linked, held, rolled back and erased."""
    yield generated(1)
    yield revised(2)
    yield revised(3, expected=1)
    yield sealed(event(Kind.TAGGED, 4), parts=2)
    yield linked(5, 9)
    yield event(Kind.ARCHIVED, 6)
    yield event(Kind.RESTORED, 7)
    yield event(Kind.FROZEN, 8)
    yield revised(9)
    yield event(Kind.THAWED, 10)
    yield restored_to(11, 1, 1, 10, operation=77)
    yield event(Kind.ERASE_REQUESTED, 12, operation=99)
    yield event(Kind.ERASED, 13, operation=99)


def freezes_and_holds() -> Iterator[Event]:
    """A cube that is frozen, thawed, frozen again, held, thawed by an administrator, frozen, and
    erased by one.
    """
    yield generated(1)
    yield freeze(2)
    yield thaw(3)
    yield freeze(4)
    yield event(Kind.FROZEN, 5)
    yield thaw(6)
    yield erase_request(7)
    yield event(Kind.THAWED, 8)
    yield freeze(9)
    yield event(Kind.ERASE_REQUESTED, 10, operation=99)
    yield erase_request(11)
    yield event(Kind.ERASE_WITHDRAWN, 12, operation=99)
    yield revised(13)
    yield erase_request(14)
    yield event(Kind.ERASED, 15, operation=99)


def links_undone() -> Iterator[Event]:
    """A cube whose links are undone, made again and undone with its content."""
    yield generated(1)
    yield linked(2, 9, b"t" * 16)
    yield unlinked(3, version=1, sequence=2, other=9, subject=b"t" * 16)
    yield linked(4, 9, b"t" * 16)
    yield linked(5, 8, b"u" * 16)
    archived = unlinked(6, version=2, sequence=5, other=8, subject=b"u" * 16)
    archived.rolled_back.targets[0].action = RollbackTarget.ACTION_ARCHIVE
    yield archived
    yield linked(7, 8, b"u" * 16)
    yield unlinked(8, version=2, sequence=7, other=9, subject=b"subject of acme!")
    last = unlinked(9, version=2, sequence=8, other=9, subject=b"t" * 16)
    last.rolled_back.targets[0].ended_subject_digests.extend([b"subject of acme!", b"u" * 16])
    yield last


def tenants_own_cube() -> Iterator[Event]:
    """A tenant whose administrators and labels are set."""
    yield granted(1, "agent:bob")
    yield granted(2, "agent:alice")
    configured = tenant_event(Kind.CONFIGURED, 3)
    configured.configured.sensitivities.extend(["public", "secret"])
    yield configured
    yield revoked(4, "agent:bob")
    unknown = granted(5, "agent:bob")
    unknown.granted.role = "king"
    yield unknown
    foreign = revised(6)
    foreign.cube_id, foreign.scope = tenant_cube_id("acme"), "acme"
    yield foreign


def api_keys() -> Iterator[Event]:
    """A tenant whose API keys are issued, used, rotated and revoked, and expire."""
    yield granted(1, "agent:alice")
    yield key_issued(2, expires=TIME + 20)
    yield key_issued(3)
    yield key_used(4, key=2)
    yield key_used(5, key=9)
    yield key_issued(6, replaces=3, ends=TIME + 15)
    yield key_issued(7, replaces=3, ends=TIME + 30)
    yield key_issued(8, replaces=6, ends=TIME)
    yield key_revoked(9, key=8)
    yield key_revoked(10, key=8)
    yield key_used(16, key=3)
    yield key_issued(21)
    forged = key_issued(22)
    forged.api_key_issued.scopes.append("rival/bob")
    yield forged
    yield revoked(23, "agent:alice")


def write(path: Path, lines: list[dict[str, object]]) -> None:
    """Write a golden file once."""
    if path.exists():
        raise SystemExit(f"{path.name} was released: golden bytes are never changed")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line, sort_keys=True) + "\n" for line in lines))


def event_line(built: Event) -> dict[str, object]:
    """An event as its bytes, and as what they must decode to."""
    data = built.SerializeToString()
    return {
        "kind": Kind(built.kind).title,
        "data": base64.b64encode(data).decode(),
        "event": MessageToDict(decode(data), preserving_proto_field_name=True),
    }


def history_lines(events: Iterator[Event]) -> list[dict[str, object]]:
    """A history as its bytes, and what the fold must make of each."""
    state, lines, keyed = None, [], KeyedFold()
    for each in events:
        data = each.SerializeToString()
        state, outcome, _ = keyed.fold(state, decode(data))
        lines.append(
            {
                "data": base64.b64encode(data).decode(),
                "result": outcome.result.name,
                "reason": outcome.reason.name,
                "version": outcome.version,
                "digest": "" if state is None else cube_digest(state).hex(),
            }
        )
    return lines


def access_lines() -> list[dict[str, object]]:
    """The events of the access log, and a sealed body, with every field set."""
    lines: list[dict[str, object]] = []
    for kind, name in ((1, "Accessed"), (2, "Denied")):
        access = AccessEvent(
            event_id=ident(kind),
            schema_major=SCHEMA[0],
            schema_minor=SCHEMA[1],
            kind=kind,  # type: ignore[arg-type]
            tenant="acme",
            scope="acme/alice",
            actor="agent:bob",
            action="search",
            client_time=1_700_000_000_000_000,
            policy_digest=b"p" * 16,
            rule="readers-list" if name == "Denied" else "",
        )
        access.cubes.add(cube_id=ident(9), version=3, digest=b"d" * 32)
        access.query.suite, access.query.box = 1, b"box"
        access.query_digest = b"query digest 16b"
        access.positions.add(partition=1, offset=42)
        lines.append(_message_line(name, access))
    body = Body(reason="a correction", subject="caroline")
    body.content.media_type, body.content.inline = "text/plain", b"She moved."
    body.tags.tags.extend(["home", "family"])
    body.provenance.source, body.provenance.origin = "web:blog/7", "external retrieval"
    body.provenance.semantic_type = "fact"
    turn = body.provenance.turn
    turn.conversation, turn.session, turn.number, turn.at = "chat-7", "3", 5, 1_683_554_160_000_000
    turn.speaker, turn.role, turn.id, turn.caption = "Caroline", "user", "D3:6", "a clay bowl"
    body.metadata.json = b"{}"
    setattr(body.valid_time, "from", 1)
    body.valid_time.until = 2
    lines.append(_message_line("Body", body))
    referring = Body()
    referring.content.media_type = "image/png"
    kept = referring.content.reference
    kept.sha256, kept.size, kept.uri = b"h" * 32, 7, "file:picture.png"
    lines.append(_message_line("Body", referring))
    return lines


def _message_line(name: str, message: AccessEvent | Body) -> dict[str, object]:
    return {
        "message": name,
        "data": base64.b64encode(message.SerializeToString()).decode(),
        "fields": MessageToDict(message, preserving_proto_field_name=True),
    }


def main() -> None:
    """Write the golden files of the current schema version."""
    version = f"{SCHEMA[0]}.{SCHEMA[1]}"
    events = [event_line(full(kind, 100 + kind)) for kind in Kind]
    write(GOLDEN / version / "events.jsonl", events)
    write(GOLDEN / version / "access.jsonl", access_lines())
    write(GOLDEN / version / "long-life.jsonl", history_lines(long_life()))
    write(GOLDEN / version / "freezes-and-holds.jsonl", history_lines(freezes_and_holds()))
    write(GOLDEN / version / "links-undone.jsonl", history_lines(links_undone()))
    write(GOLDEN / version / "tenant.jsonl", history_lines(tenants_own_cube()))
    write(GOLDEN / version / "api-keys.jsonl", history_lines(api_keys()))


if __name__ == "__main__":
    main()
