"""Whether two transactions mean the same, though nonce and expiry differ.

Decides what is taken for the same intent, so that it is not paid a second time under another nonce while
the first one may take effect (docs/protocol.md, T4). Pure: the day comes in as an argument.
"""

from __future__ import annotations

from google.protobuf.message import Message

from ayni.v1 import transaction_pb2


def content_of(body: transaction_pb2.Body) -> bytes:
    """What a body says, without nonce and expiry: equal for the same intent."""
    return _copy(body).SerializeToString(deterministic=True)


class Intent:
    """What a transaction made today means, to be compared with many made earlier.

    A value date that nobody types is the day on which the command is run: what is typed again after
    midnight is the same, but for that day. `today` is a day since 1970-01-01.
    """

    def __init__(self, body: transaction_pb2.Body, today: int) -> None:
        self._kind = (body.author, body.WhichOneof("payload"))
        self._content = content_of(body)
        self._undated = _copy(body)
        self._of_today = _take_days(self._undated) == {today}

    def same_as(self, earlier: transaction_pb2.Body) -> bool:
        """Whether it may mean what `earlier` meant."""
        if (earlier.author, earlier.WhichOneof("payload")) != self._kind:
            return False
        if content_of(earlier) == self._content:
            return True
        if not self._of_today:
            return False
        undated = _copy(earlier)
        _take_days(undated)
        return undated == self._undated


def _copy(body: transaction_pb2.Body) -> transaction_pb2.Body:
    content = transaction_pb2.Body()
    content.CopyFrom(body)
    content.ClearField("nonce")
    content.ClearField("expires_at_ms")
    return content


def _take_days(message: Message) -> set[int]:
    """Clears every value date in it; returns which days they were."""
    days: set[int] = set()
    for field, value in message.ListFields():
        if field.name == "value_date":
            days.add(value)
            message.ClearField("value_date")
        elif field.message_type is not None:
            for one in value if field.is_repeated else (value,):
                days |= _take_days(one)
    return days
