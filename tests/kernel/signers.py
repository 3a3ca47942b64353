"""Ed25519 keys of tests, each signer and verifier in one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from memos.kernel.note import Signature, key_id, write_note


@dataclass
class Key:
    """An Ed25519 key under a name: signer and verifier in one."""

    name: str
    seed: bytes
    private: Ed25519PrivateKey = field(init=False)
    public: bytes = field(init=False)
    key_id: bytes = field(init=False)

    def __post_init__(self) -> None:
        self.private = Ed25519PrivateKey.from_private_bytes(self.seed)
        self.public = self.private.public_key().public_bytes_raw()
        self.key_id = key_id(self.name, self.public)

    def sign(self, message: bytes) -> bytes:
        return self.private.sign(message)

    def verify(self, message: bytes, signature: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except InvalidSignature:
            return False
        return True


LOG = Key("example.com/log", bytes(range(32)))
WITNESS = Key("witness.example", bytes(range(1, 33)))
NAMESAKE = Key("example.com/log", bytes(range(2, 34)))


def sign_note(text: str, signers: Sequence[Key]) -> str:
    """A text as a note that all of these sign."""
    message = text.encode("utf-8", "surrogatepass")
    return write_note(text, [Signature(key.name, key.key_id, key.sign(message)) for key in signers])
