"""Sends what was signed before, and takes the time: as fast as it is taken, or at a rate.

Decides when the clock starts and stops. An outcome that is not final ends the bench with an error.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from bench.network import Bench
from client.drafts import id_of
from client.flow import flow
from client.outcomes import Kind

FLOW_BATCH = 200


def flood(bench: Bench, signed: Sequence[bytes], window: int, batch: int = FLOW_BATCH) -> float:
    """Sends all, as fast as they are taken; seconds from the first one sent to the last one final."""
    final = 0
    began = time.perf_counter()
    for outcome in flow(bench.client, signed, window=window, batch=batch):
        if outcome.kind is not Kind.FINAL:
            raise outcome.error() or RuntimeError("an outcome is neither")
        final += 1
    seconds = time.perf_counter() - began
    if final != len(signed):
        raise RuntimeError(f"{final} of {len(signed)} transactions have an outcome")
    return seconds


def paced(bench: Bench, signed: Sequence[bytes], rate: int) -> list[float]:
    """Sends one every 1/rate seconds, whatever comes back; milliseconds from due time to verified receipt."""
    due: dict[bytes, float] = {}
    ids = [id_of(raw) for raw in signed]
    began = time.perf_counter() + 0.1

    def source() -> Iterator[bytes]:
        for index, raw in enumerate(signed):
            at = began + index / rate
            while (left := at - time.perf_counter()) > 0:
                time.sleep(left)
            due[ids[index]] = at
            yield raw

    values = []
    for outcome in flow(bench.client, source(), window=len(signed), batch=1, want_receipts=True):
        if outcome.kind is not Kind.FINAL or outcome.receipt is None:
            raise outcome.error() or RuntimeError("a final outcome has no receipt")
        values.append((time.perf_counter() - due[outcome.tx_id]) * 1000)
    return values
