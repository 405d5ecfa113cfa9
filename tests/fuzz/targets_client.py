"""Files that the commands and a starting node read: written by somebody else, or damaged since."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from ayni.v1.transaction_pb2 import SignedTransaction
from client import transactions
from client.cli import main
from client.cli.account_rows import read_accounts
from client.cli.entitlement_rows import read_issues, read_services
from client.cli.founding_files import founding_of
from client.cli.keys import _read_key
from client.contacts import read_contact
from client.context import Context
from client.draftfiles import write_draft
from client.drafts import Draft, with_signatures
from client.errors import ClientError, ExitCode
from client.importing import OPENING_COLUMNS, TRANSFER_COLUMNS, opening_builder, read_rows, transfer_builder
from client.keys import KdfCost, Keystore
from client.networks import Network, Networks, NodeAddress, load_networks, read_genesis_file, save_networks
from client.outbox import Outbox
from client.stamps import Stamp
from config import (
    ConfigError,
    NodeConfig,
    NodeSection,
    PeerSection,
    TlsSection,
    check,
    fingerprint,
    load,
    pinned_name,
    read_key_file,
    toml_text,
    write_certificate,
    write_key_file,
)
from tests.audit.history import VALUE_DATE
from tests.audit.year import CADIAI, TOKYO
from tests.fuzz import mutate_bytes, mutate_text, mutate_wire, seeds
from tests.fuzz.engine import Target
from tests.fuzz.targets_proofs import Said
from tests.vectors.founding import key

PASSWORD = "correct horse"
SHOWN_MAX = 40


@cache
def home() -> Path:
    """An Ayni home that knows the network of the history, with a keystore."""
    path = seeds.directory() / "home"
    network = Network("test", seeds.history().hash, seeds.genesis(), (NodeAddress("127.0.0.1:1"),))
    save_networks(path, Networks({"test": network}, "test"))
    store = Keystore(path / "keystore.json", lambda new: PASSWORD, KdfCost(1, 8192))
    store.put({"emilia/cadiai": key(CADIAI).seed, "emilia": key("emilia/decision").seed})
    return path


@cache
def context() -> Context:
    """What commands work with there."""
    return Context(home(), environ={"AYNI_KEYSTORE_PASSWORD": PASSWORD})


def file(name: str, data: bytes) -> Path:
    """A file with these bytes."""
    path = seeds.directory() / name
    path.write_bytes(data)
    return path


class Bug(Exception):
    """A command ended as a bug; its traceback says where."""

    def __init__(self, shown: str) -> None:
        super().__init__(shown[-1_500:])
        lines = re.findall(r'File "[^"]*/((?:client|audit|config|ledger|proofs)/[^"]+)", line (\d+)', shown)
        self.place = ":".join(lines[-1]) if lines else ""


def command(*words: str, name: str) -> Callable[[bytes], None]:
    """Runs a command on a file of that name ("FILE" in the words); a bug, or unclear output, is raised."""

    def run(data: bytes) -> None:
        path = str(file(name, data))
        output = seeds.directory() / "output.json"
        output.unlink(missing_ok=True)
        arguments = [{"FILE": path, "OUT": str(output)}.get(word, word) for word in words]
        out, err = io.StringIO(), io.StringIO()
        os.environ.update(AYNI_HOME=str(home()), AYNI_DEBUG="1", AYNI_KEYSTORE_PASSWORD=PASSWORD)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(arguments)
        if code == ExitCode.BUG:
            raise Bug(err.getvalue())
        shown = "\n".join(line[:SHOWN_MAX] for line in out.getvalue().splitlines()[:20])
        if code:
            raise Said(err.getvalue().replace(path, "FILE"))
        if shown:
            raise Said(shown)

    return run


def _drafts() -> list[Draft]:
    """A transfer, an opening, a decision and a reversal, some signed."""
    history = seeds.history()
    stamp = Stamp(b"\x01" * 16, history.time_ms + 10**6)
    leg = transactions.leg(TOKYO, "EUC", 1_250, value_date=VALUE_DATE, reference="caffè")
    transfer = transactions.transfer(CADIAI, [leg], stamp)
    drafts = [transfer, with_signatures(transfer, [key(CADIAI)], history.hash)]
    for entry in (entry for final in history.finals for entry in final.entries):
        if entry.tx.kind in ("decision", "opening", "reversal", "record_service", "define_class"):
            body = SignedTransaction.FromString(entry.tx.raw).body
            drafts.append(Draft(body, entry.tx.tx_id, (entry.tx.author,)))
    return drafts


@cache
def _draft_files() -> list[bytes]:
    found = []
    for number, draft in enumerate(_drafts()[:9]):
        for suffix in ("json", "ayni"):
            path = seeds.directory() / f"draft-{number}.{suffix}"
            write_draft(path, draft, "test", seeds.history().hash)
            found.append(path.read_bytes())
    return found


def _decision_files() -> list[bytes]:
    return [data for data in _draft_files() if b'"decision"' in data]


def _content_files() -> list[bytes]:
    """What `ayni tx build --from` reads."""
    return [
        json.dumps(json.loads(data)["content"], ensure_ascii=False).encode()
        for data in _draft_files()
        if data[:1] == b"{"
    ]


def either(first: Callable[..., bytes], second: Callable[..., bytes]) -> Callable[..., bytes]:
    """JSON is changed as JSON, other bytes as what they are."""

    def mutate(chance: Any, data: bytes, pool: Any) -> bytes:
        return (first if data[:1] == b"{" else second)(chance, data, pool)

    return mutate


def _keystore(data: bytes) -> None:
    store = Keystore(file("keystore.json", data), lambda new: PASSWORD, KdfCost(1, 8192))
    for name in store.public_keys():
        store.signing_key(name)


def _networks(data: bytes) -> None:
    there = seeds.directory() / "networks-home"
    if not there.exists():
        save_networks(there, load_networks(home()))
    (there / "networks.json").write_bytes(data)
    for network in load_networks(there).entries.values():
        network.genesis()


def _outbox(data: bytes) -> None:
    there = seeds.directory() / "outbox"
    pending = there / "pending"
    pending.mkdir(parents=True, exist_ok=True)
    (pending / f"{_entry_name()}.ayni").write_bytes(data)
    for entry in Outbox(there).pending():
        entry.body()


@cache
def _entry_name() -> str:
    return seeds.history().finals[3].entries[0].tx.tx_id.hex()


def _rows(columns: Any, build: Callable[[], Any]) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        path = file("rows.csv", data)
        rows = read_rows(path, columns, build(), profile="p", expires_at_ms=seeds.history().time_ms)
        if errors := [f"line {row.number}: {error}" for row in rows for error in row.errors]:
            raise Said("\n".join(errors[:5]))

    return run


TRANSFERS = b"""id,payee,amount,unit,payer,date,reference,document_hash
a-1,japan/tokyo,12.50,EUC,emilia/cadiai,2026-03-31,rent,
a-2,emilia/zenit,1:30,HRS,japan/tokyo,2026-03-31,"care, two
lines",0707070707070707070707070707070707070707070707070707070707070707
"""
SEMICOLONS = b"\xef\xbb\xbfid;payee;amount;unit;date\r\nb-1;japan/tokyo;12;EUC;2026-03-31\r\n"
OPENINGS = b"""id,kind,debtor,creditor,unit,amount,issuer,holder,class,date,reference,document_hash
1,balance,emilia/cadiai,japan/tokyo,EUC,9.00,,,,,from 2025,
2,holding,,,,5:00,japan/osaka,japan/osaka:yui,hours@japan,2023-10-01,,
"""
ACCOUNTS = b"""account,keys,threshold,credit_limit EUC,upper_limit HRS
emilia/new,emilia/cadiai,1,100.00,20
emilia/new:m-1,,,,
"""
SERVICES = b"""served_by,recipient,amount,paid,date,category,holder,fee,fee_unit
japan/tokyo:aiko,japan/tokyo:ken,1:30,credits,2026-03-31,care,japan/tokyo:ken,,
japan/tokyo:ken,japan/tokyo:aiko,2,fee,,,,5.00,EUC
"""
ISSUES = b"holder,items,date\nemilia/cadiai:maria,3,2026-03-31\n"


@cache
def _node_directory() -> Path:
    """Files that a node's configuration points to."""
    path = seeds.directory() / "node"
    path.mkdir()
    (path / "genesis.bin").write_bytes(seeds.genesis())
    write_key_file(path / "consensus.key", key("emilia/consensus").seed)
    for name in ("emilia", "japan", "andes", "quebec"):
        write_certificate(name, path / f"{name}.crt", path / f"{name}.tls.key")
    return path


