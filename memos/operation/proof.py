"""What a proof shows, and whether it holds: without the vault, from its own bytes and a public key."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from memos.infrastructure.keys.signer import NoteVerifier
from memos.kernel.errors import InvalidInput, shorten
from memos.kernel.event import Kind, Position, Undecodable, decode, id_text
from memos.kernel.leaf import leaf_of
from memos.kernel.merkle import verify_consistency, verify_inclusion
from memos.kernel.note import Checkpoint, NoteError, open_note
from memos.operation.cube import EPOCH
from memos.wire.event_pb2 import Event

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """The log's tree head, signed (C2SP tlog-checkpoint). `note` is what to publish."""

    size: int
    root: str
    note: str


@dataclass(frozen=True, slots=True)
class Proof:
    """That an event is in the log that a checkpoint signs (RFC 6962 inclusion proof).

    `record` is the event as the log holds it: its envelope in clear, its body sealed. With
    `position` and `log_time` it is the leaf that is proved, and all that a person reads of the
    event is read from it.
    """

    position: Position
    log_time: datetime
    record: bytes
    path: tuple[str, ...]
    checkpoint: SignedCheckpoint

    @property
    def leaf(self) -> str:
        """The leaf's hash, hexadecimal."""
        microseconds = (self.log_time - EPOCH) // _MICROSECOND
        return leaf_of(self.position.offset, microseconds, self.record).hex()

    @property
    def event_id(self) -> str:
        """Of the event that is proved."""
        return id_text(self._event().event_id)

    @property
    def kind(self) -> str:
        """What was attempted, such as Revised."""
        return Kind(self._event().kind).title

    @property
    def actor(self) -> str:
        """Who attempted it."""
        return self._event().actor

    @property
    def cube_id(self) -> str:
        """The cube that it was attempted on."""
        return id_text(self._event().cube_id)

    @property
    def scope(self) -> str:
        """The scope of that cube."""
        return self._event().scope

    def verify(self, verifier_key: str) -> bool:
        """Whether the holder of the verifier key signed a log that holds this very event here.

        Raises:
            InvalidInput: the verifier key is no text.
        """
        check_key(verifier_key, "verifier_key")
        if not self._is_one():
            return False
        try:
            signed = _signed(self.checkpoint, verifier_key, self.position.partition)
            decode(self.record)
            path = [bytes.fromhex(node) for node in self.path]
            leaf = bytes.fromhex(self.leaf)
        except (ValueError, OverflowError):
            return False
        return verify_inclusion(leaf, self.position.offset, signed.size, path, signed.root)

    def _is_one(self) -> bool:
        """Whether every field is what it is said to be: a proof may come from anywhere."""
        return (
            are(Position, self.position)
            and are(int, *self.position)
            and are(datetime, self.log_time)
            and self.log_time.tzinfo is not None
            and are(bytes, self.record)
            and are_texts(self.path)
        )

    def _event(self) -> Event:
        return decode(self.record)


@dataclass(frozen=True, slots=True)
class ConsistencyProof:
    """That the log only grew since an earlier checkpoint (RFC 6962 consistency proof)."""

    old_size: int
    path: tuple[str, ...]
    checkpoint: SignedCheckpoint

    def verify(self, old_root: str, verifier_key: str) -> bool:
        """Whether the signed log holds, unchanged, the one that had `old_root` (hexadecimal).

        Raises:
            InvalidInput: root or verifier key is no text.
        """
        check_key(old_root, "old_root")
        check_key(verifier_key, "verifier_key")
        if not (are(int, self.old_size) and are_texts(self.path)):
            return False
        try:
            signed = _signed(self.checkpoint, verifier_key)
            root = bytes.fromhex(old_root)
            path = [bytes.fromhex(node) for node in self.path]
        except ValueError:
            return False
        return verify_consistency(self.old_size, root, signed.size, signed.root, path)


def check_key(value: object, what: str) -> None:
    """Refuse what is not even a text, where a caller passes what to verify by.

    Raises:
        InvalidInput: it is none.
    """
    if not are_texts((value,)):
        raise InvalidInput(f"{what} is a text, not {shorten(value)}")


