"""Which share of what could be saved does a pool of KV segments save, and what does a lease cost?

    python -m benchmarks.kv_pool [--json FILE] [--check]

Chains of segments of one to a few hundred tokens (log-normal, median 67) in trees, asked for by Zipf's law
with exponent 1, and with a set of favourites that changes ten times; three trees of each. A pool holds a tenth, a quarter or
half of all tokens that are asked for. `saved`: the share of the milliseconds of computing everything that
its hits save; `of bound`: of the most that any pool of that size could save, knowing all requests before
(`benchmarks.kv_chains.most_saved` says what exactly; it is too high for any policy). Milliseconds of computing are
by rule; tensors are small, so that leases are timed and not copies. `worst`: of the three. The files' speed
is measured apart, on a segment of SmolLM2-135M's size.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from statistics import fmean
from time import perf_counter

import torch

from benchmarks.harness import Report, finish, p50, parse, percentile, progress, timed, workshop
from benchmarks.kv_chains import Chain, Node, Workload, chains, most_saved, shifting, zipf
from memos.activation.pool.eviction import EvictionPolicy, Gdsf, Lfu, Lru
from memos.activation.pool.figures import Refusal
from memos.activation.pool.file_tier import FileTier
from memos.activation.pool.limits import Limits
from memos.activation.pool.memory_tier import MemoryTier
from memos.activation.pool.pool import Pool
from memos.activation.segment import Segment

CHAINS, REQUESTS = 1_000, 10_000
SEEDS = (1, 2, 3)
SHARES = (0.1, 0.25, 0.5)
POLICIES: dict[str, Callable[[], EvictionPolicy]] = {"GDSF": Gdsf, "LRU": Lru, "LFU": Lfu}
TOKEN_BYTES = 8
"""Of the small tensors."""
THREADS = 8
FILE_SHAPE = (30, 2, 3, 100, 64)
"""A hundred tokens of SmolLM2-135M, in fp32: 4.6 MB."""
FILE_LOADS = 30
UNLIMITED = Limits(1 << 40)
TENANT = "acme"

Segments = dict[bytes, Segment]


def main(arguments: Sequence[str] | None = None) -> int:
    """Replay the requests; the exit code."""
    options = parse("kv_pool", __doc__, arguments)
    torch.set_num_threads(1)
    report = Report()
    trees = [chains(CHAINS, Random(seed)) for seed in SEEDS]
    segments = [_segments(tree) for tree in trees]
    for make in (zipf, shifting):
        workloads = [
            make(tree, REQUESTS, Random(seed)) for tree, seed in zip(trees, SEEDS, strict=True)
        ]
        for share in SHARES:
            progress(f"{workloads[0].name}, a pool of {share:.0%}")
            for name, policy in POLICIES.items():
                _compare(report, workloads, segments, share, name, policy)
    for kind in ("zipf", "shifting"):
        report.figures[f"{kind}, worst GDSF / bound"] = min(
            figure
            for name, figure in report.figures.items()
            if name.startswith(f"{kind} ") and "GDSF" in name
        )
    _leases(report, zipf(trees[0], REQUESTS, Random(SEEDS[0])), segments[0])
    _files(report)
    return finish(options, report)


def _segments(tree: Sequence[Chain]) -> Segments:
    return {node.key: _segment(node) for chain in tree for node in chain}


def _segment(node: Node) -> Segment:
    return Segment(node.key, node.parent, node.start, torch.zeros((1, 2, 1, node.tokens, 1)))


def _compare(
    report: Report,
    workloads: Sequence[Workload],
    segments: Sequence[Segments],
    share: float,
    name: str,
    policy: Callable[[], EvictionPolicy],
) -> None:
    """A policy on workloads of one kind: their mean, and the worst of them."""
    hits, saved, bounds, seconds = [], [], [], 0.0
    for workload, of_tree in zip(workloads, segments, strict=True):
        capacity = int(share * workload.tokens)
        pool = Pool([MemoryTier("memory", Limits(capacity * TOKEN_BYTES))], policy=policy)
        begun = perf_counter()
        _replay(pool, workload, of_tree)
        seconds += perf_counter() - begun
        figures = pool.figures()
        assert figures.peak_bytes["memory"] <= capacity * TOKEN_BYTES
        assert set(figures.refused) <= {Refusal.NO_ROOM, Refusal.NO_PARENT}
        hits.append(figures.hits["memory"] / figures.requested)
        saved.append(figures.saved_milliseconds / workload.milliseconds)
        bounds.append(most_saved(workload, capacity) / workload.milliseconds)
    of_bound = [one / most for one, most in zip(saved, bounds, strict=True)]
    kind = workloads[0].name
    report.figures[f"{kind} {share:.0%} {name} / bound"] = min(of_bound)
    report.row(
        requests=kind,
        pool=f"{share:.0%}",
        policy=name,
        segments_hit=fmean(hits),
        saved=fmean(saved),
        bound=fmean(bounds),
        of_bound=fmean(of_bound),
        worst=min(of_bound),
        requests_a_second=round(len(workloads) * REQUESTS / seconds),
    )


def _replay(pool: Pool, workload: Workload, segments: Segments) -> None:
    for chain in workload.requests:
        _request(pool, chain, segments)


def _request(pool: Pool, chain: Chain, segments: Segments) -> None:
    lease = pool.lease(TENANT, [node.key for node in chain])
    for node in chain[len(lease.segments) :]:
        pool.offer(TENANT, segments[node.key], node.milliseconds)
    lease.release()


def _leases(report: Report, workload: Workload, segments: Segments) -> None:
    """What a lease on a stored chain costs, by one thread and by several on the same chains."""
    progress("leases")
    pool = Pool([MemoryTier("memory", UNLIMITED)])
    _replay(pool, workload, segments)
    times: list[float] = []
    for chain in workload.requests:
        keys = [node.key for node in chain]
        begun = perf_counter()
        pool.lease(TENANT, keys).release()
        times.append(perf_counter() - begun)
    one = timed(lambda: _replay(pool, workload, segments))
    with ThreadPoolExecutor(THREADS) as threads:
        many = timed(
            lambda: list(threads.map(lambda _: _replay(pool, workload, segments), range(THREADS)))
        )
    report.figures["lease p50 µs"] = p50(times) * 1e3
    report.figures["lease p99 µs"] = percentile(times, 0.99) * 1e3
    report.figures["requests/s, all stored"] = len(times) / one
    report.figures[f"requests/s, all stored, {THREADS} threads"] = THREADS * len(times) / many
    report.row(
        leases=f"chains of {sum(map(len, workload.requests)) / len(times):.1f} segments, all stored",
        p50_µs=report.figures["lease p50 µs"],
        p99_µs=report.figures["lease p99 µs"],
        requests_a_second=round(len(times) / one),
        by_8_threads=round(THREADS * len(times) / many),
    )


def _files(report: Report) -> None:
    """What writing and loading a segment of a small model costs, fp32 and int8."""
    for as_int8 in (False, True):
        coding = "int8" if as_int8 else "fp32"
        progress(f"files, {coding}")
        with workshop("kv-pool") as directory:
            _measure_files(report, directory, coding, as_int8=as_int8)


def _measure_files(report: Report, directory: Path, coding: str, *, as_int8: bool) -> None:
    tensor = torch.randn(FILE_SHAPE, generator=torch.Generator().manual_seed(1))
    stored = [Segment(bytes([number]) * 32, b"", 0, tensor.clone()) for number in range(FILE_LOADS)]

    def started(limits: Limits) -> Pool:
        files = FileTier(directory, UNLIMITED, b"s" * 32, lambda _: (b"k" * 32,), as_int8=as_int8)
        return Pool([MemoryTier("memory", limits)], files)

    first = started(UNLIMITED)
    for one in stored:
        first.offer(TENANT, one, 1e4)
    writing = timed(first.save)
    pool = started(Limits(tensor.nbytes))
    times: list[float] = []
    for one in stored:
        begun = perf_counter()
        with pool.lease(TENANT, [one.key]) as lease:
            times.append(perf_counter() - begun)
            assert as_int8 or torch.equal(lease.segments[0].keys_values, one.keys_values)
    figures = pool.figures()
    report.figures[f"{coding} load p50 ms"] = p50(times)
    report.row(
        files=coding,
        segment_MB=tensor.nbytes / 1e6,
        file_MB=figures.bytes["files"][TENANT] / FILE_LOADS / 1e6,
        write_ms=writing / FILE_LOADS * 1e3,
        load_p50_ms=p50(times),
        load_MB_s=round(tensor.nbytes / 1e6 / (p50(times) / 1e3)),
        predicted_of_actual=figures.predicted_milliseconds / figures.load_milliseconds,
        right_loads=figures.right_loads,
    )


if __name__ == "__main__":
    sys.exit(main())
