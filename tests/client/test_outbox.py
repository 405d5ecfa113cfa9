"""Signed bytes survive a crash, and the same bytes are sent again."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ayni.v1 import result_pb2
from client import transactions
from client.drafts import Draft, id_of, sign
from client.errors import KeyProblem, NotFound, UsageProblem
from client.outbox import PART_SECONDS, Outbox
from client.output import time_text
from client.stamps import Stamp
from tests.client.conftest import Ayni, three_lines
from tests.client.fakes import TRANSFER, FakeNode, body_of, seeded


def draft(number: int = 1) -> Draft:
    leg = transactions.leg("lazio/coop", "EUC", number, value_date=20_000)
    return transactions.transfer("emilia/cadiai", [leg], Stamp(bytes([number]) * 16, 1_900_000_000_000))


def raw(node: FakeNode, number: int = 1) -> bytes:
    return sign(draft(number), [seeded("cadiai")], node.genesis_hash)


def test_bytes_are_kept_until_a_definite_outcome_and_keep_their_name_after_it(
    outbox: Outbox, node: FakeNode
) -> None:
    one, two = raw(node, 1), raw(node, 2)
    outbox.put([one, two])
    assert {one, two} == {entry.transaction() for entry in outbox.pending()}
    outbox.settle(id_of(one), final=True)
    outbox.settle(id_of(two), final=False)
    assert outbox.pending() == []
    assert id_of(one) == outbox.find(id_of(one).hex()[:8])
    assert id_of(two) == outbox.find(id_of(two).hex()[:8])
    assert [entry.tx_id for entry in outbox.known()] == [id_of(one)]
    with pytest.raises(NotFound, match="No transaction beginning with"):
        outbox.find(id_of(raw(node, 3)).hex()[:8])


def test_what_is_found_to_be_final_after_all_is_so_for_good(outbox: Outbox, node: FakeNode) -> None:
    tx_id = id_of(raw(node))
    outbox.put([raw(node)])
    for final, known in ((False, []), (True, [tx_id]), (False, [tx_id])):
        outbox.settle(tx_id, final=final)
        assert [entry.tx_id for entry in outbox.known()] == known


@pytest.mark.parametrize("lie", ["expired", "refused"])
def test_what_a_node_says_will_never_be_final_is_replaced_and_not_done_twice(
    ayni: Ayni, outbox: Outbox, node: FakeNode, lie: str
) -> None:
    """The node lies, and has others take it: with a nonce of its own the second one would pay again."""
    refusal = result_pb2.Refusal(code=result_pb2.REFUSAL_CODE_FIELD_INVALID, message="no")
    node.past_expiry = lie == "expired"
    node.judge = lambda body: refusal if lie == "refused" else None
    arguments = ("tx", "transfer", "emilia/cadiai", "lazio/coop", "1", "EUC")
    told = ayni(*arguments, "--expires-in", "5s")
    assert told.code in (3, 9)
    first = node.seen[0]
    assert f"with `--replace {id_of(first).hex()[:16]}` at most one of both takes effect" in told.err
    assert outbox.pending() == []
    node.past_expiry, node.judge = False, lambda body: None
    anew = ayni(*arguments)
    assert anew.code == 2
    assert three_lines(anew.err) == [
        f"ayni: The same content was sent before as transaction {id_of(first).hex()[:16]}, and given up.",
        "  why:  That it never took effect is only a node's word, and sending it under another id could do"
        " it twice.",
        f"  next: Say --replace {id_of(first).hex()[:16]}: then at most one of both takes effect; if it is"
        " meant twice, say --again.",
    ]
    assert len(node.seen) == 1
    assert ayni(*arguments, "--replace", id_of(first).hex()[:16]).code == 0
    assert body_of(node.seen[1]).nonce == body_of(first).nonce
    assert ayni(*arguments).code == 0  # a receipt proves the nonce used: now it is meant once more


def test_many_at_once_are_kept_too(outbox: Outbox, node: FakeNode) -> None:
    many = [raw(node, number) for number in range(1, 101)]
    outbox.put(many)
    assert sorted(many) == sorted(entry.transaction() for entry in outbox.pending())


def test_half_written_files_of_a_crash_are_not_pending(outbox: Outbox, node: FakeNode, home: Path) -> None:
    outbox.put([raw(node)])
    [entry] = outbox.pending()
    (entry.path.parent / "aa.part").write_bytes(b"half")
    assert [entry.tx_id] == [one.tx_id for one in outbox.pending()]


def test_what_a_killed_command_left_half_written_goes_after_a_day(outbox: Outbox, node: FakeNode) -> None:
    outbox.put([raw(node, 1)])
    pending = outbox.pending()[0].path.parent
    old, new = pending / "aa.old.part", pending / "aa.new.part"
    for part in (old, new):
        part.write_bytes(b"half")
    then = time.time() - PART_SECONDS - 60
    os.utime(old, (then, then))
    outbox.put([raw(node, 2)])
    assert (old.exists(), new.exists()) == (False, True)


def test_a_damaged_file_is_told_and_never_sent(outbox: Outbox, node: FakeNode) -> None:
    outbox.put([raw(node)])
    [entry] = outbox.pending()
    entry.path.write_bytes(raw(node, 2))
    with pytest.raises(KeyProblem, match="is damaged"):
        entry.transaction()


def test_what_became_of_what_a_damaged_file_was_named_for_can_be_asked(
    ayni: Ayni, outbox: Outbox, node: FakeNode
) -> None:
    """As the error says that stops every payment until the file is removed."""
    outbox.put([raw(node)])
    [entry] = outbox.pending()
    entry.path.write_bytes(b"")
    told = ayni(*TRANSFER)
    assert (told.code, three_lines(told.err)) == (
        7,
        [
            f"ayni: The outbox file {entry.path} is damaged.",
            "  why:  Its bytes are not those of the transaction it is named for.",
            f"  next: Ask what became of it: `ayni tx wait {entry.tx_id.hex()}`; then remove the file.",
        ],
    )
    assert ayni("tx", "wait", entry.tx_id.hex(), "--wait", "0s").code == 6
    node.log.append((raw(node), b""))
    assert ayni("tx", "wait", entry.tx_id.hex()).code == 0
    assert ayni(*TRANSFER).code == 0


def test_two_commands_keep_the_same_bytes_at_once(outbox: Outbox, node: FakeNode) -> None:
    """As two imports of one file do: what is pending is sent again with the same bytes."""
    raws = [raw(node, number) for number in range(1, 33)]
    together = threading.Barrier(4)

    def put(_: int) -> None:
        together.wait()
        outbox.put(raws)

    with ThreadPoolExecutor(4) as commands:
        list(commands.map(put, range(4)))
    assert {id_of(one) for one in raws} == {entry.tx_id for entry in outbox.pending()}
    assert {entry.transaction() for entry in outbox.pending()} == set(raws)


def test_what_could_not_be_written_whole_leaves_nothing_behind(outbox: Outbox, node: FakeNode) -> None:
    """Else a full disk would be kept full by it."""
    outbox.put([raw(node, 1)])
    pending = outbox.pending()[0].path.parent
    (pending / f"{id_of(raw(node, 2)).hex()}.ayni").mkdir()  # in its way
    with pytest.raises(UsageProblem, match="cannot be written"):
        outbox.put([raw(node, 2), raw(node, 3)])
    assert list(pending.glob("*.part")) == []


def test_what_another_process_settles_meanwhile_is_passed_over(outbox: Outbox, node: FakeNode) -> None:
    outbox.put([raw(node, 1), raw(node, 2)])
    entries = outbox.pending()
    Outbox(entries[0].path.parent.parent).settle(entries[0].tx_id, final=True)
    assert [entry.tx_id for entry, _ in outbox.bodies(entries)] == [entries[1].tx_id]
    outbox.settle(entries[0].tx_id, final=True)
    outbox.settle(entries[0].tx_id, final=False)
    assert [entry.tx_id for entry in outbox.pending()] == [entries[1].tx_id]


def test_what_became_final_is_told_though_the_outbox_cannot_take_note_of_it(
    ayni: Ayni, outbox: Outbox, node: FakeNode
) -> None:
    outbox.put([raw(node)])
    (outbox.pending()[0].path.parent.parent / "done").write_text("a file is in the way")
    arguments = ("tx", "transfer", "emilia/cadiai", "lazio/coop", "2", "EUC")
    result = ayni(*arguments)
    assert (result.code, result.out.splitlines()[1]) == (
        0, "final in block 1, log position 0; receipt verified",
    )  # fmt: skip
    assert result.err == (
        "the outbox could not take note of it (Not a directory); `ayni tx pending` may still list it\n"
    )
    assert ayni(*arguments).code == 2  # and it is not paid a second time


def test_an_id_is_named_by_its_beginning(outbox: Outbox, node: FakeNode) -> None:
    outbox.put([raw(node)])
    whole = id_of(raw(node)).hex()
    assert id_of(raw(node)) == outbox.find(whole) == outbox.find(whole[:6].upper())
    with pytest.raises(UsageProblem, match="too short"):
        outbox.find(whole[:3])
    with pytest.raises(UsageProblem, match="is not a transaction id"):
        outbox.find("hello")


def test_an_outbox_that_cannot_be_written_stops_before_sending(
    ayni: Ayni, home: Path, node: FakeNode
) -> None:
    (home / "outbox").write_text("a file is in the way")
    result = ayni("tx", "transfer", "emilia/cadiai", "lazio/coop", "1", "EUC")
    assert result.code == 2
    assert "nothing was sent" in three_lines(result.err)[1]
    assert node.seen == []


def test_after_a_crash_the_same_bytes_are_sent_again(ayni: Ayni, outbox: Outbox, node: FakeNode) -> None:
    """The crash: the bytes are durable, the process died before any outcome."""
    signed = raw(node)
    outbox.put([signed])
    listed = ayni("tx", "pending")
    assert id_of(signed).hex()[:16] in listed.out
    result = ayni("tx", "pending", "--resend")
    assert result.code == 0
    assert [signed] == node.seen
    assert outbox.pending() == []
    assert "nothing is pending" in ayni("tx", "pending").out


def test_the_same_intent_is_not_given_a_second_nonce_while_it_is_pending(
    ayni: Ayni, outbox: Outbox, node: FakeNode
) -> None:
    outbox.put([raw(node, 100)])
    arguments = ("tx", "transfer", "emilia/cadiai", "lazio/coop", "1", "EUC", "--date", "2024-10-04")
    result = ayni(*arguments)
    assert result.code == 2
    first = id_of(raw(node, 100)).hex()[:16]
    assert f"ayni: The same content is pending already as transaction {first}." == three_lines(result.err)[0]
    assert node.seen == []
    assert ayni(*arguments, "--again").code == 0
    assert len(node.seen) == 1


def numbered(node: FakeNode, number: int) -> bytes:
    leg = transactions.leg("lazio/coop", "EUC", number, value_date=20_000)
    made = transactions.transfer("emilia/cadiai", [leg], Stamp(number.to_bytes(16), 1_900_000_000_000))
    return sign(made, [seeded("cadiai")], node.genesis_hash)


@pytest.mark.timeout(20)
def test_a_large_transaction_is_compared_with_many_that_are_pending_in_moments(
    ayni: Ayni, outbox: Outbox, node: FakeNode, tmp_path: Path
) -> None:
    """It is valid for two minutes, which must not pass before it is sent."""
    outbox.put([numbered(node, number) for number in range(1, 3_001)])
    path = tmp_path / "legs.csv"
    path.write_text("payee,amount,unit\n" + "".join(f"lazio/coop,{one}.25,EUC\n" for one in range(1, 4_001)))
    assert ayni("tx", "transfer", "emilia/cadiai", "--csv", str(path)).code == 0
    assert len(node.seen) == 1


def test_whoever_does_the_same_again_after_it_was_final_is_told_so(
    ayni: Ayni, outbox: Outbox, node: FakeNode
) -> None:
    arguments = ("tx", "transfer", "emilia/cadiai", "lazio/coop", "1", "EUC")
    assert ayni(*arguments, "--reference", "one").err == ""
    assert ayni(*arguments, "--reference", "another").err == ""
    second = ayni(*arguments, "--reference", "one")
    assert second.code == 0
    first = outbox.entry(id_of(node.seen[0]))
    assert first is not None
    assert second.err == (
        f"note: the same content was sent at {time_text(int(first.signed_at * 1000))} as transaction"
        f" {first.tx_id.hex()[:16]} and is final; this does it a second time\n"
    )
    assert ayni(*arguments, "--reference", "one", "--again").err == ""


def test_what_was_final_the_day_before_is_no_second_time(ayni: Ayni, outbox: Outbox, node: FakeNode) -> None:
    arguments = ("tx", "transfer", "emilia/cadiai", "lazio/coop", "1", "EUC", "--date", "2024-10-04")
    assert ayni(*arguments).code == 0
    [entry] = outbox.known()
    os.utime(entry.path, (entry.signed_at - 86_401, entry.signed_at - 86_401))
    assert ayni(*arguments).err == ""


@pytest.mark.parametrize("proven", [True, False])
def test_whoever_replaces_what_took_effect_after_all_is_told_so(
    ayni: Ayni, outbox: Outbox, node: FakeNode, proven: bool
) -> None:
    """The node lied that it had expired, and had others take it."""
    node.past_expiry = True
    assert ayni(*TRANSFER, "--expires-in", "5s").code == 9
    [first] = node.seen
    node.past_expiry = False
    node.judge = lambda body: result_pb2.Refusal(
        code=result_pb2.REFUSAL_CODE_NONCE_USED, field="nonce", message="emilia/cadiai used this nonce"
    )
    if proven:
        node.log.append((first, b""))
    name = id_of(first).hex()[:16]
    result = ayni(*TRANSFER, "--replace", name)
    assert result.code == 3
    second = id_of(node.seen[1]).hex()[:16]
    if proven:
        assert three_lines(result.err) == [
            f"ayni: Transaction {second} is refused: NONCE_USED.",
            f"  why:  Transaction {name} has the same nonce and is final, as its receipt proves: that one"
            " took effect, and this one did not.",
            f"  next: See `ayni tx show {id_of(first).hex()}`; only if it is meant a second time, make"
            " it anew without --replace.",
        ]
    else:
        assert three_lines(result.err)[2] == (
            "  next: What used the nonce took effect: look at it before anything is made anew, and say"
            " --again only if it is meant a second time."
        )
    assert [entry.tx_id for entry in outbox.known()] == [id_of(first)] * proven
    assert ayni(*TRANSFER).code == (3 if proven else 2)


@pytest.mark.parametrize("date", [(), ("--date", "2024-10-04")], ids=["today", "that day"])
def test_what_is_typed_again_after_midnight_is_the_same_intent(
    ayni: Ayni, outbox: Outbox, node: FakeNode, date: tuple[str, ...]
) -> None:
    """The node was out of reach; what is pending is of another day, because nobody typed one."""
    outbox.put([raw(node, 100)])
    result = ayni("tx", "transfer", "emilia/cadiai", "lazio/coop", "1", "EUC", *date)
    assert result.code == 2
    assert "is pending already as transaction" in three_lines(result.err)[0]
    another_day = ("--date", "2024-10-05")
    assert ayni("tx", "transfer", "emilia/cadiai", "lazio/coop", "1", "EUC", *another_day).code == 0
    assert ayni("tx", "transfer", "emilia/cadiai", "lazio/coop", "2", "EUC").code == 0


def test_what_may_still_take_effect_is_not_drafted_under_a_second_nonce_either(
    ayni: Ayni, outbox: Outbox, node: FakeNode, tmp_path: Path
) -> None:
    """Nobody would ask again when the file is signed by the others and sent."""
    outbox.put([raw(node, 100)])
    path = tmp_path / "payment.json"
    arguments = ("tx", "transfer", "emilia/cadiai", "lazio/coop", "1", "EUC", "--draft", str(path))
    result = ayni(*arguments)
    assert result.code == 2
    assert "is pending already as transaction" in three_lines(result.err)[0]
    assert not path.exists()
    assert ayni(*arguments, "--replace", id_of(raw(node, 100)).hex()).code == 0
    assert path.exists()


def test_a_pending_entry_can_be_dropped(ayni: Ayni, outbox: Outbox, node: FakeNode) -> None:
    outbox.put([raw(node)])
    result = ayni("tx", "pending", "--drop", id_of(raw(node)).hex()[:8])
    assert result.code == 0
    assert "may still become final" in result.out
    assert outbox.pending() == []
