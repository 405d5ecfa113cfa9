"""Who leads a view, and which leader is not worth waiting for.

Decides the fixed rotation and the silent-leader rule; never votes. Spec: docs/protocol.md, C, C3.
"""


def leader_of(view: int, members: int) -> int:
    """Return the validator index of the leader of `view`, which is 1 or more."""
    return view % members


def silent_views(members: int) -> int:
    """Return SILENT_VIEWS: two whole rotations without a vote (C3)."""
    return 2 * members


class Presence:
    """What each member has shown of itself by its own messages."""

    def __init__(self, members: int, view: int) -> None:
        self._silent_views = silent_views(members)
        self._last_vote = [view] * members
        """The highest view each member voted in; nobody counts as silent from before our start."""
        self._entered = [0] * members
        """The highest view each member has shown to have entered."""
        self._final = [0] * members
        """The highest view of which each member has shown to hold a finalisation."""

    def voted(self, member: int, view: int, *, beyond: bool) -> None:
        """Note a vote; `beyond`, of one who must hold a certificate of that view to cast it (finalize)."""
        self._last_vote[member] = max(self._last_vote[member], view)
        self.entered(member, view + 1 if beyond else view)

    def entered(self, member: int, view: int) -> None:
        """Note that a member has entered a view."""
        self._entered[member] = max(self._entered[member], view)

    def finalized(self, member: int, view: int) -> None:
        """Note that a member holds the finalisation of a view."""
        self._final[member] = max(self._final[member], view)

    def skipped(self, views: int) -> None:
        """Note that we passed over views that we did not witness: in them nobody was silent."""
        self._last_vote = [view + views for view in self._last_vote]

    def silent(self, member: int, view: int) -> bool:
        """Return whether a member has sent no vote for SILENT_VIEWS views before `view` (C3)."""
        return view - self._last_vote[member] > self._silent_views

    def holds(self, member: int, view: int, *, finalization: bool) -> bool:
        """Return whether a member has shown to hold a certificate of `view`, or its finalisation."""
        return self._final[member] >= view or (not finalization and self._entered[member] > view)
