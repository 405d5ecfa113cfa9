"""`--json` of every command: one object, versioned, amounts as decimal strings; no command is forgotten."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from ayni.v1 import block_pb2
from client.cli import cli
from proofs.domains import vote_message
from proofs.evidence import make_evidence
from tests.client.desk import HOURS, SHARES, Desk, open_desk

ANNA = "emilia/cadiai:anna"
FILES = {
    "PAYMENT": "payment.json",
    "DECISION": "quota.json",
    "RECEIPT": "payment.receipt",
    "PROOF": "balance.proof",
    "HISTORY": "history",
    "EVIDENCE": "emilia.evidence",
}
"""What `prepare` makes; ID is the payment's transaction, CONFIG the node's configuration, NET the network."""

READS = (
    "account list",
    "account list emilia/cadiai --limit 2",
    "account proof emilia/cadiai -o keys.proof",
    "account proof emilia/cadiai --balance EUC -o balance.proof",
    f"account proof {ANNA} --holding {SHARES} -o holding.proof",
    "account proof emilia/cadiai --dues EUC -o dues.proof",
    "account proof emilia/nobody -o nobody.proof",
    "account show emilia/cadiai",
    f"account show {ANNA}",
    "account statement emilia/cadiai",
    f"account statement {ANNA} --until 2020-01-01",
    "audit compare HISTORY HISTORY --genesis NET",
    "audit evidence EVIDENCE --genesis NET",
    "audit receipt RECEIPT --genesis NET",
    "audit receipt PROOF --genesis NET",
    "audit verify HISTORY --genesis NET",
    "class list",
    f"class show {SHARES}",
    f"class show {HOURS}",
    "config check --running CONFIG",
    "decision show DECISION",
    "decision show ID_OF_DECISION",
    f"entitlement list {ANNA}",
    "entitlement list pool",
    "evidence list",
    "genesis show history/genesis.bin",
    "keys list",
    "keys show cadiai",
    "member list",
    "member show emilia",
    "member show emilia/cadiai",
    "network list",
    "node health --config CONFIG",
    "node status --config CONFIG",
    "pool dues",
    "pool settlements",
    "pool settlements --period 1",
    "pool show",
    "tx inspect PAYMENT",
    "tx pending",
    "tx receipt ID -o again.receipt",
    "tx show ID",
    "tx wait ID",
)
WRITES = (
    "account close|limit|open|rotate-keys",
    "class define",
    "decision draft|sign|submit",
    "demo",
    "entitlement donate|give|issue|redeem|serve",
    "evidence export",
    "export",
    "genesis founder|make|sign",
    "keys export|import|new|passwd",
    "member suspend",
    "network add|use",
    "node doctor|init",
    "opening import",
    "pool close-period|contribute",
    "testnet create",
    "tx build|import|reverse|sign|submit|transfer",
)
"""Commands that write something, and say so with `--json`, or want a node that does not run; their own tests
read it."""
COUNTS = {
    "agreed_blocks", "ayni", "blocks", "bytes", "database_bytes", "effective_height", "epoch",
    "expires_after_days", "final_at_height", "finalizations", "format", "height", "hosted_accounts",
    "issuers", "line", "log_index", "log_size", "lots", "member", "memory_bytes", "mempool_transactions",
    "non_member_bp", "open_period", "opened_height", "origin", "origin_line", "period", "records", "scale",
    "settlements", "signatures", "signed", "state_tree_bits", "threshold", "transactions",
    "uptime_ms", "user_seats_bp", "view",
}  # fmt: skip
"""What may be a number: it is counted, and is no amount of a unit."""
VOTED = {("items", "value"), ("parameters", "value")}
DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    directory = tmp_path_factory.mktemp("reads")
    with open_desk(directory) as opened, pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)
        prepare(opened)
        yield opened


def prepare(desk: Desk) -> None:
    """A settled period, and one of each file that a command reads."""
    payment, decision = FILES["PAYMENT"], FILES["DECISION"]
    desk.do("decision", "draft", "parameter", "period-min", "0s", "-o", decision)
    desk.do("decision", "sign", decision)
    desk.do("decision", "submit", decision)
    desk.do("pool", "close-period")
    desk.do("tx", "build", "emilia/cadiai", "emilia/camst", "12.50", "EUC", "-o", payment)
    desk.do("tx", "submit", payment)
    desk.do("tx", "receipt", desk.read("tx", "inspect", payment)["tx_id"], "-o", FILES["RECEIPT"])
    desk.do("account", "proof", "emilia/cadiai", "--balance", "EUC", "-o", FILES["PROOF"])
    desk.do("export", "-o", FILES["HISTORY"])
    Path(FILES["EVIDENCE"]).write_bytes(evidence(desk))


def evidence(desk: Desk) -> bytes:
    """Of two votes in one view, made with the node's own key."""
    votes = []
    for digest in (b"a" * 32, b"b" * 32):
        kind = block_pb2.VOTE_KIND_NOTARIZE
        signature = desk.testnet.founders[0].consensus.sign(
            vote_message(desk.testnet.genesis_hash, 0, 7, kind, digest)
        )
        votes.append(block_pb2.Vote(view=7, kind=kind, digest=digest, member=0, signature=signature))
    return make_evidence(desk.testnet.genesis_hash, *votes).SerializeToString(deterministic=True)


