"""The gate: every command and every read passes here. Decide, run, note.

A call enters with `Gate.enter`, asks on its `Passage` whether its principal may do what it is about
to do, runs, and leaves a note of what it read. A call that leaves without having asked is a fault of
ours, and is told as one: so nothing can be added that goes around.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Self

from memos.infrastructure.governance.access_log import Access, AccessLog
from memos.infrastructure.governance.decision import (
    ASK_EACH,
    Action,
    Decision,
    Governor,
    Resource,
    Subject,
    decision_of,
    digest_of,
    filter_of,
    looks_at_headers_only,
)
from memos.kernel.cube import CubeState, Header
from memos.kernel.errors import Denied, NotFound, VaultError
from memos.kernel.event import id_text
from memos.kernel.moment import At
from memos.kernel.scope import common_scope, tenant_of
from memos.operation.bounds import (
    ANOTHER_ACTION,
    ANOTHER_SCOPE,
    ANOTHER_TENANT,
    UNTOLD,
    beyond_bounds,
    has_bounds,
    is_for,
    out_of_reach,
)
from memos.operation.permitted import Permitted
from memos.operation.wording import WHOLE_VAULT, doing, doing_so

NO_CUBE = "no-cube"
"""The rule under which a question about a cube that is not there is noted."""


class Gate:
    """Decides for one principal of an open vault. Safe for threads.

    Args:
        subject: the principal.
        governor: decides.
        access_log: where accesses and denials are noted.
        clock: microseconds since 1970.
        administrators_of: a tenant's own administrators, as the log has them now.
        check_key: raises where the API key that the principal came by is good no more at a time.
    """

    def __init__(
        self,
        subject: Subject,
        governor: Governor,
        access_log: AccessLog,
        clock: Callable[[], int],
        administrators_of: Callable[[str], tuple[str, ...]] = lambda tenant: (),
        check_key: Callable[[int], None] | None = None,
    ) -> None:
        self._process = os.getpid()
        self.subject = subject
        self.has_bounds = has_bounds(subject)
        self.governor = governor
        self.access_log = access_log
        self.administrators_of = administrators_of
        self._clock = clock
        self._check_key = check_key

    @property
    def governor(self) -> Governor:
        """Decides; another one may take its place between two calls."""
        return self._governor

    @governor.setter
    def governor(self, governor: Governor) -> None:
        self._governor = governor
        self.looks_at_headers_only = looks_at_headers_only(governor)

    def for_subject(self, subject: Subject, check_key: Callable[[int], None] | None = None) -> Gate:
        """The gate of the same vault for another principal, and the check of the key they came by."""
        return Gate(
            subject,
            self.governor,
            self.access_log,
            self._clock,
            self.administrators_of,
            check_key,
        )

    def enter(self, operation: str, *, purpose: str = "") -> Passage:
        """Begin a call: `with gate.enter("get") as passage`.

        Args:
            operation: the call.
            purpose: what the caller says that it is for; a decision may depend on it.

        Raises:
            VaultError: this process was forked off the one that opened the vault.
            Unauthenticated: the principal came by an API key that was revoked or has expired since.
        """
        if self._process != os.getpid():
            raise VaultError(
                "the vault was opened before this process was forked, and what its connections and "
                "threads do is the parent's: open the vault in the child"
            )
        time = self._clock()
        if self._check_key is not None:
            self._check_key(time)
        return Passage(self, operation, purpose, time)

    def check_key(self) -> None:
        """Go on with an answer that is given piece by piece: to be asked before each.

        Raises:
            Unauthenticated: the principal came by an API key that was revoked or has expired since.
        """
        if self._check_key is not None:
            self._check_key(self._clock())


class Passage:
    """One call on its way through the gate.

    Decisions may depend on its operation, its purpose and its time (microseconds since 1970); what
    was decided once holds for the whole call. `is_bounded`: the caller reaches a part of a tenant only.
    """

    __slots__ = (
        "_accesses",
        "_administrators",
        "_context",
        "_decided",
        "_decisions",
        "_gate",
        "_purpose",
        "_subject",
        "is_bounded",
        "operation",
        "time",
    )

    def __init__(self, gate: Gate, operation: str, purpose: str, time: int) -> None:
        self.operation = operation
        self.time = time
        self._gate = gate
        self._subject = gate.subject._replace(administers=self._administers)
        self.is_bounded = bool(gate.subject.scopes)
        self._administrators: dict[str, tuple[str, ...]] = {}
        self._purpose = purpose
        self._context: dict[str, str] | None = None
        self._decisions: dict[tuple[object, ...], Decision] = {}
        self._decided = False
        self._accesses: list[Access] = []

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
        for access in self._accesses:
            self._gate.access_log.record(access)

    @property
    def policy_digest(self) -> bytes:
        """Of the policy that decided on this passage, and of the administrators that it asked for."""
        digest = digest_of(self._gate.governor)
        asked = {tenant: named for tenant, named in self._administrators.items() if named}
        if not asked:
            return digest
        told = "\n".join(
            f"{tenant}\t{actor}" for tenant in sorted(asked) for actor in asked[tenant]
        )
        return sha256(b"memos/policy/v1\n" + digest + told.encode()).digest()[:16]

    def require(
        self,
        action: Action,
        scope: str,
        state: CubeState | None = None,
        *,
        operation: str | None = None,
        named: str | None = None,
        how: str | None = None,
    ) -> None:
        """Go on only where governance allows; a denial is recorded and says which rule denied.

        Args:
            action: what is to be done.
            scope: with it, or in it.
            state: the cube that it is done to.
            operation: what errors call it, where it is not the call's own name.
            named: what errors call the cube, where the caller did not name it by its id.
            how: what they say instead of what it is done to.

        Raises:
            Denied: it does not.
            NotFound: the cube is another tenant's; whether it exists is not told.
        """
        decision = self._decide(action, scope, state, operation)
        if decision.allowed:
            return
        asked = operation or self.operation
        self._deny(asked, scope, decision.rule, state)
        if how is not None:
            raise self._denied(doing_so(asked, how), decision)
        if decision.rule in UNTOLD and state is not None and named is None:
            raise no_cube(state.cube_id)
        what = named or (scope if state is None else id_text(state.cube_id))
        raise self._denied(doing(asked, what), decision)

    def require_each(self, action: Action, states: Iterable[CubeState], *, hint: str = "") -> None:
        """Go on only where governance allows it for every one of these cubes.

        Raises:
            Denied: of one it does not; the error names it only to who may read it. `hint` is what
                else they may do.
        """
        self._decided = True
        for state in states:
            decision = self._decide(action, state.scope, state)
            if decision.allowed:
                continue
            self._deny(self.operation, state.scope, decision.rule, state)
            if self.allows(Action.READ, state):
                raise self._denied(doing(self.operation, id_text(state.cube_id)), decision, hint)
            raise self._denied(
                doing(self.operation, "all that it would reach"),
                Decision(False, decision.rule, "not all of it is yours to change"),
                hint,
            )

    def require_vault(self, action: Action) -> None:
        """Go on only where the caller is not narrowed to one tenant, and may do this by their API key, if
        they came by one.

        Raises:
            Denied: they are, and the answer would tell of other tenants; or the key is not for the
                action.
        """
        if self.is_narrowed:
            self._decided = True
            raise self._narrowed()
        self.admit(action)

    def require_administrator(self, tenant: str, *, hint: str = "", how: str = "") -> None:
        """Go on only for who administers what has no owner of its own: a tenant, or (empty) all.

        Raises:
            Denied: the actor does not; `hint` is what else they may do, and `how` what errors say
                instead of the tenant.
        """
        decision = self._administration(tenant)
        if decision.allowed:
            return
        self._deny(self.operation, tenant, decision.rule)
        if decision is ANOTHER_TENANT and not tenant:
            raise self._narrowed(hint)
        what = f"all of {tenant}" if tenant else WHOLE_VAULT
        attempted = doing_so(self.operation, how) if how else doing(self.operation, what)
        if decision in (ANOTHER_SCOPE, ANOTHER_ACTION):
            raise self._denied(attempted, decision, hint)
        raise Denied(
            f"{self._gate.subject.actor} may not {attempted}: only an administrator "
            f"may{hint} (rule {decision.rule})",
            decision.rule,
        )

    def require_bounds(self, actions: Iterable[Action]) -> None:
        """Go on only where the caller's own bounds hold these actions: no key makes a wider one.

        Raises:
            Denied: the caller came by an API key that is not for one of them.
        """
        for action in actions:
            if not is_for(self._gate.subject, action):
                raise self._denied(f"give the right to {action}", ANOTHER_ACTION)

    def administers(self, tenant: str) -> bool:
        """Whether the caller administers a tenant; nothing is raised or recorded."""
        return self._administration(tenant).allowed

    def admit(self, action: Action | None = None) -> None:
        """Go on: whoever could open the vault may do this, or, where it is an action, whose API key
        is for that.

        Raises:
            Denied: the caller came by an API key that is not.
        """
        self._decided = True
        if action is not None and not is_for(self._gate.subject, action):
            tenant = self._gate.subject.tenant
            self._deny(self.operation, tenant, ANOTHER_ACTION.rule)
            raise self._denied(doing(self.operation, tenant or WHOLE_VAULT), ANOTHER_ACTION)

    def admit_within(self, action: Action, scope: str) -> None:
        """Go on where a scope lies in what bounds the caller: what governance says of it is asked later.

        Raises:
            Denied: it does not, or their API key is not for the action.
        """
        self.admit(action)
        if scope and not self.reaches(scope):
            self.require(action, scope)

    def absent(self, cube_id: bytes) -> NotFound:
        """The error for a cube that is not there: noted, as a cube is of which nothing is told.

        So a cube of another tenant and none at all leave the same traces.
        """
        self._decided = True
        access = self._access_of(self.operation, "", [(cube_id, 0)], NO_CUBE)
        self._gate.access_log.record(access)
        return no_cube(cube_id)

    def allows(self, action: Action, state: CubeState) -> bool:
        """Whether governance allows it; nothing is raised or recorded."""
        return self._decide(action, state.scope, state).allowed

    def allows_to(self, actor: str, action: Action, state: CubeState) -> bool:
        """Whether governance allows it to another actor, whose will is done now."""
        tenant = tenant_of(state.scope)
        resource = Resource(tenant, state.scope, state.header, id_text(state.cube_id))
        return self._allows_other(actor, action, resource)

    def administered_by(self, actor: str, tenant: str) -> bool:
        """Whether another actor, whose will is done now, administers a tenant."""
        return self._allows_other(actor, Action.ADMINISTER, Resource(tenant, tenant, Header()))

    def _allows_other(self, actor: str, action: Action, resource: Resource) -> bool:
        self._decided = True
        other = Subject(actor, administers=lambda named: actor in self._administrators_of(named))
        return decision_of(self._gate.governor, other, action, resource, self._told(None)).allowed

    def allows_scope(self, action: Action, scope: str) -> bool:
        """Whether governance allows it in a scope; nothing is raised or recorded."""
        return self._decide(action, scope, None).allowed

    def permitted(self, action: Action, within: Sequence[str] = ()) -> Permitted:
        """For a set of cubes: a filter to look them up by, and a check of each row.

        Args:
            action: what is to be done with them.
            within: the scopes that hold all of them, where the filter is not all that picks them.

        Raises:
            Denied: the caller came by an API key that is not for this action.
        """
        self.admit(action)
        gate = self._gate
        said = filter_of(gate.governor, self._subject, action, self._told(None))
        if gate.subject.scopes and not (within and all(map(self.reaches, within))):
            said = ASK_EACH
        return Permitted(
            gate.subject.tenant,
            said.silent,
            said.every,
            lambda state: self.allows(action, state),
        )

    @property
    def actor(self) -> str:
        """Who calls."""
        return self._gate.subject.actor

    @property
    def tenant(self) -> str:
        """The tenant that the caller is narrowed to; empty for none."""
        return self._gate.subject.tenant

    def reaches(self, scope: str) -> bool:
        """Whether a scope lies in what bounds the caller, whatever they may do there."""
        return out_of_reach(self._gate.subject, scope) is None

    def scopes_in(self, tenant: str) -> tuple[str, ...]:
        """The scopes of a tenant that the caller reaches: all of it, or those that bound them."""
        return self._gate.subject.scopes or (tenant,)

    @property
    def is_narrowed(self) -> bool:
        """Whether the caller is narrowed to one tenant: no figure of the vault is told to them."""
        return bool(self.tenant)

    @property
    def within(self) -> str:
        """The deepest scope that holds all that the caller reaches; empty for the whole vault."""
        return common_scope(self.scopes_in(self.tenant)) if self.is_narrowed else ""

    def note(
        self,
        scope: str,
        cubes: Sequence[tuple[bytes, int]] = (),
        at: At = 0,
        query: str = "",
        named: Sequence[bytes] = (),
    ) -> None:
        """Have this read recorded on the access log when the call ends well; one of several tenants is
        noted for each.

        Args:
            scope: where was read.
            cubes: what was returned: (cube id, version) in rank order.
            at: the moment read.
            query: what was asked; a digest of it is kept.
            named: what else the answer tells of: it is no use of these, and an erase of one takes
                the text of the query.
        """
        actor = self._gate.subject.actor
        self._accesses.append(
            Access(actor, self.operation, scope, self.time, cubes, query, at, named=named)
        )

    def _decide(
        self, action: Action, scope: str, state: CubeState | None, operation: str | None = None
    ) -> Decision:
        """What governance says: asked once for each cube, or where only headers count, for each
        header in a scope.
        """
        self._decided = True
        tenant, gate = tenant_of(scope), self._gate
        beyond = beyond_bounds(gate.subject, action, scope) if gate.has_bounds else None
        if beyond is not None:
            return beyond  # whoever is narrowed stays so, whatever a governor says
        if state is None:
            key: tuple[object, ...] = (action, scope, operation)
        elif gate.looks_at_headers_only:
            key = (action, scope, operation, state.header)
        else:
            key = (action, scope, operation, state.header, state.cube_id)
        decision = self._decisions.get(key)
        if decision is None:
            resource = (
                Resource(tenant, scope)
                if state is None
                else Resource(tenant, scope, state.header, id_text(state.cube_id))
            )
            decision = self._decisions[key] = decision_of(
                gate.governor, self._subject, action, resource, self._told(operation)
            )
        return decision

    def _administration(self, tenant: str) -> Decision:
        """What governance says of what has no owner of its own: a tenant, or (empty) the vault."""
        self._decided = True
        subject = self._gate.subject
        beyond = (
            beyond_bounds(subject, Action.ADMINISTER, tenant) if self._gate.has_bounds else None
        )
        if beyond is not None:
            return beyond
        everything = Resource(tenant, tenant, Header())
        return decision_of(
            self._gate.governor, self._subject, Action.ADMINISTER, everything, self._told(None)
        )

    def _told(self, operation: str | None) -> dict[str, str]:
        """The context of a question."""
        context = self._context
        if context is None:
            context = self._context = {
                "operation": self.operation,
                "purpose": self._purpose,
                "time": str(self.time),
            }
        return context if operation is None else {**context, "operation": operation}

    def _administers(self, tenant: str) -> bool:
        """Whether the log made the actor an administrator of a tenant."""
        return self._gate.subject.actor in self._administrators_of(tenant)

    def _administrators_of(self, tenant: str) -> tuple[str, ...]:
        """A tenant's own administrators; read once a passage."""
        named = self._administrators.get(tenant)
        if named is None:
            named = self._administrators[tenant] = self._gate.administrators_of(tenant)
        return named

    def _denied(self, attempted: str, decision: Decision, hint: str = "") -> Denied:
        return Denied(
            f"{self._gate.subject.actor} may not {attempted}: {decision.reason}{hint} "
            f"(rule {decision.rule})",
            decision.rule,
        )

    def _narrowed(self, hint: str = "") -> Denied:
        """What is said where something concerns the whole vault."""
        subject = self._gate.subject
        needed = (
            "open the vault without tenant="
            if subject.actions is None
            else "it takes an API key of the whole vault, which the vault's administrator issues "
            "(`memos api-key create --whole-vault`)"
        )
        return Denied(
            f"{self.operation} concerns {WHOLE_VAULT}, and this caller is narrowed to the "
            f"tenant {subject.tenant}: {needed}{hint} (rule {ANOTHER_TENANT.rule})",
            ANOTHER_TENANT.rule,
        )

    def _deny(self, operation: str, scope: str, rule: str, state: CubeState | None = None) -> None:
        cubes = [] if state is None else [(state.cube_id, state.version)]
        self._gate.access_log.record(self._access_of(operation, scope, cubes, rule))

    def _access_of(
        self, operation: str, scope: str, cubes: Sequence[tuple[bytes, int]], rule: str
    ) -> Access:
        return Access(self._gate.subject.actor, operation, scope, self.time, cubes, rule=rule)


def no_cube(cube_id: bytes) -> NotFound:
    """The error for a cube that is not there, or of which the caller is not told."""
    return NotFound(f"there is no cube {id_text(cube_id)}: check the id, and the vault it is from")
