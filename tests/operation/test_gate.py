from __future__ import annotations

from collections.abc import Mapping

import pytest

from memos import Denied, NotFound, Unauthenticated
from memos.infrastructure.governance.access_log import Access
from memos.infrastructure.governance.decision import (
    Action,
    Decision,
    HeaderRules,
    Resource,
    Subject,
)
from memos.kernel.cube import (
    ZERO_DIGEST,
    CubeState,
    Form,
    Header,
    Lifecycle,
    PartVersions,
)
from memos.operation.gate import Gate


class Notes:
    """An access log that keeps what it is told."""

    def __init__(self) -> None:
        self.kept: list[Access] = []

    def record(self, access: Access) -> None:
        self.kept.append(access)


class Asked:
    """A governor that allows everything and keeps what it was asked."""

    digest = bytes(16)

    def __init__(self) -> None:
        self.contexts: list[Mapping[str, str]] = []

    def decide(
        self, subject: Subject, action: Action, resource: Resource, context: dict[str, str]
    ) -> Decision:
        self.contexts.append(context)
        return Decision(True, "all")


def cube(scope: str, **facts: object) -> CubeState:
    header = Header(owner="agent:alice")._replace(**facts)  # type: ignore[arg-type]
    return CubeState(
        cube_id=bytes(16),
        scope=scope,
        form=Form.PLAINTEXT,
        lifecycle=Lifecycle.GENERATED,
        thaws_to=0,
        version=3,
        sequence=1,
        header=header,
        subjects=(),
        parts=PartVersions(),
        versions_digest=ZERO_DIGEST,
        lineage_digest=ZERO_DIGEST,
    )


def gate(notes: Notes, tenant: str = "", actor: str = "agent:bob") -> Gate:
    return Gate(Subject(actor, tenant), HeaderRules(["root"]), notes, lambda: 7)  # type: ignore[arg-type]


def fail(guarded: Gate) -> None:
    with guarded.enter("get") as passage:
        passage.require(Action.READ, "acme")
        passage.note("acme")
        raise KeyError


def test_a_call_that_asks_nothing_is_a_fault() -> None:
    notes = Notes()
    with (
        pytest.raises(RuntimeError, match="look went through the gate without a decision"),
        gate(notes).enter("look") as passage,
    ):
        passage.note("acme")
    assert notes.kept == []


def test_a_call_that_ends_well_is_noted_and_one_that_fails_is_not() -> None:
    notes = Notes()
    with gate(notes).enter("get") as passage:
        passage.require(Action.READ, "acme", cube("acme"))
        passage.note("acme", [(bytes(16), 3)], 5, "what")
    with pytest.raises(KeyError):
        fail(gate(notes))
    assert notes.kept == [Access("agent:bob", "get", "acme", 7, [(bytes(16), 3)], "what", 5)]


def test_a_denial_is_recorded_with_its_rule_and_the_call_goes_no_further() -> None:
    notes = Notes()
    hidden = cube("acme", readers=("agent:alice",))
    with (
        pytest.raises(Denied, match=r"agent:bob may not get .* \(rule readers-list\)"),
        gate(notes).enter("get") as passage,
    ):
        passage.require(Action.READ, "acme", hidden)
    (denial,) = notes.kept
    assert (denial.rule, denial.action, denial.cubes) == ("readers-list", "get", [(bytes(16), 3)])


def test_what_another_tenant_has_is_not_told() -> None:
    notes = Notes()
    with (
        pytest.raises(NotFound, match="there is no cube"),
        gate(notes, tenant="other").enter("get") as passage,
    ):
        passage.require(Action.READ, "acme", cube("acme"))
    assert [denial.rule for denial in notes.kept] == ["tenant-boundary"]


def test_what_concerns_the_vault_is_not_for_a_narrowed_caller() -> None:
    with gate(Notes()).enter("digest") as passage:
        passage.require_vault(Action.READ)
    with (
        pytest.raises(Denied, match="digest concerns the whole vault"),
        gate(Notes(), tenant="acme").enter("digest") as passage,
    ):
        passage.require_vault(Action.READ)


