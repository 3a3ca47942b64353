"""Nothing is lost and order is kept, whatever ends, fails or hangs in the middle."""

from __future__ import annotations

import signal
import time
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest

from memos.infrastructure.servers.ports import choose
from tests.streams.support import Bench


def test_every_record_is_taken_once_in_order_with_the_brokers_time(bench: Bench) -> None:
    before = time.time_ns() // 1_000_000 * 1000
    bench.feed(4000)
    worker = bench.start()
    bench.await_taken()
    bench.assert_complete()
    assert sum(n for (n,) in bench.query("SELECT count FROM delivery")) == 4000
    times = [log_time for (log_time,) in bench.query("SELECT log_time FROM taken")]
    assert all(before <= log_time <= time.time_ns() // 1000 + 1_000_000 for log_time in times)
    assert not any(log_time % 1000 for log_time in times)
    assert bench.end(worker) == 0


def test_a_worker_that_ends_well_leaves_nothing_to_take_again(bench: Bench) -> None:
    bench.feed(2000)
    worker = bench.start()
    bench.await_taken()
    assert bench.end(worker) == 0
    bench.feed(400)
    worker = bench.start()
    bench.await_taken()
    assert bench.end(worker) == 0
    bench.assert_complete()
    assert sum(n for (n,) in bench.query("SELECT count FROM delivery")) == 2400


@pytest.mark.soak
def test_a_worker_that_is_killed_in_a_batch_loses_nothing(bench: Bench) -> None:
    bench.feed(8000)
    for reached in (500, 2500, 5000):
        worker = bench.start("--pause", "0.05")
        bench.await_taken(reached)
        worker.kill()
        worker.wait()
    worker = bench.start()
    bench.await_taken()
    bench.assert_complete()
    assert bench.end(worker) == 0


def test_a_store_that_is_away_is_waited_for(bench: Bench) -> None:
    bench.ask_failures(30, "away")
    bench.feed(3000)
    worker = bench.start()
    bench.await_taken()
    bench.assert_complete()
    assert not bench.failures_left
    assert "the store is away" in bench.log
    assert bench.end(worker) == 0


def test_a_batch_that_is_refused_a_few_times_is_tried_again(bench: Bench) -> None:
    bench.feed(1000)
    bench.ask_failures(5, "refuse")
    worker = bench.start()
    bench.await_taken()
    bench.assert_complete()
    assert bench.end(worker) == 0


def test_a_record_of_a_newer_release_stops_its_partition_alone_and_aloud(bench: Bench) -> None:
    bench.feed(400)
    bench.feed_one(b"stop", 2)
    bench.feed(4000)
    worker = bench.start()
    bench.await_taken(3300 + 100)
    bench.wait_until(lambda: "STOPPED" in bench.log, "the partition stops")
    assert bench.end(worker) == 1
    marks = bench.marks()
    assert marks[2] == 100
    assert all(marks[partition] == 1100 for partition in (0, 1, 3))
    assert "partition 2 STOPPED at 2:" in bench.log
    assert "Nothing was skipped" in bench.log


def test_a_worker_with_a_name_is_the_same_member_of_its_group_after_a_kill(bench: Bench) -> None:
    bench.feed(40)
    killed, other = bench.start("--instance", "a"), bench.start("--instance", "b")
    bench.wait_until(lambda: bench.members() == ["a", "b"], "both are members")
    killed.kill()
    killed.wait()
    again = bench.start("--instance", "a")
    bench.feed(40)
    bench.await_taken()
    sql = "SELECT count(*) FROM assigned WHERE pid = ?"
    bench.wait_until(lambda: bench.query(sql, [again.pid]) != [(0,)], "it has partitions again")
    assert bench.members() == ["a", "b"]
    bench.assert_complete()
    assert [bench.end(again), bench.end(other)] == [0, 0]


def test_a_record_that_is_refused_for_good_stops_its_partition(bench: Bench) -> None:
    bench.feed(40, partition=0)
    bench.feed_one(b"refuse", 1)
    worker = bench.start()
    bench.wait_until(lambda: "partition 1 STOPPED at 1:0" in bench.log, "it stops")
    bench.await_taken(40)
    assert bench.end(worker) == 1
    assert bench.marks() == {0: 40}


def test_a_partition_that_stopped_goes_on_where_it_was_once_the_cause_is_mended(
    bench: Bench,
) -> None:
    bench.feed(40, partition=1)
    bench.feed_one(b"refuse", 1)
    bench.feed(40, partition=1)
    worker = bench.start()
    bench.wait_until(lambda: "partition 1 STOPPED at 1:" in bench.log, "it stops")
    assert bench.end(worker) == 1
    (bench.directory / "mended").touch()
    worker = bench.start()
    bench.wait_until(lambda: bench.marks() == {1: 81}, "all that waited is taken")
    assert bench.query("SELECT count(*), min(offset), max(offset) FROM taken") == [(81, 0, 80)]
    assert "came after" not in bench.log
    assert bench.end(worker) == 0


def test_a_second_worker_takes_over_half_and_gives_it_back(bench: Bench) -> None:
    bench.feed(4000)
    first = bench.start("--pause", "0.02")
    bench.await_taken(500)
    second = bench.start("--pause", "0.02")
    two = "SELECT count(DISTINCT pid) FROM assigned"
    bench.wait_until(lambda: bench.query(two) == [(2,)], "both have partitions")
    bench.feed(4000)
    bench.await_taken()
    pids = bench.query("SELECT pid, count(DISTINCT partition) FROM delivery GROUP BY pid")
    assert len(pids) == 2
    bench.feed(2000)
    assert bench.end(second) == 0
    bench.await_taken()
    bench.assert_complete()
    assert bench.end(first) == 0


def test_a_worker_that_hangs_beyond_its_session_loses_nothing_and_repeats_no_harm(
    bench: Bench,
) -> None:
    bench.feed(6000)
    hung = bench.start("--pause", "0.05")
    bench.await_taken(300)
    hung.send_signal(signal.SIGSTOP)
    other = bench.start()
    bench.await_taken(5900)
    hung.send_signal(signal.SIGCONT)
    bench.feed(2000)
    bench.await_taken()
    bench.wait_until(lambda: sum(bench.marks().values()) == bench.fed.total(), "marks are there")
    bench.assert_complete()
    assert bench.end(hung) == 0
    assert bench.end(other) == 0


def test_a_mark_that_was_set_back_is_gone_back_to(bench: Bench) -> None:
    bench.feed(2000)
    worker = bench.start()
    bench.await_taken()
    assert bench.end(worker) == 0
    for partition in range(4):
        bench.set_mark(partition, 120)
    bench.feed(40)
    worker = bench.start()
    bench.wait_until(lambda: sum(bench.marks().values()) == 2040, "all is taken again")
    bench.assert_complete()
    again = "SELECT min(first) FROM delivery WHERE pid = ?"
    assert bench.query(again, [worker.pid]) == [(120,)]
    assert bench.end(worker) == 0


def test_records_before_a_mark_that_is_ahead_are_passed_over(bench: Bench) -> None:
    worker = bench.start()
    bench.feed(4)
    bench.await_taken()
    assert bench.end(worker) == 0
    bench.feed(400)
    bench.set_mark(1, 60)
    worker = bench.start()
    bench.wait_until(lambda: sum(bench.marks().values()) == 404, "the marks are at the end")
    assert bench.end(worker) == 0
    assert bench.query("SELECT count(*) FROM taken WHERE partition = 1") == [(1 + 41,)]


def test_metrics_tell_lag_rate_retries_and_stops(bench: Bench) -> None:
    port = choose(("metrics",))["metrics"]
    bench.feed(400)
    bench.feed_one(b"stop", 3)
    bench.ask_failures(2, "away")
    worker = bench.start("--metrics-port", str(port))
    bench.await_taken(400)

    def metrics() -> str:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            return str(answer.read().decode())

    stopped = 'memos_worker_stopped_partitions{partition="3",worker="journal"} 1.0'
    bench.wait_until(lambda: stopped in metrics(), "the stop is told")
    lag = 'memos_worker_lag_records{partition="0",worker="journal"} 0.0'
    bench.wait_until(lambda: lag in metrics(), "the lag is told")
    assert 'memos_worker_records_total{partition="1",worker="journal"} 100.0' in metrics()
    waited = 'memos_worker_wait_seconds_total{error="StoreUnavailable",partition='
    assert waited in metrics()
    assert 'memos_worker_retries_total{error="StoreUnavailable"' in metrics()
    for told in (
        'memos_worker_generation{worker="journal"} 7.0',
        'memos_worker_set_aside_records{worker="journal"} 2.0',
        'memos_worker_embedding_lag_records{worker="journal"} 3.0',
        'memos_worker_erases_under_way{worker="journal"} 4.0',
        'memos_worker_assigned_partitions{worker="journal"} 4.0',
        "process_resident_memory_bytes",
    ):
        assert told in metrics()
    assert bench.end(worker) == 1


def test_healthz_fails_where_a_partition_stopped_or_none_is_assigned(bench: Bench) -> None:
    ports = choose(("one", "other"))
    bench.feed(400)
    workers = [bench.start("--metrics-port", str(port)) for port in ports.values()]

    def health() -> list[tuple[int, str]]:
        return [_health(port) for port in ports.values()]

    bench.await_taken(400)
    bench.wait_until(lambda: health() == [(200, "ok\n")] * 2, "both are well")
    (bench.directory / "problem").write_text("the model is gone")
    bench.wait_until(lambda: health() == [(503, "the model is gone\n")] * 2, "it is told")
    (bench.directory / "problem").unlink()
    bench.feed_one(b"stop", 2)
    told = "partitions that stopped, see the worker's log: 2\n"
    bench.wait_until(
        lambda: sorted(health()) == [(200, "ok\n"), (503, told)], "the worker of it is not well"
    )
    more = choose(("third", "fourth", "fifth"))
    ports.update(more)
    workers += [bench.start("--metrics-port", str(port)) for port in more.values()]
    none = (503, "no partition is assigned to this worker\n")
    bench.wait_until(
        lambda: (
            [h for h in health() if "no partition" in h[1]] == [none]
            and sum(code in (200, 503) for code, _ in health()) == 5
        ),
        "of five workers of four partitions one has none",
    )


def _health(port: int) -> tuple[int, str]:
    try:
        with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()
    except URLError:
        return 0, ""


def test_a_projection_that_was_rebuilt_is_gone_on_with_from_its_own_marks(bench: Bench) -> None:
    bench.feed(2000)
    worker = bench.start()
    bench.await_taken()
    for partition in range(4):
        bench.set_mark(partition, 200)
    (bench.directory / "replaced").touch()
    opened = "SELECT count(DISTINCT pid), count(*) FROM assigned"
    bench.wait_until(lambda: bench.query(opened) == [(1, 8)], "the worker is opened anew")
    bench.wait_until(lambda: sum(bench.marks().values()) == 2000, "all is taken")
    bench.assert_complete()
    assert bench.query("SELECT sum(count) FROM delivery WHERE first >= 200")[0][0] >= 1200
    assert bench.end(worker) == 0


@pytest.mark.parametrize("when", ["end when replaced", "end when opened"])
def test_a_worker_told_to_end_while_it_changes_projections_ends(bench: Bench, when: str) -> None:
    bench.feed(400)
    worker = bench.start()
    bench.await_taken()
    (bench.directory / when).touch()
    (bench.directory / "replaced").touch()
    assert worker.wait(240) == 0
    assert not (bench.directory / when).exists()
