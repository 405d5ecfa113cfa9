"""The BFT round: Simplex as a sans-I/O machine over opaque block bodies.

    machine = Machine(membership, member_index, signing_key, application, snapshot, config, now_ms)
    for effect in machine.step(Start(), now_ms):
        ...

`snapshot` (journal.py) is what the node's store holds: the last final block and the journal's records.
`now_ms` is a clock that never goes backwards, of any origin; wall-clock time is the application's
business. Inputs and effects are in `events.py`, what the machine orders is behind `application.py`; the six
rules are `round.py`, the vote guard is `voting.py`, what must be durable before what is `journal.py` and
`outbox.py`. Spec: docs/protocol.md, section C.
"""
