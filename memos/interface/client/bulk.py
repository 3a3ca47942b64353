"""Many memories in one request: a line each, and a line for each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from memos.interface.client.asking import arguments_of, key_in_header, problem_error, sendable
from memos.interface.client.values import value_of
from memos.interface.memory import Memory
from memos.kernel.errors import MemosError, StoreUnavailable
from memos.operation.receipt import Receipt

if TYPE_CHECKING:
    import httpx

NDJSON = "application/x-ndjson"


@dataclass(frozen=True, slots=True)
class BulkAdded:
    """What became of an item.

    Attributes:
        line: which it is, from 1 on.
        receipt: of its memory; None where there is none.
        error: why there is none.
    """

    line: int
    receipt: Receipt | None = None
    error: MemosError | None = None


def bulk_request(
    client: httpx.Client | httpx.AsyncClient,
    items: Iterable[Mapping[str, Any]],
    idempotency_key: str | None,
) -> httpx.Request:
    """The request that adds them.

    Raises:
        InvalidInput: the key or an item cannot be sent.
    """
    arguments = [arguments_of(Memory.add, (), item) for item in items]
    with sendable("add_in_bulk"):
        lines = [json.dumps(each, allow_nan=False) for each in arguments]
    headers = {"Content-Type": NDJSON}
    if idempotency_key is not None:
        headers["Idempotency-Key"] = key_in_header(idempotency_key)
    body = "".join(f"{line}\n" for line in lines)
    return client.build_request("POST", "/v1/memories/bulk", content=body, headers=headers)


class BulkAnswer:
    """The lines of an answer, read one by one."""

    def __init__(self) -> None:
        self._is_whole = False

    def added(self, line: str) -> BulkAdded | None:
        """What a line tells; None for the last one.

        Raises:
            MemosError: the last one says why not all lines were read.
        """
        told = json.loads(line)
        if "line" not in told:
            self._is_whole = True
            if not told["complete"]:
                raise problem_error(told["problem"]["status"], told["problem"])
            return None
        if told["problem"] is not None:
            return BulkAdded(told["line"], error=problem_error(400, told["problem"]))
        return BulkAdded(told["line"], value_of(Receipt, told["receipt"]))

    def end(self) -> None:
        """Where no more comes.

        Raises:
            StoreUnavailable: the last line did not come.
        """
        if not self._is_whole:
            raise StoreUnavailable(
                "the answer broke off: what was told is durable, of what follows it is not known; with an "
                "idempotency_key the same items may be sent again"
            )
