"""What an export says of itself, and whose signature stands under it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple, Self

from memos.infrastructure.engine.dump import DumpEnd
from memos.infrastructure.engine.owed import OwedErase, owed_in_object
from memos.infrastructure.keys.signer import NoteVerifier
from memos.infrastructure.transfer import layout
from memos.infrastructure.transfer.files import file_sum, signed_text
from memos.infrastructure.transfer.layout import number_of, text_of
from memos.infrastructure.transfer.package import opened
from memos.kernel.errors import Refused
from memos.kernel.note import NoteError, open_note


@dataclass(frozen=True, slots=True)
class ExportManifest:
    """What an export says of itself. `digest` is that of the cubes of the vault, or of its part. An
    increment names the checksums that it goes on from as `base`, and `end` is where it ends. `owed` are
    erases that wait there for a hold to be lifted.
    """

    vault_id: str
    verifier_key: str
    complete: bool
    events: int
    cubes: int
    tombstones: int
    accesses: int
    digest: str
    keys: Mapping[str, Any]
    cuts: Mapping[str, int]
    owed: Sequence[OwedErase] = ()
    base: str = ""
    end: DumpEnd | None = None

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a manifest.

        Raises:
            Refused: it is none, or of a format that this release does not read.
        """
        where = layout.MANIFEST
        fields = layout.decode_object(data, where)
        if fields.get("format") != layout.FORMAT:
            raise Refused(f"{where} is of format {fields.get('format')!r}, not {layout.FORMAT}")
        major = number_of(fields, "major", where)
        if major != layout.MAJOR:
            raise Refused(
                f"the export has format {major}, and this release of MemOS reads "
                f"{layout.MAJOR}: use the release that it was made for"
            )
        keys, complete = fields.get("keys"), fields.get("complete")
        if not isinstance(keys, dict) or not isinstance(complete, bool):
            raise Refused(f"{where}: 'keys' must be an object, and 'complete' true or false")
        return cls(
            text_of(fields, "vault_id", where),
            text_of(fields, "verifier_key", where),
            complete,
            number_of(fields, "events", where),
            number_of(fields, "cubes", where),
            number_of(fields, "tombstones", where),
            number_of(fields, "accesses", where),
            text_of(fields, "digest", where),
            keys,
            _cuts_of(fields.get("cuts", {}), where),
            _owed_of(fields.get("owed", {}), where),
            text_of(fields, "base", where) if fields.get("base") else "",
            layout.read_end(fields["end"], where) if fields.get("end") else None,
        )


class Base(NamedTuple):
    """An export that an increment goes on from: the digest of its checksums, and where it ends."""

    digest: str
    end: DumpEnd


def read_base(path: Path, workplace: Path, verifier_key: str) -> Base:
    """What an increment needs of the export that it goes on from: its manifest, signed by this vault.

    Raises:
        Refused: it is none of this vault, or of a part of it, or of a release that made no increments.
    """
    with opened(path, workplace, (layout.MANIFEST, layout.CHECKSUMS, layout.SIGNATURE)) as files:
        manifest = ExportManifest.parse(files[layout.MANIFEST].read_bytes())
        if manifest.verifier_key != verifier_key:
            raise Refused(f"{path} is an export of another vault: name one of this vault")
        sums = signed_sums(files, NoteVerifier(verifier_key))
        if f"{file_sum(files[layout.MANIFEST])}  {layout.MANIFEST}".encode() not in sums.split(
            b"\n"
        ):
            raise Refused(f"{layout.MANIFEST} is not what it was: its checksum differs")
    if manifest.end is None:
        raise Refused(
            f"{path} holds a part of the vault, or was written by an earlier release: an increment goes "
            "on from an export of the whole vault, or from another increment"
        )
    return Base(sums_digest(sums), manifest.end)


def sums_digest(sums: bytes) -> str:
    """The digest by which an increment names the export before it."""
    return sha256(sums).hexdigest()


def signed_sums(files: Mapping[str, Path], verifier: NoteVerifier) -> bytes:
    """The checksums of an export.

    Raises:
        Refused: they are not as they were signed.
    """
    sums = files[layout.CHECKSUMS].read_bytes()
    try:
        signed = open_note(layout.read_text(files, layout.SIGNATURE), [verifier]).text
    except NoteError as error:
        raise Refused(f"the export's signature does not hold: {error}") from None
    if signed != signed_text(sums):
        raise Refused("the export's signature is over other files")
    return sums


def verifier_of(key: str) -> NoteVerifier:
    """What checks the signatures of a vault. Raises Refused where the key is none."""
    try:
        return NoteVerifier(key)
    except ValueError as error:
        raise Refused(f"{layout.MANIFEST}: the verifier key is none: {error}") from None


def _cuts_of(cuts: object, where: str) -> dict[str, int]:
    if not isinstance(cuts, dict):
        raise Refused(f"{where}: 'cuts' must be an object")
    return {name: number_of(cuts, name, where) for name in cuts}


def _owed_of(owed: Any, where: str) -> list[OwedErase]:
    try:
        return owed_in_object(owed)
    except (ValueError, TypeError, AttributeError) as error:
        raise Refused(f"{where}: 'owed' must name ids ({error})") from None