@cache
def _configuration() -> bytes:
    path = _node_directory()
    peers = tuple(
        PeerSection(name, f"127.0.0.1:{7000 + at}", path / f"{name}.crt")
        for at, name in enumerate(("andes", "japan", "quebec"))
    )
    section = NodeSection(path / "data", path / "genesis.bin", path / "consensus.key")
    config = NodeConfig(
        node=section, tls=TlsSection(path / "emilia.crt", path / "emilia.tls.key"), peers=peers
    )
    return (
        toml_text(config, path)
        + '\n[listen]\nclient = "127.0.0.1:7410"\n[mempool]\ntransactions_max = 50_000\n'
        + '[consensus]\ntimeout_ms = 1000\n[log]\nlevel = "info"\n'
    ).encode()


TERMS = b"""
network = "valley"
founded = 2026-11-01T12:00:00Z
state_tree_bits = 8
[[units]]
code = "EUC"
nature = "mutual credit"
scale = 100
[[units]]
code = "HRS"
nature = "hours"
[[parameters]]
name = "deposit"
unit = "EUC"
value = "20"
[[parameters]]
name = "period-min"
value = "28d"
[[quotas]]
federation = "emilia"
unit = "HRS"
amount = "1:30"
[[federations]]
name = "emilia"
decision_keys = ["%s"]
threshold = 1
consensus_key = "%s"
service_key = "%s"
""" % tuple(key(use).public_key.hex().encode() for use in ("decision", "consensus", "service"))


