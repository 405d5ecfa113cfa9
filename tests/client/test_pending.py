"""What is not final: kept, told, asked about, replaced; and never sent again against anybody's will."""

from __future__ import annotations

import json
import os
import threading

import grpc

from ayni.v1 import result_pb2
from client import transactions
from client.drafts import sign
from client.outbox import Outbox
from client.outcomes import Kind, Outcome
from client.output import time_json, time_text
from client.stamps import Stamp
from tests.client.conftest import Ayni, three_lines
from tests.client.fakes import TRANSFER, FakeNode, body_of, interrupting, refuse, seeded, tx_id_of


def expired(node: FakeNode) -> bytes:
    """A signed payment whose time was over long ago."""
    return payment(node, 0)


def payment(node: FakeNode, number: int) -> bytes:
    """One of such payments."""
    leg = transactions.leg("lazio/coop", "EUC", 1, value_date=20_000)
    stamp = Stamp(bytes([number] * 16), 1_700_000_000_000)
    return sign(transactions.transfer("emilia/cadiai", [leg], stamp), [seeded("cadiai")], node.genesis_hash)


def test_bytes_that_may_still_be_accepted_stay_in_the_outbox_and_are_replaced_under_their_nonce(
    ayni: Ayni, node: FakeNode, outbox: Outbox
) -> None:
    node.judge = lambda body: refuse(final_after_ms=1_700_000_000_000)  # which is not the node's to say
    result = ayni(*TRANSFER)
    assert result.code == 3
    [kept] = outbox.pending()
    assert three_lines(result.err)[2] == (
        f"  next: It is not void: handed in again by anybody until {time_text(kept.body().expires_at_ms)},"
        " these bytes can still become final. Wait until then, or correct them with"
        f" `--replace {kept.tx_id.hex()[:16]}`."
    )
    node.judge = lambda body: None
    smaller = ("tx", "transfer", "emilia/cadiai", "lazio/coop", "10", "EUC")
    assert ayni(*smaller, "--replace", kept.tx_id.hex()[:10]).code == 0
    first, second = (body_of(raw) for raw in node.seen)
    assert first.nonce == second.nonce
    assert outbox.pending() == []  # the first one's nonce is used: it can never be accepted


def test_what_was_replaced_is_void_whatever_a_node_remembers_of_it(
    ayni: Ayni, node: FakeNode, outbox: Outbox
) -> None:
    """It was refused for a balance, which alone would leave it valid until its time is over."""
    node.judge = lambda body: refuse(final_after_ms=body.expires_at_ms)
    assert ayni(*TRANSFER).code == 3
    [kept] = outbox.pending()
    node.remembered = refuse(final_after_ms=kept.body().expires_at_ms)
    assert "It is not void" in ayni("tx", "wait", kept.tx_id.hex(), "--wait", "0s").err
    node.judge = lambda body: None
    smaller = ("tx", "transfer", "emilia/cadiai", "lazio/coop", "10", "EUC")
    assert ayni(*smaller, "--replace", kept.tx_id.hex()).code == 0
    final = tx_id_of(node.seen[-1])
    result = ayni("tx", "wait", kept.tx_id.hex(), "--wait", "0s")
    assert result.code == 3
    assert three_lines(result.err) == [
        f"ayni: Transaction {kept.tx_id.hex()[:16]} is refused: NONCE_USED at nonce.",
        f"  why:  Transaction {final.hex()} has the same nonce and is final: that one took effect.",
        "  next: What used the nonce took effect: look at it before anything is made anew, and say --again"
        " only if it is meant a second time.",
    ]
    assert ayni("tx", "wait", final.hex()).code == 0


def test_a_transaction_of_another_author_replaces_nothing(ayni: Ayni, node: FakeNode, outbox: Outbox) -> None:
    node.judge = lambda body: refuse(final_after_ms=body.expires_at_ms)
    assert ayni(*TRANSFER).code == 3
    [kept] = outbox.pending()
    name = kept.tx_id.hex()[:16]
    other = ("tx", "transfer", "lazio/coop", "emilia/cadiai", "10", "EUC", "--replace", name)
    result = ayni(*other)
    assert result.code == 2
    assert three_lines(result.err) == [
        "ayni: A transaction of lazio/coop cannot replace one of emilia/cadiai.",
        "  why:  Both could take effect: only what has the same author shares the nonce.",
        f"  next: Wait until that one is expired (`ayni tx wait {name}`), then make this one anew.",
    ]
    assert len(node.seen) == 1


