"""What befalls a disk while the network runs: full, damaged, torn, replaced by an old copy.

Decides what of a stopped node's files is changed, and what the node must say and do then: stop and name
what is wrong, or follow without a vote. At the end the sound disk is put back, or all is fetched again.
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from tests.torture.cluster import TortureFailed
from tests.torture.run import Run

STOPS_SECONDS_MAX = 60.0
UNNOTICED_SECONDS = 6.0
FULL_WORDS = ("check that the disk has space",)
DAMAGE_WORDS = ("the database is damaged", "does not check", "could do damage")
DOCTOR_FOUND = 4
FLIPS = 12
TORN_BYTES_MIN, TORN_BYTES_MAX = 20_000, 200_000
"""More than a block and the votes for it."""


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
    _grow_old(run, node, 2, 4)
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
    _grow_old(run, node, 3, 8)
    cluster.launch(node, same_disk=False)
    run.recover(node)
    run.must_be_locked(node)
    run.hold(4, goes_on=True)
    run.must_be_locked(node)
    _sound_disk(run, node)


def _grow_old(run: Run, node: int, least: float, most: float) -> None:
    """Leaves a node stopped, over a copy of its disk that is as many seconds old; the sound one is kept."""
    cluster = run.cluster
    cluster.kill(node)
    copy = cluster.copy_disk(node, "data.old")
    cluster.launch(node)
    run.recover(node)
    run.hold(run.rng.uniform(least, most), goes_on=True)
    cluster.kill(node)
    cluster.data(node).rename(cluster.kept(node))
    copy.rename(cluster.data(node))


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
