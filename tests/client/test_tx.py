"""`ayni tx`: what is shown, what is sent, and every way it can end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ayni.v1 import entitlements_pb2, members_pb2, receipt_pb2, transaction_pb2
from client import transactions
from client.draftfiles import write_draft
from client.drafts import sign
from client.outbox import Outbox
from client.output import time_json
from client.stamps import Stamp, new_stamp, now_ms
from proofs.receipts import verify_receipt
from tests.client.conftest import Ayni, three_lines
from tests.client.fakes import TRANSFER, FakeNode, account_record, body_of, refuse, seeded, tx_id_of


def test_a_transfer_prints_its_id_before_it_is_sent_and_ends_final(
    ayni: Ayni, node: FakeNode, outbox: Outbox
) -> None:
    result = ayni(*TRANSFER, "--reference", "invoice 7", "--date", "2026-03-31")
    assert result.code == 0, result.err
    [raw] = node.seen
    first, second = result.out.splitlines()
    assert f"transaction {tx_id_of(raw).hex()}" == first
    assert second == "final in block 1, log position 0; receipt verified"
    [leg] = body_of(raw).transfer.legs
    assert (
        leg.payer, leg.payee, leg.unit, leg.amount_minor, leg.value_date, leg.reference,
    ) == ("", "lazio/coop", "EUC", 1250, 20543, "invoice 7")  # fmt: skip
    assert outbox.pending() == []


def test_json_of_a_transfer_is_one_versioned_document_on_stdout(ayni: Ayni, node: FakeNode) -> None:
    result = ayni(*TRANSFER, "--json")
    document = json.loads(result.out)
    assert {
        "ayni": 1, "kind": "outcome", "tx_id": tx_id_of(node.seen[0]).hex(), "outcome": "final",
        "height": 1, "log_index": 0, "receipt": True,
    } == document  # fmt: skip
    assert result.err.startswith("transaction ")


def test_a_document_is_recorded_by_its_hash(ayni: Ayni, node: FakeNode, tmp_path: Path) -> None:
    invoice = tmp_path / "invoice.pdf"
    invoice.write_bytes(b"abc")
    assert ayni(*TRANSFER, "--document", str(invoice)).code == 0
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert expected == body_of(node.seen[0]).transfer.legs[0].document_hash.hex()


def test_a_refusal_exits_3_and_gives_code_figures_and_next_step(
    ayni: Ayni, node: FakeNode, outbox: Outbox
) -> None:
    node.judge = lambda body: refuse()
    result = ayni(*TRANSFER)
    assert result.code == 3
    what, why, next_step = three_lines(result.err)
    assert what.endswith("is refused: LIMIT_EXCEEDED at transfer.legs[0].amount_minor.")
    assert "available 10.00; it pays 12.50." in why
    assert "will never be accepted" in next_step
    assert outbox.pending() == []


def test_a_missing_key_exits_7_names_who_must_sign_and_sends_nothing(ayni: Ayni, node: FakeNode) -> None:
    result = ayni("tx", "transfer", "lazio/coop", "emilia/cadiai", "1", "EUC")
    assert result.code == 7
    what, _, next_step = three_lines(result.err)
    assert "lacks signatures: lazio/coop (1 more of its 1-of-1 keys)." in what
    assert "`ayni tx sign FILE`" in next_step
    assert node.seen == []


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (
            ("tx", "transfer", "emilia/cadiai", "lazio/coop", "1.234", "EUC"),
            2,
            "'1.234' is not an amount of EUC.",
        ),
        (("tx", "transfer", "emilia/cadiai", "lazio/coop", "1", "XXX"), 8, "There is no unit 'XXX'."),
        (
            ("tx", "transfer", "emilia/nobody", "lazio/coop", "1", "EUC"),
            8,
            "There is no account emilia/nobody.",
        ),
        (("tx", "transfer", "Emilia", "lazio/coop", "1", "EUC"), 2, "'Emilia' cannot be an account's name."),
        (("tx", "transfer", "emilia/cadiai"), 2, "It is not clear what is paid."),
        (
            ("tx", "transfer", "emilia/cadiai", "lazio/coop", "1", "EUC", "--wait", "soon"),
            2,
            "'soon' is not a duration",
        ),
        ((*TRANSFER, "--expires-in", "8d"), 2, "A transaction cannot stay valid for 691,200 seconds."),
        (("tx", "show", "abcdef"), 8, "No transaction beginning with 'abcdef' is known here."),
        (("tx", "show", "ab" * 32), 8, "No such transaction is final."),
        (("tx", "frobnicate"), 2, "No such command 'frobnicate'."),
    ],
)
def test_bad_input_is_told_in_three_lines(
    ayni: Ayni, arguments: tuple[str, ...], code: int, text: str
) -> None:
    result = ayni(*arguments)
    assert code == result.code, result.err
    assert text in three_lines(result.err)[0]
    assert len(result.err.splitlines()) == 3


def test_a_final_transaction_is_shown_by_the_beginning_of_its_id(ayni: Ayni, node: FakeNode) -> None:
    ayni(*TRANSFER, "--date", "2026-03-31")
    tx_id = tx_id_of(node.seen[0]).hex()
    shown = json.loads(ayni("tx", "show", tx_id[:8], "--json").out)
    assert (tx_id, "transfer", "emilia/cadiai", 1) == tuple(
        shown[key] for key in ("tx_id", "type", "author", "height")
    )
    assert shown["transfer"]["legs"] == [
        {"payee": "lazio/coop", "unit": "EUC", "amount": "12.50", "value_date": "2026-03-31"}
    ]
    text = ayni("tx", "show", tx_id[:8]).out
    assert "[0] payee: lazio/coop, unit: EUC, amount: 12.50, value_date: 2026-03-31" in text


def test_a_receipt_is_written_verified_to_a_file(ayni: Ayni, node: FakeNode, tmp_path: Path) -> None:
    ayni(*TRANSFER)
    tx_id = tx_id_of(node.seen[0])
    path = tmp_path / "payment.receipt"
    assert ayni("tx", "receipt", tx_id.hex(), "-o", str(path)).code == 0
    receipt = receipt_pb2.Receipt.FromString(path.read_bytes())
    assert tx_id == verify_receipt(receipt, node.genesis_hash).tx_id
    node.spoil_receipts = True
    result = ayni("tx", "receipt", tx_id.hex(), "-o", str(path))
    assert result.code == 4
    assert "does not verify" in three_lines(result.err)[0]


def test_waiting_tells_the_outcome_of_an_earlier_transaction(ayni: Ayni, node: FakeNode) -> None:
    ayni(*TRANSFER)
    tx_id = tx_id_of(node.seen[0]).hex()
    assert "final in block 1" in ayni("tx", "wait", tx_id[:8]).out
    assert ayni("tx", "wait", "ab" * 32, "--wait", "0s").code == 6


def test_maker_checker_and_sender_pass_a_file_on(
    ayni: Ayni, node: FakeNode, home: Path, tmp_path: Path
) -> None:
    """A transfer with two payers: one home signs, the other adds its signature and sends."""
    node.accounts["emilia/cadiai"] = account_record(seeded("cadiai"), seeded("second"))
    path = tmp_path / "payment.json"
    drafted = ayni(*TRANSFER, "--draft", str(path))
    assert drafted.code == 0
    assert "must sign still: emilia/cadiai (1 more of its 2-of-2 keys)" in drafted.out
    assert node.seen == []
    inspected = json.loads(ayni("tx", "inspect", str(path), "--json").out)
    assert inspected["signers"] == ["emilia/cadiai"]
    assert [seeded("cadiai").public_key.hex()] == inspected["signed_by"]
    assert inspected["transfer"]["legs"][0]["amount"] == "12.50"
    incomplete = ayni("tx", "submit", str(path))
    assert incomplete.code == 7
    seed = tmp_path / "second.key"
    seed.write_text(seeded("second").seed.hex())
    assert ayni("keys", "import", str(seed), "--name", "second").code == 0
    assert ayni("tx", "sign", str(path), "--key", "second").code == 0
    assert ayni("tx", "submit", str(path)).code == 0
    assert len(transaction_pb2.SignedTransaction.FromString(node.seen[0]).signatures) == 2


def test_what_more_have_signed_than_must_is_sent_without_the_surplus(
    ayni: Ayni, node: FakeNode, tmp_path: Path
) -> None:
    """It would be refused, and nobody could take a signature out of the file."""
    node.accounts["emilia/cadiai"] = account_record(seeded("cadiai"), seeded("second"), threshold=1)
    path, seed = tmp_path / "payment.json", tmp_path / "second.key"
    assert ayni(*TRANSFER, "--draft", str(path)).code == 0
    seed.write_text(seeded("second").seed.hex())
    assert ayni("keys", "import", str(seed), "--name", "second").code == 0
    assert ayni("tx", "sign", str(path), "--key", "second").code == 0
    result = ayni("tx", "submit", str(path))
    assert result.code == 0, result.err
    assert "left out: the signature of key " in result.out
    [signature] = transaction_pb2.SignedTransaction.FromString(node.seen[0]).signatures
    assert signature.public_key in (seeded("cadiai").public_key, seeded("second").public_key)


def test_a_copy_is_not_written_over_a_signature_that_it_lacks(ayni: Ayni, tmp_path: Path) -> None:
    """Two sign copies of one file, and one of them writes to the other's."""
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    assert ayni("tx", "build", "emilia/cadiai", "lazio/coop", "1", "EUC", "-o", str(first)).code == 0
    second.write_bytes(first.read_bytes())
    assert ayni("tx", "sign", str(first), "--key", "cadiai").code == 0
    assert ayni("keys", "new", "other").code == 0
    before = first.read_bytes()
    result = ayni("tx", "sign", str(second), "--key", "other", "-o", str(first))
    assert (result.code, three_lines(result.err)) == (
        2,
        [
            f"ayni: {first} holds signatures that this file lacks.",
            "  why:  1 of its 1 would be lost.",
            "  next: Sign that file itself, or choose another.",
        ],
    )
    assert before == first.read_bytes()
    assert ayni("tx", "sign", str(first), "--key", "other").code == 0
    assert len(json.loads(ayni("tx", "inspect", str(first), "--json").out)["signed_by"]) == 2


