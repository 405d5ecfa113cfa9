"""What is done to the network, one thing at a time, and what it must do meanwhile and afterwards.

Decides the kinds of faults, how long each lasts, and what is expected: while a quorum of nodes can talk,
new blocks become final; while none can, none does; a disk that is full, damaged or old is told as such.
What befalls disks is disks.py, how it is done cluster.py; what is measured is run.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.torture.cluster import NODES, Cluster
from tests.torture.disks import damaged_disk, full_disk, old_disk, torn_disk
from tests.torture.run import Run
from tests.torture.strangers import strangers

ALL = tuple(range(NODES))


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
