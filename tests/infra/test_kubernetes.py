"""infra/kubernetes against the schemas of Kubernetes, and what ties the manifests together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from memos.infrastructure.engine.distributed.settings import load_settings
from memos.infrastructure.servers import versions
from ray_jobs.__main__ import parser
from tests.infra.serve_options import served_with

DIRECTORY = Path(__file__).resolve().parents[2] / "infra" / "kubernetes"
OLDEST_KUBERNETES = "1.28"
OPERATED = {"Milvus"}
"""Kinds of an operator: Kubernetes has no schema of theirs."""

Manifest = dict[str, Any]


def manifests() -> list[Manifest]:
    return [
        manifest
        for file in sorted(DIRECTORY.glob("*.yaml"))
        for manifest in yaml.safe_load_all(file.read_text("utf-8"))
    ]


ALL = manifests()
WORKLOADS = [manifest for manifest in ALL if manifest["kind"] in ("StatefulSet", "Deployment")]


DEPLOYMENTS = [manifest for manifest in WORKLOADS if manifest["kind"] == "Deployment"]
(SERVER,) = (each for each in DEPLOYMENTS if each["metadata"]["name"] == "memos-serve")


def title(manifest: Manifest) -> str:
    return f"{manifest['kind']}-{manifest['metadata']['name']}"


def container(workload: Manifest) -> Manifest:
    """The first, which its pod is for."""
    return containers(workload)[0]


def containers(workload: Manifest) -> list[Manifest]:
    return [dict(each) for each in workload["spec"]["template"]["spec"]["containers"]]


def labels(workload: Manifest) -> dict[str, str]:
    return dict(workload["spec"]["template"]["metadata"]["labels"])


@pytest.mark.parametrize("version", [OLDEST_KUBERNETES, kubernetes_validate.latest_version()])
@pytest.mark.parametrize(
    "manifest", [manifest for manifest in ALL if manifest["kind"] not in OPERATED], ids=title
)
def test_every_manifest_is_what_kubernetes_asks_for(manifest: Manifest, version: str) -> None:
    kubernetes_validate.validate(manifest, version, strict=True)


def test_everything_is_in_one_namespace() -> None:
    named = [
        manifest["metadata"].get("namespace") for manifest in ALL if manifest["kind"] != "Namespace"
    ]
    assert set(named) == {"memos"}


def test_there_are_three_of_what_must_not_be_lost_and_all_five_workers() -> None:
    replicas = {title(manifest): manifest["spec"]["replicas"] for manifest in WORKLOADS}
    assert replicas["StatefulSet-kafka"] == replicas["StatefulSet-cassandra"] == 3
    workers = {name for name in replicas if name.startswith("Deployment-memos-")}
    named = ("fold", "index", "usage", "seal", "sweep", "serve")
    assert workers == {f"Deployment-memos-{name}" for name in named}


@pytest.mark.parametrize("workload", WORKLOADS, ids=title)
def test_every_workload_has_probes_limits_a_pinned_image_and_a_disruption_budget(
    workload: Manifest,
) -> None:
    for run in containers(workload):
        ports = {port["name"] for port in run["ports"]}
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            asked = run[probe].get("tcpSocket") or run[probe]["httpGet"]
            assert asked["port"] in ports
        assert run["resources"].keys() == {"requests", "limits"}
        assert any(character.isdigit() for character in run["image"].rpartition(":")[2])
    # Variables of services would be read as settings by the images of Kafka and Cassandra.
    assert workload["spec"]["template"]["spec"]["enableServiceLinks"] is False
    budgets = [
        manifest["spec"]["selector"]["matchLabels"]
        for manifest in ALL
        if manifest["kind"] == "PodDisruptionBudget"
    ]
    assert sum(budget.items() <= labels(workload).items() for budget in budgets) == 1
    assert workload["spec"]["selector"]["matchLabels"].items() <= labels(workload).items()


def test_every_stateful_set_has_the_service_that_it_names() -> None:
    services = {
        manifest["metadata"]["name"]: manifest for manifest in ALL if manifest["kind"] == "Service"
    }
    for workload in WORKLOADS:
        if workload["kind"] == "StatefulSet":
            service = services[workload["spec"]["serviceName"]]
            assert service["spec"]["selector"].items() <= labels(workload).items()
            offered = {port["port"] for port in service["spec"]["ports"]}
            ports = [port for run in containers(workload) for port in run["ports"]]
            assert offered == {port["containerPort"] for port in ports}


@pytest.mark.parametrize(
    "workload", [each for each in DEPLOYMENTS if each is not SERVER], ids=title
)
def test_a_worker_finds_its_settings_and_the_root_key(workload: Manifest) -> None:
    (config,) = [manifest for manifest in ALL if manifest["kind"] == "ConfigMap"]
    run, pod = container(workload), workload["spec"]["template"]["spec"]
    name = workload["metadata"]["name"].removeprefix("memos-")
    options = ["--config", "/etc/memos/memos.toml", "--metrics-port", "9464"]
    assert run["args"] == ["worker", name, *options]
    mounts = {mount["name"]: mount["mountPath"] for mount in run["volumeMounts"]}
    assert mounts["settings"] == "/etc/memos"
    assert mounts["root-key"] == "/var/run/memos"
    sources = {volume["name"]: volume for volume in pod["volumes"]}
    assert sources["settings"]["configMap"]["name"] == config["metadata"]["name"]
    assert sources["root-key"]["secret"]["secretName"] == "memos-root-key"
    assert run["ports"] == [{"name": "metrics", "containerPort": 9464}]


def test_the_server_has_what_a_worker_has_and_listens_where_its_service_asks() -> None:
    (worker,) = [each for each in DEPLOYMENTS if each["metadata"]["name"] == "memos-fold"]
    run, pod = container(SERVER), SERVER["spec"]["template"]["spec"]
    for same in ("image", "securityContext", "volumeMounts"):
        assert run[same] == container(worker)[same]
    assert pod["volumes"] == worker["spec"]["template"]["spec"]["volumes"]
    options = served_with(run["args"])
    assert (options["behind_proxy"], options["no_auth"]) == (True, False)
    ports = {port["name"]: port["containerPort"] for port in run["ports"]}
    assert ports == {"http": options["port"], "metrics": options["metrics_port"]}
    (service,) = [
        manifest
        for manifest in ALL
        if manifest["kind"] == "Service" and manifest["metadata"]["name"] == "memos-serve"
    ]
    assert service["spec"]["selector"].items() <= labels(SERVER).items()
    assert service["spec"]["ports"][0]["targetPort"] in ports


def test_pools_of_a_model_have_a_volume_a_token_and_the_options_of_the_worker() -> None:
    (workload,) = [each for each in WORKLOADS if each["metadata"]["name"] == "memos-kv"]
    run, pod = container(workload), workload["spec"]["template"]["spec"]
    assert run["args"][:2] == ["worker", "kv"]
    options = dict(option.split("=") for option in run["args"][2:])
    assert parser().parse_args(["kv", *run["args"][2:]]).host == "$(POD_IP)"
    mounts = {mount["mountPath"]: mount["name"] for mount in run["volumeMounts"]}
    kept, _, _ = options["--kept-in"].rpartition("/")
    (claim,) = workload["spec"]["volumeClaimTemplates"]
    assert mounts[kept] == claim["metadata"]["name"]
    token = {one["name"]: one.get("value") for one in run["env"]}["RAY_AUTH_TOKEN_PATH"]
    sources = {volume["name"]: volume for volume in pod["volumes"]}
    assert sources[mounts[str(Path(token).parent)]]["secret"]["secretName"] == "memos-kv-token"
    assert "root-key" not in sources


def test_a_distiller_is_beside_the_pools_and_keeps_where_they_look() -> None:
    (workload,) = [each for each in WORKLOADS if each["metadata"]["name"] == "memos-kv"]
    pools, distiller = containers(workload)
    assert distiller["args"][:2] == ["worker", "distill"]
    options = parser().parse_args(distiller["args"][1:])
    assert options.address == "$(POD_IP):6399"
    assert f"--kept-in={options.kept_in}" in pools["args"]
    for same in ("image", "env", "securityContext", "volumeMounts"):
        assert distiller[same] == pools[same]
    assert workload["spec"]["template"]["spec"]["shareProcessNamespace"] is True


def test_a_job_makes_the_vault_with_what_the_workers_have() -> None:
    (job,) = [manifest for manifest in ALL if manifest["kind"] == "Job"]
    (worker,) = [manifest for manifest in WORKLOADS if manifest["metadata"]["name"] == "memos-fold"]
    setup = container(job)
    assert setup["args"] == ["vault", "create", "/etc/memos/memos.toml"]
    for same in ("image", "securityContext", "volumeMounts"):
        assert setup[same] == container(worker)[same]
    pods = [workload["spec"]["template"]["spec"] for workload in (job, worker)]
    assert pods[0]["volumes"] == pods[1]["volumes"]


def test_the_settings_are_read_and_ask_for_two_of_three_copies(tmp_path: Path) -> None:
    (config,) = [manifest for manifest in ALL if manifest["kind"] == "ConfigMap"]
    path = tmp_path / "memos.toml"
    path.write_text(config["data"]["memos.toml"])
    settings = load_settings(path)
    assert settings.root_key == Path("/var/run/memos/root.key")
    assert (settings.kafka.replication, settings.kafka.min_insync) == (3, 2)
    assert settings.cassandra.replication_factor == 3
    assert settings.cassandra.write_consistency == "LOCAL_QUORUM"
    for address in (*settings.kafka.bootstrap_servers.split(","), *settings.cassandra.hosts):
        assert address.split(".")[1].split(":")[0] in ("kafka", "cassandra")


def test_no_secret_is_in_a_manifest() -> None:
    assert not [title(manifest) for manifest in ALL if manifest["kind"] == "Secret"]


def test_it_runs_the_versions_that_are_tested() -> None:
    images = {title(manifest): container(manifest)["image"] for manifest in WORKLOADS}
    assert images["StatefulSet-kafka"] == f"apache/kafka:{versions.KAFKA}"
    assert images["StatefulSet-cassandra"] == f"cassandra:{versions.CASSANDRA}"
