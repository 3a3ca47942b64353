"""Every error has a status and a stable type; what nobody expected is a problem, too, and tells nothing."""

from __future__ import annotations

import inspect
import json
import logging
import re
from http import HTTPStatus
from pathlib import Path

import pytest

from memos import AsyncMemory, Memory
from memos.interface.http.log_lines import JsonLines
from memos.interface.http.problems import TYPE_PREFIX, problem_of
from memos.interface.http.settings import HttpSettings
from memos.interface.http.statuses import STATUSES, status_of
from memos.kernel import errors
from memos.kernel.errors import Conflict, Held, MemosError
from tests.interface.http.served import Caller, Served, check_problem, logged

ROOT = Path(__file__).resolve().parents[3]
KINDS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, MemosError) and kind.__module__ == errors.__name__
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_has_a_status_and_a_type_of_its_own(kind: type[MemosError]) -> None:
    status, name = STATUSES[kind]
    assert HTTPStatus(status)
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", name)
    assert [each for each, (_, other) in STATUSES.items() if other == name] == [kind]


def test_an_error_that_the_table_does_not_name_is_told_as_what_it_is_a_kind_of() -> None:
    class FrozenSolid(Held):
        """Of another module."""

    assert status_of(FrozenSolid("frozen")) == (409, "held")


def test_a_problem_has_what_a_program_goes_on_by() -> None:
    assert problem_of(Conflict("cube x is at version 3", 3))["current_version"] == 3
    assert problem_of(Held("it is held", ("a", "b")))["cube_ids"] == ("a", "b")


def test_the_page_names_every_type_with_its_status() -> None:
    page = (ROOT / "docs" / "http.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| (\d{3})", page, re.MULTILINE))
    for status, name in STATUSES.values():
        assert rows.get(name) == str(status), name
    source = ROOT / "memos" / "interface" / "http"
    written = {
        name
        for path in source.rglob("*.py")
        for name in re.findall(r'"([a-z]+(?:-[a-z]+)*)"', path.read_text("utf-8"))
    }
    assert rows.keys() <= written


def test_what_nobody_expected_is_a_problem_and_its_log_line_holds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a secret that was in the request")

    monkeypatch.setattr(AsyncMemory, "search", fail)
    with (
        caplog.at_level(logging.INFO, "memos.http"),
        Memory(tmp_path / "v") as memory,
        Served(memory, HttpSettings(anonymous=True)) as server,
    ):
        answer = server.client().post("/v1/search", json={"query": "tea", "scope": "acme"})
    told = check_problem(answer, 500, "internal")
    assert "secret" not in answer.text
    (error,) = [record for record in caplog.records if record.levelname == "ERROR"]
    line = JsonLines().format(error)
    logged = json.loads(line)
    assert logged["error"] == "ZeroDivisionError"
    assert any("search.py" in frame for frame in logged["stack"])
    assert "secret" not in line
    assert logged["request_id"] in told["detail"]


def test_the_log_tells_of_each_request_and_nothing_of_what_it_holds(
    served: Served, alice: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        added = alice.client.post(
            "/v1/memories", json={"text": "xylophone", "scope": "acme/secret"}
        )
        alice.client.get(added.headers["location"])
        alice.client.post("/v1/search", json={"query": "xylophone", "scope": "acme/secret"})
        alice.client.get("/v1/memories", params={"scope": "acme/secret"})
        lines = [json.loads(JsonLines().format(record)) for record in logged(caplog, 4)]
    requests = [
        (line["method"], line["route"], line["status"]) for line in lines if "route" in line
    ]
    assert requests == [
        ("POST", "/v1/memories", 201),
        ("GET", "/v1/memories/{cube_id}", 200),
        ("POST", "/v1/search", 200),
        ("GET", "/v1/memories", 200),
    ]
    everything = json.dumps(lines)
    for secret in ("xylophone", "secret", alice.key, added.json()["cube_id"], "user:alice"):
        assert secret not in everything


def test_metrics_tell_of_routes_and_of_nobody(served: Served, alice: Caller) -> None:
    added = alice.client.post("/v1/memories", json={"text": "x", "scope": "acme/metrics"})
    alice.client.get(added.headers["location"])
    alice.client.get("/v1/none-of-ours")
    told = alice.client.get("/metrics").text
    assert (
        'memos_http_requests_total{method="GET",route="/v1/memories/{cube_id}",status="200"}'
        in told
    )
    assert "memos_http_request_duration_seconds_bucket" in told
    assert "memos_http_open_streams 0.0" in told
    for secret in (added.json()["cube_id"], "acme", "user:alice", "none-of-ours"):
        assert secret not in told


def test_types_are_stable() -> None:
    assert TYPE_PREFIX == "urn:memos:problem:"
