"""The receipt of an erase: what was destroyed, signed by the vault."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from memos.infrastructure.keys.signer import NoteSigner, NoteVerifier
from memos.kernel.errors import InvalidInput
from memos.kernel.event import id_bytes, id_text
from memos.kernel.note import open_note
from memos.operation.cube import as_datetime
from memos.operation.proof import are, are_texts, check_key, printed

KINDS = frozenset(
    {
        "adapter",
        "cube key",
        "freeze",
        "frozen source",
        "read up to",
        "subject key",
        "supplement to",
        "version",
        *(f"index {what}" for what in ("texts", "spans", "postings", "vectors")),
    }
)
"""What an artefact of a receipt can be: none begins with another and a space, so that the line of an
artefact is that of no other one.
"""
SIGNED = ("operation_id", "erased_at", "cube_ids", "restored", "artefacts")
"""The fields of a receipt that its note signs."""


@dataclass(frozen=True, slots=True)
class Artefact:
    """One thing that an erase destroyed, or one version that nothing can open any more."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class ErasureReceipt:
    """What was erased, signed by the vault; `artefacts` are what there was when it was.

    Three facts that are looked at afterwards and are not part of what is signed: `gone`, that every
    store was asked again and has no key, text, vector or usage of it, nothing can bring any back, and
    no other memory holds what came of it; `confirmed`, that no file of the stores holds a destroyed key either. Servers do not let
    that be seen: of a distributed vault it is never certain (docs/distributed.md says what then to
    do). In an embedded one it is where the write-ahead log was overwritten; where a reader held it,
    the next checkpoint does that. `left` names, to an administrator, the memories that still hold
    what came of it: those that somebody tied to it who could not decide over them. `supplements` are
    the receipts of what was made of it behind the positions up to which it was read for, and of other
    erases that had begun with some of it; of these only what the caller may see is told. `not_compared`
    tells who asked of memories that stayed because their values are of another kind than the filter's.
    """

    operation_id: str
    erased_at: datetime
    cube_ids: tuple[str, ...]
    restored: tuple[str, ...]
    artefacts: tuple[Artefact, ...]
    note: str
    confirmed: bool
    gone: bool = False
    left: tuple[str, ...] = ()
    supplements: tuple[ErasureReceipt, ...] = ()
    not_compared: tuple[str, ...] = ()

    def verify(self, verifier_key: str) -> bool:
        """Whether the vault with this verifier key signed exactly these facts: the operation, its
        time, the cubes erased and restored, and the artefacts. The others it did not sign; each
        supplement is a receipt with a note of its own.

        Raises:
            InvalidInput: the verifier key is no text.
        """
        check_key(verifier_key, "verifier_key")
        if not self._is_one():
            return False
        try:
            text = open_note(self.note, [NoteVerifier(verifier_key)]).text
            for cube_id in (self.operation_id, *self.cube_ids, *self.restored):
                id_bytes(cube_id)
        except ValueError:
            return False
        if not all(map(_is_told_apart, self.artefacts)):
            return False  # the text would be that of a receipt of other facts
        return text == receipt_text(
            self.operation_id, self.erased_at, self.cube_ids, self.restored, self.artefacts
        )

    def _is_one(self) -> bool:
        """Whether every signed field is what it is said to be: a receipt may come from anywhere."""
        return (
            are_texts((self.operation_id, self.note))
            and are(datetime, self.erased_at)
            and are_texts(self.cube_ids)
            and are_texts(self.restored)
            and are(tuple, self.artefacts)
            and all(
                are(Artefact, one) and are_texts((one.kind, one.name)) for one in self.artefacts
            )
        )


def _is_told_apart(artefact: Artefact) -> bool:
    """Whether an artefact's line is, and holds, none of another fact."""
    return artefact.kind in KINDS and "\n" not in artefact.name


def receipt_text(
    operation_id: str,
    erased_at: datetime,
    cube_ids: Iterable[str],
    restored: Iterable[str],
    artefacts: Iterable[Artefact],
) -> str:
    """What is signed of a receipt."""
    lines = [
        "memos erasure receipt",
        f"operation {operation_id}",
        f"erased {erased_at.isoformat()}",
    ]
    lines += [f"cube {cube_id}" for cube_id in cube_ids]
    lines += [f"restored {cube_id}" for cube_id in restored]
    lines += [f"{artefact.kind} {artefact.name}" for artefact in artefacts]
    return "\n".join(lines) + "\n"


def signed_receipt(
    signer: NoteSigner,
    operation_id: bytes,
    log_time: int,
    erased: Iterable[bytes],
    restored: Sequence[str],
    artefacts: Sequence[Artefact],
) -> str:
    """A receipt as it is kept; `log_time` is that of the Erased event.

    Raises:
        ValueError: an artefact is of no kind that a receipt can name: nobody could check it.
    """
    unknown = {artefact.kind for artefact in artefacts} - KINDS
    if unknown:
        raise ValueError(f"no kind of artefact: {', '.join(sorted(unknown))}")
    erased_at = as_datetime(log_time)
    cube_ids = [id_text(cube_id) for cube_id in erased]
    text = receipt_text(id_text(operation_id), erased_at, cube_ids, restored, artefacts)
    return json.dumps(
        {
            "operation_id": id_text(operation_id),
            "erased_at": erased_at.isoformat(),
            "cube_ids": cube_ids,
            "restored": list(restored),
            "artefacts": [{"kind": a.kind, "name": a.name} for a in artefacts],
            "note": signer.sign(text),
        }
    )


class Handed(NamedTuple):
    """A receipt as it was handed on, and the names of what its file says beside what is signed."""

    receipt: ErasureReceipt
    unsigned: tuple[str, ...]


def read_receipt(text: str) -> Handed:
    """The receipt in a file that `memos erase --json` printed.

    Raises:
        InvalidInput: it is none.
    """
    stored = printed(text, "erase")
    try:
        receipt = kept_receipt(stored)
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput(
            f"this is no erasure receipt ({error!r}): pass what `memos erase --json` printed"
        ) from None
    return Handed(receipt, tuple(sorted(stored.keys() - {*SIGNED, "note"})))


def kept_receipt(stored: Mapping[str, Any]) -> ErasureReceipt:
    """A receipt from its fields, as they are kept or printed.

    Raises:
        KeyError, TypeError, ValueError: they are none.
    """
    return ErasureReceipt(
        str(stored["operation_id"]),
        datetime.fromisoformat(stored["erased_at"]),
        tuple(map(str, stored["cube_ids"])),
        tuple(map(str, stored["restored"])),
        tuple(
            Artefact(str(artefact["kind"]), str(artefact["name"]))
            for artefact in stored["artefacts"]
        ),
        str(stored["note"]),
        stored.get("confirmed") is True,
        stored.get("gone") is True,
    )
