"""What is done to the network, one thing at a time, and what it must do meanwhile and afterwards.

Decides the kinds of faults, how long each lasts, and what is expected: while a quorum of nodes can talk,
new blocks become final; while none can, none does; a disk that is full, damaged or old is told as such.
How it is done is cluster.py; what is measured is run.py.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.torture.cluster import NODES, Cluster, TortureFailed
from tests.torture.run import Run
from tests.torture.strangers import strangers

ALL = tuple(range(NODES))
STOPS_SECONDS_MAX = 60.0
UNNOTICED_SECONDS = 6.0
FULL_WORDS = ("check that the disk has space",)
DAMAGE_WORDS = ("the database is damaged", "does not check", "could do damage")
DOCTOR_FOUND = 4
FLIPS = 12
TORN_BYTES_MIN, TORN_BYTES_MAX = 20_000, 200_000
"""More than a block and the votes for it."""


@dataclass(frozen=True)
class Fault:
    """One kind of fault."""

    name: str
    what: str
    """For the table."""
    do: Callable[[Run], None]


def kill_one(run: Run) -> None:
    """Dead for a moment or for longer; the others go on."""
    nodes = run.pick(1)
    run.cluster.kill(*nodes)
    run.hold(run.rng.uniform(0.1, 8), goes_on=True)
    run.cluster.launch(*nodes)
    run.recover(*nodes)


def kill_two(run: Run) -> None:
    """No quorum is left."""
    nodes = run.pick(2)
    run.cluster.kill(*nodes)
    run.hold(run.rng.uniform(4, 8), goes_on=False)
    run.cluster.launch(*nodes)
    run.recover(*nodes)


def kill_all(run: Run) -> None:
    """A power cut."""
    run.cluster.kill(*ALL)
    run.cluster.launch(*ALL)
    run.recover(*ALL)


def kill_again(run: Run) -> None:
    """Killed while it starts, several times over."""
    nodes = run.pick(1)
    for _ in range(4):
        run.cluster.kill(*nodes)
        run.cluster.launch(*nodes)
        run.hold(run.rng.uniform(0.2, 2.5), goes_on=True)
    run.recover(*nodes)


def stop_one(run: Run) -> None:
    """Stopped in good order, as for an upgrade."""
    [node] = run.pick(1)
    run.cluster.stop(node)
    run.hold(run.rng.uniform(0.5, 4), goes_on=True)
    run.cluster.launch(node)
    run.recover(node)


def pause_one(run: Run) -> None:
    """Its connections stay open, and it says nothing."""
    nodes = run.pick(1)
    run.cluster.pause(*nodes)
    run.hold(run.rng.uniform(2, 12), goes_on=True)
    run.cluster.go_on(*nodes)
    run.recover(*nodes)


def pause_two(run: Run) -> None:
    """No quorum answers."""
    nodes = run.pick(2)
    run.cluster.pause(*nodes)
    run.hold(run.rng.uniform(5, 9), goes_on=False)
    run.cluster.go_on(*nodes)
    run.recover(*nodes)


def pause_all(run: Run) -> None:
    """The whole machine sleeps; clients see four nodes that do not answer."""
    run.cluster.pause(*ALL)
    run.hold(run.rng.uniform(2, 6), goes_on=False)
    run.cluster.go_on(*ALL)
    run.recover(*ALL)


def stutter(run: Run) -> None:
    """One node runs half of the time."""
    nodes = run.pick(1)
    for _ in range(6):
        run.cluster.pause(*nodes)
        run.hold(run.rng.uniform(0.1, 0.9), goes_on=True)
        run.cluster.go_on(*nodes)
        run.hold(run.rng.uniform(0.1, 0.9), goes_on=True)
    run.recover(*nodes)


def cut_one(run: Run) -> None:
    """Every connection of one node is reset, and comes back to nobody."""
    nodes = run.pick(1)
    run.cluster.wires.cut(nodes, set(ALL) - set(nodes))
    run.hold(run.rng.uniform(3, 10), goes_on=True)
    run.cluster.wires.mend()
    run.recover(*nodes)


def stall_one(run: Run) -> None:
    """Its connections stay open, and nothing comes through: until keepalive, nobody is told."""
    nodes = run.pick(1)
    run.cluster.wires.stall(nodes, set(ALL) - set(nodes))
    run.hold(run.rng.uniform(3, 20), goes_on=True)
    run.cluster.wires.mend()
    run.recover(*nodes)


def mute_one(run: Run) -> None:
    """It hears everybody, and nobody hears it."""
    nodes = run.pick(1)
    run.cluster.wires.mute(nodes, set(ALL) - set(nodes))
    run.hold(run.rng.uniform(3, 10), goes_on=True)
    run.cluster.wires.mend()
    run.recover(*nodes)


def split(run: Run) -> None:
    """Two and two: neither half may make a block final."""
    half = run.pick(2)
    cut = run.rng.choice((run.cluster.wires.cut, run.cluster.wires.stall))
    cut(half, set(ALL) - set(half))
    run.hold(run.rng.uniform(5, 9), goes_on=False)
    run.cluster.wires.mend()
    run.recover(*ALL)


def ring(run: Run) -> None:
    """Each node talks to two others only: no two quorums see the same."""
    first = run.rng.sample(ALL, NODES)
    run.cluster.wires.cut({first[0]}, {first[2]})
    run.cluster.wires.cut({first[1]}, {first[3]})
    run.hold(run.rng.uniform(4, 8), goes_on=None)
    run.cluster.wires.mend()
    run.recover(*ALL)


def flap(run: Run) -> None:
    """Connections are reset again and again, each time others."""
    for _ in range(8):
        one, other = run.pick(2)
        run.cluster.wires.cut({one}, {other})
        run.hold(run.rng.uniform(0.2, 1.2), goes_on=None)
        run.cluster.wires.mend()
    run.recover(*ALL)


def slow_lines(run: Run) -> None:
    """Every line takes its time."""
    run.cluster.wires.delay(run.rng.choice((20, 60, 150, 300)))
    run.hold(run.rng.uniform(5, 10), goes_on=True)
    run.cluster.wires.mend()
    run.recover(*ALL)


def slow_node(run: Run) -> None:
    """One node is far away, beyond every timeout."""
    nodes = run.pick(1)
    run.cluster.wires.delay(run.rng.choice((700, 2_500)), *nodes)
    run.hold(run.rng.uniform(5, 10), goes_on=True)
    run.cluster.wires.mend()
    run.recover(*nodes)


def clock_near(run: Run) -> None:
    """Two clocks are off by seconds, as the rules allow (B2)."""
    for node in run.pick(2):
        run.cluster.shift_clock(node, run.rng.randint(-4_000, 4_000))
    run.hold(run.rng.uniform(4, 8), goes_on=True)
    _set_clocks(run.cluster)
    run.recover(*ALL)


def clock_far(run: Run) -> None:
    """One clock is off by more than the rules allow: nobody takes its blocks, and it takes nobody's."""
    nodes = run.pick(1)
    run.cluster.shift_clock(nodes[0], run.rng.choice((-1, 1)) * run.rng.choice((15_000, 90_000, 86_400_000)))
    run.hold(run.rng.uniform(5, 10), goes_on=True)
    _set_clocks(run.cluster)
    run.recover(*nodes)


