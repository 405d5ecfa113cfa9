"""Who must sign a transaction, which keys here can, and who is missing.

Decides the smallest set of local keys that satisfies every party (T5: a surplus signature is refused),
from the key sets in force: a federation's from the genesis, an account's as a node tells (a held
account's organisation signs for it, T6). Never signs by itself and never trusts the node beyond that:
a wrong answer leads to a refusal, not to a loss.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ayni.v1 import genesis_pb2, keys_pb2, state_pb2
from client.drafts import Draft
from client.errors import KeyProblem
from ledger import limits
from proofs.membership import quorum

AccountReader = Callable[[str], state_pb2.AccountRecord]
"""The record of an account; raises NotFound."""


@dataclass(frozen=True)
class Party:
    """Someone whose threshold of keys must sign."""

    name: str
    """As people call it: "emilia/cadiai (for emilia/cadiai:m-0412)"."""
    threshold: int
    public_keys: frozenset[bytes]

    def lacks(self, signed: set[bytes]) -> int:
        """How many more of its keys must sign."""
        return max(0, self.threshold - len(self.public_keys & signed))


@dataclass(frozen=True)
class Signing:
    """What the keys here can do for a transaction."""

    use: tuple[bytes, ...]
    """Public keys to sign with now, ascending."""
    missing: tuple[str, ...]
    """Who must sign still, in words; none: it is complete."""
    surplus: tuple[bytes, ...] = ()
    """Public keys that signed already and that it is complete without, ascending."""


def parties_of(draft: Draft, genesis: genesis_pb2.Genesis, account: AccountReader) -> list[Party]:
    """The parties that a draft names, with their keys in force. Raises NotFound.

    Of a decision: its author only; the other federations are chosen in `plan`.
    """
    service = draft.kind == "close_period"
    federations = {one.name: one for one in genesis.federations}
    parties = []
    for name in draft.signers:
        if "/" in name:
            parties.append(_account_party(name, account))
        elif name in federations:
            parties.append(_federation_party(federations[name], service))
        else:
            raise KeyProblem(
                f"'{name}' cannot sign.",
                f"It is no account and no federation of the network '{genesis.network}'.",
                f"Its federations are {', '.join(sorted(federations))}.",
            )
    return parties


def plan(
    draft: Draft, genesis: genesis_pb2.Genesis, account: AccountReader, here: Iterable[bytes]
) -> Signing:
    """Which of the keys kept `here` sign, and who is missing then. Raises NotFound, KeyProblem."""
    available = sorted(set(here))
    already = {public_key for public_key, _ in draft.signatures}
    parties = parties_of(draft, genesis, account)
    short = 0
    if draft.kind == "decision":
        parties, short = _deciding(parties, genesis, already, available)
    chosen: set[bytes] = set()
    for party in sorted(parties, key=lambda one: len(one.public_keys)):
        for public_key in available:
            if party.lacks(already | chosen) and public_key in party.public_keys:
                chosen.add(public_key)
    chosen = _without_surplus(parties, already, chosen)
    missing = [
        f"{party.name} ({lacks} more of its {party.threshold}-of-{len(party.public_keys)} keys)"
        for party in parties
        if (lacks := party.lacks(already | chosen))
    ]
    if short:
        missing.append(f"{short} more federation{'s' if short > 1 else ''}")
    surplus = () if missing else already - _without_surplus(parties, chosen, already)
    return Signing(tuple(sorted(chosen - already)), tuple(missing), tuple(sorted(surplus)))


def missing_error(tx_id_text: str, missing: Iterable[str]) -> KeyProblem:
    """What to tell when someone must sign still."""
    return KeyProblem(
        f"Transaction {tx_id_text} lacks signatures: {', '.join(missing)}.",
        "The keystore here does not hold these keys; nothing was sent.",
        "Write it with --draft FILE, let them run `ayni tx sign FILE`, then `ayni tx submit FILE`.",
    )


def _deciding(
    parties: list[Party], genesis: genesis_pb2.Genesis, already: set[bytes], available: list[bytes]
) -> tuple[list[Party], int]:
    """The federations that decide together (M2): those that signed or can, up to a quorum; how many lack."""
    needed = quorum(len(genesis.federations))
    signed_or_can = already | set(available)
    chosen = list(parties)
    names = {party.name for party in parties}
    others = [_federation_party(one, service=False) for one in genesis.federations if one.name not in names]
    others.sort(key=lambda party: (-len(party.public_keys & already), party.name))
    for party in others:
        begun = bool(party.public_keys & already)
        if begun or (len(chosen) < needed and not party.lacks(signed_or_can)):
            chosen.append(party)
    return chosen, max(0, needed - len(chosen))


def _without_surplus(parties: list[Party], already: set[bytes], chosen: set[bytes]) -> set[bytes]:
    kept = set(chosen)
    for public_key in sorted(chosen):
        holders = [party for party in parties if public_key in party.public_keys]
        rest = already | (kept - {public_key})
        lacks_now = [party.lacks(already | kept) for party in holders]
        if [party.lacks(rest) for party in holders] == lacks_now:
            kept.discard(public_key)
    return kept


def _federation_party(federation: genesis_pb2.Federation, service: bool) -> Party:
    if service:
        return Party(f"{federation.name} (its service key)", 1, frozenset((federation.service_key,)))
    return _party(federation.name, federation.decision_keys)


def _account_party(name: str, account: AccountReader) -> Party:
    record = account(name)
    if record.HasField("keys"):
        return _party(name, record.keys)
    organisation = limits.organisation_of(name)
    return _party(f"{organisation} (for {name})", account(organisation).keys)


def _party(name: str, keys: keys_pb2.KeySet) -> Party:
    return Party(name, keys.threshold, frozenset(keys.public_keys))
