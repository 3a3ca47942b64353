"""How the keys in an export are wrapped: to a recipient, to a passphrase, or not at all.

Every key is sealed under one fresh content key (AES-256-GCM); that key is wrapped once, by
X25519 (RFC 7748) with HKDF-SHA256 (RFC 5869), or by scrypt (RFC 7914).
"""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from memos.infrastructure.keys.envelope import KEY_BYTES, decrypt, encrypt, new_key
from memos.infrastructure.transfer.layout import base64_text, bytes_of, number_of
from memos.kernel.errors import Damaged, InvalidInput, Refused

CLEAR, PASSPHRASE, RECIPIENT = "clear", "passphrase", "x25519"

SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**17, 8, 1
"""128 MiB and about half a second: the first choice of the OWASP password storage cheat sheet."""

MAX_SCRYPT_BYTES = 256 * 2**20
MAX_SCRYPT_WORK = 4 * SCRYPT_N * SCRYPT_R * SCRYPT_P
"""What a file may ask for: memory is 128 n r, and work n r p. That is twice the memory, and four times
the time, of what is written.
"""
_BINDING = b"memos/export/content-key/v1"


class Recipient(NamedTuple):
    """An X25519 key pair, each half 32 bytes in base64. Give away the public half only."""

    public: str
    private: str


def new_recipient() -> Recipient:
    """A fresh key pair: pass `public` to `export(recipient=)`, `private` to `load(recipient_key=)`."""
    key = X25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    return Recipient(base64_text(public), base64_text(key.private_bytes_raw()))


class Wrapping:
    """Seals and opens the keys of one export. `described` goes into its manifest."""

    def __init__(self, content_key: bytes | None, described: Mapping[str, Any]) -> None:
        self._content_key = content_key
        self.described = described

    @property
    def in_clear(self) -> bool:
        """Whether the keys lie open."""
        return self._content_key is None

    def seal(self, key: bytes, bound_to: bytes) -> bytes:
        """A key as the export carries it."""
        return key if self._content_key is None else encrypt(self._content_key, key, bound_to)

    def open(self, box: bytes, bound_to: bytes) -> bytes:
        """The key that `seal` sealed.

        Raises:
            Refused: it is none, or belongs elsewhere.
        """
        try:
            key = box if self._content_key is None else decrypt(self._content_key, box, bound_to)
        except Damaged:
            raise Refused("a key in the export does not open: it was changed or moved") from None
        if len(key) != KEY_BYTES:
            raise Refused(f"a key in the export has {len(key)} bytes, not {KEY_BYTES}")
        return key


def cube_binding(cube_id: bytes) -> bytes:
    """What a cube's key is bound to."""
    return b"memos/export/cube/v1\n" + cube_id


def tenant_binding(tenant: str, place: int) -> bytes:
    """What a tenant's key is bound to: its place in the ring too."""
    return b"memos/export/tenant/v1\n" + tenant.encode() + b"\n" + str(place).encode()


def wrap(recipient: str | bytes | None, passphrase: str | None) -> Wrapping:
    """A wrapping for a new export.

    Raises:
        InvalidInput: both are given, or one does not fit.
    """
    if recipient is not None and passphrase is not None:
        raise InvalidInput("pass recipient= or passphrase=, not both")
    if recipient is not None:
        return _wrap_to_recipient(_key_bytes(recipient, "recipient"))
    if passphrase is not None:
        return _wrap_to_passphrase(passphrase)
    return Wrapping(None, {"method": CLEAR})


def unwrap(
    described: Mapping[str, Any], passphrase: str | None, recipient_key: str | bytes | None
) -> Wrapping:
    """The wrapping of an export that is read.

    Raises:
        Refused: the passphrase or key is missing or another one, or the method is not known.
        InvalidInput: it is no passphrase or key at all.
    """
    method = described.get("method")
    if method == CLEAR:
        return Wrapping(None, described)
    if method == PASSPHRASE:
        if passphrase is None:
            raise Refused("the export's keys are wrapped to a passphrase: pass passphrase=")
        _check_passphrase(passphrase)
        wrapping_key = _scrypt(passphrase, described)
        wrong = "the passphrase is not the one that the export was made with"
    elif method == RECIPIENT:
        if recipient_key is None:
            raise Refused("the export's keys are wrapped to a recipient: pass recipient_key=")
        wrapping_key = _shared(_key_bytes(recipient_key, "recipient_key"), described)
        wrong = "the export was made for another recipient"
    else:
        raise Refused(f"the export's keys are wrapped by {method!r}, which is not known here")
    try:
        key = decrypt(wrapping_key, bytes_of(described, "wrapped", "the manifest"), _BINDING)
    except Damaged:
        raise Refused(wrong) from None
    return Wrapping(key, described)


