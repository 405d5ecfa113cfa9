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


def same_intent(body: transaction_pb2.Body, earlier: transaction_pb2.Body, today: int) -> bool:
    """Whether `body`, made today (a day since 1970-01-01), may mean what `earlier` meant.

    A value date that nobody types is the day on which the command is run: what is typed again after
    midnight is the same, but for that day.
    """
    if content_of(body) == content_of(earlier):
        return True
    one, other = _copy(body), _copy(earlier)
    days = _take_days(one)
    _take_days(other)
    return days == {today} and one == other


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
