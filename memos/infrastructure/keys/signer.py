"""Ed25519 signers and verifiers for the kernel's signed notes."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from memos.kernel.errors import Damaged
from memos.kernel.note import (
    NoteError,
    Signature,
    add_signature,
    check_name,
    encode_verifier_key,
    key_id,
    parse_verifier_key,
    write_note,
)


class NoteSigner:
    """Signs notes under a name.

    Raises:
        Damaged: no key can have that name: the setting that it is made of is damaged.
    """

    def __init__(self, name: str, key: Ed25519PrivateKey) -> None:
        try:
            check_name(name)
        except NoteError as error:
            raise Damaged(
                f"the setting `vault_id`, which signatures name, is damaged ({error}): put it, or the "
                "vault, back from your backup"
            ) from None
        self._key = key
        self._public = key.public_key().public_bytes_raw()
        self.name = name
        self.key_id = key_id(name, self._public)

    @property
    def verifier_key(self) -> str:
        """The public half, as others need it to check signatures."""
        return encode_verifier_key(self.name, self._public)

    def sign(self, text: str) -> str:
        """A text as a note with this signer's signature; raises NoteError as `write_note` does."""
        return write_note(text, [self._signature(text)])

    def cosign(self, note: str) -> str:
        """A signed note with this signer's signature behind the others."""
        return add_signature(note, self._signature)

    def _signature(self, text: str) -> Signature:
        return Signature(self.name, self.key_id, self._key.sign(text.encode()))


class NoteVerifier:
    """Checks signatures by the holder of a verifier key."""

    def __init__(self, verifier_key: str) -> None:
        parsed = parse_verifier_key(verifier_key)
        self._public = Ed25519PublicKey.from_public_bytes(parsed.public_key)
        self.name = parsed.name
        self.key_id = parsed.key_id

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether the holder signed exactly this message."""
        try:
            self._public.verify(signature, message)
        except InvalidSignature:
            return False
        return True