def words(desk: Desk, line: str) -> list[str]:
    known = {
        **FILES,
        "CONFIG": str(desk.testnet.nodes[0].config.source),
        "NET": desk.name,
        "ID": desk.read("tx", "inspect", FILES["PAYMENT"])["tx_id"],
        "ID_OF_DECISION": desk.read("decision", "show", FILES["DECISION"])["tx_id"],
    }
    return [known.get(word, word) for word in line.split()]


@pytest.mark.parametrize("line", READS)
def test_a_read_is_one_versioned_object_without_a_number_that_is_an_amount(desk: Desk, line: str) -> None:
    said = desk.do(*words(desk, line), "--json")
    document = json.loads(said, parse_float=pytest.fail)  # one object, and nothing after it
    assert document["ayni"] == 1
    assert re.fullmatch(r"[a-z][a-z_-]*", document["kind"])
    numbers = [path for path, value in members(document) if isinstance(value, int) and not counted(path)]
    assert numbers == []


@pytest.mark.parametrize("line", READS)
def test_a_read_says_the_same_in_words(desk: Desk, line: str) -> None:
    assert desk.do(*words(desk, line)).strip()


def test_amounts_are_decimal_strings(desk: Desk) -> None:
    amounts = {"balance", "credit_limit", "available", "upper_limit", "ceiling", "outstanding", "deposit"}
    amounts |= {"amount", "gross", "netted", "paid_out", "carried", "common_capital", "claims", "owed"}
    seen: set[str] = set()
    for line in READS:
        for path, value in members(desk.read(*words(desk, line))):
            if path[-1] in amounts and value is not None:
                assert DECIMAL.fullmatch(str(value)), (line, path, value)
                seen.add(path[-1])
    assert seen == amounts - {"upper_limit"}  # which nobody has here


def members(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value that is neither object nor list, with the names that lead to it. True is no number."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield from members(one, (*path, name))
    elif isinstance(value, list):
        for one in value:
            yield from members(one, path)
    elif not isinstance(value, bool):
        yield path, value


def counted(path: tuple[str, ...]) -> bool:
    """A voted parameter is a number when it is no amount; of balances the auditor says how many there are."""
    return path[-1] in COUNTS or path[-2:] in VOTED or "balances_recomputed" in path


def test_every_command_with_json_is_read_here_or_writes_something() -> None:
    listed = {command_of(line) for line in READS}
    listed |= {f"{group} {name}".strip() for line in WRITES for group, name in named(line)}
    found = {path for path, command in leaves(cli, ()) if any("--json" in one.opts for one in command.params)}
    found = {"decision draft" if path.startswith("decision draft ") else path for path in found}
    assert found == listed


def named(line: str) -> Iterator[tuple[str, str]]:
    group, _, names = line.partition(" ")
    for name in names.split("|"):
        yield group, name


def command_of(line: str) -> str:
    return " ".join(line.split()[:2])


def leaves(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield " ".join(path), command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from leaves(found, (*path, name))
