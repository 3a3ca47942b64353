"""infra/prometheus and infra/grafana against what workers, pools and distillers export: each query parses, and asks for
figures and labels that there are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import yaml
from prometheus_client import CollectorRegistry

from memos.activation.serving.pool_server import ServerFigures
from memos.activation.serving.router import RouterFigures
from memos.infrastructure.engine.distributed.workers.port import ProjectionStatus
from memos.parametric.serving.job_queue import JobQueue
from ray_jobs.distill_metrics import DistillMetrics
from ray_jobs.kv_metrics import KvMetrics
from ray_jobs.metrics import ReplicaState
from streams.metrics import Metrics

ROOT = Path(__file__).resolve().parents[2]
ALERTS: dict[str, Any] = yaml.safe_load((ROOT / "infra/prometheus/alerts.yaml").read_text("utf-8"))
DASHBOARDS: dict[str, dict[str, Any]] = {
    file.stem: json.loads(file.read_text("utf-8"))
    for file in (ROOT / "infra/grafana").glob("*.json")
}
PAGE = (ROOT / "docs" / "operations.md").read_text("utf-8")

OF_PROMETHEUS = {"up": {"job", "instance"}}
"""What Prometheus adds to each target by itself."""

RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
PANELS: list[dict[str, Any]] = [
    panel for dashboard in DASHBOARDS.values() for panel in dashboard["panels"]
]


def exported() -> dict[str, set[str]]:
    """The labels of every series of workers, pools and distillers that have met with everything, by its name."""
    labels: dict[str, set[str]] = {}
    for registry in (worker_registry(), pools_registry(), distillers_registry()):
        for family in registry.collect():
            for sample in family.samples:
                labels.setdefault(sample.name, set()).update(sample.labels, {"job", "instance"})
    return labels | OF_PROMETHEUS


def pools_registry() -> CollectorRegistry:
    metrics = KvMetrics(2)
    figures = ServerFigures(
        in_flight=1,
        answers=1,
        repeated=1,
        stopped=1,
        failed={"OSError": 1},
        hits={"memory": 1},
        misses=1,
        refused={"no room": 1},
        evictions={"memory": 1},
        withdrawn=1,
        bytes={"memory": 1},
        saved_milliseconds=1.0,
        lost_files={"damaged": 1},
    )
    router = RouterFigures({"pool-0": 1}, diverted=1, unrouted=1)
    metrics.set([ReplicaState("pool-0", 1, asdict(figures))], router._asdict())
    return metrics.registry


def distillers_registry() -> CollectorRegistry:
    metrics = DistillMetrics()
    figures = {"incarnation": "a", "in_flight": 1}
    metrics.set([ReplicaState("distiller-0", 1, figures)], JobQueue().figures(0.0)._asdict())
    return metrics.registry


def worker_registry() -> CollectorRegistry:
    metrics = Metrics("index")
    metrics.set_partitions([0], [0])
    metrics.set_generation(1)
    metrics.set_status(ProjectionStatus(set_aside=1, embedding=1, erases=1))
    metrics.waited(0, OSError(), 1.0)
    metrics.batch_taken(0, 1, 1.0)
    metrics.set_waiting(0, 1, 1.0)
    metrics.batch_retried(0, OSError())
    metrics.set_stopped(0, now=True)
    metrics.set_undecodable(1)
    return metrics.registry


EXPORTED = exported()


def _queries() -> Iterator[tuple[str, str]]:
    """Every query with what it is of; Grafana's variables filled in as it would."""
    for rule in RULES:
        yield f"alert {rule['alert']}", rule["expr"]
    for panel in PANELS:
        for target in panel["targets"]:
            filled = target["expr"].replace("$__rate_interval", "5m").replace("$job", "memos")
            yield f"panel {panel['title']}, {target['refId']}", filled


QUERIES = list(_queries())


def selectors(query: str) -> list[promql.VectorSelector]:
    """The series that a query asks for.

    Raises:
        ValueError: it is no PromQL.
    """
    found: list[promql.VectorSelector] = []

    def visit(expression: promql.Expr) -> bool:
        if isinstance(expression, promql.VectorSelector):
            found.append(expression)
        return True

    promql.walk(promql.parse(query), pre_visit=visit)
    return found


def strangers(query: str, known: Mapping[str, set[str]]) -> list[str]:
    """The series, and the labels asked of them, that nobody exports."""
    strange = []
    for selector in selectors(query):
        labels = known.get(selector.name or "")
        if labels is None:
            strange.append(str(selector.name))
            continue
        asked = {matcher.name for matcher in selector.matchers.matchers}
        strange += [f"{selector.name}{{{label}}}" for label in sorted(asked - labels)]
    return strange


@pytest.mark.parametrize(("of", "query"), QUERIES, ids=[of for of, _ in QUERIES])
def test_a_query_parses_and_asks_for_what_workers_export(of: str, query: str) -> None:
    assert selectors(query), of
    assert strangers(query, EXPORTED) == []


def test_a_series_or_label_that_nobody_exports_is_found() -> None:
    assert strangers("memos_worker_lag > 0", EXPORTED) == ["memos_worker_lag"]
    query = 'rate(memos_worker_records_total{vault="a"}[5m])'
    assert strangers(query, EXPORTED) == ["memos_worker_records_total{vault}"]
    with pytest.raises(ValueError, match=r".+"):
        selectors("sum by (memos_worker_lag_records")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_has_what_prometheus_reads_and_says_what_to_do(rule: dict[str, Any]) -> None:
    assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"Memos[A-Za-z]+", rule["alert"])
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert rule["annotations"].keys() == {"summary", "description"}
    assert promql.parse_duration(rule.get("for", "1m")).total_seconds() > 0
    # A label that the alert's words name must be left by its query.
    told = re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])
    assert [label for label in told if label not in rule["expr"] and label != "instance"] == []


def test_alerts_have_names_of_their_own() -> None:
    assert len({rule["alert"] for rule in RULES}) == len(RULES)


def test_every_figure_that_operations_alerts_on_has_a_rule_and_a_panel() -> None:
    named = set(
        re.findall(r"`(memos_(?:worker|kv|distill)_\w+|process_resident_memory_bytes)`", PAGE)
    )
    assert named
    for place in ("alert", "panel"):
        of_place = [query for of, query in QUERIES if of.startswith(place)]
        asked = {selector.name for query in of_place for selector in selectors(query)}
        assert named - asked == set(), place


@pytest.mark.parametrize("name", sorted(DASHBOARDS))
def test_panels_have_a_place_of_their_own(name: str) -> None:
    panels = DASHBOARDS[name]["panels"]
    taken = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24
    assert len({panel["id"] for panel in panels}) == len(panels)
