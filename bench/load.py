"""Sends what was signed before, and takes the time: as fast as it is taken, at a rate, or one by one.

Decides when the clock starts and stops. An outcome that is not final ends the bench with an error.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from ayni.v1.block_pb2 import Header
from ayni.v1.receipt_pb2 import Receipt
from bench.network import Bench
from client.drafts import id_of
from client.flow import flow
from client.outcomes import Kind, Outcome

FLOW_BATCH = 200
TOGETHER_SECONDS = 0.005
"""At a high rate, what falls due within so long is sent in one message."""


def flood(bench: Bench, signed: Sequence[bytes], window: int, batch: int = FLOW_BATCH) -> float:
    """Sends all, as fast as they are taken; seconds from the first one sent to the last one final."""
    final = 0
    began = time.perf_counter()
    for outcome in flow(bench.client, signed, window=window, batch=batch):
        _require_final(outcome)
        final += 1
    seconds = time.perf_counter() - began
    if final != len(signed):
        raise RuntimeError(f"{final} of {len(signed)} transactions have an outcome")
    return seconds


def paced(bench: Bench, signed: Sequence[bytes], rate: int) -> tuple[list[float], float]:
    """Sends `rate` a second, whatever comes back: (milliseconds from due time to verified receipt of each,
    receipts per second from the first to the last).

    Above 200 a second, those due within 5 ms are due, and sent, together at the beginning of them.
    """
    together = max(1, round(rate * TOGETHER_SECONDS))
    due: dict[bytes, float] = {}
    ids = [id_of(raw) for raw in signed]
    began = time.perf_counter() + 0.1

    def source() -> Iterator[bytes]:
        for index, raw in enumerate(signed):
            at = began + (index - index % together) / rate
            while (left := at - time.perf_counter()) > 0:
                time.sleep(left)
            due[ids[index]] = at
            yield raw

    values: list[float] = []
    first = last = 0.0
    for outcome in flow(bench.client, source(), window=len(signed), batch=together, want_receipts=True):
        _require_receipt(outcome)
        last = time.perf_counter()
        first = first or last
        values.append((last - due[outcome.tx_id]) * 1000)
    return values, (len(values) - 1) / (last - first)


def one_by_one(bench: Bench, signed: Sequence[bytes]) -> list[tuple[float, int]]:
    """Sends each when the one before has its receipt: (milliseconds from sending to verified receipt, index
    of the member that led the receipt's block)."""
    values = []
    for raw in signed:
        began = time.perf_counter()
        [outcome] = bench.client.submit([raw])
        receipt = _require_receipt(outcome)
        passed = (time.perf_counter() - began) * 1000
        values.append((passed, Header.FromString(receipt.header).leader))
    return values


def _require_final(outcome: Outcome) -> None:
    if outcome.kind is not Kind.FINAL:
        raise outcome.error() or RuntimeError("an outcome is neither")


def _require_receipt(outcome: Outcome) -> Receipt:
    _require_final(outcome)
    if outcome.receipt is None:
        raise RuntimeError("a final outcome has no receipt")
    return outcome.receipt