def test_others_have_a_day_to_sign_a_draft_unless_it_is_said(
    ayni: Ayni, node: FakeNode, tmp_path: Path
) -> None:
    """What is sent at once is valid for two minutes: no file is passed on in that time."""
    path = tmp_path / "payment.json"
    for options, lifetime_ms in (((), 86_400_000), (("--expires-in", "6h"), 21_600_000)):
        path.unlink(missing_ok=True)
        before = now_ms()
        drafted = ayni(*TRANSFER, "--draft", str(path), *options)
        shown = json.loads(ayni("tx", "inspect", str(path), "--json").out)["expires_at"]
        assert time_json(before + lifetime_ms) <= shown <= time_json(now_ms() + lifetime_ms)
        assert f"not sent; valid until {shown[:19].replace('T', ' ')} UTC\n" in drafted.out
    assert ayni(*TRANSFER).code == 0
    assert body_of(node.seen[0]).expires_at_ms <= now_ms() + 120_000


@pytest.mark.parametrize("command", [("tx", "inspect"), ("tx", "sign"), ("decision", "show")])
def test_a_file_whose_time_is_over_says_so_before_the_next_one_signs_it(
    ayni: Ayni, node: FakeNode, tmp_path: Path, command: tuple[str, str]
) -> None:
    path = tmp_path / "t.json"
    stamp = Stamp(bytes(16), 1_700_000_000_000)
    leg = transactions.leg("lazio/coop", "EUC", 1, value_date=20_000)
    draft = transactions.transfer("emilia/cadiai", [leg], stamp)
    if command[0] == "decision":
        reinstate = members_pb2.Reinstate(organisation="emilia/cadiai")
        draft = transactions.decision("emilia", [members_pb2.DecisionItem(reinstate=reinstate)], stamp)
    write_draft(path, draft, "valley", node.genesis_hash)
    result = ayni(*command, str(path))
    assert (result.code, result.out.splitlines()[-1]) == (
        0,
        "it was valid until 2023-11-14 22:13:20 UTC, which is past by this machine's clock: no node takes it"
        " any more; make it anew",
    )