def test_what_was_refused_is_not_sent_again_unless_it_is_asked_for(
    ayni: Ayni, node: FakeNode, outbox: Outbox
) -> None:
    """The bookkeeper has given the payment up, and the balance has come back since."""
    node.judge = lambda body: refuse(final_after_ms=body.expires_at_ms)
    assert ayni(*TRANSFER, "--expires-in", "1h").code == 3
    node.judge = lambda body: None
    [entry] = outbox.pending()
    valid_until = time_text(body_of(node.seen[0]).expires_at_ms)
    shown = f"{entry.tx_id.hex()[:16]}  transfer  emilia/cadiai  {valid_until}  refused: LIMIT_EXCEEDED"
    listed = ayni("tx", "pending").out.splitlines()
    assert listed[1:] == [
        shown,
        "what was refused can still become final until then, if anybody hands it in again",
    ]
    again = ayni("tx", "pending", "--resend")
    assert again.code == 3
    assert again.out.splitlines()[1:] == [
        shown,
        "NOT SENT AGAIN: 1 transaction was refused, and would be made after all if there is room for it"
        " by now.",
        "no longer meant: let it expire, and keep its file from whoever could hand it in",
        "meant, but otherwise: make it again with --replace ID; at most one of both takes effect",
        "still meant as it is: `ayni tx pending --resend --include-refused`",
    ]
    assert len(node.seen) == 1
    meant = ayni("tx", "pending", "--resend", "--include-refused")
    assert meant.code == 0
    assert meant.out.splitlines()[0] == (
        "sending 1, of which 1 had been refused: those become final if there is room"
    )
    assert node.seen[0] == node.seen[1]
    assert outbox.pending() == []


def test_what_was_refused_and_is_past_its_time_is_asked_about_again(
    ayni: Ayni, node: FakeNode, outbox: Outbox
) -> None:
    outbox.put([expired(node)])
    outbox.hear(
        Outcome(tx_id_of(expired(node)), Kind.REFUSED, refusal=refuse(final_after_ms=1_700_000_000_000))
    )
    assert ayni("tx", "pending").out.splitlines()[2:] == [
        "`ayni tx pending --resend` sends the same bytes again, safely"
    ]
    node.past_expiry = True
    assert ayni("tx", "pending", "--resend").code == 9
    assert outbox.pending() == []


def test_an_interruption_says_where_to_look_and_keeps_the_bytes(
    ayni: Ayni, node: FakeNode, outbox: Outbox
) -> None:
    outbox.put([expired(node)])
    with interrupting(node):
        result = ayni("tx", "pending", "--resend")
    assert (result.code, three_lines(result.err)) == (
        130,
        [
            "ayni: interrupted.",
            "  why:  Ctrl-C was pressed, or a question was answered with no.",
            "  next: What was signed and may have been sent is listed by `ayni tx pending`.",
        ],
    )
    assert len(outbox.pending()) == 1


def test_to_include_what_was_refused_goes_with_sending_again(ayni: Ayni) -> None:
    result = ayni("tx", "pending", "--include-refused")
    assert result.code == 2
    assert three_lines(result.err)[0] == "ayni: --include-refused says what --resend sends."


def test_an_outcome_not_known_in_time_exits_6_and_keeps_the_bytes(
    ayni: Ayni, node: FakeNode, outbox: Outbox
) -> None:
    node.unknown_first = 1_000
    result = ayni(*TRANSFER, "--wait", "1s")
    assert result.code == 6
    assert "is not known yet" in three_lines(result.err)[0]
    assert len(outbox.pending()) == 1


def test_no_node_exits_5_and_the_signed_bytes_are_kept(ayni: Ayni, node: FakeNode, outbox: Outbox) -> None:
    node.failures = [(grpc.StatusCode.UNAVAILABLE, "stopping")]
    result = ayni(*TRANSFER)
    assert result.code == 5
    assert "ayni tx pending --resend" in three_lines(result.err)[2]
    assert len(outbox.pending()) == 1


def test_a_refusal_for_expiry_says_until_when_it_was_valid_and_how_to_be_certain(
    ayni: Ayni, node: FakeNode, outbox: Outbox
) -> None:
    node.judge = lambda body: result_pb2.Refusal(
        code=result_pb2.REFUSAL_CODE_EXPIRED, field="expires_at_ms", final_after_ms=body.expires_at_ms
    )
    result = ayni(*TRANSFER)
    name = tx_id_of(node.seen[0]).hex()[:16]
    valid_until = time_text(body_of(node.seen[0]).expires_at_ms)
    assert result.code == 3
    assert three_lines(result.err) == [
        f"ayni: Transaction {name} is refused: EXPIRED at expires_at_ms.",
        f"  why:  It was valid until {valid_until}, and the node takes it no more; no final block is"
        " past that yet.",
        f"  next: `ayni tx wait {name}` says for certain when one is, within minutes; making it anew with"
        f" `--replace {name}` is safe at once.",
    ]
    assert len(outbox.pending()) == 1


def test_waiting_for_what_was_refused_and_has_expired_since_exits_9_and_settles_it(
    ayni: Ayni, node: FakeNode, outbox: Outbox
) -> None:
    outbox.put([expired(node)])
    node.remembered, node.past_expiry = refuse(final_after_ms=1_700_000_000_000), True
    result = ayni("tx", "wait", tx_id_of(expired(node)).hex()[:16])
    assert result.code == 9
    what, why, _ = three_lines(result.err)
    assert "has expired." in what
    assert why == "  why:  By the node's word a final block is past its time, and the log does not hold it."
    assert node.seen == [expired(node)]
    assert outbox.pending() == []


