"""infra/compose.yaml against the Compose specification, and what it must never lose."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from memos.infrastructure.engine.distributed.settings import load_settings
from memos.infrastructure.servers import versions
from ray_jobs.__main__ import parser
from tests.infra.serve_options import served_with

INFRA = Path(__file__).resolve().parents[2] / "infra"
FILE = INFRA / "compose.yaml"
COMPOSE: dict[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
WORKERS = ["fold", "index", "usage", "seal", "sweep"]
JOBS = ["vault"]


def test_it_is_what_the_compose_specification_asks_for() -> None:
    checker = Path(sys.executable).with_name("check-jsonschema")
    completed = subprocess.run(
        [checker, "--builtin-schema", "vendor.compose-spec", FILE],
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 0, completed.stdout + completed.stderr


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - set(JOBS)))
def test_every_service_has_a_pinned_image_a_health_check_and_closed_ports(name: str) -> None:
    service = SERVICES[name]
    _, _, tag = service["image"].rpartition(":")
    assert any(character.isdigit() for character in tag)
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["restart"] == "unless-stopped"
    for port in service.get("ports", []):
        assert port.startswith("127.0.0.1:")


def test_what_is_used_is_declared() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (INFRA / source).is_file()
            else:
                assert source in COMPOSE["volumes"]
        for needed in service.get("depends_on", {}):
            assert needed in SERVICES
        for secret in service.get("secrets", []):
            assert secret in COMPOSE["secrets"]
    build = SERVICES["fold"]["build"]
    assert (INFRA / build["context"] / build["dockerfile"]).is_file()


def test_it_runs_the_versions_that_are_tested() -> None:
    assert SERVICES["kafka"]["image"].endswith(f":{versions.KAFKA}")
    assert SERVICES["cassandra"]["image"].endswith(f":{versions.CASSANDRA}")


def test_every_worker_runs_as_it_is_called() -> None:
    for name in WORKERS:
        options = ["--config", "/etc/memos/memos.toml", "--metrics-port", "9464"]
        assert SERVICES[name]["command"] == ["worker", name, *options]


def test_the_vault_is_served_on_request_to_a_proxy_of_this_machine() -> None:
    service = SERVICES["serve"]
    assert service["profiles"] == ["serve"]
    assert service["ports"] == ["127.0.0.1:8420:8420"]
    options = served_with(service["command"])
    assert (options["behind_proxy"], options["no_auth"], options["port"]) == (True, False, 8420)


def test_pools_of_a_model_start_on_request_and_ask_for_a_token() -> None:
    service = SERVICES["kv"]
    assert service["profiles"] == ["kv"]
    assert service["command"][0] == "worker"
    assert parser().parse_args(service["command"][1:]).host == "kv"
    assert service["environment"]["RAY_AUTH_TOKEN_PATH"] == "/run/secrets/kv_token"
    assert "root_key" not in service["secrets"]
    volume, rays = service["volumes"]
    assert rays == "ray:/tmp"
    kept = [option for option in service["command"] if option.startswith("--kept-in=")]
    assert kept[0].partition("=")[2].startswith(volume.partition(":")[2])


def test_distillers_are_in_the_cluster_of_the_pools_as_on_one_machine_and_keep_where_they_look() -> (
    None
):
    pools, service = SERVICES["kv"], SERVICES["distill"]
    assert service["profiles"] == ["distill"]
    assert parser().parse_args(service["command"][1:]).address == "kv:6399"
    for shared in ("network_mode", "ipc", "pid"):
        assert service[shared] == "service:kv"
    assert pools["ipc"] == "shareable"
    for same in ("image", "environment", "secrets", "volumes"):
        assert service[same] == pools[same]
    kept = [option for option in pools["command"] if option.startswith("--kept-in=")]
    assert kept[0] in service["command"]
    ports = [
        option
        for each in (pools, service)
        for option in each["command"]
        if option.startswith("--metrics-port=")
    ]
    assert len(set(ports)) == 2


def test_the_vault_is_made_once_and_before_a_worker_starts() -> None:
    job = SERVICES["vault"]
    assert job["command"] == ["vault", "create", "/etc/memos/memos.toml"]
    assert job["restart"] == "on-failure"
    assert job["depends_on"].keys() == {"kafka", "cassandra"}
    for name in WORKERS:
        needed = SERVICES[name]["depends_on"]["vault"]
        assert needed == {"condition": "service_completed_successfully"}


def test_the_settings_name_these_services() -> None:
    settings = load_settings(INFRA / "memos.toml")
    assert settings.kafka.bootstrap_servers.split(":")[0] in SERVICES
    assert set(settings.cassandra.hosts) <= SERVICES.keys()
    assert settings.milvus is not None
    assert settings.milvus.uri == "http://milvus:19530"
    assert settings.root_key == Path("/run/secrets/root_key")


def test_no_topic_is_made_by_naming_it() -> None:
    assert SERVICES["kafka"]["environment"]["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