def clocks_jump(run: Run) -> None:
    """All clocks jump, one after the other, ahead and back."""
    for _ in range(5):
        [node] = run.pick(1)
        run.cluster.shift_clock(node, run.rng.choice((-60_000, -9_000, 0, 9_000, 60_000)))
        run.hold(run.rng.uniform(0.5, 2), goes_on=None)
    _set_clocks(run.cluster)
    run.recover(*ALL)


def strangers_call(run: Run) -> None:
    """Strangers at all ports of one node: greetings by the dozen, garbage, silence."""
    [node] = run.pick(1)
    with strangers(run.cluster.ports(node), run.rng.getrandbits(32)):
        run.hold(run.rng.uniform(4, 8), goes_on=True)
    run.recover(node)


def storm(run: Run) -> None:
    """Slow lines, a clock that is off, a node that is killed and another that stutters, all at once."""
    cluster, (killed, skewed, stutters) = run.cluster, run.pick(3)
    cluster.wires.delay(run.rng.choice((30, 100)))
    cluster.shift_clock(skewed, run.rng.randint(-8_000, 8_000))
    cluster.kill(killed)
    for _ in range(3):
        cluster.pause(stutters)
        run.hold(run.rng.uniform(0.2, 1.5), goes_on=None)
        cluster.go_on(stutters)
        run.hold(run.rng.uniform(0.2, 1.5), goes_on=None)
    cluster.launch(killed)
    cluster.wires.mend()
    _set_clocks(cluster)
    run.recover(*ALL)


