"""Verifies signatures on the other cores, ahead of execution: most of an audit is that.

Decides nothing by itself. A worker is a process that reads frames of history.bin and answers of each whether
every transaction's signatures in it verify; all else of them (T1, and whose signatures are wanted) is judged
where the block is executed. What it does not say yes to, or has not come to in time, is verified there, which
says what is wrong. So a worker that dies, or cannot be started, costs time and nothing else.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import BinaryIO

from google.protobuf.message import DecodeError

from audit.archive import LENGTH_BYTES
from audit.findings import AuditStopped
from ayni.v1.block_pb2 import BlockBody, CertifiedBlock
from ledger import limits
from ledger.transactions import signatures_verify

WORTH_BYTES = 1 << 20
"""A history shorter than this is verified before a worker has started."""
AHEAD_FRAMES = 4
"""Read ahead for each worker."""
AHEAD_BYTES = 32 << 20
"""Read no further ahead than this, for all of them."""
_PROGRAM = "import sys; from audit.workers import main; main(bytes.fromhex(sys.argv[1]))"
VERIFIED, NOT_VERIFIED = b"\1", b"\0"


def workers_for(size: int) -> int:
    """How many are worth while for so many bytes of history: one for each core but the one that executes."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores - 1 if size >= WORTH_BYTES else 0


def verified_ahead(
    frames: Iterator[bytes], genesis_hash: bytes, count: int
) -> Generator[tuple[bytes, bool], None, None]:
    """Each frame in order, with whether one of `count` workers verified all its signatures.

    Raises what `frames` raises. To be closed when it is not read to its end.
    """
    workers = _start(count, genesis_hash)
    if not workers:
        yield from ((frame, False) for frame in frames)
        return
    idle: SimpleQueue[_Worker] = SimpleQueue()
    for worker in workers:
        idle.put(worker)
    threads = ThreadPoolExecutor(len(workers))
    try:
        yield from _ahead(frames, threads, idle, AHEAD_FRAMES * len(workers))
    finally:
        threads.shutdown(cancel_futures=True)
        for worker in workers:
            worker.stop()


def _ahead(
    frames: Iterator[bytes], threads: ThreadPoolExecutor, idle: SimpleQueue[_Worker], frames_max: int
) -> Iterator[tuple[bytes, bool]]:
    waiting: deque[tuple[bytes, Future[bool]]] = deque()
    bytes_waiting = 0
    at_end = False
    stopped: AuditStopped | None = None
    while True:
        while not at_end and len(waiting) < frames_max and bytes_waiting < AHEAD_BYTES:
            try:
                frame = next(frames)
            except StopIteration:
                at_end = True
            except AuditStopped as problem:  # it is of after what waits
                at_end, stopped = True, problem
            else:
                waiting.append((frame, threads.submit(_ask, idle, frame)))
                bytes_waiting += len(frame)
        if not waiting:
            break
        frame, answer = waiting.popleft()
        bytes_waiting -= len(frame)
        # One that no worker has come to is verified here: nobody waits for who is behind.
        yield frame, not answer.cancel() and answer.result()
    if stopped is not None:
        raise stopped


def _ask(idle: SimpleQueue[_Worker], frame: bytes) -> bool:
    worker = idle.get()
    try:
        return worker.verifies(frame)
    finally:
        idle.put(worker)


class _Worker:
    """One process that verifies, as its parent sees it."""

    def __init__(self, genesis_hash: bytes) -> None:
        """Raises OSError."""
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _PROGRAM, genesis_hash.hex()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(_where_modules_are())},
        )

    def verifies(self, frame: bytes) -> bool:
        """Whether every signature in a frame verifies; not, when the process is dead."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            return False
        try:
            stdin.write(len(frame).to_bytes(LENGTH_BYTES))
            stdin.write(frame)
            stdin.flush()
            return stdout.read(1) == VERIFIED
        except OSError:
            return False

    def stop(self) -> None:
        """Ends it, whatever it is doing."""
        self._process.kill()
        self._process.communicate()


def _where_modules_are() -> list[str]:
    """For a worker. Not the present directory: it may be an export, or anything that somebody sent."""
    return [*filter(None, sys.path), str(Path(__file__).parent.parent)]


def _start(count: int, genesis_hash: bytes) -> list[_Worker]:
    workers: list[_Worker] = []
    for _ in range(count):
        try:
            workers.append(_Worker(genesis_hash))
        except OSError:
            break
    return workers


# --- in the worker -------------------------------------------------------------------------------------


def answer_all(frames: BinaryIO, answers: BinaryIO, genesis_hash: bytes) -> None:
    """Answers every frame that comes, until no more come."""
    while len(prefix := frames.read(LENGTH_BYTES)) == LENGTH_BYTES:
        frame = frames.read(int.from_bytes(prefix))
        answers.write(VERIFIED if _verifies(frame, genesis_hash) else NOT_VERIFIED)
        answers.flush()


def _verifies(frame: bytes, genesis_hash: bytes) -> bool:
    try:
        data = CertifiedBlock.FromString(frame).body
        if len(data) > limits.BLOCK_BODY_BYTES_MAX:  # B1; unpacked, a frame of nothing takes a GB
            return False
        body = BlockBody.FromString(data)
    except DecodeError:
        return False
    if len(body.transactions) > limits.BLOCK_TRANSACTIONS_MAX:  # read, two million of nothing take half a GB
        return False
    return signatures_verify(body.transactions, genesis_hash)


def main(genesis_hash: bytes) -> None:
    """A worker's life."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # its parent ends it
    answer_all(sys.stdin.buffer, sys.stdout.buffer, genesis_hash)