def _wrap_to_passphrase(passphrase: str) -> Wrapping:
    _check_passphrase(passphrase)
    if not passphrase:
        raise InvalidInput("the passphrase is empty: choose one, or leave it out")
    described: dict[str, Any] = {
        "method": PASSPHRASE,
        "kdf": "scrypt",
        "n": SCRYPT_N,
        "r": SCRYPT_R,
        "p": SCRYPT_P,
        "salt": base64_text(os.urandom(16)),
    }
    content_key = new_key()
    wrapped = encrypt(_scrypt(passphrase, described), content_key, _BINDING)
    return Wrapping(content_key, {**described, "wrapped": base64_text(wrapped)})


def _check_passphrase(passphrase: object) -> None:
    if not isinstance(passphrase, str):
        raise InvalidInput(f"a passphrase is a text, not {type(passphrase).__name__}")


def _scrypt(passphrase: str, described: Mapping[str, Any]) -> bytes:
    where = "the manifest"
    n, r, p = (number_of(described, name, where, 2**32) for name in "nrp")
    if 128 * n * r > MAX_SCRYPT_BYTES or n * r * p > MAX_SCRYPT_WORK:
        raise Refused(
            f"{where}: stretching the passphrase with n={n}, r={r} and p={p} costs more memory or "
            f"time than a file may ask for ({MAX_SCRYPT_BYTES // 2**20} MiB)"
        )
    if described.get("kdf") != "scrypt":
        raise Refused(f"{where}: the passphrase is stretched by a function not known here")
    try:
        kdf = Scrypt(salt=bytes_of(described, "salt", where), length=KEY_BYTES, n=n, r=r, p=p)
    except ValueError as error:
        raise Refused(f"{where}: {error}") from None
    return kdf.derive(passphrase.encode("utf-8", "surrogatepass"))


def _wrap_to_recipient(public: bytes) -> Wrapping:
    ephemeral = X25519PrivateKey.generate()
    ours = ephemeral.public_key().public_bytes_raw()
    try:
        shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError as error:
        raise InvalidInput(f"recipient is no usable X25519 public key: {error}") from None
    content_key = new_key()
    wrapped = encrypt(_recipient_key(shared, ours, public), content_key, _BINDING)
    described = {
        "method": RECIPIENT,
        "recipient": base64_text(public),
        "ephemeral": base64_text(ours),
        "wrapped": base64_text(wrapped),
    }
    return Wrapping(content_key, described)


def _shared(private: bytes, described: Mapping[str, Any]) -> bytes:
    key = X25519PrivateKey.from_private_bytes(private)
    theirs = bytes_of(described, "ephemeral", "the manifest")
    try:
        shared = key.exchange(X25519PublicKey.from_public_bytes(theirs))
    except ValueError as error:
        raise Refused(f"the manifest: 'ephemeral' is no usable X25519 key: {error}") from None
    return _recipient_key(shared, theirs, key.public_key().public_bytes_raw())


def _recipient_key(shared: bytes, ephemeral: bytes, recipient: bytes) -> bytes:
    info = b"memos/export/x25519/v1\n" + ephemeral + recipient
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=info).derive(shared)


def _key_bytes(given: object, what: str) -> bytes:
    """A key given as 32 bytes, or as their base64."""
    if isinstance(given, str):
        try:
            given = b64decode(given.strip(), validate=True)
        except ValueError:
            given = b""
    if not isinstance(given, bytes) or len(given) != KEY_BYTES:
        raise InvalidInput(
            f"{what} must be an X25519 key: 32 bytes, or their base64 such as "
            f"{b64encode(bytes(KEY_BYTES)).decode()}"
        )
    return given
