"""The oracle: who may do what, told apart from MemOS, in the plainest words that do."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace

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


@dataclass(frozen=True)
class Flow:
    """Content of one memory went into another, by right of whoever could bind that one."""

    source: str
    from_content: int
    derived: str
    into_content: int


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
    content: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """How often the content of a memory was replaced: what flowed into the former one is gone."""

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
        reached: set[tuple[str, int]] = set()
        while (
            gained := {
                (flow.derived, flow.into_content)
                for flow in self.flows
                if flow.source in cube_ids or (flow.source, flow.from_content) in reached
            }
            - reached
        ):
            reached |= gained
        return cube_ids | {cube_id for cube_id, _ in reached}

    def derived_from(self, cube_ids: set[str]) -> set[str]:
        """What has, or had, content of any of these."""
        return {flow.derived for flow in self.flows if flow.source in cube_ids}

    def derive(self, source: str, derived: str) -> None:
        """Content flows, from what there is to what there is."""
        self.flows.append(Flow(source, self.content[source], derived, self.content[derived]))
        self.sources[derived].add(source)

    def hidden_from(self, actor: str) -> set[str]:
        """The ids and the words that this actor must never be told."""
        hidden = {c.cube_id for c in self.cubes.values() if not self.may_read(actor, c)}
        return hidden | {word for word, having in self.words.items() if having <= hidden}

    def observe(self, facts: Facts) -> None:
        """Take what the administrator sees now."""
        before = self.cubes.get(facts.cube_id)
        if facts.is_erased and before is not None:
            facts = replace(before, state="Erased", text="")
        self.cubes[facts.cube_id] = facts
