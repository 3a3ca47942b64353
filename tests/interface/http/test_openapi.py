"""What OpenAPI says is so: requests made of it, one by one and one after another, get no answer that it
does not describe, and none is a fault of the server.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode, Response
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import negative_data_rejection

from memos import AsyncMemory, Memory
from memos.interface.http.app import application
from memos.interface.http.rate_limit import Rate
from memos.interface.http.settings import HttpSettings
from tests.interface.http.served import ALL_ACTIONS
from tests.interface.odd import Echo

SCOPES = ("", "/alice", "/alice/chat-7")
NO_LIMIT = Rate(refill=1_000_000, burst=1_000_000)
NOT_CHECKED = {
    "positive_data_acceptance": "a scope, a filter or a time has a grammar that JSON Schema does not tell",
}
ENDLESS = "/v1/changes"
TAKE_ANYTHING = ("/v1/memories/bulk",)
"""What takes any text: each of its lines is answered."""

END_THE_CALLER = ["/v1/api-keys/{key_id}", "/v1/api-keys/{key_id}/rotate"]
"""One after another they would end the key that asks, a moment later or sooner."""

EXAMPLES = 4
SEQUENCES, STEPS = 25, 12
AnyCase = Case[Any]
QUICKLY = settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate),
)


class Described:
    """The description of an application, and its vault. Each series of requests has a tenant of its own, so
    that what a request is answered does not depend on the series before.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._series = 0
        chosen = HttpSettings(hosts=(), rate=NO_LIMIT, model=Echo())
        schema = schemathesis.openapi.from_asgi(
            "/openapi.json", application(AsyncMemory(memory), chosen)
        )
        schema.config.checks.update(excluded_check_names=list(NOT_CHECKED))
        self.schema = schema.exclude(path=ENDLESS)

    def series(self) -> Series:
        """The next series of requests, of who may do all that one tenant allows."""
        self._series += 1
        tenant = f"tenant-{self._series}"
        key = self._memory.create_api_key("user:root", tenant=tenant, actions=ALL_ACTIONS).key
        return Series(tenant, {"Authorization": f"Bearer {key}"})


@dataclass
class Series:
    """A series of requests."""

    tenant: str
    headers: dict[str, str]
    asked: int = 0

    def make_likely(self, case: AnyCase) -> None:
        """In a request as it is described, where a scope, a tenant or a version is a text, one that is
        there: else all ends at the first check. Of memories to be added, every other one is plain.
        """
        self.asked += 1
        if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
            return
        scope = self.tenant + SCOPES[self.asked % len(SCOPES)]
        body: Any = case.body
        if self.asked % 2 and (case.method, case.path) == ("POST", "/v1/memories"):
            case.body = {"text": f"Number {self.asked}.", "scope": scope}
        elif isinstance(body, dict):
            for name, value in (("scope", scope), ("tenant", self.tenant)):
                if isinstance(body.get(name), str):
                    body[name] = value
        query: dict[str, Any] = case.query or {}
        for name, likely in {"scope": [scope], "tenant": self.tenant}.items():
            if isinstance(query.get(name), type(likely)):
                query[name] = likely
        if case.headers and isinstance(case.headers.get("If-Match"), str):
            case.headers["If-Match"] = "*"


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Described]:
    with Memory(tmp_path_factory.mktemp("described") / "v", actor="user:root") as memory:
        yield Described(memory)


@schemathesis.serializer("application/x-ndjson")
def in_lines(_: Any, value: Any) -> bytes:
    """A bulk's body."""
    return str(value).encode("utf-8", "surrogatepass")


def ask_each(described: Described, examples: int) -> Counter[int]:
    """Ask each operation by itself, as it is described and otherwise; how often each status came."""
    seen: Counter[int] = Counter()
    series = described.series()
    for result in described.schema.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        modes = [GenerationMode.POSITIVE]
        if takes_anything(operation) and operation.path not in TAKE_ANYTHING:
            modes.append(GenerationMode.NEGATIVE)
        for mode in modes:

            @settings(QUICKLY, max_examples=examples)
            @given(case=operation.as_strategy(generation_mode=mode))
            def ask(case: AnyCase) -> None:
                series.make_likely(case)
                answer = case.call_and_validate(headers=series.headers)
                seen[int(answer.status_code)] += 1

            ask()
    return seen


def takes_anything(operation: APIOperation[Any, Any, Any, Any]) -> bool:
    return bool(operation.body) or any(True for _ in operation.iter_parameters())


def ask_in_turn(described: Described, examples: int, steps: int) -> Counter[tuple[str, int]]:
    """Ask one operation after another, of what the ones before answered; how often what came."""
    seen: Counter[tuple[str, int]] = Counter()
    failures: list[str] = []
    lasting = described.schema.exclude(path=END_THE_CALLER)

    class Caller(lasting.as_state_machine()):  # type: ignore[misc] # a class that is made
        def setup(self) -> None:
            self.series = described.series()

        def get_call_kwargs(self, case: AnyCase) -> dict[str, Any]:
            return {"headers": self.series.headers}

        def before_call(self, case: AnyCase) -> None:
            self.series.make_likely(case)

        def validate_response(self, response: Response, case: AnyCase, **_: Any) -> None:
            # What a body takes over from an earlier answer may mend one that was to be invalid. What
            # is found is told at the end: asked again, a vault would answer otherwise.
            try:
                case.validate_response(response, excluded_checks=[negative_data_rejection])
            except FailureGroup as found:
                failures.append(str(found))

        def after_call(self, response: Response, case: AnyCase) -> None:
            seen[f"{case.method} {case.path}", int(response.status_code)] += 1

    Caller.run(settings=settings(QUICKLY, max_examples=examples, stateful_step_count=steps))
    assert failures == []
    return seen


def test_no_request_gets_an_answer_that_is_not_described(described: Described) -> None:
    seen = ask_each(described, EXAMPLES)
    assert {200, 201, 400, 422, 428} <= seen.keys()
    assert not [status for status in seen if status >= 500]


def test_no_sequence_of_requests_gets_an_answer_that_is_not_described(described: Described) -> None:
    seen = ask_in_turn(described, SEQUENCES, STEPS)
    assert seen["POST /v1/memories", 201]
    assert not [status for _, status in seen if status >= 500]


@pytest.mark.soak
def test_no_request_of_many_gets_an_answer_that_is_not_described(described: Described) -> None:
    ask_each(described, 60)
    ask_in_turn(described, 150, 20)
