"""The policies of the scheduler, by the names that callers give them."""

from __future__ import annotations

from collections.abc import Mapping

from memos.operation.scheduler.policies.cost_aware import CostAware
from memos.operation.scheduler.policies.labels import Labels
from memos.operation.scheduler.policies.lasting import Lasting
from memos.operation.scheduler.policies.lfu import Lfu
from memos.operation.scheduler.policies.lru import Lru
from memos.operation.scheduler.policies.nearness import Nearness
from memos.operation.scheduler.policies.three_forms import ThreeForms
from memos.operation.scheduler.port import Policy

POLICIES: Mapping[str, Policy] = {
    "cost_aware": CostAware(),
    "labels": Labels(),
    "lfu": Lfu(),
    "lru": Lru(),
    "nearness": Nearness(),
}
LEARNING_POLICIES: Mapping[str, Policy] = {"lasting": Lasting(), "three_forms": ThreeForms()}
"""Those that decide on adapters, too."""
DEFAULT_POLICY = "cost_aware"
DEFAULT_LEARNING_POLICY = "three_forms"
