"""Clients that send each transaction in a call of its own, as a till or a web form does.

Decides how many callers there are. A caller sends its next transaction when it knows what became of the one
before. Calls are made as anybody's program makes them from proto/, not by the SDK, which sends batches. The
method is in bench/README.md.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from statistics import median

import grpc

from ayni.v1 import ledger_service_pb2 as pb
from ayni.v1 import ledger_service_pb2_grpc
from bench.figures import Figure, Say, percentile
from bench.load import flood
from bench.network import ACCOUNTS, MEMBERS, Bench, running_bench
from bench.sizes import SIZES, Sizes

WAIT_MS = 20_000
SIGNED_A_SECOND = 3_000
"""More than can be sent."""


def calls(runs: int, say: Say, sizes: Sizes = SIZES) -> Figure:
    """Transactions final in a second by number of callers; the value of a run is that of the most callers."""
    measured: dict[int, list[dict[str, float]]] = {callers: [] for callers in sizes.callers}
    with running_bench() as bench:
        flood(bench, bench.single_leg(sizes.warm_up_transactions), sizes.throughput_window)
        for run in range(runs):
            for callers, points in measured.items():
                points.append(_point(bench, callers, sizes.calls_seconds))
                final, p50, p99 = (points[-1][name] for name in ("final", "p50", "p99"))
                say(
                    f"run {run + 1} of {runs}: {callers} callers, {final:,.1f} final a second, "
                    f"p50 {p50:,.1f} ms, p99 {p99:,.1f} ms"
                )
    points = [
        {name: median(point[name] for point in of_callers) for name in of_callers[0]}
        for of_callers in measured.values()
    ]
    parameters = {"members": MEMBERS, "accounts": ACCOUNTS, "legs": 1, "seconds": sizes.calls_seconds}
    values = [point["final"] for point in measured[max(sizes.callers)]]
    return Figure("calls", "transactions/s", values, parameters, points=points)


def _point(bench: Bench, callers: int, seconds: int) -> dict[str, float]:
    """So many callers for so long."""
    signed = iter(bench.single_leg(seconds * SIGNED_A_SECOND))
    values, passed = asyncio.run(_called(bench, callers, signed, seconds))
    return {
        "callers": float(callers),
        "final": len(values) / passed,
        "p50": percentile(values, 50),
        "p99": percentile(values, 99),
    }


async def _called(
    bench: Bench, callers: int, signed: Iterator[bytes], seconds: int
) -> tuple[Sequence[float], float]:
    """Milliseconds of each call, and seconds from the first call to the last answer."""
    node = bench.client.network.nodes[0]
    credentials = grpc.ssl_channel_credentials(node.certificate_pem)
    async with grpc.aio.secure_channel(node.address, credentials) as channel:
        stub = ledger_service_pb2_grpc.LedgerServiceStub(channel)
        await channel.channel_ready()
        values: list[float] = []
        began = time.perf_counter()

        async def caller() -> None:
            while (sent := time.perf_counter()) < began + seconds:
                request = pb.SubmitRequest(
                    genesis_hash=bench.testnet.genesis_hash, transactions=[next(signed)], wait_ms=WAIT_MS
                )
                [outcome] = (await stub.Submit(request)).outcomes
                if outcome.kind != pb.OUTCOME_KIND_FINAL:
                    raise RuntimeError(f"a transaction did not become final: {outcome}")
                values.append((time.perf_counter() - sent) * 1000)

        await asyncio.gather(*(caller() for _ in range(callers)))
        return values, time.perf_counter() - began
