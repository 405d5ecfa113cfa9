"""`ayni decision`: one federation drafts, several sign on their own machines, one submits."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from ayni.v1 import members_pb2
from client.keys import Keystore
from tests.client.conftest import CHEAP, PASSWORD, Ayni, three_lines
from tests.client.fakes import FakeNode, body_of, seeded

CHARTER = b"We, the users and workers of cadiai, ..."


@pytest.fixture
def machines(tmp_path: Path) -> dict[str, Path]:
    """The keystore of each federation, on its own machine."""
    paths = {}
    for federation in ("emilia", "lazio"):
        paths[federation] = tmp_path / f"{federation}.json"
        seeds = {f"{federation}-decision": seeded(f"{federation} decision").seed}
        Keystore(paths[federation], lambda new: PASSWORD, CHEAP).put(seeds)
    return paths


@pytest.fixture
def charter(tmp_path: Path) -> Path:
    path = tmp_path / "charter.pdf"
    path.write_bytes(CHARTER)
    return path


def accredit(ayni: Ayni, charter: Path, path: Path, *more: str | Path) -> None:
    result = ayni(
        *("decision", "draft", "accredit", "emilia/nuova", "--key", "cadiai", "--charter", charter),
        *("--user-seats", "60", "--non-members", "10", "-o", path, *more),
    )
    assert (result.code, result.err) == (0, "")


def test_a_decision_travels_from_draft_to_final(
    ayni: Ayni, node: FakeNode, machines: dict[str, Path], charter: Path, tmp_path: Path
) -> None:
    path = tmp_path / "accredit.json"
    accredit(ayni, charter, path, "--as", "emilia")
    first = ayni("decision", "sign", path, "--keystore", machines["emilia"])
    assert first.code == 0
    assert "signed by: emilia\nmust sign still: 1 more federation\n" in first.out
    second = ayni("decision", "sign", path, "--keystore", machines["lazio"], "--json")
    assert json.loads(second.out)["signed_by"] == ["emilia", "lazio"]
    assert json.loads(second.out)["missing"] == []
    again = ayni("decision", "sign", path, "--keystore", machines["emilia"])
    assert again.out.startswith(
        "it was complete already: no signature was added, and a surplus one is refused\n"
    )
    assert node.seen == []

    sent = ayni("decision", "submit", path)
    assert sent.code == 0
    tx_id = json.loads(second.out)["tx_id"]
    assert sent.out.splitlines() == [
        f"transaction {tx_id}",
        "final in block 1, log position 0; receipt verified",
        f"see `ayni decision show {tx_id[:16]}`",
    ]
    body = body_of(node.log[0][0])
    assert body.author == "emilia"
    [item] = body.decision.items
    assert item.accredit == members_pb2.Accredit(
        organisation="emilia/nuova",
        keys={"threshold": 1, "public_keys": [seeded("cadiai").public_key]},
        charter_hash=hashlib.sha256(CHARTER).digest(),
        user_seats_bp=6_000,
        non_member_bp=1_000,
    )


def test_a_draft_says_what_is_decided_and_who_must_sign(ayni: Ayni, charter: Path, tmp_path: Path) -> None:
    path = tmp_path / "accredit.json"
    accredit(ayni, charter, path)
    lines = ayni("decision", "show", path).out.splitlines()
    assert lines[0].endswith(", proposed by emilia")
    assert lines[1:3] == [
        "  1. accredit emilia/nuova, with 1 key of its own: users hold 60 % of the board seats, non-members"
        f" 10 %; charter {hashlib.sha256(CHARTER).hexdigest()}",
        "  takes effect in the block that includes it",
    ]
    assert lines[4:] == [
        "signed by: nobody yet",
        "must sign still: emilia (1 more of its 1-of-1 keys), 1 more federation",
        f"file: {path}",
    ]


def test_items_are_added_to_a_draft_that_nobody_signed(
    ayni: Ayni, node: FakeNode, machines: dict[str, Path], charter: Path, tmp_path: Path
) -> None:
    path = tmp_path / "decision.json"
    accredit(ayni, charter, path)
    for more in (
        ("ceiling", "emilia/nuova", "5000", "EUC"),
        ("quota", "emilia", "0", "HRS"),
        ("parameter", "deposit", "12.5", "--unit", "EUC"),
        ("parameter", "period-min", "28d"),
        ("parameter", "unattested-max", "50:00", "--unit", "HRS"),
        ("reinstate", "lazio/coop"),
    ):
        assert ayni("decision", "draft", *more, "--add-to", path, "-o", path).code == 0
    document = json.loads(ayni("decision", "show", path, "--json").out)
    assert [item["type"] for item in document["items"]] == [
        *("accredit", "ceiling", "quota", "parameter", "parameter", "parameter", "reinstate")
    ]
    assert document["items"][1:6] == [
        {"type": "ceiling", "organisation": "emilia/nuova", "unit": "EUC", "amount": "5000.00"},
        {"type": "quota", "federation": "emilia", "unit": "HRS", "amount": "0"},
        {"type": "parameter", "name": "deposit", "unit": "EUC", "value": 1_250, "measure": "basis points"},
        {
            "type": "parameter",
            "name": "period-min",
            "unit": None,
            "value": 28 * 86_400_000,
            "measure": "milliseconds",
        },
        {"type": "parameter", "name": "unattested-max", "unit": "HRS", "value": "50", "measure": "HRS"},
    ]
    ayni("decision", "sign", path, "--keystore", machines["emilia"])
    again = ayni("decision", "draft", "reinstate", "lazio/coop", "--add-to", path, "-o", path)
    assert again.code == 2
    assert three_lines(again.err) == [
        f"ayni: {path} is signed already.",
        "  why:  A signature covers every item, so that none can be added.",
        "  next: Draft a decision of its own, or start again.",
    ]


def test_a_new_draft_does_not_replace_one_that_is_signed(
    ayni: Ayni, machines: dict[str, Path], charter: Path, tmp_path: Path
) -> None:
    path = tmp_path / "accredit.json"
    accredit(ayni, charter, path, "--as", "emilia")
    assert ayni("decision", "sign", path, "--keystore", machines["emilia"]).code == 0
    signed = path.read_bytes()
    result = ayni(
        *("decision", "draft", "accredit", "emilia/nuova", "--key", "cadiai", "--charter", charter),
        *("--user-seats", "60", "--non-members", "10", "-o", path, "--as", "emilia"),
    )
    assert result.code == 2
    what, why, next_step = three_lines(result.err)
    assert what.endswith(f"{path} holds another transaction, which is signed.")
    assert "with 1 signatures that would be lost" in why
    assert "Choose another file" in next_step
    assert signed == path.read_bytes()


def test_a_decision_without_a_quorum_is_not_sent(
    ayni: Ayni, node: FakeNode, machines: dict[str, Path], charter: Path, tmp_path: Path
) -> None:
    path = tmp_path / "accredit.json"
    accredit(ayni, charter, path)
    ayni("decision", "sign", path, "--keystore", machines["emilia"])
    result = ayni("decision", "submit", path)
    assert result.code == 7
    assert three_lines(result.err) == [
        f"ayni: The decision in {path} lacks signatures: 1 more federation.",
        "  why:  A decision needs a quorum of federations; nothing was sent.",
        "  next: Have it signed with `ayni decision sign FILE`, then submit it again.",
    ]
    assert node.seen == []


def test_who_has_no_decision_key_signs_nothing(ayni: Ayni, charter: Path, tmp_path: Path) -> None:
    path = tmp_path / "accredit.json"
    accredit(ayni, charter, path)
    result = ayni("decision", "sign", path)
    assert result.code == 7
    assert three_lines(result.err) == [
        f"ayni: No key here can sign {path}.",
        "  why:  Who must sign still: emilia (1 more of its 1-of-1 keys), 1 more federation.",
        "  next: Pass it on to one of them, or use another keystore with --keystore.",
    ]


def test_whose_keys_have_signed_already_is_told_so(
    ayni: Ayni, machines: dict[str, Path], charter: Path, tmp_path: Path
) -> None:
    path = tmp_path / "accredit.json"
    accredit(ayni, charter, path, "--as", "emilia")
    assert ayni("decision", "sign", path, "--keystore", machines["emilia"]).code == 0
    result = ayni("decision", "sign", path, "--keystore", machines["emilia"])
    assert result.code == 7
    assert three_lines(result.err) == [
        f"ayni: The keys here have signed {path} already.",
        "  why:  Who must sign still: 1 more federation.",
        "  next: Pass it on to one of them, or use another keystore with --keystore.",
    ]


def test_a_false_signature_in_a_draft_is_found(
    ayni: Ayni, machines: dict[str, Path], charter: Path, tmp_path: Path
) -> None:
    from client.draftfiles import read_draft, write_draft
    from client.drafts import Draft

    path = tmp_path / "accredit.json"
    accredit(ayni, charter, path)
    genesis_hash = bytes.fromhex(json.loads(path.read_text())["genesis_hash"])
    draft = read_draft(path, genesis_hash)
    key = seeded("lazio decision").public_key
    write_draft(
        path, Draft(draft.body, draft.tx_id, draft.signers, ((key, bytes(64)),)), "valley", genesis_hash
    )
    result = ayni("decision", "show", path)
    assert result.code == 4
    assert three_lines(result.err)[0] == f"ayni: A signature in {path} is false."


def test_what_is_no_decision_is_not_signed_as_one(ayni: Ayni, tmp_path: Path) -> None:
    path = tmp_path / "gift.json"
    ayni("pool", "contribute", "1", "EUC", "--from", "emilia/cadiai", "--draft", path)
    result = ayni("decision", "sign", path)
    assert result.code == 2
    assert three_lines(result.err) == [
        f"ayni: {path} is no decision.",
        "  why:  It is a transaction of type contribute to pool.",
        "  next: Use `ayni tx sign` and `ayni tx submit` for it.",
    ]


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (
            ("accredit", "nuova", "--charter", "CHARTER", "--user-seats", "60", "--non-members", "10"),
            (
                "ayni: 'nuova' is no organisation's name.",
                "  why:  It is a federation's name, a slash, and its own.",
                "  next: Write it like emilia/cadiai.",
            ),
        ),
        (
            ("accredit", "emilia/nuova", "--charter", "CHARTER", "--user-seats", "60", "--non-members", "21"),
            (
                "ayni: emilia/nuova cannot be accredited on these terms.",
                "  why:  Users hold 60 % of the seats, of 100; non-members 21 %, of at most 20.",
                "  next: Check the figures in the charter.",
            ),
        ),
        (
            (
                "accredit",
                "emilia/nuova",
                "--charter",
                "CHARTER",
                "--user-seats",
                "60.125",
                "--non-members",
                "1",
            ),
            (
                "ayni: '60.125' is not a percentage.",
                "  why:  It has at most two decimals.",
                "  next: Write it like 60 or 12.5.",
            ),
        ),
        (
            ("quota", "umbria", "5", "EUC"),
            (
                "ayni: 'umbria' is no federation of the network 'valley'.",
                "  why:  Its federations are emilia, lazio.",
                "  next: Use one of these.",
            ),
        ),
        (
            ("parameter", "deposit", "10"),
            (
                "ayni: The parameter deposit is set for one unit.",
                "  why:  Only period-min is network-wide; the others are set per unit.",
                "  next: Give --unit: EUC, HRS.",
            ),
        ),
        (
            ("parameter", "deposit", "101", "--unit", "EUC"),
            (
                "ayni: 101 is out of bounds for deposit.",
                "  why:  0 % to 100 % is allowed.",
                "  next: Choose another value.",
            ),
        ),
        (
            ("parameter", "deposit", "10", "--unit", "EUC"),
            (
                "ayni: It is not clear which federation this is for.",
                "  why:  The keystore here holds the decision keys of no federation.",
                "  next: Say it with --as FEDERATION.",
            ),
        ),
        (
            ("ceiling", "emilia/cadiai", "5", "EUR"),
            (
                "ayni: There is no unit 'EUR'.",
                "  why:  The network 'valley' counts in EUC, HRS.",
                "  next: Use one of these.",
            ),
        ),
    ],
)
def test_a_draft_that_cannot_be_right_is_refused(
    ayni: Ayni, charter: Path, tmp_path: Path, arguments: tuple[str, ...], lines: tuple[str, ...]
) -> None:
    path = tmp_path / "draft.json"
    given = [str(charter) if one == "CHARTER" else one for one in arguments]
    result = ayni("decision", "draft", *given, "-o", path)
    assert three_lines(result.err) == list(lines)
    assert not path.exists()


def test_the_federation_whose_keys_are_here_proposes(
    ayni: Ayni, machines: dict[str, Path], tmp_path: Path
) -> None:
    path = tmp_path / "draft.json"
    result = ayni(
        *("decision", "draft", "parameter", "advance", "40", "--unit", "EUC", "-o", path, "--json"),
        *("--keystore", machines["lazio"], "--effective-height", "500"),
    )
    document = json.loads(result.out)
    assert (document["author"], document["effective_height"]) == ("lazio", 500)
