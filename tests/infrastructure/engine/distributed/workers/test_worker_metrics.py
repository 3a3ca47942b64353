"""What a worker's metrics, and the doctor's exit code, say of the vault around it."""

from __future__ import annotations

from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from memos import Memory
from memos.infrastructure.servers import LocalServers
from memos.infrastructure.servers.ports import choose
from tests.embeddings import serving
from tests.fleet import WORKERS, Fleet
from tests.interface.cli.support import Shell
from tests.waiting import wait_until

ACTOR = "agent:alice"

pytestmark = [pytest.mark.engines, pytest.mark.timeout(900)]


def metrics_of(port: int) -> dict[str, float]:
    """The samples of a worker without partitions in their labels."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
    except URLError:
        return {}
    samples = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name.partition("{")[0]: float(value) for name, value in samples}


def test_metrics_and_doctor_tell_of_what_is_set_aside_and_of_what_waits(
    engines: LocalServers, tmp_path: Path
) -> None:
    with serving() as embeddings:
        fleet = Fleet(tmp_path, engines, embedder=embeddings.section)
        try:
            fleet.make(ACTOR)
            ports = choose(WORKERS)
            for worker in WORKERS:
                fleet.start(worker, options=("--metrics-port", str(ports[worker])))
            shell = Shell(fleet.path)
            with Memory(fleet.path, actor=ACTOR, embedder=embeddings.embedder()) as memory:
                with embeddings.refusing("zyzzyva"):
                    poison = memory.add("A zyzzyva.", scope="acme").cube_id
                    memory.add("A violin.", scope="acme")
                    memory.embed_pending()
                aside = "memos_worker_set_aside_records"
                wait_until(lambda: metrics_of(ports["index"]).get(aside) == 1, fleet.told)
                found = shell.run("doctor")
                assert found.code == 6
                assert f"memory {poison}" in found.out
                assert metrics_of(ports["index"])["memos_worker_generation"] == 1
                lag = "memos_worker_embedding_lag_records"
                with embeddings.gone():
                    memory.add("A cello.", scope="acme")
                    wait_until(lambda: metrics_of(ports["index"]).get(lag, 0) > 0, fleet.told)
                wait_until(lambda: metrics_of(ports["index"]).get(lag) == 0, fleet.told)
                assert metrics_of(ports["fold"])["memos_worker_erases_under_way"] == 0
                memory.erase(cube_id=poison)
            wait_until(lambda: metrics_of(ports["index"]).get(aside) == 0, fleet.told)
            healthy = shell.run("doctor")
            assert healthy.code == 0, healthy.out
            assert fleet.stop("seal") == 0
            found = shell.run("doctor")
            assert found.code == 6
            assert "error: no worker seal is running" in found.out
        finally:
            fleet.remove()