def test_a_file_with_a_false_signature_is_not_shown_as_signed_nor_sent(
    ayni: Ayni, node: FakeNode, tmp_path: Path
) -> None:
    """Bare bytes name no network: those signed for another one are told by their signatures."""
    path = tmp_path / "payment.ayni"
    draft = transactions.transfer(
        "emilia/cadiai", [transactions.leg("lazio/coop", "EUC", 1, value_date=20_000)], new_stamp()
    )
    path.write_bytes(sign(draft, [seeded("cadiai")], bytes(32)))
    for command in ("inspect", "sign", "submit"):
        result = ayni("tx", command, str(path))
        assert result.code == 4
        what, why, next_step = three_lines(result.err)
        assert what == f"ayni: A signature in {path} is false."
        assert f"That of key {seeded('cadiai').public_key.hex()}: " in why
        assert "check --network; sign nothing in it." in next_step
    assert node.seen == []


def test_building_needs_no_node(ayni: Ayni, node: FakeNode, tmp_path: Path) -> None:
    node.stop()
    path = tmp_path / "payment.json"
    assert ayni("tx", "build", "emilia/cadiai", "lazio/coop", "1:30", "HRS", "-o", str(path)).code == 0
    assert ayni("tx", "sign", str(path), "--key", "cadiai").code == 0
    shown = json.loads(ayni("tx", "inspect", str(path), "--json").out)
    assert shown["transfer"]["legs"][0]["amount"] == "1.5"
    assert len(shown["signed_by"]) == 1