def _toml(data: bytes) -> None:
    path = _node_directory() / "node.toml"
    path.write_bytes(data)
    problems = check(load(path, {}), ports=False)
    if problems:
        raise Said("\n".join(str(problem) for problem in problems[:3]))


def _certificate(data: bytes) -> None:
    pinned_name(data)
    fingerprint(data)


def _key_file(data: bytes) -> None:
    path = file("some.key", data)
    path.chmod(0o600)
    read_key_file(path)


CLIENT = (ClientError, Said)
TARGETS = (
    Target(
        "draft",
        "a transaction's file, from whoever drafted it, shown by `ayni tx inspect`",
        _draft_files,
        either(mutate_text.json_tree, mutate_wire.mutate),
        command("tx", "inspect", "FILE", name="draft.json"),
        CLIENT,
    ),
    Target(
        "draft-content",
        "a transaction's content as JSON, for `ayni tx build --from`",
        _content_files,
        mutate_text.json_tree,
        command("tx", "build", "--from", "FILE", "-o", "OUT", name="content.json"),
        CLIENT,
    ),
    Target(
        "decision",
        "a decision's file, from another federation, shown by `ayni decision show`",
        _decision_files,
        either(mutate_text.json_tree, mutate_wire.mutate),
        command("decision", "show", "FILE", name="decision.json"),
        CLIENT,
    ),
    Target(
        "keystore",
        "the encrypted keystore",
        lambda: [(home() / "keystore.json").read_bytes()],
        mutate_text.json_tree,
        _keystore,
        CLIENT,
    ),
    Target(
        "key-import",
        "a key's file, for `ayni keys import`",
        lambda: [
            b'{"ayni": 1, "kind": "key", "name": "a", "seed": "' + b"07" * 32 + b'"}',
            b"07" * 32 + b"\n",
        ],
        either(mutate_text.json_tree, mutate_text.tokens),
        lambda data: _read_key(file("import.key", data)),
        CLIENT,
    ),
    Target(
        "contact",
        "somebody's public keys",
        lambda: [
            json.dumps(
                {"ayni": 1, "kind": "keys", "keys": [{"name": "a", "public_key": key("a").public_key.hex()}]}
            ).encode()
        ],
        mutate_text.json_tree,
        lambda data: read_contact(file("contact.json", data)),
        CLIENT,
    ),
    Target(
        "networks",
        "networks.json of a home",
        lambda: [(home() / "networks.json").read_bytes()],
        mutate_text.json_tree,
        _networks,
        CLIENT,
    ),
    Target(
        "genesis-file",
        "a genesis file, for `ayni network add`",
        lambda: [seeds.genesis()],
        mutate_wire.mutate,
        lambda data: read_genesis_file(file("genesis.bin", data)),
        CLIENT,
    ),
    Target(
        "outbox",
        "a file of the outbox",
        lambda: list(seeds.transactions()[3:6]),
        mutate_wire.mutate,
        _outbox,
        CLIENT,
    ),
    Target(
        "csv-transfers",
        "transfers as CSV, for `ayni tx import`",
        lambda: [TRANSFERS, SEMICOLONS],
        mutate_text.tokens,
        _rows(TRANSFER_COLUMNS, lambda: transfer_builder(context().units, CADIAI, 0)),
        CLIENT,
    ),
    Target(
        "csv-openings",
        "balances and holdings as CSV, for `ayni opening import`",
        lambda: [OPENINGS],
        mutate_text.tokens,
        _rows(
            OPENING_COLUMNS,
            lambda: opening_builder(context().units, {"hours@japan": context().units["HRS"]}),
        ),
        CLIENT,
    ),
    Target(
        "csv-accounts",
        "accounts as CSV, for `ayni account open --csv`",
        lambda: [ACCOUNTS],
        mutate_text.tokens,
        lambda data: read_accounts(file("accounts.csv", data), context()),
        CLIENT,
    ),
    Target(
        "csv-services",
        "services as CSV, for `ayni entitlement serve --csv`",
        lambda: [SERVICES],
        mutate_text.tokens,
        lambda data: read_services(file("services.csv", data), context(), context().units["HRS"]),
        CLIENT,
    ),
    Target(
        "csv-issues",
        "issues as CSV, for `ayni entitlement issue --csv`",
        lambda: [ISSUES],
        mutate_text.tokens,
        lambda data: read_issues(file("issues.csv", data)),
        CLIENT,
    ),
    Target(
        "configuration",
        "a node's TOML, and the check of it",
        lambda: [_configuration()],
        mutate_text.tokens,
        _toml,
        (ConfigError, Said),
    ),
    Target(
        "founding",
        "what founders agree on, as TOML, and the genesis made of it",
        lambda: [TERMS],
        mutate_text.tokens,
        lambda data: founding_of([data.decode()]),
        (ValueError,),
    ),
    Target(
        "certificate",
        "a certificate, PEM, of another node",
        lambda: [(_node_directory() / "japan.crt").read_bytes()],
        mutate_bytes.mutate,
        _certificate,
        (ConfigError,),
    ),
    Target(
        "key-file",
        "a node's key file",
        lambda: [(_node_directory() / "consensus.key").read_bytes()],
        mutate_bytes.mutate,
        _key_file,
        (ConfigError,),
    ),
)
