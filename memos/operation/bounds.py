"""What bounds a principal, whatever governance says: a tenant, scopes of it, and actions."""

from __future__ import annotations

from memos.infrastructure.governance.decision import Action, Decision, Subject
from memos.kernel.scope import contains, tenant_of

ANOTHER_TENANT = Decision(False, "tenant-boundary", "the scope belongs to another tenant")
ANOTHER_SCOPE = Decision(False, "scope-boundary", "the scope is none that the caller's key reaches")
ANOTHER_ACTION = Decision(False, "action-boundary", "the caller's key is not for this action")

UNTOLD = frozenset({ANOTHER_TENANT.rule, ANOTHER_SCOPE.rule})
"""The rules by which a caller is not told whether a cube exists."""


def has_bounds(subject: Subject) -> bool:
    """Whether anything bounds a principal: else nothing has to be asked at each decision."""
    return bool(subject.tenant or subject.scopes) or subject.actions is not None


def out_of_reach(subject: Subject, scope: str) -> Decision | None:
    """Why a scope is beyond the bounds of a principal; None where it is within them."""
    if subject.tenant and tenant_of(scope) != subject.tenant:
        return ANOTHER_TENANT
    if subject.scopes and not any(contains(bound, scope) for bound in subject.scopes):
        return ANOTHER_SCOPE
    return None


def is_for(subject: Subject, action: Action) -> bool:
    """Whether an action is within the bounds of a principal."""
    return subject.actions is None or action in subject.actions


def beyond_bounds(subject: Subject, action: Action, scope: str) -> Decision | None:
    """Why an action in a scope is beyond the bounds of a principal; None where it is within them."""
    beyond = out_of_reach(subject, scope)
    return beyond if beyond or is_for(subject, action) else ANOTHER_ACTION