def test_a_file_is_sent_as_it_is_and_takes_no_option_that_would_change_it(
    ayni: Ayni, node: FakeNode, tmp_path: Path
) -> None:
    path = tmp_path / "t.json"
    ayni("tx", "build", "emilia/cadiai", "lazio/coop", "1", "EUC", "-o", str(path))
    for option in (("--draft", "x.json"), ("--replace", "abcd"), ("--expires-in", "1h"), ("--again",)):
        result = ayni("tx", "submit", str(path), *option)
        assert result.code == 2
        assert three_lines(result.err)[0].startswith(f"ayni: No such option '{option[0]}'.")
    assert node.seen == []
    assert ayni("tx", "submit", str(path), "--wait", "5s").code == 0


def test_building_from_json_takes_nothing_of_a_transfer_besides(ayni: Ayni, tmp_path: Path) -> None:
    source = tmp_path / "body.json"
    source.write_text("{}")
    for extra in (("emilia/cadiai",), ("--reference", "x"), ("--date", "2026-01-01")):
        result = ayni("tx", "build", "--from", str(source), "-o", str(tmp_path / "t.json"), *extra)
        assert (result.code, three_lines(result.err)[0]) == (2, "ayni: It is not clear what to build.")


def test_any_type_is_built_from_its_json(ayni: Ayni, tmp_path: Path) -> None:
    source, path = tmp_path / "body.json", tmp_path / "period.ayni"
    source.write_text('{"author": "emilia", "close_period": {"period": 3}}')
    assert ayni("tx", "build", "--from", str(source), "-o", str(path)).code == 0
    shown = json.loads(ayni("tx", "inspect", str(path), "--json").out)
    assert (shown["type"], shown["close_period"]) == ("close_period", {"period": 3})
    source.write_text('{"author": "emilia", "frobnicate": {}}')
    result = ayni("tx", "build", "--from", str(source), "-o", str(path))
    assert result.code == 2
    assert f"ayni: {source} is not a transaction's content." == three_lines(result.err)[0]


# Reversals ------------------------------------------------------------------------------------------


def test_a_transfer_is_reversed_by_whoever_was_paid(ayni: Ayni, node: FakeNode) -> None:
    node.accounts["lazio/coop"] = account_record(seeded("cadiai"))  # so that the payee's key is here
    ayni(*TRANSFER)
    original = tx_id_of(node.seen[0])
    assert ayni("tx", "reverse", original.hex()[:8], "--line", "0=2.50", "--reason", "damaged").code == 0
    body = body_of(node.seen[1])
    assert body.author == "lazio/coop"
    assert (original, "damaged") == (body.reversal.original_tx_id, body.reversal.reason)
    assert [(line.line, line.amount_minor) for line in body.reversal.lines] == [(0, 250)]
    assert ayni("tx", "reverse", original.hex()).code == 0
    assert [(line.line, line.amount_minor) for line in body_of(node.seen[2]).reversal.lines] == [(0, 1250)]
    result = ayni("tx", "reverse", original.hex(), "--line", "5")
    assert result.code == 2
    assert "'5' is not a line of this transaction." in three_lines(result.err)[0]
    result = ayni("tx", "reverse", original.hex(), "--line", "1" * 5_000)
    assert three_lines(result.err)[0] == f"ayni: '{'1' * 40}' is not a line of this transaction."


