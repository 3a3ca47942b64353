"""The oracle: who may do what, told apart from MemOS, in the plainest words that do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

TAINTING = frozenset({"derived_from", "merged_into", "quoted_from"})


@dataclass(frozen=True)
class Facts:
    """One memory as the administrator last saw it."""

    cube_id: str
    tenant: str
    owner: str
    readers: frozenset[str] = frozenset()
    writers: frozenset[str] = frozenset()
    governance: tuple[object, ...] = ()
    text: str = ""
    state: str = "Generated"

    @property
    def is_erased(self) -> bool:
        return self.state == "Erased"


class Content(NamedTuple):
    """Which content a memory has: how often it was replaced, and what was appended to since then."""

    replaced: int = 0
    appended: int = 0

    def holds(self, other: Content) -> bool:
        """Whether all of another content of the same memory is in this one."""
        return self.replaced == other.replaced and self.appended >= other.appended


@dataclass(frozen=True)
class Flow:
    """Content of one memory went into another, by right of whoever could bind that one.

    `version` is that of the derived memory behind the event that says so; a link ends when it is undone.
    """

    source: str
    from_content: Content
    derived: str
    into_content: Content
    version: int
    is_link: bool


@dataclass
class Oracle:
    """What there is, whose it is, and what came of what.

    `tenants` says where an actor is; `administrators` who administers which tenant.
    """

    tenants: dict[str, str]
    administrators: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    cubes: dict[str, Facts] = field(default_factory=dict)
    words: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Each word that was written, and the memories that have it: a merge takes its sources' tags."""
    sources: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    flows: list[Flow] = field(default_factory=list)
    content: dict[str, Content] = field(default_factory=lambda: defaultdict(Content))
    """Which content a memory has now: of what flowed into one that was replaced, it has nothing."""

    def rules(self, actor: str, tenant: str) -> bool:
        """Whether the actor administers the tenant as a whole."""
        return self.tenants[actor] == tenant and actor in self.administrators[tenant]

    def administers(self, actor: str, cube: Facts) -> bool:
        if self.tenants[actor] != cube.tenant:
            return False
        return actor == cube.owner or self.rules(actor, cube.tenant)

    def may_read(self, actor: str, cube: Facts) -> bool:
        if self.administers(actor, cube):
            return True
        if self.tenants[actor] != cube.tenant:
            return False
        return not cube.readers or actor in cube.readers | cube.writers

    def may_write(self, actor: str, cube: Facts) -> bool:
        if self.administers(actor, cube):
            return True
        if not self.may_read(actor, cube):
            return False
        return actor in cube.writers or not (cube.writers or cube.readers)

    def may_create(self, actor: str, tenant: str) -> bool:
        return self.tenants[actor] == tenant

    def readers_of(self, cube: Facts) -> frozenset[str]:
        """The actors who may read it."""
        return frozenset(actor for actor in self.tenants if self.may_read(actor, cube))

    def reachable(self, cube_ids: set[str]) -> set[str]:
        """These, and all that an erase of them may reach."""
        reached, count = set(cube_ids), 0
        while count < len(reached):
            count = len(reached)
            reached |= {flow.derived for flow in self.flows if flow.source in reached}
        return reached

    def holding(self, cube_ids: set[str]) -> set[str]:
        """These, and all that an erase of them must reach: what surely came of their content."""
        reached: dict[str, set[Content]] = defaultdict(set)
        waiting = self.flows
        while True:
            came = {flow for flow in waiting if self._carries(flow, cube_ids, reached)}
            if not came:
                return cube_ids | reached.keys()
            waiting = [flow for flow in waiting if flow not in came]
            for flow in came:
                reached[flow.derived].add(flow.into_content)

    def _carries(self, flow: Flow, cube_ids: set[str], reached: Mapping[str, set[Content]]) -> bool:
        return flow.source in cube_ids or any(
            flow.from_content.holds(content) for content in reached.get(flow.source, ())
        )

    def derived_from(self, cube_ids: set[str]) -> set[str]:
        """What has, or had, content of any of these."""
        return {flow.derived for flow in self.flows if flow.source in cube_ids}

    def derive(self, source: str, derived: str, version: int, *, is_link: bool) -> None:
        """Content flows, from what there is to what there is."""
        contents = self.content[source], self.content[derived]
        self.flows.append(Flow(source, contents[0], derived, contents[1], version, is_link))
        self.sources[derived].add(source)

    def end(self, flow: Flow) -> None:
        """What said that content flows is taken back."""
        self.flows.remove(flow)
        self.sources[flow.derived] = {
            other.source for other in self.flows if other.derived == flow.derived
        }

    def replace(self, cube_id: str) -> None:
        """The content of a memory was replaced."""
        self.content[cube_id] = Content(self.content[cube_id].replaced + 1)

    def append(self, cube_id: str) -> None:
        """Something was appended to the content of a memory."""
        replaced, appended = self.content[cube_id]
        self.content[cube_id] = Content(replaced, appended + 1)

    def is_hidden(self, actor: str, secret: str) -> bool:
        """Whether this actor must never be told this id, or this word."""
        having = self.words.get(secret, {secret})
        return all(
            cube_id in self.cubes and not self.may_read(actor, self.cubes[cube_id])
            for cube_id in having
        )

    def observe(self, facts: Facts) -> None:
        """Take what the administrator sees now."""
        before = self.cubes.get(facts.cube_id)
        if facts.is_erased and before is not None:
            facts = replace(before, state="Erased", text="")
        self.cubes[facts.cube_id] = facts
