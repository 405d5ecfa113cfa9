"""The certificates above the last final block, and that block's own.

Keeps what was verified and answers what is held and what is missing; never verifies. Spec:
docs/protocol.md, C1, C4 to C6, C9.
"""

from ayni.v1.block_pb2 import (
    VOTE_KIND_FINALIZE,
    VOTE_KIND_NOTARIZE,
    VOTE_KIND_NULLIFY,
    Certificate,
)


class CertificateStore:
    """Verified certificates by kind and view."""

    def __init__(self) -> None:
        self.notarizations: dict[int, Certificate] = {}
        self.nullifications: dict[int, Certificate] = {}
        self.finalizations: dict[int, Certificate] = {}
        self.highest: Certificate | None = None
        """The notarisation or nullification of the highest view."""
        self.finalization: Certificate | None = None
        """The finalisation of the highest view."""
        self.final_view = 0
        """Its view, its block here or not; 0 at genesis."""
        self.notarized_view = 0
        """The highest view with a notarisation."""
        self._tables: dict[int, dict[int, Certificate]] = {
            VOTE_KIND_NOTARIZE: self.notarizations,
            VOTE_KIND_NULLIFY: self.nullifications,
            VOTE_KIND_FINALIZE: self.finalizations,
        }

    def held(self, kind: int, view: int) -> Certificate | None:
        """Return the certificate of a kind and view, or None."""
        return self._tables.get(kind, {}).get(view)

    def add(self, certificate: Certificate) -> None:
        """Keep a verified certificate."""
        kind, view = certificate.kind, certificate.view
        self._tables[kind][view] = certificate
        if kind == VOTE_KIND_FINALIZE:
            if view > self.final_view:
                self.finalization, self.final_view = certificate, view
            return
        if kind == VOTE_KIND_NOTARIZE:
            self.notarized_view = max(self.notarized_view, view)
        if self.highest is None or self.highest.view < view:
            self.highest = certificate

    def notarized(self, view: int, digest: bytes) -> Certificate | None:
        """Return the notarisation of this very block, or None."""
        certificate = self.notarizations.get(view)
        return certificate if certificate is not None and certificate.digest == digest else None

    def finalized(self, view: int, digest: bytes) -> Certificate | None:
        """Return the finalisation of this very block, or None."""
        certificate = self.finalizations.get(view)
        return certificate if certificate is not None and certificate.digest == digest else None

    def lowest_missing(self, below: int) -> int:
        """Return the lowest view after the last final one without a certificate, at most `below`."""
        view = self.final_view + 1
        while view < below and (view in self.notarizations or view in self.nullifications):
            view += 1
        return view

    def between(self, first: int, last: int, count: int) -> list[Certificate]:
        """Return at most `count` notarisations and nullifications of the views `first` to `last`."""
        found: list[Certificate] = []
        for view in range(first, last + 1):
            for table in (self.notarizations, self.nullifications):
                if view in table:
                    found.append(table[view])
            if len(found) >= count:
                break
        return found[:count]

    def nullified_between(self, after: int, before: int) -> list[Certificate] | None:
        """Return a nullification for every view between two, or None if one is missing (C1)."""
        found: list[Certificate] = []
        for view in range(before - 1, after, -1):
            certificate = self.nullifications.get(view)
            if certificate is None:
                return None
            found.append(certificate)
        return found[::-1]

    def prune(self, tip_view: int) -> None:
        """Forget what is below the last committed block; its own notarisation and finalisation stay."""
        for kind, table in self._tables.items():
            keep_from = tip_view + 1 if kind == VOTE_KIND_NULLIFY else tip_view
            for view in [view for view in table if view < keep_from]:
                del table[view]
