"""Signed notes and tree checkpoints, as text: C2SP signed-note and tlog-checkpoint.

A note is text, a blank line and one signature line for each key. This module formats and
checks; signatures are made by whoever has the keys, and checked by the `Verifier`s passed in.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal, NamedTuple, Protocol, Self

from memos.kernel.merkle import HASH_SIZE, MAX_SIZE

KEY_ID_SIZE = 4
PUBLIC_KEY_SIZE = 32
MAX_SIGNATURES = 100

_ED25519 = b"\x01"
_SIGNATURE_PREFIX = "— "
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,19}")

Fault = Literal["malformed", "unsigned", "unknown key", "bad signature"]


class NoteError(ValueError):
    """A note, checkpoint or verifier key that cannot be trusted; `fault` says in which way."""

    def __init__(self, fault: Fault, detail: str) -> None:
        super().__init__(f"{fault}: {detail}")
        self.fault: Fault = fault


class Verifier(Protocol):
    """One trusted public key: `name` as in `check_name`, `key_id` as from the function `key_id`."""

    @property
    def name(self) -> str: ...

    @property
    def key_id(self) -> bytes: ...

    def verify(self, message: bytes, signature: bytes, /) -> bool:
        """Tell whether `signature`, of any length, is this key's over `message`."""
        ...


class Signature(NamedTuple):
    """One signature of a note. `name` and `key_id` (4 bytes) together say whose."""

    name: str
    key_id: bytes
    signature: bytes


class VerifierKey(NamedTuple):
    """An Ed25519 public key (32 bytes) with its name and its id (4 bytes)."""

    name: str
    key_id: bytes
    public_key: bytes


@dataclass(frozen=True, slots=True)
class SignedNote:
    """A note's text and those of its signatures that were verified, one for each key."""

    text: str
    signatures: tuple[Signature, ...]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's tree head: `root` (32 bytes) of the tree of the log's first `size` leaves.

    Raises NoteError (malformed) for values that no checkpoint text can hold.
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for line in (self.origin, *self.extensions):
            if not line or "\n" in line:
                raise NoteError("malformed", f"{line!r} is not one non-empty checkpoint line")
            _check_characters(line)
        if not 0 <= self.size <= MAX_SIZE:
            raise NoteError("malformed", f"no tree has size {self.size}")
        if len(self.root) != HASH_SIZE:
            raise NoteError("malformed", f"a root is {HASH_SIZE} bytes, not {len(self.root)}")

    def format(self) -> str:
        """Return the note text: origin, size, base64 root and extensions, a line each."""
        root = b64encode(self.root).decode()
        return "".join(f"{line}\n" for line in (self.origin, self.size, root, *self.extensions))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the checkpoint of a note text. Raises NoteError (malformed)."""
        lines = text.split("\n")
        if len(lines) < 4 or lines.pop() != "":
            raise NoteError("malformed", "a checkpoint is at least three whole lines")
        origin, size, root, *extensions = lines
        if not _DECIMAL.fullmatch(size):
            raise NoteError("malformed", f"{size[:40]!r} is not a tree size")
        return cls(origin, int(size), _decode_base64(root, "root"), tuple(extensions))


def key_id(name: str, public_key: bytes) -> bytes:
    """Return the 4-byte id of Ed25519 `public_key` under `name` (C2SP signed-note)."""
    return sha256(name.encode() + b"\n" + _ED25519 + public_key).digest()[:KEY_ID_SIZE]


def check_name(name: str) -> None:
    """Raise NoteError (malformed) where a key may not be named so: empty, a space, a plus."""
    if not name or "+" in name or any(character.isspace() for character in name):
        raise NoteError("malformed", f"{name!r} is no key name: it is empty or has a space or '+'")
    _check_characters(name)


def encode_verifier_key(name: str, public_key: bytes) -> str:
    """Return an Ed25519 public key as text: name+hex(key id)+base64(0x01 || public key).

    Raises NoteError (malformed) for a bad name or a key that is not 32 bytes.
    """
    check_name(name)
    if len(public_key) != PUBLIC_KEY_SIZE:
        raise NoteError(
            "malformed", f"a public key is {PUBLIC_KEY_SIZE} bytes, not {len(public_key)}"
        )
    encoded = b64encode(_ED25519 + public_key).decode()
    return f"{name}+{key_id(name, public_key).hex()}+{encoded}"


def parse_verifier_key(text: str) -> VerifierKey:
    """Return the key that `encode_verifier_key` wrote.

    Raises NoteError (malformed), also where the key id is not that of the name and key.
    """
    parts = text.split("+", 2)  # base64 may hold a plus; a name and hex may not
    if len(parts) != 3:
        raise NoteError("malformed", "a verifier key is name+key id+base64")
    name, claimed_id, encoded = parts
    typed_key = _decode_base64(encoded, "verifier key")
    if typed_key[:1] != _ED25519:
        raise NoteError("malformed", f"the verifier key {name!r} is not of type Ed25519")
    public_key = typed_key[1:]
    if encode_verifier_key(name, public_key) != text:
        raise NoteError("malformed", f"{claimed_id!r} is not the id of the key {name!r}")
    return VerifierKey(name, key_id(name, public_key), public_key)


def write_note(text: str, signatures: Sequence[Signature]) -> str:
    """Return `text` as a note with signatures of it, in their order.

    Raises NoteError (malformed) where the text may not be a note's (it must end in a newline
    and hold no other control character) or a key's name or id may not be a signer's, and
    ValueError without signatures, with over 100, or with two by one key.
    """
    _check_text(text)
    if not 1 <= len(signatures) <= MAX_SIGNATURES:
        raise ValueError(f"a note has 1 to {MAX_SIGNATURES} signatures, not {len(signatures)}")
    if len({(signature.name, signature.key_id) for signature in signatures}) != len(signatures):
        raise ValueError("one key may sign a note once")
    return text + "\n" + "".join(map(_signature_line, signatures))


def add_signature(note: str, sign: Callable[[str], Signature]) -> str:
    """Return `note` with one more signature of its text, after those that it has; none where the
    same key signed it already. Raises NoteError (malformed, unsigned), and ValueError at over 100.
    """
    text, signatures = _split_note(note)
    signature = sign(text)
    if any(one[:2] == signature[:2] for one in signatures):
        return note
    return write_note(text, [*signatures, signature])


def open_note(note: str, verifiers: Iterable[Verifier]) -> SignedNote:
    """Return the text of `note` and its signatures by the keys of `verifiers`.

    Signatures by other keys are passed over. Raises NoteError: malformed; unsigned, when
    there is no signature line; unknown key, when no signature is by one of `verifiers`; bad
    signature, when any signature by one of them does not hold. Raises ValueError when two
    verifiers have the same name and key id.
    """
    by_key: dict[tuple[str, bytes], Verifier] = {}
    for verifier in verifiers:
        if by_key.setdefault((verifier.name, verifier.key_id), verifier) is not verifier:
            raise ValueError(f"two verifiers are {verifier.name!r} with the same key id")
    text, signatures = _split_note(note)
    message = text.encode()
    verified: dict[tuple[str, bytes], Signature] = {}
    for signature in signatures:
        key = (signature.name, signature.key_id)
        if key not in by_key:
            continue
        if not by_key[key].verify(message, signature.signature):
            raise NoteError("bad signature", f"by {signature.name!r} over this text")
        verified.setdefault(key, signature)  # a key counts once, however often it signed
    if not verified:
        names = ", ".join(sorted({repr(signature.name) for signature in signatures}))
        raise NoteError("unknown key", f"signed by {names} with no key that is trusted here")
    return SignedNote(text, tuple(verified.values()))


def _split_note(note: str) -> tuple[str, list[Signature]]:
    """Return a note's text and its signatures, unverified, at the last blank line."""
    _check_text(note)
    head, blank, tail = note.rpartition("\n\n")
    if not blank or not tail:
        raise NoteError("unsigned", "no signature lines after a blank line")
    lines = tail.removesuffix("\n").split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise NoteError("malformed", f"over {MAX_SIGNATURES} signatures")
    return head + "\n", [_parse_signature_line(line) for line in lines]


