"""The access decision behind one port: subject, action, resource, context in; decision out.

The shape is that of the OpenID AuthZEN Authorization API 1.0, so that a policy engine can take the
place of the header rules without a change elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple, Protocol, cast

from memos.kernel.cube import Header
from memos.kernel.errors import InvalidInput, shorten


class Action(StrEnum):
    """What a principal may be allowed to do with a cube."""

    CREATE = "create"
    READ = "read"
    WRITE = "write"
    ADMINISTER = "administer"


def _nobody(tenant: str) -> bool:
    return False


class Subject(NamedTuple):
    """Who asks. `tenant` is empty for a caller who is trusted with the whole vault.

    `administers` tells of a tenant whether the log made the actor its administrator: as it is at
    the time of the call, and read only where it is asked. `actions` and `scopes` bound what the
    principal may do and reach, as an API key does: None, and no scope, for no bound. The gate holds
    these bounds, and the tenant, whatever a governor says.
    """

    actor: str
    tenant: str = ""
    administers: Callable[[str], bool] = _nobody
    actions: frozenset[Action] | None = None
    scopes: tuple[str, ...] = ()


class Resource(NamedTuple):
    """What it is about: a cube with its header, or a scope (no cube id)."""

    tenant: str
    scope: str
    header: Header | None = None
    cube_id: str = ""


class Decision(NamedTuple):
    """The answer, the rule that gave it, and why in words."""

    allowed: bool
    rule: str
    reason: str = ""


class Filter(NamedTuple):
    """What a governor says at once of all cubes that a caller's tenant bounds, or of all there are,
    so that it is not asked of each.

    Attributes:
        silent: a cube whose header names no readers is permitted.
        every: every cube is permitted.
    """

    silent: bool = False
    every: bool = False


ASK_EACH = Filter()
"""Says nothing: the governor is asked of every cube."""


class Governor(Protocol):
    """Decides. `digest` identifies the policy in force, so that a decision can be replayed.

    Within one call it is asked once about a subject, an action and a resource. Two more members may
    stand beside `decide`, in the class that defines it or in one derived from that:

    - `filter(subject, action, context)` gives a `Filter`: what need not be asked cube by cube;
    - `headers_only = True` declares that decisions depend on no cube id, only on the scope and the
      header, so that cubes that are alike in these are asked about once.
    """

    @property
    def digest(self) -> bytes: ...

    def decide(
        self, subject: Subject, action: Action, resource: Resource, context: dict[str, str]
    ) -> Decision: ...


def decision_of(
    governor: Governor,
    subject: Subject,
    action: Action,
    resource: Resource,
    context: dict[str, str],
) -> Decision:
    """What a governor decides. Where it decides nothing, nothing is done.

    Raises:
        InvalidInput: its answer is no decision.
    """
    said: object = governor.decide(subject, action, resource, context)
    if isinstance(said, Decision):
        allowed, rule, reason = cast(tuple[object, ...], said)
        if isinstance(allowed, bool) and isinstance(rule, str) and isinstance(reason, str):
            return said
    raise InvalidInput(
        "the governor's decide must answer with a Decision of True or False and two texts, not "
        f"{shorten(said)}: nothing was decided, and nothing done"
    )


def digest_of(governor: Governor) -> bytes:
    """The digest of a governor's policy.

    Raises:
        InvalidInput: it gives none.
    """
    digest: object = governor.digest
    if isinstance(digest, bytes):
        return digest
    raise InvalidInput(f"the governor's digest must be bytes, not {shorten(digest)}")


def filter_of(
    governor: Governor, subject: Subject, action: Action, context: dict[str, str]
) -> Filter:
    """What a governor says at once of the cubes of an action; where it says nothing, ASK_EACH.

    Raises:
        InvalidInput: its answer is no filter.
    """
    if not _speaks_for_decide(governor, "filter"):
        return ASK_EACH
    said: object = governor.filter(subject, action, context)  # type: ignore[attr-defined]
    if said is None:
        return ASK_EACH
    if isinstance(said, Filter):
        parts: tuple[object, ...] = said
        if set(map(type, parts)) == {bool}:
            return said
    raise InvalidInput(
        f"the governor's filter must answer with a Filter or None, not {shorten(said)}: nothing was "
        "read"
    )


def looks_at_headers_only(governor: Governor) -> bool:
    """Whether a governor declares that no decision of its depends on a cube's id."""
    return _speaks_for_decide(governor, "headers_only") and bool(
        governor.headers_only  # type: ignore[attr-defined]
    )


def _speaks_for_decide(governor: Governor, member: str) -> bool:
    """Whether an optional member was written for the `decide` that is asked: one that is inherited
    by a class with another `decide` says nothing of that one.
    """
    for members in (getattr(governor, "__dict__", {}), *map(vars, type(governor).__mro__)):
        if member in members:
            return True
        if "decide" in members:
            return False
    return False


class HeaderRules:
    """The rules of a cube's own header.

    A silent header means: the tenant's actors read and write; only the owner or an administrator
    changes governance, freezes and erases. Where it names readers or writers, only its writers, its
    owner and an administrator write.

    Args:
        administrators: of the whole vault; each tenant's own are the subject's to tell.
    """

    def __init__(self, administrators: Collection[str]) -> None:
        self._administrators = frozenset(administrators)
        named = "\n".join(sorted(self._administrators))
        self.digest = sha256(f"memos/header-rules/v1\n{named}".encode()).digest()[:16]

    def filter(self, subject: Subject, action: Action, context: dict[str, str]) -> Filter:
        """Of reading: cubes without readers, and to an administrator all."""
        reads = action is Action.READ
        return Filter(silent=reads, every=reads and subject.actor in self._administrators)

    def decide(
        self, subject: Subject, action: Action, resource: Resource, context: dict[str, str]
    ) -> Decision:
        """Apply the rules in order; the first that speaks decides."""
        if subject.tenant and subject.tenant != resource.tenant:
            return Decision(False, "tenant-boundary", "the scope belongs to another tenant")
        header = resource.header
        if header is None or action is Action.CREATE:
            return Decision(True, "tenant-member")
        actor = subject.actor
        if actor in self._administrators:
            return Decision(True, "administrator")
        if actor == header.owner:
            return Decision(True, "owner")
        refused = _refusal(actor, action, header)
        if refused is None:
            return Decision(True, "tenant-member")
        if subject.administers(resource.tenant):
            return Decision(True, "tenant-administrator")
        return refused


def _refusal(actor: str, action: Action, header: Header) -> Decision | None:
    """What a header says against one who neither owns nor administers the cube."""
    if action is Action.ADMINISTER:
        return Decision(False, "owner-only", "only the owner or an administrator may do this")
    if actor in header.writers:
        return None
    if header.readers and actor not in header.readers:
        return Decision(False, "readers-list", "the cube has readers, and you are not one")
    if action is Action.WRITE and header.writers:
        return Decision(False, "writers-list", "the cube has writers, and you are not one")
    if action is Action.WRITE and header.readers:
        return Decision(
            False, "writers-list", "the cube has readers and no writers beside its owner"
        )
    return None