def _set_clocks(cluster: Cluster) -> None:
    for node in ALL:
        cluster.shift_clock(node, 0)


# --- disks ----------------------------------------------------------------------------------------------


def full_disk(run: Run) -> None:
    """The node says that its disk has no space, and stops; with space again it goes on where it was."""
    cluster = run.cluster
    if cluster.disk.mounted:
        node = cluster.disk_node
        log = run.mark(node)
        cluster.disk.fill()
    else:
        [node] = run.pick(1)
        log = run.mark(node)
        cluster.limit_files(node)
    run.ends_by_itself(node, STOPS_SECONDS_MAX, codes=(1, 2), words=FULL_WORDS, since=log)
    run.hold(2, goes_on=True)
    if cluster.disk.mounted:
        cluster.disk.empty()
    cluster.launch(node)
    run.recover(node)
    run.must_vote(node)


def damaged_disk(run: Run) -> None:
    """The node says that its database is damaged, and stops; emptied, it fetches all from the others.

    Damage in what nobody reads is found by the doctor. The damaged copy is an old one, so that nobody votes
    on it while the damage is not noticed: the sound disk, put back, would be older than those votes. Nor is
    it put back when the emptied node votes, as it may once the others need its old votes no more.
    """
    cluster, [node] = run.cluster, run.pick(1)
    cluster.kill(node)
    copy = cluster.copy_disk(node, "data.damaged")
    cluster.launch(node)
    run.recover(node)
    run.hold(run.rng.uniform(2, 4), goes_on=True)
    cluster.kill(node)
    cluster.data(node).rename(cluster.kept(node))
    copy.rename(cluster.data(node))
    how = damage(cluster.data(node), run.rng)
    log = run.mark(node)
    cluster.launch(node, same_disk=False)
    run.note(how)
    if not run.ends_by_itself(
        node, UNNOTICED_SECONDS, codes=(1, 2), words=DAMAGE_WORDS, since=log, must=False
    ):
        cluster.kill(node)
        found = run.doctor(node)
        if found != DOCTOR_FOUND:
            raise TortureFailed(
                f"{cluster.name(node)} runs on damaged files ({how}), and its doctor says {found}"
            )
    shutil.rmtree(cluster.data(node))
    cluster.launch(node, same_disk=False)
    if run.rng.getrandbits(1):
        run.hold(run.rng.uniform(2, 5), goes_on=True)
        cluster.kill(node)
        cluster.launch(node)
        run.note("killed while it fetched")
    run.recover(node)
    run.hold(3, goes_on=True)
    if run.locked(node):
        run.note("then votes locked")
        _sound_disk(run, node)
    else:
        run.note("then votes")
        shutil.rmtree(cluster.kept(node))


def torn_disk(run: Run) -> None:
    """The end of the database's log is gone, as when a disk lied about what it had synced.

    What the node voted is lost with it: it does not vote, or it says that the database is damaged and stops.
    """
    cluster, [node] = run.cluster, run.pick(1)
    cluster.kill(node)
    copy = cluster.copy_disk(node, "data.torn")
    newest = max(copy.glob("*.log"), key=lambda each: int(each.stem))
    size = newest.stat().st_size
    lost = min(size, run.rng.randint(TORN_BYTES_MIN, TORN_BYTES_MAX))
    cluster.data(node).rename(cluster.kept(node))
    copy.rename(cluster.data(node))
    _truncate(cluster.data(node) / newest.name, size - lost)
    log = run.mark(node)
    cluster.launch(node, same_disk=False)
    if run.ends_by_itself(node, UNNOTICED_SECONDS, codes=(2,), words=DAMAGE_WORDS, since=log, must=False):
        run.note("it stopped")
    else:
        run.recover(node)
        run.must_be_locked(node)
        run.note("votes locked")
        run.hold(3, goes_on=True)
    _sound_disk(run, node)