def test_that_something_has_expired_before_its_time_is_not_believed(
    ayni: Ayni, node: FakeNode, outbox: Outbox
) -> None:
    """The node lies, or a clock is wrong: what may still become final stays pending."""
    node.past_expiry = True
    result = ayni(*TRANSFER, "--wait", "1s")
    name = tx_id_of(node.seen[0]).hex()[:16]
    assert result.code == 6
    assert three_lines(result.err) == [
        f"ayni: The outcome of transaction {name} is not known yet.",
        "  why:  A node says that it has expired, and by this machine's clock it is valid still:"
        " one of the two clocks is wrong, or the node lies.",
        f"  next: Look at the clock, or ask another node with --node; then run `ayni tx wait {name}`.",
    ]
    assert [entry.tx_id.hex()[:16] for entry in outbox.pending()] == [name]


def test_what_is_refused_for_now_is_not_sent_again_because_a_node_says_its_time_is_over(
    ayni: Ayni, node: FakeNode, outbox: Outbox
) -> None:
    node.judge = lambda body: refuse(final_after_ms=1_700_000_000_000)
    assert ayni(*TRANSFER).code == 3
    node.remembered, node.judge = refuse(final_after_ms=1_700_000_000_000), lambda body: None
    assert ayni("tx", "wait", tx_id_of(node.seen[0]).hex()[:16], "--wait", "0s").code == 3
    assert len(node.seen) == 1


def test_waiting_for_what_is_past_its_time_asks_about_the_bytes_at_once(
    ayni: Ayni, node: FakeNode, outbox: Outbox
) -> None:
    """A node knows nothing of an id that it never refused and no block holds."""
    outbox.put([expired(node)])
    node.past_expiry = True
    assert ayni("tx", "wait", tx_id_of(expired(node)).hex()[:16], "--wait", "1h").code == 9
    assert len(node.seen) == 1
    assert outbox.pending() == []


def test_what_is_pending_is_listed_with_machine_readable_times(ayni: Ayni, node: FakeNode) -> None:
    node.judge = lambda body: refuse(final_after_ms=1_900_000_000_000)
    ayni(*TRANSFER)
    [raw] = node.seen
    [entry] = json.loads(ayni("tx", "pending", "--json").out)["pending"]
    assert {
        "tx_id": tx_id_of(raw).hex(), "type": "transfer", "author": "emilia/cadiai",
        "expires_at": time_json(body_of(raw).expires_at_ms), "refused": "LIMIT_EXCEEDED",
    } == entry  # fmt: skip


def test_the_same_content_is_not_sent_a_second_time_while_it_may_still_take_effect(
    ayni: Ayni, node: FakeNode
) -> None:
    node.judge = lambda body: refuse(final_after_ms=1_900_000_000_000)
    ayni(*TRANSFER)
    result = ayni(*TRANSFER)
    assert result.code == 2
    what, why, next_step = three_lines(result.err)
    name = tx_id_of(node.seen[0]).hex()[:16]
    assert (
        f"The same content was refused before (LIMIT_EXCEEDED) as transaction {name}, which is valid" in what
    )
    assert f"--replace {name}" in next_step
    assert "It may still take effect, and sending it under another id could do it twice." in why
    assert "--again" in next_step
    assert len(node.seen) == 1


def test_what_was_refused_and_is_past_its_time_is_not_said_to_be_valid(
    ayni: Ayni, node: FakeNode, outbox: Outbox
) -> None:
    """The next day the same is paid again, as the balance has come back."""
    outbox.put([expired(node)])
    tx_id = outbox.pending()[0].tx_id
    outbox.hear(Outcome(tx_id, Kind.REFUSED, refusal=refuse(final_after_ms=1)))
    result = ayni("tx", "transfer", "emilia/cadiai", "lazio/coop", "0.01", "EUC", "--date", "2024-10-04")
    name = tx_id.hex()[:16]
    assert (result.code, three_lines(result.err)) == (
        2,
        [
            f"ayni: The same content was refused before (LIMIT_EXCEEDED) as transaction {name}, which was"
            " valid until 2023-11-14 22:13:20 UTC.",
            "  why:  That it never took effect is only a node's word, and sending it under another id could"
            " do it twice.",
            f"  next: Say --replace {name}: then at most one of both takes effect; if it is meant twice, say"
            " --again.",
        ],
    )
    assert node.seen == []


def test_what_another_command_settles_meanwhile_is_not_listed(
    ayni: Ayni, node: FakeNode, outbox: Outbox
) -> None:
    """An import in another window settles thousands while these are read."""
    outbox.put([payment(node, 1), payment(node, 2)])
    first, second = outbox.pending()
    content = first.path.read_bytes()
    first.path.unlink()
    os.mkfifo(first.path)
    os.utime(first.path, (0, 0))  # it is read first

    def settle() -> None:
        with first.path.open("wb") as pipe:  # once it is being read
            outbox.settle(second.tx_id, final=True)
            pipe.write(content)

    other = threading.Thread(target=settle)
    other.start()
    result = ayni("tx", "pending")
    other.join()
    assert result.code == 0, result.err
    assert [line.split()[0] for line in result.out.splitlines()[1:-1]] == [first.tx_id.hex()[:16]]
