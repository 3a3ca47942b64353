"""Which request each method is, and how its answer is read: one table for both clients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from memos.infrastructure.reports import Verification
from memos.interface.client.values import value_of
from memos.operation.api_key import ApiKey, CreatedApiKey
from memos.operation.commands.erase_plan import ErasePlan
from memos.operation.commands.rollback import Rollback
from memos.operation.cube import Forgotten, MemCube
from memos.operation.erasure_receipt import ErasureReceipt
from memos.operation.proof import Proof
from memos.operation.reads.accesses import AccessEntry
from memos.operation.reads.context_block import ContextBlock
from memos.operation.reads.history import Change, DamagedChange, Diff, Lineage
from memos.operation.reads.listing import Page
from memos.operation.reads.stable_context import StableContext
from memos.operation.receipt import Receipt
from memos.operation.search.hits import Hit, Hits

Given = Mapping[str, Any]
"""The arguments of a call that the caller named, as JSON knows them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The request that a method is.

    Attributes:
        method: GET, POST, PATCH or DELETE.
        path: with the arguments that stand in it, such as `/v1/memories/{cube_id}`.
        answer: reads the body of a good answer, given the arguments.
        in_query: the arguments that go into the address, of another method than GET.
        changes: whether it changes what has versions: `expected_version` goes into If-Match.
        always: what every such request says.
        forgets: whether 410 is an answer: what was asked for was erased.
    """

    method: str
    path: str
    answer: Callable[[Any, Given], Any]
    in_query: tuple[str, ...] = ()
    changes: bool = False
    always: Mapping[str, Any] | None = None
    forgets: bool = False


def _is(kind: type) -> Callable[[Any, Given], Any]:
    return lambda told, given: value_of(kind, told)


def _page(told: Any, given: Given) -> Page:
    memories = (value_of(MemCube, each) for each in told["memories"])
    return Page(memories, told.get("next"), told["damaged"], tuple(told["not_compared"]))


def _hits(told: Any, given: Given) -> Hits:
    return Hits((value_of(Hit, each) for each in told["hits"]), told["explain"])


def _context(told: Any, given: Given) -> ContextBlock | StableContext:
    if given.get("stable"):
        return value_of(StableContext, told)
    return value_of(ContextBlock, told)


def _changes(told: Any, given: Given) -> list[Change]:
    return [
        value_of(DamagedChange if "damaged" in each else Change, each) for each in told["changes"]
    ]


def _erased(told: Any, given: Given) -> ErasureReceipt | ErasePlan:
    if given.get("dry_run"):
        return value_of(ErasePlan, told)
    return value_of(ErasureReceipt, told)


def _accesses(told: Any, given: Given) -> list[AccessEntry]:
    return [value_of(AccessEntry, each) for each in told["accesses"]]


def _api_keys(told: Any, given: Given) -> tuple[ApiKey, ...]:
    return tuple(value_of(ApiKey, each) for each in told["api_keys"])


_MEMORIES, _MEMORY = "/v1/memories", "/v1/memories/{cube_id}"
_API_KEYS, _API_KEY = "/v1/api-keys", "/v1/api-keys/{key_id}"

ROUTES: Mapping[str, Route] = {
    "add": Route(method="POST", path=_MEMORIES, answer=_is(Receipt)),
    "list": Route(method="GET", path=_MEMORIES, answer=_page),
    "get": Route(method="GET", path=_MEMORY, answer=_is(MemCube), forgets=True),
    "update": Route(method="PATCH", path=_MEMORY, answer=_is(Receipt), changes=True),
    "archive": Route(method="DELETE", path=_MEMORY, answer=_is(Receipt), changes=True),
    "restore": Route(method="POST", path=f"{_MEMORY}/restore", answer=_is(Receipt), changes=True),
    "history": Route(method="GET", path=f"{_MEMORY}/history", answer=_changes),
    "diff": Route(method="GET", path=f"{_MEMORY}/diff", answer=_is(Diff)),
    "lineage": Route(method="GET", path=f"{_MEMORY}/lineage", answer=_is(Lineage)),
    "search": Route(method="POST", path="/v1/search", answer=_hits),
    "context": Route(method="POST", path="/v1/context", answer=_context),
    "rollback": Route(method="POST", path="/v1/rollbacks", answer=_is(Rollback)),
    "erase": Route(method="POST", path="/v1/erasures", answer=_erased),
    "accesses": Route(method="GET", path="/v1/accesses", answer=_accesses),
    "denials": Route(
        method="GET", path="/v1/accesses", answer=_accesses, always={"denied": "true"}
    ),
    "cuts": Route(method="GET", path="/v1/cuts", answer=lambda told, given: told["cuts"]),
    "name_cut": Route(method="POST", path="/v1/cuts", answer=_is(Receipt)),
    "verify": Route(method="POST", path="/v1/verifications", answer=_is(Verification)),
    "prove": Route(method="GET", path="/v1/proofs/{event_id}", answer=_is(Proof)),
    "verifier_key": Route(
        method="GET", path="/v1/verifier-key", answer=lambda told, given: told["verifier_key"]
    ),
    "create_api_key": Route(method="POST", path=_API_KEYS, answer=_is(CreatedApiKey)),
    "api_keys": Route(method="GET", path=_API_KEYS, answer=_api_keys),
    "rotate_api_key": Route(method="POST", path=f"{_API_KEY}/rotate", answer=_is(CreatedApiKey)),
    "revoke_api_key": Route(
        method="DELETE", path=_API_KEY, answer=_is(Receipt), in_query=("tenant",)
    ),
}
"""By the name of the method."""

FORGOTTEN = "urn:memos:problem:erased"
NOT_APPLIED = HTTPStatus.ACCEPTED


def forgotten(given: Given) -> Forgotten:
    """What was asked for, where it was erased."""
    return Forgotten(given["cube_id"])
