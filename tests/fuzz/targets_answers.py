"""What a lying node answers: commands show it, refuse it or say that it does not verify, and never break."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from functools import cache
from typing import Any

import grpc
from google.protobuf.message import DecodeError, Message

from ayni.v1 import ledger_service_pb2, ledger_service_pb2_grpc
from client import channels
from client.cli import main
from client.errors import ExitCode
from tests.audit.history import HOURS, SHARES
from tests.audit.year import CADIAI, MARIA, TOKYO
from tests.fuzz import mutate_wire, seeds
from tests.fuzz.engine import Target
from tests.fuzz.targets_client import Bug, home
from tests.fuzz.targets_network import Context, _collect, _service, run_now
from tests.fuzz.targets_proofs import Said

METHODS = sorted(ledger_service_pb2.DESCRIPTOR.services_by_name["LedgerService"].methods_by_name)
SHOWN_CHARACTERS_MAX = 1_500


@cache
def commands() -> tuple[tuple[str, ...], ...]:
    """Commands that read."""
    entries = [entry.tx for final in seeds.history().finals for entry in final.entries]
    decided = next(tx for tx in entries if tx.kind == "decision").tx_id.hex()
    ids = {tx.kind: tx.tx_id.hex() for tx in entries}
    out = str(seeds.directory() / "answer")
    return (
        ("account", "show", MARIA),
        ("account", "show", CADIAI, "--json"),
        ("account", "list", "emilia"),
        ("account", "statement", TOKYO),
        ("account", "statement", TOKYO, "--csv"),
        ("account", "statement", CADIAI, "--json"),
        ("account", "proof", CADIAI, "--balance", "EUC", "-o", out),
        ("member", "list"),
        ("member", "show", CADIAI),
        ("class", "list"),
        ("class", "show", SHARES),
        ("pool", "show"),
        ("pool", "dues"),
        ("pool", "settlements"),
        ("pool", "settlements", "--period", "2", "--json"),
        ("entitlement", "list", MARIA),
        ("entitlement", "list", "japan/osaka:yui", "--json"),
        ("tx", "show", ids["transfer"]),
        ("tx", "show", ids["close_period"]),
        ("tx", "show", ids["record_service"], "--json"),
        ("tx", "receipt", ids["transfer"], "-o", out),
        ("decision", "show", decided),
        ("evidence", "list"),
        ("class", "show", HOURS, "--json"),
    )


class Unreadable(grpc.RpcError):
    """What grpc says of bytes that are no message."""

    def code(self) -> grpc.StatusCode:
        """See grpc.Call."""
        return grpc.StatusCode.INTERNAL

    def details(self) -> str:
        """See grpc.Call."""
        return "Exception deserializing response!"

    def trailing_metadata(self) -> tuple[()]:
        """See grpc.Call."""
        return ()


class Answers:
    """A stub of which one method lies; the others answer as a node does."""

    def __init__(self, lied: str = "", answer: bytes = b"") -> None:
        self.lied, self.answer = lied, answer
        self.told: dict[str, bytes] = {}

    def __getattr__(self, method: str) -> Any:
        if method not in METHODS:
            raise AttributeError(method)
        return lambda request, timeout: self._answer(method, request)

    def _answer(self, method: str, request: Message) -> Any:
        if method == self.lied:
            try:
                lie = _response_class(method).FromString(self.answer)
            except DecodeError:
                raise Unreadable from None
            return iter([lie]) if method == "Export" else lie
        service, _ = _service()
        function = getattr(service, method)
        if method == "Export":
            return iter(run_now(_collect(function(request, Context()))))
        answer = run_now(function(request, Context()))
        self.told.setdefault(method, answer.SerializeToString(deterministic=True))
        return answer


def _response_class(method: str) -> Any:
    service = ledger_service_pb2.DESCRIPTOR.services_by_name["LedgerService"]
    return service.methods_by_name[method].output_type._concrete_class


class _Channel:
    """No connection."""

    def close(self) -> None:
        """Nothing to close."""


@contextlib.contextmanager
def answered_by(answers: Answers) -> Iterator[None]:
    """Whoever connects to a node meanwhile talks to `answers`."""
    channel, stub = channels._channel, ledger_service_pb2_grpc.LedgerServiceStub
    fake: Any = lambda _: answers  # noqa: E731  a stub is made of a channel
    channels._channel = lambda _: _Channel()  # type: ignore[assignment,return-value]
    ledger_service_pb2_grpc.LedgerServiceStub = fake  # type: ignore[misc]
    try:
        yield
    finally:
        channels._channel = channel
        ledger_service_pb2_grpc.LedgerServiceStub = stub  # type: ignore[misc]


def _run(words: tuple[str, ...], answers: Answers) -> tuple[int, str]:
    """Exit code, and what was shown."""
    out, err = io.StringIO(), io.StringIO()
    os.environ.update(AYNI_HOME=str(home()), AYNI_DEBUG="1")
    (seeds.directory() / "answer").unlink(missing_ok=True)
    with answered_by(answers), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(list(words))
    if code == ExitCode.BUG:
        raise Bug(err.getvalue())
    return code, err.getvalue() if code else out.getvalue()


def _lie(data: bytes) -> None:
    """The first byte is the command, the second the method that lies; the rest is its answer."""
    if len(data) < 2:
        return
    answers = Answers(METHODS[data[1] % len(METHODS)], data[2:])
    code, shown = _run(commands()[data[0] % len(commands())], answers)
    if code:
        raise Said(shown)
    # What is shown may be long; that nothing in it steers a terminal is what matters.
    raise Said("\n".join(line[:100] for line in shown.splitlines())[:SHOWN_CHARACTERS_MAX] or "nothing")


def _honest() -> list[bytes]:
    found = []
    for number, words in enumerate(commands()):
        answers = Answers()
        code, shown = _run(words, answers)
        if code not in (ExitCode.DONE, ExitCode.NOT_FOUND):
            raise RuntimeError(f"{' '.join(words)}: {shown}")
        for method, answer in answers.told.items():
            if method != "GetNetwork":
                found.append(bytes([number, METHODS.index(method)]) + answer)
    return found


def _mutate(chance: Any, data: bytes, pool: Any) -> bytes:
    same = [each[2:] for each in pool if each[1:2] == data[1:2]] or [data[2:]]
    return data[:2] + mutate_wire.mutate(chance, data[2:], same)


TARGETS = (
    Target(
        "answers",
        "answers of a lying node, to every command that reads",
        cache(_honest),
        _mutate,
        _lie,
        (Said,),
    ),
)