def test_a_redemption_is_reversed_by_the_provider_and_who_served(
    ayni: Ayni, node: FakeNode, tmp_path: Path
) -> None:
    node.classes = [entitlements_pb2.DefineClass(class_id="hours@emilia", unit="HRS")]
    redeem = {
        "author": "emilia/cadiai",
        "redeem_entitlements": {
            "holder": "emilia/cadiai", "provider": "emilia/cadiai", "class_id": "hours@emilia",
            "amount_minor": 90, "value_date": 9, "served_by": "emilia/cadiai:m-1",
        },
    }  # fmt: skip
    source, path = tmp_path / "body.json", tmp_path / "redeem.json"
    source.write_text(json.dumps(redeem))
    ayni("tx", "build", "--from", str(source), "-o", str(path))
    assert ayni("tx", "submit", str(path)).code == 0
    assert (
        ayni("tx", "reverse", tx_id_of(node.seen[0]).hex(), "--line", "0=1:00", "--draft", str(path)).code
        == 0
    )
    shown = json.loads(ayni("tx", "inspect", str(path), "--json").out)
    assert shown["signers"] == ["emilia/cadiai", "emilia/cadiai:m-1"]
    assert [line["amount_minor"] for line in shown["reversal"]["lines"]] == ["60"]


def test_what_cannot_be_reversed_is_said(ayni: Ayni, node: FakeNode, tmp_path: Path) -> None:
    source, path = tmp_path / "body.json", tmp_path / "out.json"
    source.write_text(
        '{"author": "emilia/cadiai", "contribute_to_pool": {"payer": "emilia/cadiai", "amount_minor": 5}}'
    )
    ayni("tx", "build", "--from", str(source), "-o", str(path))
    ayni("tx", "submit", str(path))
    result = ayni("tx", "reverse", tx_id_of(node.seen[0]).hex())
    assert result.code == 2
    assert "A transaction of type 'contribute_to_pool' cannot be reversed." in three_lines(result.err)[0]


def test_a_transaction_is_named_by_its_file(ayni: Ayni, node: FakeNode, tmp_path: Path) -> None:
    path = str(tmp_path / "payment.json")
    assert ayni(*TRANSFER, "--draft", path).code == 0
    assert ayni("tx", "submit", path).code == 0
    expected = tx_id_of(node.seen[0]).hex()
    for command in (("show",), ("wait",), ("receipt", "-o", str(tmp_path / "payment.receipt"))):
        found = ayni("tx", command[0], path, *command[1:], "--json")
        assert json.loads(found.out)["tx_id"] == expected, found.err
    node.accounts["lazio/coop"] = account_record(seeded("cadiai"))
    assert ayni("tx", "reverse", path, "--reason", "paid twice").code == 0
    assert body_of(node.seen[-1]).reversal.original_tx_id.hex() == expected


def test_of_several_files_each_is_told_of_and_the_exit_code_is_the_worst(
    ayni: Ayni, node: FakeNode, tmp_path: Path
) -> None:
    paths = [str(tmp_path / f"{number}.json") for number in (1, 2, 3)]
    for path, amount in zip(paths, ("1", "2", "3"), strict=True):
        payer = "lazio/coop" if amount == "3" else "emilia/cadiai"
        payment = ("tx", "build", payer, "emilia/cadiai:m-1", amount, "EUC", "-o", path)
        assert ayni(*payment).code == 0
    node.judge = lambda body: refuse() if body.transfer.legs[0].amount_minor == 200 else None
    result = ayni("tx", "submit", *paths, "--json")
    assert result.code == 7
    document = json.loads(result.out)
    assert [one["outcome"] for one in document["outcomes"]] == ["final", "refused", "not sent"]
    told = [line for line in result.err.splitlines() if line.startswith(str(tmp_path))]
    assert [line.partition(": ")[0] for line in told] == paths[1:]
    assert "is refused: LIMIT_EXCEEDED" in told[0]
    assert "lacks signatures: lazio/coop" in told[1]
    assert three_lines(result.err)[0].startswith("ayni: 2 of 3 transactions are not final; the gravest: ")
