"""Whatever is typed at a real network, the answer is three lines that a person can act on, never a bug."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator

import pytest

from tests.client.conftest import three_lines
from tests.client.desk import Desk, open_desk

TRANSFER = "tx transfer emilia/cadiai emilia/camst"
SERVE = (
    "entitlement serve hours@emilia --served-by emilia/cadiai:anna --recipient emilia/cadiai:berta --amount"
)
SHARES = "shares-2026@emilia/cadiai"
UNKNOWN_ID = "0" * 64
FILES = {
    "adir/": b"",
    "empty": b"",
    "bytes": bytes(range(256)),
    "object.json": b"{}",
    "list.json": b"[1]",
    "deep.json": b"[" * 100_000,
    "draft.json": b'{"ayni": 1, "kind": "draft"}',
    "odd.json": b'{"ayni": 1, "kind": "draft", "genesis_hash": 5, "network": [], "signers": 1}',
    "negative.json": b'{"author": "emilia/cadiai", "transfer": {"legs": [{"amount_minor": "-1"}]}}',
    "latin.csv": "id,payee,amount,unit\n1,é,1,EUC\n".encode("latin-1"),
    "utf16.csv": "id,payee,amount,unit\n".encode("utf-16"),
    "zero.csv": b"id,payee,amount,unit,payer,date\n1,a/b\0,1,EUC,emilia/cadiai,2026-01-01\n",
    "open.csv": b'id,payee,amount,unit\n1,"a/b,1,EUC\n',
    "bad.toml": b"[listen]\nclient = 'nonsense'\n",
}

USAGE = f"""
tx transfer
tx transfer emilia/cadiai
{TRANSFER} 0 EUC
{TRANSFER} 1.001 EUC
{TRANSFER} 1e5 EUC
{TRANSFER} 1,000.00 EUC
{TRANSFER} -1 EUC
{TRANSFER} 99999999999999999999 EUC
tx transfer EMILIA/X emilia/camst 1 EUC
tx transfer pool emilia/camst 1 EUC
tx transfer emilia/cadiai pool 1 EUC
tx transfer emilia/cadiai --leg emilia/camst 1
{TRANSFER} 1 EUC --date yesterday
{TRANSFER} 1 EUC --date 1900-01-01
{TRANSFER} 1 EUC --date 9999-12-31
{TRANSFER} 1 EUC --document nowhere.pdf
{TRANSFER} 1 EUC --document adir
{TRANSFER} 1 EUC --wait never
{TRANSFER} 1 EUC --expires-in 8d
{TRANSFER} 1 EUC --expires-in 0s
{TRANSFER} 1 EUC --replace zzzz
{TRANSFER} 1 EUC --reference \udce9t\udce9
{TRANSFER} 1 EUC --draft adir
{TRANSFER} 1 EUC --draft bytes/x
{TRANSFER} 1 EUC --home empty
{TRANSFER} 1 EUC --home adir
tx transfer emilia/cadiai --csv latin.csv
tx transfer emilia/cadiai --csv empty
tx inspect nowhere.json
tx inspect bytes
tx inspect empty
tx inspect object.json
tx inspect list.json
tx inspect deep.json
tx inspect draft.json
tx inspect odd.json
tx sign draft.json --key nobody
tx submit odd.json object.json
tx build --from negative.json -o x.json
tx build --from deep.json -o x.json
tx build --from object.json -o x.json
tx build -o x.json
tx show zz
tx show 00
tx show {UNKNOWN_ID}0
tx pending --include-refused
tx import latin.csv --yes
tx import utf16.csv --yes
tx import empty
tx import zero.csv --yes
tx import open.csv --yes
tx import nowhere.csv
opening import bytes
keys new ''
keys new 'a b'
keys new anna
keys import bytes
keys import deep.json
keys import empty
network add
network add UPPER --genesis bytes
network add coops --genesis bytes
network add coops --genesis nowhere
network add test --node x
network add test --node example.org:7410
network add test --node 127.0.0.1:1 --certificate bytes
network add test --certificate bytes
decision draft accredit x --charter bytes --user-seats 60 --non-members 10 -o d
decision draft accredit emilia/x --charter nowhere --user-seats 60 --non-members 10 -o d
decision draft accredit emilia/x --charter bytes --user-seats 60 --non-members 30 -o d
decision draft accredit emilia/x --charter bytes --user-seats sixty --non-members 10 -o d
decision draft accredit emilia/x --charter bytes --user-seats 60 --non-members 10 --key bytes -o d
decision draft quota nowhere 5 EUC -o d
decision draft ceiling emilia 5 EUC -o d
decision draft parameter period-min 1y -o d
decision draft parameter advance 50 -o d
decision draft parameter advance 500 --unit EUC -o d
decision draft parameter nothing 5 -o d
decision draft quota emilia 5 EUC -o d --add-to bytes
decision draft quota emilia 5 EUC -o d --effective-height -1
decision sign bytes
decision show bytes
member suspend nobody --reason x
member suspend emilia/cadiai
account open
account open x
account open --csv bytes
account open emilia/cadiai:z --threshold 1
account open emilia/cadiai:z --credit-limit x EUC
account open emilia/cadiai:z --credit-limit 5
account open emilia/cadiai:z --credit-limit 5 EUC --credit-limit 6 EUC
account close nonsense
account limit emilia/cadiai
account rotate-keys emilia/cadiai
account list --limit 0
account list \udce9
account show \udce9
account statement \udce9
entitlement list \udce9
class show \udce9
account statement emilia/cadiai --month 2026-13
account statement emilia/cadiai --from 2026-02-01 --until 2026-01-01
account statement emilia/cadiai --csv --json
account proof emilia/cadiai --balance EUC --dues EUC -o p
account proof a|b -o p
account proof emilia/cadiai --holding nonsense -o p
class define x --kind share --unit EUC
class define x@emilia --kind share --unit EUC
entitlement issue nonsense --to emilia/cadiai:anna --items 1
entitlement issue {SHARES}
entitlement issue {SHARES} --to emilia/cadiai:anna --items 1.5
entitlement issue {SHARES} --csv bytes --items 1
{SERVE} 1:75 --paid organisation
{SERVE} 1 --paid credits --fee 1 EUC
{SERVE} 1 --paid cash --fee 1 EUC
{SERVE} 1 --paid nothing
pool contribute 0 EUC --from emilia/cadiai
pool settlements --period 0
export -o bytes/x
export
audit verify nowhere --genesis test
audit verify adir --genesis nobody
audit receipt bytes
audit evidence bytes --genesis {UNKNOWN_ID}
node init --federation UPPER -o n
node init --federation emilia -o n --client nonsense
node init --federation emilia -o n --peer x
node init --federation emilia -o n --genesis bytes
node init --federation emilia -o bytes/n
node start -c nowhere.toml
node status -c bad.toml
testnet create -o adir -v 0
testnet create -o t --name 'A B'
testnet create -o t -v 30 --base-port 65500
testnet create -o bytes/t
testnet start adir
demo --scale 0
frobnicate
"""
REFUSED = f"""
{TRANSFER} 10000 EUC
tx transfer emilia/cadiai emilia/nobody 1 EUC
member suspend emilia/nobody --reason x
account open emilia/cadiai:anna
account close emilia/cadiai
class define hours@emilia --kind hours --unit HRS
entitlement give hours@emilia 1 --from emilia/cadiai:anna --to emilia/cadiai:anna
entitlement give hours@emilia 1 --from emilia/cadiai:anna --to emilia/nobody
entitlement donate hours@emilia 100 --from emilia/cadiai:anna
pool close-period --as emilia
"""
WRONG = """
audit verify adir --genesis test
audit receipt bytes --genesis test
audit evidence bytes --genesis test
network add test --genesis GENESIS --hash 00
"""
NO_NODE = f"""
{TRANSFER} 1 EUC --node 127.0.0.1:1
{TRANSFER} 1 EUC --node 127.0.0.1:99999
node status -c CLOSED
"""
KEY = f"""
{TRANSFER} 1 EUC --keystore nowhere.json
{TRANSFER} 1 EUC --keystore bytes
{TRANSFER} 1 EUC --keystore adir
{TRANSFER} 1 EUC --node example.org:7410
pool contribute 1 EUC --from nobody
entitlement redeem hours@emilia 1 --from emilia/cadiai:anna --at nobody
"""
NOT_FOUND = f"""
{TRANSFER} 1 euc
{TRANSFER} 1 EUC --network nowhere
tx transfer emilia/nobody emilia/camst 1 EUC
tx show {UNKNOWN_ID}
tx receipt {UNKNOWN_ID} -o r
tx reverse {UNKNOWN_ID}
tx pending --drop abcd
keys show nobody
network use nobody
decision show {UNKNOWN_ID}
member show nobody
member show emilia/nobody
account open emilia/x --key nobody
account show nonsense
account show ''
account limit emilia/nobody --credit-limit 5 EUC
account statement nobody
class show ''
entitlement list nobody
pool dues --unit XXX
pool settlements --period 99
"""
CASES = {2: USAGE, 3: REFUSED, 4: WRONG, 5: NO_NODE, 7: KEY, 8: NOT_FOUND}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    directory = tmp_path_factory.mktemp("bad")
    with open_desk(directory) as opened, pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)
        for name, content in FILES.items():
            if name.endswith("/"):
                (directory / name).mkdir()
            else:
                (directory / name).write_bytes(content)
        yield opened


@pytest.mark.parametrize(
    ("code", "line"), [(code, line) for code in CASES for line in CASES[code].split("\n")[1:-1]]
)
def test_bad_input_is_told_in_three_lines(desk: Desk, code: int, line: str) -> None:
    known = {"GENESIS": str(desk.testnet.genesis_file), "CLOSED": closed(desk)}
    before = sorted(os.listdir())
    result = desk.run(*(known.get(word, word) for word in shlex.split(line)))
    lines = three_lines(result.err)
    assert result.code == code, result.err
    assert all(len(one) > len("  why:  .") and one == one.rstrip() for one in lines)
    assert "Traceback" not in result.err
    assert sorted(os.listdir()) == before  # nothing is left behind


def closed(desk: Desk) -> str:
    """The configuration of a node of this network at which nobody answers."""
    node = desk.testnet.nodes[0]
    path = node.directory / "closed.toml"
    path.write_text(
        (node.directory / "node.toml").read_text().replace(node.config.listen.admin, "127.0.0.1:1")
    )
    return str(path)
