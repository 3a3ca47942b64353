"""A whole vault on a Kafka and a Cassandra that ask for TLS and a password."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from memos import Memory, VaultError
from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.engine.distributed.doctor import examine
from memos.infrastructure.engine.distributed.settings import load_settings
from memos.infrastructure.log.kafka.log import KafkaLogs
from memos.infrastructure.log.kafka.topics import create_topics
from memos.infrastructure.servers import ServerName
from memos.kernel.errors import LogUnavailable
from tests.fleet import ROOT
from tests.infrastructure.security.conftest import ACTOR, WORKERS
from tests.infrastructure.security.servers import PASSWORD, STORE_PASSWORD, WRONG
from tests.infrastructure.security.vault import (
    CASSANDRA_PASSWORD,
    KAFKA_PASSWORD,
    PASSWORDS,
    Secured,
    SecuredVault,
    environment,
)
from tests.scenarios.place import read

SOON_SECONDS = 30.0
SECRETS = (PASSWORD, WRONG, STORE_PASSWORD)

REFUSALS: list[tuple[ServerName, str]] = [
    ("kafka", KAFKA_PASSWORD),
    ("cassandra", CASSANDRA_PASSWORD),
]
SETTINGS_OF = {"kafka": r"sasl\.\* and ssl\.\*", "cassandra": "username and password"}


def test_what_one_remembers_another_finds_through_the_workers(vault: SecuredVault) -> None:
    with Memory(vault.path, actor=ACTOR) as memory:
        receipt = memory.add("the oak grows at the bank", scope="acme/alice")
    with Memory(vault.path, actor=ACTOR) as memory:
        assert read(memory, receipt.cube_id).text == "the oak grows at the bank"
        (hit,) = memory.search("oak", scope="acme/alice")
        assert hit.cube_id == receipt.cube_id
    assert vault.path.read_text().count(PASSWORD) == 0


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
def test_the_log_is_made_written_and_read_with_every_mechanism(
    vault: SecuredVault, mechanism: str
) -> None:
    settings = load_settings(vault.with_mechanism(mechanism)).kafka
    assert create_topics(settings) == ()
    with KafkaLogs(settings) as logs:
        (record,) = logs.access.append([(b"key", b"no event")])
        assert logs.access.record_at(record.position) == record


def test_doctor_sees_every_server_and_finds_them_as_asked(vault: SecuredVault) -> None:
    errors = [each.what for each in examine(vault.path) if each.severity == "error"]
    not_run = [f"no worker {name} is running" for name in ("usage", "seal")]
    behind = ("the worker usage is", "the worker seal is")
    assert [each for each in errors if not each.startswith(behind)] == not_run


@pytest.mark.parametrize(("server", "variable"), REFUSALS)
def test_a_wrong_password_is_told_with_the_server_and_what_to_correct(
    vault: SecuredVault,
    secured: Secured,
    server: ServerName,
    variable: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv(variable, WRONG)
    began = time.monotonic()
    with pytest.raises(VaultError, match=secured.address(server)) as refused:
        Memory(vault.path, actor=ACTOR)
    refused.match(SETTINGS_OF[server])
    refused.match("(?i)authenticat")
    found = [each for each in examine(vault.path) if secured.address(server) in each.what]
    assert [each.severity for each in found] == ["error"]
    assert time.monotonic() - began < SOON_SECONDS
    assert_no_secret(caplog.text, str(refused.value), str(found), *capfd.readouterr())


@pytest.mark.parametrize("server", ["kafka", "cassandra"])
def test_a_server_that_shows_a_strangers_certificate_is_not_trusted(
    vault: SecuredVault, secured: Secured, server: ServerName, stranger: Path
) -> None:
    path = vault.trusting(server, stranger)
    began = time.monotonic()
    with pytest.raises(VaultError, match=secured.address(server)) as refused:
        Memory(path, actor=ACTOR)
    refused.match("(?i)certificate")
    refused.match(r"ssl\.\*|tls_ca")
    (finding,) = [each for each in examine(path) if secured.address(server) in each.what]
    assert "certificate" in finding.what
    assert time.monotonic() - began < SOON_SECONDS


def test_a_broker_at_another_address_than_its_certificate_says_is_not_trusted(
    vault: SecuredVault,
) -> None:
    settings = load_settings(vault.path).kafka
    elsewhere = settings.bootstrap_servers.replace("127.0.0.1", "localhost")
    with pytest.raises(LogUnavailable, match=f"{elsewhere}.*certificate"):
        create_topics(replace(settings, bootstrap_servers=elsewhere))


@pytest.mark.parametrize(("server", "variable"), REFUSALS)
def test_a_worker_with_a_wrong_password_ends_and_says_why(
    vault: SecuredVault, secured: Secured, server: ServerName, variable: str
) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "streams", "fold", "--config", str(vault.path)],
        cwd=ROOT,
        env=environment(wrong=variable),
        capture_output=True,
        text=True,
        timeout=4 * SOON_SECONDS,
        check=False,
    )
    assert ended.returncode == 1
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("memos worker fold: ")
    assert secured.address(server) in last
    assert_no_secret(ended.stderr, ended.stdout)


def test_what_a_user_may_not_do_is_told_as_that(vault: SecuredVault) -> None:
    with (
        closing(CassandraSession(load_settings(vault.path).cassandra)) as store,
        pytest.raises(VaultError, match=r"no SELECT permission.*grant"),
    ):
        store.execute("SELECT role FROM system_auth.roles")


def test_no_worker_says_a_password(vault: SecuredVault) -> None:
    assert set(PASSWORDS.values()) == {PASSWORD}
    for worker in WORKERS:
        assert "follows" in vault.said(worker)
        assert_no_secret(vault.said(worker))


def assert_no_secret(*texts: str) -> None:
    for text in texts:
        for secret in SECRETS:
            assert secret not in text
