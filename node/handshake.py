"""Who is at the other end of a connection between validators, proven by the consensus key. Sans-I/O.

Each side sends a `Challenge` with a fresh nonce, then a `Hello`: its consensus key's signature over the
network, both identities, both nonces and both certificates' fingerprints, so that a stolen certificate
alone admits nobody and a stolen hello fits no other connection. Spec: peer_service.proto, DESIGN 4.6.
"""

from __future__ import annotations

from ayni.v1 import peer_service_pb2 as pb
from proofs.domains import hello_message
from proofs.membership import Membership
from proofs.signing import SignatureInvalid, SigningKey, verify
from proofs.words import printable

NONCE_BYTES = 32


class PeerFault(Exception):
    """The other side broke the protocol. The text says how; the connection is closed."""

    def __init__(self, reason: str) -> None:
        super().__init__(printable(reason))


class Handshake:
    """One side of one connection: `challenge` is sent first, then what `answer` returns, then `admit`."""

    def __init__(
        self, membership: Membership, own: int, key: SigningKey, own_fingerprint: bytes, nonce: bytes
    ) -> None:
        """`own`: this node's validator index. `nonce`: 32 fresh random bytes. `own_fingerprint`: SHA-256
        of this node's certificate."""
        self._membership = membership
        self._own = own
        self._key = key
        self._own_fingerprint = own_fingerprint
        self._nonce = nonce
        self._peer: pb.Challenge | None = None
        self._peer_fingerprint = b""

    def challenge(self) -> pb.PeerFrame:
        """The first frame to send."""
        return pb.PeerFrame(
            challenge=pb.Challenge(
                genesis_hash=self._membership.genesis_hash, member=self._own, nonce=self._nonce
            )
        )

    def claimed(self, frame: pb.PeerFrame) -> int:
        """The validator index that the other side's first frame claims. Raises PeerFault."""
        if frame.WhichOneof("frame") != "challenge":
            raise PeerFault("its first frame is not a challenge")
        challenge = frame.challenge
        if challenge.genesis_hash != self._membership.genesis_hash:
            raise PeerFault(
                f"it belongs to the network with genesis {challenge.genesis_hash.hex() or '(none)'}, "
                f"this node to {self._membership.genesis_hash.hex()}"
            )
        if challenge.member == self._own:
            raise PeerFault(f"it claims to be member {challenge.member}, which is this node itself")
        if challenge.member >= len(self._membership.members):
            raise PeerFault(
                f"it claims to be member {challenge.member} of a network of {len(self._membership.members)}"
            )
        if len(challenge.nonce) != NONCE_BYTES:
            raise PeerFault(f"its nonce has {len(challenge.nonce)} bytes, it must have {NONCE_BYTES}")
        if challenge.nonce == self._nonce:
            raise PeerFault("it sent this node's own nonce back")
        self._peer = challenge
        return challenge.member

    def answer(self, peer_fingerprint: bytes) -> pb.PeerFrame:
        """The second frame to send, after `claimed`; `peer_fingerprint`: of the certificate it showed."""
        peer = self._claimed_peer()
        self._peer_fingerprint = peer_fingerprint
        message = hello_message(
            self._membership.genesis_hash,
            self._own,
            peer.member,
            self._nonce,
            peer.nonce,
            self._own_fingerprint,
            peer_fingerprint,
        )
        return pb.PeerFrame(hello=pb.Hello(signature=self._key.sign(message)))

    def admit(self, frame: pb.PeerFrame) -> None:
        """Checks the other side's second frame; returns when it is who it claims to be. Raises PeerFault."""
        peer = self._claimed_peer()
        if frame.WhichOneof("frame") != "hello":
            raise PeerFault("its second frame is not a hello")
        message = hello_message(
            self._membership.genesis_hash,
            peer.member,
            self._own,
            peer.nonce,
            self._nonce,
            self._peer_fingerprint,
            self._own_fingerprint,
        )
        member = self._membership.members[peer.member]
        try:
            verify(member.consensus_key, message, frame.hello.signature)
        except SignatureInvalid:
            raise PeerFault(
                f"it claims to be {member.name} but did not sign with that federation's consensus key"
            ) from None

    def _claimed_peer(self) -> pb.Challenge:
        if self._peer is None:
            raise PeerFault("it has not said who it is")
        return self._peer