def are(kind: type, *values: object) -> bool:
    """Whether all of these are of a kind, whatever they are declared as; a flag is no number."""
    return all(isinstance(value, kind) and not isinstance(value, bool) for value in values)


def are_texts(values: object) -> bool:
    """Whether these are some texts in an order, and of no class that makes of them what it likes."""
    return isinstance(values, tuple) and all(type(value) is str for value in values)


def described(proof: Proof) -> dict[str, Any]:
    """A proof with what is read from its leaf, as `memos prove --json` prints it."""
    return {
        "event_id": proof.event_id,
        "kind": proof.kind,
        "actor": proof.actor,
        "cube_id": proof.cube_id,
        "scope": proof.scope,
        "position": proof.position,
        "log_time": proof.log_time,
        "leaf": proof.leaf,
        "record": proof.record,
        "path": proof.path,
        "checkpoint": proof.checkpoint,
    }


def read_proof(text: str) -> Proof:
    """The proof in a file that `memos prove --json` printed.

    Raises:
        InvalidInput: it is none, or it says of its event what the event itself does not.
    """
    stored = printed(text, "prove")
    if "record" not in stored and "leaf" in stored:
        raise InvalidInput(
            "this proof shows no event: an earlier release made it; `memos prove` makes it anew"
        )
    told = ("event_id", "kind", "actor", "cube_id", "scope", "leaf")
    try:
        proof = Proof(
            Position.parse(stored["position"]),
            _with_zone(datetime.fromisoformat(stored["log_time"])),
            b64decode(stored["record"], validate=True),
            tuple(map(str, stored["path"])),
            _read_checkpoint(**stored["checkpoint"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidInput(
            f"this is no proof ({error!r}): pass what `memos prove --json` printed"
        ) from None
    try:
        real = {name: getattr(proof, name) for name in told}
    except (Undecodable, OverflowError) as error:
        raise InvalidInput(f"the record in this proof is no event: {error}") from None
    wrong = [name for name, value in real.items() if stored.get(name) != value]
    if wrong:
        raise InvalidInput(
            f"this proof was changed: its {', '.join(wrong)} is not what the event in it says"
        )
    return proof


def _with_zone(time: datetime) -> datetime:
    if time.tzinfo is None:
        raise ValueError(f"{time} names no time zone")
    return time


def _read_checkpoint(*, size: object, root: object, note: object) -> SignedCheckpoint:
    if not (isinstance(size, int) and isinstance(root, str) and isinstance(note, str)):
        raise ValueError("the checkpoint is none")
    return SignedCheckpoint(size, root, note)


def printed(text: str, command: str) -> Mapping[str, Any]:
    """The result that a command printed with --json.

    Raises:
        InvalidInput: it is not one of this command.
    """
    try:
        document = json.loads(text)
        stored = document.get("result", document)
    except (ValueError, AttributeError, RecursionError):
        stored = None
    if not isinstance(stored, dict) or document.get("command", command) != command:
        raise InvalidInput(f"this is no JSON that `memos {command} --json` printed")
    return stored


def _signed(
    checkpoint: SignedCheckpoint, verifier_key: str, partition: int | None = None
) -> Checkpoint:
    """The checkpoint that was signed, of that partition of the log where one is given.

    Raises:
        NoteError: it is not signed by this key, or what it shows beside the note is another one.
    """
    verifier = NoteVerifier(verifier_key)
    is_one = are(SignedCheckpoint, checkpoint) and are(int, checkpoint.size)
    if not (is_one and are_texts((checkpoint.root, checkpoint.note))):
        raise NoteError("malformed", "the checkpoint is none")
    signed = Checkpoint.parse(open_note(checkpoint.note, [verifier]).text)
    if (signed.size, signed.root.hex()) != (checkpoint.size, checkpoint.root):
        raise NoteError(
            "malformed", "the size and root beside the note are not those that it signs"
        )
    if partition is not None and signed.origin not in origins_of(verifier.name, partition):
        raise NoteError("malformed", f"{signed.origin!r} is not of partition {partition}")
    return signed


def origins_of(name: str, partition: int) -> tuple[str, ...]:
    """The origins under which a vault of this name signs a partition: embedded it has only one."""
    return (f"{name}/{partition}",) if partition else (f"{name}/0", name)
