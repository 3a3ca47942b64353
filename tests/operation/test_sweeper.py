"""A sweeper's thread outlives whatever the program's own governor and clock raise in it."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import pytest

from memos import Forgotten, Memory
from memos.infrastructure.governance.decision import (
    Action,
    Decision,
    HeaderRules,
    Resource,
    Subject,
)
from tests.waiting import wait_until


class Failing(HeaderRules):
    """Header rules that raise what they were given while they are to."""

    raised: BaseException | None = None

    def decide(
        self, subject: Subject, action: Action, resource: Resource, context: dict[str, str]
    ) -> Decision:
        if self.raised is not None and context["operation"] == "sweep":
            raise self.raised
        return super().decide(subject, action, resource, context)


# What comes behind the first is not looked at.
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    "raised", [SystemExit(1), KeyboardInterrupt(), RuntimeError("away")], ids=repr
)
def test_a_sweep_that_a_governor_ends_is_told_and_the_next_one_comes(
    tmp_path: Path, raised: BaseException
) -> None:
    governor = Failing(["agent:alice"])
    with Memory(
        tmp_path / "vault", actor="agent:alice", governor=governor, sweep_every="20ms"
    ) as memory:
        governor.raised = raised
        brief = memory.add("brief", scope="acme", lifespan={"after": "1us", "then": "erase"})
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            wait_until(lambda: len(told) > 0)
        assert re.match(f"a sweep failed.*{type(raised).__name__}", str(told[0].message))
        governor.raised = None
        wait_until(lambda: isinstance(memory.get(brief.cube_id, any_state=True), Forgotten))
