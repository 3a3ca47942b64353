"""The gate: every command and every read passes here. Decide, run, note.

A call enters with `Gate.enter`, asks on its `Passage` whether its principal may do what it is about
to do, runs, and leaves a note of what it read. A call that leaves without having asked is a fault of
ours, and is told as one: so nothing can be added that goes around.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Self

from memos.infrastructure.governance.access_log import Access, AccessLog
from memos.infrastructure.governance.decision import (
    Action,
    Decision,
    Governor,
    HeaderRules,
    Resource,
    Subject,
)
from memos.kernel.cube import CubeState, Header
from memos.kernel.errors import Denied, NotFound
from memos.kernel.event import id_text
from memos.kernel.moment import At
from memos.kernel.scope import tenant_of


class Permitted(NamedTuple):
    """Which of a set of cubes the principal may act on.

    Attributes:
        tenant: the filter: nothing outside this tenant needs to be looked at; empty for no filter.
        check: the row check: asked about each cube that would be shown or counted.
        by_header: a cube whose header says nothing passes the check; the index knows which do.
    """

    tenant: str
    check: Callable[[CubeState], bool]
    by_header: bool


class Gate:
    """Decides for one principal of an open vault. Safe for threads."""

    def __init__(
        self,
        subject: Subject,
        governor: Governor,
        access_log: AccessLog,
        clock: Callable[[], int],
    ) -> None:
        self.subject = subject
        self.governor = governor
        self.access_log = access_log
        self._clock = clock

    def enter(self, operation: str, *, purpose: str = "") -> Passage:
        """Begin a call: `with gate.enter("get") as passage`.

        Args:
            operation: the call.
            purpose: what the caller says that it is for; a decision may depend on it.
        """
        return Passage(self, operation, purpose, self._clock())


class Passage:
    """One call on its way through the gate.

    Decisions may depend on its operation, its purpose and its time (microseconds since 1970).
    """

    __slots__ = ("_access", "_context", "_decided", "_gate", "_purpose", "operation", "time")

    def __init__(self, gate: Gate, operation: str, purpose: str, time: int) -> None:
        self.operation = operation
        self.time = time
        self._gate = gate
        self._purpose = purpose
        self._context: dict[str, str] | None = None
        self._decided = False
        self._access: Access | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        if kind is not None:
            return
        if not self._decided:
            raise RuntimeError(
                f"{self.operation} went through the gate without a decision: ask "
                "`require`, `permitted` or another of Passage before acting"
            )
        if self._access is not None:
            self._gate.access_log.record(self._access)

    def require(
        self,
        action: Action,
        scope: str,
        state: CubeState | None = None,
        *,
        operation: str | None = None,
    ) -> None:
        """Go on only where governance allows; a denial is recorded and says which rule denied.

        Args:
            action: what is to be done.
            scope: with it, or in it.
            state: the cube that it is done to.
            operation: what errors call it, where it is not the call's own name.

        Raises:
            Denied: it does not.
            NotFound: the cube is another tenant's; whether it exists is not told.
        """
        decision = self._decide(action, _resource(scope, state), operation)
        if decision.allowed:
            return
        named = operation or self.operation
        self._deny(named, scope, decision, state)
        if decision.rule == "tenant-boundary" and state is not None:
            raise no_cube(state.cube_id)
        what = scope if state is None else id_text(state.cube_id)
        raise Denied(
            f"{self._gate.subject.actor} may not {named} {what}: {decision.reason} "
            f"(rule {decision.rule})",
            decision.rule,
        )

    def require_each(self, action: Action, states: Iterable[CubeState]) -> None:
        """Go on only where governance allows it for every one of these cubes.

        Raises:
            Denied, NotFound: as `require`.
        """
        self._decided = True
        for state in states:
            self.require(action, state.scope, state)

    def require_vault(self) -> None:
        """Go on only where the caller is not narrowed to one tenant.

        Raises:
            Denied: they are, and the answer would tell of other tenants.
        """
        self._decided = True
        tenant = self._gate.subject.tenant
        if tenant:
            raise Denied(
                f"{self.operation} concerns the whole vault, and this caller is narrowed to the "
                f"tenant {tenant}: open the vault without tenant= (rule tenant-boundary)",
                "tenant-boundary",
            )

    def require_administrator(self, tenant: str, *, hint: str = "") -> None:
        """Go on only for who administers what has no owner of its own: a tenant, or (empty) all.

        Raises:
            Denied: the actor does not; `hint` is what else they may do.
        """
        nobodys = Resource(tenant, tenant, Header())
        decision = self._decide(Action.ADMINISTER, nobodys)
        if decision.allowed:
            return
        self._deny(self.operation, tenant, decision)
        what = f"all of {tenant}" if tenant else "the whole vault"
        raise Denied(
            f"{self._gate.subject.actor} may not {self.operation} {what}: only an administrator "
            f"may{hint} (rule {decision.rule})",
            decision.rule,
        )

    def admit(self) -> None:
        """Go on: whoever could open the vault may do this."""
        self._decided = True

    def allows(self, action: Action, state: CubeState) -> bool:
        """Whether governance allows it; nothing is raised or recorded."""
        return self._decide(action, _resource(state.scope, state)).allowed

    def permitted(self, action: Action) -> Permitted:
        """For a set of cubes: a filter to look them up by, and a check of each row."""
        self._decided = True
        gate = self._gate
        return Permitted(
            gate.subject.tenant,
            lambda state: self.allows(action, state),
            isinstance(gate.governor, HeaderRules),
        )

    def note(
        self,
        scope: str,
        cubes: Sequence[tuple[bytes, int]] = (),
        at: At = 0,
        query: str = "",
    ) -> None:
        """Have this read recorded on the access log when the call ends well.

        Args:
            scope: where was read.
            cubes: what was returned: (cube id, version) in rank order.
            at: the moment read.
            query: what was asked, sealed where it is kept.
        """
        actor = self._gate.subject.actor
        self._access = Access(actor, self.operation, scope, self.time, cubes, query, at)

    def _decide(self, action: Action, resource: Resource, operation: str | None = None) -> Decision:
        self._decided = True
        context = self._context
        if context is None:
            context = self._context = {
                "operation": self.operation,
                "purpose": self._purpose,
                "time": str(self.time),
            }
        if operation is not None:
            context = {**context, "operation": operation}
        gate = self._gate
        return gate.governor.decide(gate.subject, action, resource, context)

    def _deny(
        self, operation: str, scope: str, decision: Decision, state: CubeState | None = None
    ) -> None:
        cubes = [] if state is None else [(state.cube_id, state.version)]
        actor = self._gate.subject.actor
        self._gate.access_log.record(
            Access(actor, operation, scope, self.time, cubes, rule=decision.rule)
        )


def _resource(scope: str, state: CubeState | None) -> Resource:
    if state is None:
        return Resource(tenant_of(scope), scope)
    return Resource(tenant_of(scope), scope, state.header, id_text(state.cube_id))


def no_cube(cube_id: bytes) -> NotFound:
    """The error for a cube that is not there, or of which the caller is not told."""
    return NotFound(f"there is no cube {id_text(cube_id)}: check the id, and the vault it is from")
