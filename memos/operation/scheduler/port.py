"""What a policy of the scheduler is: from what it sees at one moment to the forms that it decides on.

Everything here is plain data, so that a decision can be taken again from what it was taken of.
`tests/operation/scheduler/test_policies.py` is the contract of every policy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from memos.kernel.cube import Form
from memos.kernel.errors import InvalidInput, shorten

FORMS = (Form.PLAINTEXT, Form.ACTIVATION, Form.PARAMETRIC)
"""What is decided on."""
RECENT_USES = 32
"""How many uses of a memory a policy sees, the last ones."""


class Use(NamedTuple):
    """A use of a memory: the number of the access that made it, from 1, and its time (microseconds
    since 1970).
    """

    access: int
    time: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A memory as a policy sees it.

    Attributes:
        cube_id: its id.
        version: the one that this is of.
        content_version: the version that supplied its text.
        tokens: of its text.
        bytes: what its keys and values take.
        milliseconds: what computing them takes.
        form: the one that was decided on last; plaintext before that.
        tags: its tags.
        priority: its header's.
        uses: how often it was used.
        recent: the last RECENT_USES of these, the latest first.
        nearness: to what was used last: a cosine, from -1 to 1. None where that is not known, or the
            policy does not ask for it.
        changes: how often its text has changed.
        unchanged: for how long it has said the same (microseconds).
        unchanged_uses: how often it was used in that time.
        remaining: how long it is still to be shown (microseconds); None where no end is set.
        adapter_bytes: its share of an adapter's.
        training_milliseconds: its share of what training the adapter takes.
    """

    cube_id: str
    version: int
    content_version: int
    tokens: int
    bytes: int
    milliseconds: float
    form: Form = Form.PLAINTEXT
    tags: tuple[str, ...] = ()
    priority: int = 0
    uses: int = 0
    recent: tuple[Use, ...] = ()
    nearness: float | None = None
    changes: int = 0
    unchanged: int = 0
    unchanged_uses: int = 0
    remaining: int | None = None
    adapter_bytes: int = 0
    training_milliseconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Budget:
    """How many bytes a form of all candidates may take.

    Attributes:
        bytes: of the activation form.
        parametric_bytes: of adapters; None where nothing is decided on them, and what is in one stays there.

    Raises:
        InvalidInput: it is no whole number from 0.
    """

    bytes: int
    parametric_bytes: int | None = None

    def __post_init__(self) -> None:
        _check_bytes(self.bytes)
        if self.parametric_bytes is not None:
            _check_bytes(self.parametric_bytes)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that a policy sees: memories in id order, and how many accesses have used any of them."""

    candidates: Sequence[Candidate]
    accesses: int


@dataclass(frozen=True, slots=True)
class Decision:
    """A memory that changes its form: to which, and why, in words and figures of this memory alone.

    Whoever may read the memory may read the reason: nothing in it tells of other memories.

    Raises:
        InvalidInput: nothing is decided on this form.
    """

    cube_id: str
    version: int
    form: Form
    reason: str

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise InvalidInput(
                f"a memory becomes plaintext, activation or parametric, not {self.form!r}"
            )


class Policy(Protocol):
    """Decides on forms. The same snapshot gives the same decisions, in the same order: no clock, chance or
    memory of earlier calls is in it.
    """

    @property
    def name(self) -> str:
        """What events call it, with its version: `lru@1`. Other decisions need another version."""
        ...

    @property
    def asks_nearness(self) -> bool:
        """Whether it needs candidates' nearness."""
        ...

    def decide(self, snapshot: Snapshot, budget: Budget) -> list[Decision]:
        """The memories that change their form, those that leave a form first, and what they become."""
        ...


def _check_bytes(given: object) -> None:
    if not isinstance(given, int) or isinstance(given, bool) or given < 0:
        raise InvalidInput(f"a budget is a whole number of bytes from 0, not {shorten(given)}")
