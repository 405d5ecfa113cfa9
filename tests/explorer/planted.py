"""Planted bugs: small patches of the production machine that the explorer must find.

bug = PLANTED["nullify after finalize"]
with bug.planted():
    Search(bug.world()).run()
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from consensus import blocks, intake, voting
from consensus.certificates import CertificateStore
from consensus.journal import Journal
from consensus.round import Round
from consensus.voting import Ballot
from proofs import membership
from tests.consensus.network import FINALIZE, NOTARIZE, NULLIFY
from tests.explorer.world import World


@dataclass(frozen=True)
class Planted:
    """A bug, and the smallest exploration that finds it."""

    replacements: tuple[tuple[Any, str, Any], ...]
    """(what, attribute, value in its place)."""
    found: str
    """Part of what the explorer says of it."""
    byzantine: int = 1
    views: int = 1
    variants: int = 2
    crashes: int = 0
    checked: bool = True

    def world(self) -> World:
        """Return the world in which the bug shows; made with the bug planted."""
        return World(
            self.byzantine,
            self.views,
            variants=self.variants,
            crashes=self.crashes,
            checked=self.checked,
        )

    @contextmanager
    def planted(self) -> Iterator[None]:
        """Plant it, and take it out again."""
        with ExitStack() as stack:
            for what, name, value in self.replacements:
                stack.callback(setattr, what, name, getattr(what, name))
                setattr(what, name, value)
            yield


def _excluded(**changes: tuple[int, ...]) -> dict[int, tuple[int, ...]]:
    kinds = {"notarize": NOTARIZE, "nullify": NULLIFY, "finalize": FINALIZE}
    return voting.EXCLUDED_BY | {kinds[name]: excluded for name, excluded in changes.items()}


def _nothing(*arguments: object, **named: object) -> None:
    return None


def _none_needed(store: CertificateStore, after: int, before: int) -> list[object]:
    return []


def _nullify_twice(round_: Round, now_ms: int) -> None:
    """The timer of a view nullifies the view before it too."""
    for view in (round_.view - 1, round_.view):
        if round_._pacing.expired(now_ms) and view and round_.ballot.may(NULLIFY, view):
            round_._cast(NULLIFY, view, b"", now_ms)


PLANTED: dict[str, Planted] = {
    "a quorum of half the members": Planted(
        ((membership, "quorum", lambda members: members // 2),),
        "both 1a and 1b can be shown to be notarised",
        checked=False,
    ),
    "nullify after finalize": Planted(
        ((voting, "EXCLUDED_BY", _excluded(nullify=(NULLIFY,))), (Round, "_nullify", _nullify_twice)),
        "voted finalize 1a, and then nullify 1",
        views=2,
        checked=False,
    ),
    "finalize after nullify": Planted(
        ((voting, "EXCLUDED_BY", _excluded(finalize=(FINALIZE,))),),
        "voted nullify 1, and then finalize 1",
    ),
    "notarize after nullify": Planted(
        ((voting, "EXCLUDED_BY", _excluded(notarize=(NOTARIZE,))),),
        "voted nullify 1, and then notarize 1",
    ),
    "votes forgotten by a restart": Planted(
        ((Ballot, "restore", _nothing),),
        "voted n",
        crashes=1,
    ),
    "votes sent that are not durable": Planted(
        ((Journal, "put_vote", _nothing),),
        "(m1) holds our",
        crashes=1,
    ),
    "parent check skipped": Planted(
        (
            (blocks, "check_nullifications", _nothing),
            (intake, "check_nullifications", _nothing),
            (CertificateStore, "nullified_between", _none_needed),
        ),
        "can be shown to be final",
        byzantine=2,
        views=2,
        variants=1,
        checked=False,
    ),
}