def _signature_line(signature: Signature) -> str:
    check_name(signature.name)
    if len(signature.key_id) != KEY_ID_SIZE:
        raise NoteError(
            "malformed", f"a key id is {KEY_ID_SIZE} bytes, not {len(signature.key_id)}"
        )
    encoded = b64encode(signature.key_id + signature.signature).decode()
    return f"{_SIGNATURE_PREFIX}{signature.name} {encoded}\n"


def _parse_signature_line(line: str) -> Signature:
    name, space, encoded = line.removeprefix(_SIGNATURE_PREFIX).partition(" ")
    if not line.startswith(_SIGNATURE_PREFIX) or not space:
        raise NoteError("malformed", f"{line[:80]!r} is not a signature line")
    check_name(name)
    signature = _decode_base64(encoded, "signature")
    if len(signature) <= KEY_ID_SIZE:
        raise NoteError("malformed", f"the signature by {name!r} is too short")
    return Signature(name, signature[:KEY_ID_SIZE], signature[KEY_ID_SIZE:])


def _check_text(text: str) -> None:
    if not text.endswith("\n"):
        raise NoteError("malformed", "the last line does not end in a newline")
    _check_characters(text)


def _check_characters(text: str) -> None:
    if control := _CONTROL.search(text):
        raise NoteError("malformed", f"control character U+{ord(control[0]):04X}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise NoteError("malformed", "a lone surrogate, which UTF-8 cannot hold") from error


def _decode_base64(text: str, what: str) -> bytes:
    """Return the bytes of standard base64 (RFC 4648 section 4) in its one canonical form."""
    try:
        decoded = b64decode(text, validate=True)
    except ValueError as error:
        raise NoteError("malformed", f"the {what} is not base64") from error
    if b64encode(decoded).decode() != text:
        raise NoteError("malformed", f"the {what} is not canonical base64")
    return decoded
