from __future__ import annotations

import pytest

from memos.infrastructure.governance.decision import Action, HeaderRules, Resource, Subject
from memos.kernel.cube import Header

SILENT = Header(owner="agent:owner")
READERS = Header(owner="agent:owner", readers=("agent:reader",), writers=("agent:writer",))
WRITERS = Header(owner="agent:owner", writers=("agent:writer",))
RULES = HeaderRules(["user:admin"])


@pytest.mark.parametrize(
    ("actor", "action", "header", "allowed", "rule"),
    [
        ("agent:any", Action.CREATE, None, True, "tenant-member"),
        ("agent:any", Action.READ, SILENT, True, "tenant-member"),
        ("agent:any", Action.WRITE, SILENT, True, "tenant-member"),
        ("agent:any", Action.ADMINISTER, SILENT, False, "owner-only"),
        ("agent:owner", Action.ADMINISTER, READERS, True, "owner"),
        ("user:admin", Action.ADMINISTER, READERS, True, "administrator"),
        ("agent:any", Action.READ, READERS, False, "readers-list"),
        ("agent:reader", Action.READ, READERS, True, "tenant-member"),
        ("agent:writer", Action.READ, READERS, True, "tenant-member"),
        ("agent:reader", Action.WRITE, READERS, False, "writers-list"),
        ("agent:writer", Action.WRITE, READERS, True, "tenant-member"),
        ("agent:any", Action.READ, WRITERS, True, "tenant-member"),
        ("agent:any", Action.WRITE, WRITERS, False, "writers-list"),
        ("agent:writer", Action.ADMINISTER, WRITERS, False, "owner-only"),
    ],
)
def test_the_first_rule_that_speaks_decides(
    actor: str, action: Action, header: Header | None, allowed: bool, rule: str
) -> None:
    resource = Resource("acme", "acme/a", header)
    decision = RULES.decide(Subject(actor, "acme"), action, resource, {})
    assert (decision.allowed, decision.rule) == (allowed, rule)


@pytest.mark.parametrize("actor", ["agent:owner", "user:admin"])
@pytest.mark.parametrize("action", list(Action))
def test_no_role_reaches_into_another_tenant(actor: str, action: Action) -> None:
    decision = RULES.decide(Subject(actor, "rival"), action, Resource("acme", "acme", SILENT), {})
    assert (decision.allowed, decision.rule) == (False, "tenant-boundary")


def test_another_policy_has_another_digest() -> None:
    assert HeaderRules(["a"]).digest != HeaderRules(["b"]).digest
    assert HeaderRules(["a", "b"]).digest == HeaderRules(["b", "a"]).digest
