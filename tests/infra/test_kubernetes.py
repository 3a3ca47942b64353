"""infra/kubernetes against the schemas of Kubernetes, and what ties the manifests together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from memos.infrastructure.engine.distributed.settings import load_settings
from memos.infrastructure.servers import versions

DIRECTORY = Path(__file__).resolve().parents[2] / "infra" / "kubernetes"
OLDEST_KUBERNETES = "1.28"
OPERATED = {"Milvus"}
"""Kinds of an operator: Kubernetes has no schema of theirs."""

Manifest = dict[str, Any]


def manifests() -> list[Manifest]:
    return [
        each
        for file in sorted(DIRECTORY.glob("*.yaml"))
        for each in yaml.safe_load_all(file.read_text("utf-8"))
    ]


ALL = manifests()
WORKLOADS = [each for each in ALL if each["kind"] in ("StatefulSet", "Deployment")]


def title(manifest: Manifest) -> str:
    return f"{manifest['kind']}-{manifest['metadata']['name']}"


def container(workload: Manifest) -> Manifest:
    (only,) = workload["spec"]["template"]["spec"]["containers"]
    return dict(only)


def labels(workload: Manifest) -> dict[str, str]:
    return dict(workload["spec"]["template"]["metadata"]["labels"])


@pytest.mark.parametrize("version", [OLDEST_KUBERNETES, kubernetes_validate.latest_version()])
@pytest.mark.parametrize(
    "manifest", [each for each in ALL if each["kind"] not in OPERATED], ids=title
)
def test_every_manifest_is_what_kubernetes_asks_for(manifest: Manifest, version: str) -> None:
    kubernetes_validate.validate(manifest, version, strict=True)


def test_everything_is_in_one_namespace() -> None:
    named = [each["metadata"].get("namespace") for each in ALL if each["kind"] != "Namespace"]
    assert set(named) == {"memos"}


def test_there_are_three_of_what_must_not_be_lost_and_all_four_workers() -> None:
    found = {title(each): each["spec"]["replicas"] for each in WORKLOADS}
    assert found["StatefulSet-kafka"] == found["StatefulSet-cassandra"] == 3
    workers = {name for name in found if name.startswith("Deployment-memos-")}
    assert workers == {f"Deployment-memos-{name}" for name in ("fold", "index", "usage", "seal")}


@pytest.mark.parametrize("workload", WORKLOADS, ids=title)
def test_every_workload_has_probes_limits_a_pinned_image_and_a_disruption_budget(
    workload: Manifest,
) -> None:
    run = container(workload)
    ports = {each["name"] for each in run["ports"]}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        asked = run[probe].get("tcpSocket") or run[probe]["httpGet"]
        assert asked["port"] in ports
    assert run["resources"].keys() == {"requests", "limits"}
    assert any(character.isdigit() for character in run["image"].rpartition(":")[2])
    # Variables of services would be read as settings by the images of Kafka and Cassandra.
    assert workload["spec"]["template"]["spec"]["enableServiceLinks"] is False
    budgets = [
        each["spec"]["selector"]["matchLabels"]
        for each in ALL
        if each["kind"] == "PodDisruptionBudget"
    ]
    assert sum(each.items() <= labels(workload).items() for each in budgets) == 1
    assert workload["spec"]["selector"]["matchLabels"].items() <= labels(workload).items()


def test_every_stateful_set_has_the_service_that_it_names() -> None:
    services = {each["metadata"]["name"]: each for each in ALL if each["kind"] == "Service"}
    for workload in WORKLOADS:
        if workload["kind"] == "StatefulSet":
            service = services[workload["spec"]["serviceName"]]
            assert service["spec"]["selector"].items() <= labels(workload).items()
            offered = {each["port"] for each in service["spec"]["ports"]}
            assert offered == {each["containerPort"] for each in container(workload)["ports"]}


@pytest.mark.parametrize(
    "workload", [each for each in WORKLOADS if each["kind"] == "Deployment"], ids=title
)
def test_a_worker_finds_its_settings_and_the_root_key(workload: Manifest) -> None:
    (told,) = [each for each in ALL if each["kind"] == "ConfigMap"]
    run, pod = container(workload), workload["spec"]["template"]["spec"]
    name = workload["metadata"]["name"].removeprefix("memos-")
    options = ["--config", "/etc/memos/memos.toml", "--metrics-port", "9464"]
    assert run["args"] == ["worker", name, *options]
    mounts = {each["name"]: each["mountPath"] for each in run["volumeMounts"]}
    assert mounts["settings"] == "/etc/memos"
    assert mounts["root-key"] == "/var/run/memos"
    sources = {each["name"]: each for each in pod["volumes"]}
    assert sources["settings"]["configMap"]["name"] == told["metadata"]["name"]
    assert sources["root-key"]["secret"]["secretName"] == "memos-root-key"
    assert run["ports"] == [{"name": "metrics", "containerPort": 9464}]


def test_a_job_makes_the_vault_with_what_the_workers_have() -> None:
    (job,) = [each for each in ALL if each["kind"] == "Job"]
    (worker,) = [each for each in WORKLOADS if each["metadata"]["name"] == "memos-fold"]
    made = container(job)
    assert made["args"] == ["vault", "create", "/etc/memos/memos.toml"]
    for same in ("image", "securityContext", "volumeMounts"):
        assert made[same] == container(worker)[same]
    pods = [each["spec"]["template"]["spec"] for each in (job, worker)]
    assert pods[0]["volumes"] == pods[1]["volumes"]


def test_the_settings_are_read_and_ask_for_two_of_three_copies(tmp_path: Path) -> None:
    (told,) = [each for each in ALL if each["kind"] == "ConfigMap"]
    path = tmp_path / "memos.toml"
    path.write_text(told["data"]["memos.toml"])
    settings = load_settings(path)
    assert settings.root_key == Path("/var/run/memos/root.key")
    assert (settings.kafka.replication, settings.kafka.min_insync) == (3, 2)
    assert settings.cassandra.replication_factor == 3
    assert settings.cassandra.write_consistency == "LOCAL_QUORUM"
    for address in (*settings.kafka.bootstrap_servers.split(","), *settings.cassandra.hosts):
        assert address.split(".")[1].split(":")[0] in ("kafka", "cassandra")


def test_no_secret_is_in_a_manifest() -> None:
    assert not [title(each) for each in ALL if each["kind"] == "Secret"]


def test_it_runs_the_versions_that_are_tested() -> None:
    images = {title(each): container(each)["image"] for each in WORKLOADS}
    assert images["StatefulSet-kafka"] == f"apache/kafka:{versions.KAFKA}"
    assert images["StatefulSet-cassandra"] == f"cassandra:{versions.CASSANDRA}"
