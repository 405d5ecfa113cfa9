"""Every buffer of a node, and what it holds at most: nothing grows without bound, whatever peers send."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from consensus.config import EVIDENCE_VIEWS, FUTURE_VIEWS_MAX
from node.mempool import STRANGERS, Mempool
from node.peers import INCOMING_FRAMES_MAX, OUTGOING_BYTES_MAX
from tests.sim.cluster import Host

VIEWS_MAX = 2_000
"""Views between the last final one and the current: a run does not last longer."""
LOCAL_INPUTS_MAX = 64
"""Ticks, peers up and down, and transactions pending, that wait beside frames."""


def over_bounds(host: Host) -> str:
    """What of a node is larger than it may be; "" when nothing is."""
    for name, size, most in sizes(host):
        if size > most:
            return f"{name} holds {size}, at most {most}"
    return ""


def sizes(host: Host) -> Iterator[tuple[str, int, int]]:
    """(name, size, bound) of each buffer."""
    node = host.node
    if node is None:
        return
    parts, loop, round_ = node.parts, node.loop, node.machine._round
    peers = len(parts.founding.membership.members) - 1
    open_views = max(0, round_.view - round_.store.final_view)
    yield "mempool", len(parts.mempool), parts.config.mempool.transactions_max
    for organisation, waiting in _by_organisation(parts.mempool).items():
        yield f"mempool, of {organisation},", waiting, parts.config.mempool.per_organisation_max
    yield "mempool bytes", parts.mempool.bytes_waiting, parts.config.mempool.bytes_max
    yield "inputs", len(loop._inputs), peers * (INCOMING_FRAMES_MAX + 1) + LOCAL_INPUTS_MAX
    yield "frames of transactions", len(loop._transactions), peers * (INCOMING_FRAMES_MAX + 1)
    yield "views with votes", len(round_.pool._views), open_views + FUTURE_VIEWS_MAX + EVIDENCE_VIEWS + 2
    yield "open views", open_views, VIEWS_MAX
    yield "blocks", len(round_.tree._blocks), 2 * (round_.view - round_.tree.tip.view) + 32
    yield "relayed certificates", len(node.machine._relay._queue), 4 * open_views + 64
    yield "links", len(node.network.links), peers
    yield "outcomes watched", len(parts.outcomes), parts.config.mempool.transactions_max
    for link in node.network.links.values():
        yield f"outgoing to {link.name}", link._outgoing_bytes, OUTGOING_BYTES_MAX


def _by_organisation(mempool: Mempool) -> Counter[str]:
    """How many transactions of each organisation wait; strangers have a bound of their own."""
    found = Counter(entry.organisation for entry in mempool._entries.values())
    del found[STRANGERS]
    return found
