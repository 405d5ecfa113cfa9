"""What goes wrong, and when: drawn from the seed, done to the cluster, and counted.

At most f members are damaged for good (or lie); everything else may happen to anybody, to all at once too.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from ayni.v1.block_pb2 import CertifiedBlock, Header
from node.store import HEADER, META, STATE
from tests.sim.clock import rest
from tests.sim.cluster import Cluster, Host
from tests.sim.disk import Chances
from tests.sim.observer import Observer
from tests.sim.plan import Plan
from tests.sim.wire import Weather

DOWN_SECONDS_MAX = 4.0
AWAY_SECONDS_MAX = 12.0
CLOCK_OFF_MS_MAX = 3_000
"""How far any clock may be off: two honest ones then differ by less than what a voter accepts (B2)."""
CLOCK_WILD_MS = 3_600_000


class Trouble:
    """The troubles of one run."""

    def __init__(self, cluster: Cluster, plan: Plan, observer: Observer) -> None:
        self.cluster = cluster
        self.plan = plan
        self.observer = observer
        self.chance = random.Random(f"{plan.seed}/trouble")
        self._over = False
        self._away: dict[int, float] = {}
        """Host to when somebody looks after it again."""
        self._images: dict[int, dict[bytes, bytes]] = {}
        self._does: dict[str, Callable[[], None]] = {
            "partition": self._partition,
            "one-way cut": self._one_way,
            "flapping": self._flap,
            "storm": self._storm,
            "slow link": self._slow,
            "pause": self._pause,
            "kill": self._kill,
            "power cut": self._power_cut,
            "stop": self._stop,
            "full disk": self._full,
            "clock": self._clock,
            "holiday": self._holiday,
            "calm": self._calm,
        }
        for host in cluster.hosts:
            weight = plan.crash_weight
            host.disk.chances = Chances(weight, weight, weight, reordered=self.chance.random() < 0.5)

    async def go_on(self) -> None:
        """Brings one trouble after another, until cancelled."""
        self._later(self._revive, 0.3)
        for member, damage in sorted(self.plan.damaged.items()):
            self._later(
                lambda member=member, damage=damage: self._damage(member, damage),  # type: ignore[misc]
                self.chance.uniform(0.2, 0.8) * self.plan.trouble_seconds,
            )
            self._later(
                lambda member=member: self._copy(member),  # type: ignore[misc]
                self.chance.uniform(0.0, 0.2) * self.plan.trouble_seconds,
            )
        while True:
            await rest(self.chance.expovariate(1000 / self.plan.trouble_pause_ms))
            kind = self.chance.choice(self.plan.troubles)
            self.cluster.injected[kind] += 1
            self.observer.note(f"trouble: {kind}")
            self._does[kind]()

    def repair(self) -> None:
        """Everything works again, from now on; who lies goes on lying."""
        self._over = True
        self.observer.note("everything is repaired")
        wire = self.cluster.wire
        wire.weather = Weather()
        wire.heal()
        for host in self.cluster.hosts:
            host.disk.chances = Chances()
            host.disk.is_full = False
            host.skew_ms = 0
            if host.process is not None and host.process.paused_until > self.cluster.loop.time():
                host.process.paused_until = self.cluster.loop.time()
                self.cluster.pause(host, 0.0)
            self._start(host)
        self._later(self._revive, 0.1)

    # --- helpers ----------------------------------------------------------------------------------------

    def _later(self, action: Callable[[], None], seconds: float) -> None:
        self.cluster.loop.after(seconds, action)

    def _while(self, least: float, most: float) -> float:
        """Seconds that something lasts, at the pace of this run."""
        return self.chance.uniform(least, most) * self.plan.pace

    def _revive(self) -> None:
        """Somebody looks after the machines: what is down is started, a little later."""
        for host in self.cluster.hosts:
            if host.process is None and (self._over or self.chance.random() < 0.3):
                self._start(host)
        self._later(self._revive, 0.3 * self.plan.pace)

    def _start(self, host: Host) -> None:
        is_away = not self._over and self._away.get(host.index, 0.0) > self.cluster.loop.time()
        if host.process is not None or is_away:
            return
        if host.disk.rotten and "damaged" in host.words:
            self._empty(host)  # as docs/operations.md says: moved away
        self.cluster.start(host)

    def _some(self) -> list[Host]:
        hosts = list(self.cluster.hosts)
        self.chance.shuffle(hosts)
        return hosts[: self.chance.randrange(1, len(hosts) + 1)]

    def _one(self) -> Host:
        return self.chance.choice(self.cluster.hosts)

    # --- the network ------------------------------------------------------------------------------------

    def _cut(self, some: list[Host], others: list[Host], *, both_ways: bool) -> None:
        pairs = {(one.index, other.index) for one in some for other in others if one is not other}
        self.cluster.wire.holds = self.chance.random() < 0.4
        self.cluster.wire.cut |= pairs | ({(b, a) for a, b in pairs} if both_ways else set())

    def _partition(self) -> None:
        some = self._some()
        self._cut(some, [host for host in self.cluster.hosts if host not in some], both_ways=True)
        self._later(self._heal_cuts, self._while(0.3, 6.0))

    def _one_way(self) -> None:
        self._cut(self._some(), self._some(), both_ways=False)
        self._later(self._heal_cuts, self._while(0.3, 6.0))

    def _flap(self) -> None:
        some, others = self._some(), self._some()
        at = 0.0
        for _ in range(self.chance.randrange(2, 8)):
            self._later(lambda: None if self._over else self._cut(some, others, both_ways=True), at)
            at += self._while(0.05, 0.5)
            self._later(self._heal_cuts, at)
            at += self._while(0.05, 0.5)

    def _heal_cuts(self) -> None:
        self.cluster.wire.heal()

    def _storm(self) -> None:
        self.cluster.wire.weather = Weather(
            loss=self.chance.choice([0, 0.02, 0.3]),
            duplication=self.chance.choice([0, 0.2]),
            reordering=self.chance.random() < 0.5,
            delay_min_ms=1,
            delay_max_ms=self.chance.choice([2, 50, 700, 2_000]),
            breaks=self.chance.choice([0, 0, 0.01]),
            crash_between_sends=self.chance.choice([0, 0, 0.002]) if self.plan.crash_weight else 0,
        )

    def _slow(self) -> None:
        for host in self._some():
            other = self._one()
            self.cluster.wire.slow[host.index, other.index] = self.chance.choice([2e3, 2e4, 2e5])

    def _calm(self) -> None:
        self.cluster.wire.weather = Weather()
        self.cluster.wire.heal()

    # --- processes --------------------------------------------------------------------------------------

    def _pause(self) -> None:
        self.cluster.pause(self._one(), self._while(0.05, 5.0))

    def _kill(self) -> None:
        for host in self._some():
            self.cluster.kill(host)
            self._later(lambda host=host: self._start(host), self._while(0.02, DOWN_SECONDS_MAX))  # type: ignore[misc]

    def _power_cut(self) -> None:
        for host in self._some():
            self.cluster.kill(host, abruptly=True, why="the power went")
            self._later(lambda host=host: self._start(host), self._while(0.1, DOWN_SECONDS_MAX))  # type: ignore[misc]

    def _stop(self) -> None:
        host = self._one()
        self.cluster.stop(host)
        self._later(lambda: self._start(host), self._while(0.5, DOWN_SECONDS_MAX))

    def _holiday(self) -> None:
        """Nobody looks after up to f machines for a while, or everything is down for days."""
        if self.chance.random() < 0.8 or self.plan.members == 1:
            for host in self._some()[: max(1, self.plan.faulty_max)]:
                self.cluster.kill(host, why="away")
                self._away[host.index] = self.cluster.loop.time() + self._while(2.0, AWAY_SECONDS_MAX)
            return
        for host in self.cluster.hosts:
            self.cluster.kill(host, abruptly=True, why="a holiday")
        self.cluster.let_days_pass(self.chance.choice([1, 2, 8]))

    # --- disks and clocks -------------------------------------------------------------------------------

    def _full(self) -> None:
        host = self._one()
        host.disk.is_full = True

        def free() -> None:
            host.disk.is_full = False

        self._later(free, self._while(0.2, 4.0))

    def _clock(self) -> None:
        self._one().skew_ms = self.chance.randrange(-CLOCK_OFF_MS_MAX, CLOCK_OFF_MS_MAX)

    def _copy(self, member: int) -> None:
        """A backup of a disk is made, at whatever moment."""
        self._images[member] = self.cluster.hosts[member].disk.image()

    def _damage(self, member: int, damage: str) -> None:
        if self._over:
            return
        host = self.cluster.hosts[member]
        self.cluster.injected[damage] += 1
        self.observer.note(f"trouble: {damage} of {host.name}")
        match damage:
            case "old disk":
                self.cluster.kill(host, abruptly=True, why="its disk is replaced by an old copy")
                self._replace(host, self._images.get(member, self.cluster.founded.image))
            case "empty disk":
                self.cluster.kill(host, abruptly=True, why="its disk is replaced by an empty one")
                self._empty(host)
            case "bit rot":
                tables = (STATE, HEADER, META)
                keys = [key for key in host.disk.keys if key[:1] in tables]
                host.disk.rotten.update(self.chance.sample(keys, min(len(keys), 12)))
            case _:
                host.skew_ms = self.chance.choice([-CLOCK_WILD_MS, -30_000, 30_000, CLOCK_WILD_MS])

    def _empty(self, host: Host) -> None:
        self._replace(host, {})

    def _replace(self, host: Host, image: dict[bytes, bytes]) -> None:
        host.is_rolled_back = True
        host.disk.restore(image)
        views = [
            Header.FromString(CertifiedBlock.FromString(row).header).view
            for key, row in image.items()
            if key[:1] == HEADER
        ]
        self.observer.votes.rolled_back(host, max(views, default=0), self.cluster.hosts)
