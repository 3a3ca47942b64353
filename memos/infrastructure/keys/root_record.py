"""What a vault keeps of its root key once that was rotated: by it the key's file is known."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from memos.kernel.errors import Damaged


@dataclass(frozen=True, slots=True)
class RootRecord:
    """Which root key is the vault's.

    Attributes:
        fingerprint: of the root key.
        signing_seed: what the vault's signing key is made of, wrapped under the root key.
        former: the root key before it, wrapped under the root key; empty once nothing is wrapped
            under that.
        rotated: when the rotation began (microseconds since 1970).
        rotated_by: the actor who asked for it.
    """

    fingerprint: str
    signing_seed: bytes
    former: bytes
    rotated: int
    rotated_by: str

    @property
    def is_complete(self) -> bool:
        """Whether nothing is wrapped under the root key before it any more."""
        return not self.former

    def completed(self) -> RootRecord:
        """The record once nothing is wrapped under the former root key."""
        return replace(self, former=b"")

    def to_text(self) -> str:
        """The record as JSON, as it is stored."""
        return json.dumps(
            {
                "fingerprint": self.fingerprint,
                "signing_seed": self.signing_seed.hex(),
                "former": self.former.hex(),
                "rotated": self.rotated,
                "rotated_by": self.rotated_by,
            }
        )

    @classmethod
    def from_text(cls, text: object, store: str) -> RootRecord:
        """What `to_text` wrote, and `store` has.

        Raises:
            Damaged: it is no such record.
        """
        try:
            fields = json.loads(text)  # type: ignore[arg-type] # what is no text is damaged, too
            return cls(
                str(fields["fingerprint"]),
                bytes.fromhex(fields["signing_seed"]),
                bytes.fromhex(fields["former"]),
                int(fields["rotated"]),
                str(fields["rotated_by"]),
            )
        except (KeyError, TypeError, ValueError):
            raise Damaged(
                f"the record of the root key in {store} is not what was written: put the row of "
                "root_key back from your backup that has it, or load your last export"
            ) from None
