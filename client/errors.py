"""Every way in which a client command can fail, and the exit code of each.

Decides: the one hierarchy of client errors, what each says (three lines: what, why, what next), and the
exit code. Never prints and never exits: `client.cli.main` does. Spec: README, "For scripts".
"""

from __future__ import annotations

from enum import IntEnum

from proofs.words import printable

WHAT_CHARACTERS_MAX = 400
WHY_CHARACTERS_MAX = 1_000


class ExitCode(IntEnum):
    """What the shell is told."""

    DONE = 0
    """Done, and final."""
    BUG = 1
    USAGE = 2
    REFUSED = 3
    VERIFICATION_FAILED = 4
    NO_NODE = 5
    """No node took it: nothing was handed in."""
    UNKNOWN = 6
    """Taken, but the outcome is unknown; sending the same bytes again is safe."""
    KEY = 7
    """A key or a permission is missing."""
    NOT_FOUND = 8
    EXPIRED = 9


class ClientError(Exception):
    """A failure that a person can act on: what happened, why, and what to do next.

    Each of the three is one sentence without line breaks; they become three lines at the command line.
    What they quote may be hostile: it is shown printable, and not without end.
    """

    exit_code: ExitCode = ExitCode.BUG

    def __init__(self, what: str, why: str, next_step: str) -> None:
        self.what = _one_line(what, WHAT_CHARACTERS_MAX)
        self.why = _one_line(why, WHY_CHARACTERS_MAX)
        self.next_step = _one_line(next_step, WHAT_CHARACTERS_MAX)
        super().__init__(f"{self.what} {self.why} {self.next_step}")

    def lines(self) -> tuple[str, str, str]:
        """The three lines that the command line shows."""
        return (f"ayni: {self.what}", f"  why:  {self.why}", f"  next: {self.next_step}")


class UsageProblem(ClientError):
    """What was asked for cannot be right, whatever the ledger holds (exit 2)."""

    exit_code = ExitCode.USAGE


class Refused(ClientError):
    """The ledger's rules refuse the transaction now (exit 3)."""

    exit_code = ExitCode.REFUSED


class VerificationFailed(ClientError):
    """A proof, a receipt or a history does not check (exit 4)."""

    exit_code = ExitCode.VERIFICATION_FAILED


class NoNode(ClientError):
    """No node could be reached, or none took the transaction (exit 5)."""

    exit_code = ExitCode.NO_NODE


class OutcomeUnknown(ClientError):
    """A node took the transaction, and what became of it is not known yet (exit 6)."""

    exit_code = ExitCode.UNKNOWN


class KeyProblem(ClientError):
    """A key, a password or a permission is missing or wrong (exit 7)."""

    exit_code = ExitCode.KEY


class NotFound(ClientError):
    """What was asked for is not there (exit 8)."""

    exit_code = ExitCode.NOT_FOUND


class Expired(ClientError):
    """The transaction's time is over and the log does not hold it (exit 9)."""

    exit_code = ExitCode.EXPIRED


def worst(codes: list[ExitCode]) -> ExitCode:
    """The exit code of many rows: the gravest of them.

    From the gravest: a bug, a failed verification, an unknown outcome, no node, a key, a refusal,
    expiry, not found, usage, done.
    """
    order = (
        ExitCode.BUG,
        ExitCode.VERIFICATION_FAILED,
        ExitCode.UNKNOWN,
        ExitCode.NO_NODE,
        ExitCode.KEY,
        ExitCode.REFUSED,
        ExitCode.EXPIRED,
        ExitCode.NOT_FOUND,
        ExitCode.USAGE,
        ExitCode.DONE,
    )
    return min(codes, key=order.index, default=ExitCode.DONE)


def _one_line(text: str, characters_max: int) -> str:
    return printable(" ".join(text.split()), characters_max)
