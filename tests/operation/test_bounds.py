from __future__ import annotations

import pytest

from memos.infrastructure.governance.decision import Action, Subject
from memos.operation.bounds import ANOTHER_ACTION, ANOTHER_SCOPE, ANOTHER_TENANT, beyond_bounds

BOUND = Subject(
    "agent:alice",
    "acme",
    actions=frozenset({Action.READ}),
    scopes=("acme/alice", "acme/shared/notes"),
)


@pytest.mark.parametrize(
    ("action", "scope", "beyond"),
    [
        (Action.READ, "acme/alice", None),
        (Action.READ, "acme/alice/chat", None),
        (Action.READ, "acme/shared/notes/2023", None),
        (Action.READ, "acme/alice2", ANOTHER_SCOPE),
        (Action.READ, "acme/shared", ANOTHER_SCOPE),
        (Action.READ, "acme", ANOTHER_SCOPE),
        (Action.READ, "rival/alice", ANOTHER_TENANT),
        (Action.READ, "", ANOTHER_TENANT),
        (Action.WRITE, "acme/alice", ANOTHER_ACTION),
        (Action.WRITE, "acme", ANOTHER_SCOPE),
    ],
)
def test_what_is_beyond_a_principal_s_bounds(action: Action, scope: str, beyond: object) -> None:
    assert beyond_bounds(BOUND, action, scope) == beyond


def test_no_actions_are_none_and_not_all() -> None:
    nothing = BOUND._replace(actions=frozenset())
    assert all(beyond_bounds(nothing, action, "acme/alice") is ANOTHER_ACTION for action in Action)


def test_whoever_is_trusted_with_the_whole_vault_has_no_bounds() -> None:
    for action in Action:
        for scope in ("acme/alice", "rival", ""):
            assert beyond_bounds(Subject("agent:root"), action, scope) is None