def old_disk(run: Run) -> None:
    """An old copy of the data directory is put under a node: it follows, and does not vote. The sound disk,
    put back, votes again."""
    cluster, [node] = run.cluster, run.pick(1)
    cluster.kill(node)
    copy = cluster.copy_disk(node, "data.old")
    cluster.launch(node)
    run.recover(node)
    run.hold(run.rng.uniform(3, 8), goes_on=True)
    cluster.kill(node)
    cluster.data(node).rename(cluster.kept(node))
    copy.rename(cluster.data(node))
    cluster.launch(node, same_disk=False)
    run.recover(node)
    run.must_be_locked(node)
    run.hold(4, goes_on=True)
    run.must_be_locked(node)
    _sound_disk(run, node)


def _sound_disk(run: Run, node: int) -> None:
    run.cluster.kill(node)
    run.cluster.give_sound_disk_back(node)
    run.cluster.launch(node, same_disk=False)
    run.in_step(node)
    run.must_vote(node)


def damage(directory: Path, rng: random.Random) -> str:
    """Damages a stopped database so that it cannot be whole; how, in words."""
    tables = sorted(directory.glob("*.ldb"))
    [manifest] = directory.glob("MANIFEST-*")
    kinds = ["a flipped manifest", "a truncated manifest", "no CURRENT", "a wrong CURRENT"]
    kinds += ["flipped tables", "a truncated table", "a missing table"] * 2 if tables else []
    how = rng.choice(kinds)
    match how:
        case "a flipped manifest":
            _flip(manifest, rng, 1)
        case "a truncated manifest":
            _truncate(manifest, manifest.stat().st_size // 2)
        case "no CURRENT":
            (directory / "CURRENT").unlink()
        case "a wrong CURRENT":
            (directory / "CURRENT").write_text("MANIFEST-999999\n")
        case "flipped tables":
            for table in tables:
                _flip(table, rng, FLIPS)
        case "a truncated table":
            chosen = rng.choice(tables)
            _truncate(chosen, chosen.stat().st_size // 2)
        case _:
            rng.choice(tables).unlink()
    return how


def _flip(file: Path, rng: random.Random, times: int) -> None:
    data = bytearray(file.read_bytes())
    for _ in range(times):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    file.write_bytes(data)


def _truncate(file: Path, size: int) -> None:
    with file.open("r+b") as stream:
        stream.truncate(size)


FAULTS = (
    Fault("kill-one", "one node killed (SIGKILL)", kill_one),
    Fault("kill-two", "two nodes killed", kill_two),
    Fault("kill-all", "all nodes killed", kill_all),
    Fault("kill-again", "one node killed while it starts, four times", kill_again),
    Fault("stop-one", "one node stopped in good order", stop_one),
    Fault("pause-one", "one node paused (SIGSTOP)", pause_one),
    Fault("pause-two", "two nodes paused", pause_two),
    Fault("pause-all", "all nodes paused", pause_all),
    Fault("stutter", "one node paused half of the time", stutter),
    Fault("cut-one", "one node's connections cut", cut_one),
    Fault("stall-one", "one node's connections dead but open", stall_one),
    Fault("mute-one", "one node heard by nobody", mute_one),
    Fault("split", "two nodes cut off from two", split),
    Fault("ring", "each node cut off from one other", ring),
    Fault("flap", "connections reset again and again", flap),
    Fault("slow-lines", "all connections slow (20 to 300 ms)", slow_lines),
    Fault("slow-node", "one node's connections slow (0.7 or 2.5 s)", slow_node),
    Fault("clock-near", "two clocks off by up to 4 s", clock_near),
    Fault("clock-far", "one clock off by 15 s to a day", clock_far),
    Fault("clocks-jump", "clocks that jump by up to a minute", clocks_jump),
    Fault("strangers", "strangers at one node's ports: many greetings at once, garbage", strangers_call),
    Fault("storm", "slow lines, a clock off, a kill and a pause at once", storm),
    Fault("full-disk", "a full disk", full_disk),
    Fault("damaged-disk", "damaged database files; rebuilt from the others", damaged_disk),
    Fault("torn-disk", "the end of the database's log lost", torn_disk),
    Fault("old-disk", "an old copy of the database put back", old_disk),
)
FAULT_OF = {fault.name: fault for fault in FAULTS}