def test_what_has_no_owner_is_the_administrators() -> None:
    with gate(Notes(), actor="root").enter("export") as passage:
        passage.require_administrator("")
    with (
        pytest.raises(Denied, match="may not load all of acme: only an administrator may"),
        gate(Notes()).enter("load") as passage,
    ):
        passage.require_administrator("acme")


def test_a_set_gets_a_filter_and_a_row_check() -> None:
    notes = Notes()
    with gate(notes, tenant="acme").enter("search") as passage:
        permitted = passage.permitted(Action.READ)
    assert permitted.tenant == "acme"
    assert permitted.check(cube("acme/a"))
    assert not permitted.check(cube("acme/a", readers=("agent:alice",)))
    assert not permitted.check(cube("rival"))
    assert notes.kept == []  # a row that is left out is no denial


def test_a_governor_is_told_operation_purpose_and_time() -> None:
    governor = Asked()
    guarded = Gate(Subject("agent:bob"), governor, Notes(), lambda: 7)  # type: ignore[arg-type]
    with guarded.enter("get", purpose="support") as passage:
        passage.require(Action.READ, "acme")
        passage.require(Action.READ, "acme", operation="derived_from")
        passage.allows(Action.WRITE, cube("acme"))
    told = {"operation": "get", "purpose": "support", "time": "7"}
    assert governor.contexts == [told, {**told, "operation": "derived_from"}, told]


def test_every_one_of_several_cubes_is_asked_about() -> None:
    mine, anothers = cube("acme", owner="agent:bob"), cube("acme", owner="agent:alice")
    with pytest.raises(Denied, match="rule owner-only"), gate(Notes()).enter("erase") as passage:
        passage.require_each(Action.ADMINISTER, [mine, anothers])
    with gate(Notes()).enter("erase") as passage:
        passage.require_each(Action.ADMINISTER, [mine])


def test_a_tenant_s_administrators_are_asked_for_once_and_only_where_a_header_refuses() -> None:
    asked: list[str] = []

    def administrators_of(tenant: str) -> tuple[str, ...]:
        asked.append(tenant)
        return ("agent:bob",) if tenant == "acme" else ()

    rules = HeaderRules(["root"])
    guarded = Gate(Subject("agent:bob"), rules, Notes(), lambda: 7, administrators_of)  # type: ignore[arg-type]
    with guarded.enter("get") as passage:
        passage.require(Action.READ, "acme", cube("acme"))
        assert (asked, passage.policy_digest) == ([], rules.digest)
        passage.require(Action.ADMINISTER, "acme", cube("acme"))
        passage.require(Action.READ, "acme", cube("acme", readers=("agent:carol",)))
        assert asked == ["acme"]
        assert passage.policy_digest not in (b"", rules.digest)
        assert not passage.allows(Action.ADMINISTER, cube("rival"))
        assert not passage.allows_to("agent:carol", Action.ADMINISTER, cube("acme"))
        assert passage.allows_to("agent:bob", Action.ADMINISTER, cube("acme"))
        assert passage.allows_to("agent:alice", Action.ADMINISTER, cube("acme"))


def test_who_administers_a_tenant_and_is_narrowed_to_another_administers_nothing_there() -> None:
    narrowed = Subject("agent:bob", "rival")
    guarded = Gate(narrowed, Asked(), Notes(), lambda: 7, lambda tenant: ("agent:bob",))  # type: ignore[arg-type]
    with guarded.enter("hold") as passage:
        assert passage.administers("rival")
        assert not passage.administers("acme")
        assert not passage.administers("")


def test_a_principal_whose_key_is_good_no_more_does_not_enter_and_others_are_not_asked() -> None:
    asked: list[int] = []

    def check_key(time: int) -> None:
        asked.append(time)
        raise Unauthenticated("revoked")

    root = gate(Notes(), "root")
    keyed = root.for_subject(Subject("agent:bob"), check_key)
    with pytest.raises(Unauthenticated):
        keyed.enter("get")
    with pytest.raises(Unauthenticated):
        keyed.check_key()
    assert asked == [7, 7]
    root.enter("get")
    root.check_key()
    keyed.for_subject(Subject("agent:alice")).enter("get")
    assert asked == [7, 7]
