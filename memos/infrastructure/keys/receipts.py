"""Receipts of erases that come from another vault are signed by the one that takes them, too: each
vault needs to know its own key and that of the vault before it, and no chain of keys travels.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from memos.infrastructure.keys.signer import NoteSigner, NoteVerifier
from memos.kernel.note import open_note

Receipt = tuple[bytes, str]
"""The id of an erase, and its receipt: JSON with a signed note."""


def cosigned(
    receipts: Iterable[Receipt], verifier_keys: Sequence[str], signer: NoteSigner
) -> Iterator[Receipt]:
    """Receipts with the signature of who takes them. One that none of the holders of `verifier_keys`
    has signed stays as it is: nobody here can say that it was one.
    """
    verifiers = [NoteVerifier(key) for key in dict.fromkeys(verifier_keys)]
    for operation_id, receipt in receipts:
        try:
            stored = json.loads(receipt)
            open_note(stored["note"], verifiers)
            stored["note"] = signer.cosign(stored["note"])
        except (KeyError, TypeError, ValueError):
            yield operation_id, receipt
        else:
            yield operation_id, json.dumps(stored)
