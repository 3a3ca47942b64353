"""What a backup of an embedded vault says of itself: its files, signed by the vault.

The vault signs with the same key under every root key, so newer keys check an older backup.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path

from memos.infrastructure.keys.signer import NoteSigner, NoteVerifier
from memos.infrastructure.regular_files import check_regular
from memos.infrastructure.writing import writing
from memos.kernel.errors import Damaged, InvalidInput, VaultError
from memos.kernel.note import open_note

MANIFEST_FILE = "backup.json"


@dataclass(frozen=True, slots=True)
class BackupManifest:
    """A backup, or the keys of one that are apart.

    Attributes:
        origin: the vault's.
        made: when (microseconds since 1970).
        events: how many records its log has.
        files: each file's SHA-256 in hex, by its name.
        keys_apart: the keys are in another directory.
    """

    origin: str
    made: int
    events: int
    files: Mapping[str, str]
    keys_apart: bool

    @property
    def text(self) -> str:
        """What is signed."""
        lines = [
            "memos backup",
            f"vault {self.origin}",
            f"made {self.made}",
            f"events {self.events}",
            f"keys {'apart' if self.keys_apart else 'here'}",
            *(f"file {name} sha256:{digest}" for name, digest in sorted(self.files.items())),
        ]
        return "\n".join(lines) + "\n"

    def write(self, directory: Path, signer: NoteSigner) -> None:
        """Write it, signed."""
        fields = {
            "vault": self.origin,
            "made": self.made,
            "events": self.events,
            "keys_apart": self.keys_apart,
            "files": dict(self.files),
            "note": signer.sign(self.text),
        }
        path = directory / MANIFEST_FILE
        with writing(path):
            path.write_text(json.dumps(fields, indent=2) + "\n", "utf-8")


@dataclass(frozen=True, slots=True)
class ReadManifest:
    """A manifest as it was found, in a directory; `note` is the signature over it."""

    directory: Path
    manifest: BackupManifest
    note: str

    def check_signature(self, verifier_key: str) -> None:
        """See that the vault whose keys these are made this backup.

        Raises:
            Damaged: it did not.
        """
        try:
            text = open_note(self.note, [NoteVerifier(verifier_key)]).text
        except ValueError:
            text = ""
        if text != self.manifest.text:
            raise Damaged(
                f"{self.directory / MANIFEST_FILE} is not signed by the vault of these keys: the two are "
                "of different vaults, or one was changed; take another backup"
            )


def read_manifest(directory: Path) -> ReadManifest:
    """The manifest in a directory.

    Raises:
        InvalidInput: there is none.
        Damaged: it cannot be read.
    """
    path = directory / MANIFEST_FILE
    try:
        check_regular(path)
        fields = json.loads(path.read_text("utf-8"))
        manifest = BackupManifest(
            str(fields["vault"]),
            int(fields["made"]),
            int(fields["events"]),
            {str(name): str(digest) for name, digest in fields["files"].items()},
            bool(fields["keys_apart"]),
        )
        return ReadManifest(directory, manifest, str(fields["note"]))
    except FileNotFoundError:
        raise InvalidInput(
            f"{directory} is no backup, for it has no {MANIFEST_FILE}: name a directory that `memos backup` "
            "made; files that were copied by hand are put into place by hand (docs/backup.md)"
        ) from None
    except (AttributeError, KeyError, OSError, TypeError, ValueError) as error:
        raise Damaged(f"{path} cannot be read ({error!r}): take another backup") from None


def digest_of(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def check_no_backup(directory: Path) -> None:
    """Go on where a directory is none that `memos backup` made: who opened one as a vault would see what was
    erased since, and spoil it by writing.

    Raises:
        VaultError: it is one.
    """
    if (directory / MANIFEST_FILE).exists():
        raise VaultError(
            f"{directory} is a backup, as {MANIFEST_FILE} in it says: `memos vault restore` makes a vault of "
            f"it; where its files were put into a vault by hand, take {MANIFEST_FILE} out"
        )
