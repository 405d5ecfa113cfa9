"""Reading variable-length integers of protobuf (protobuf.dev, "Base 128 Varints") where no message is made.

Decides nothing about whether a number is in its shortest form: `ledger/wire.py` does.
"""


def read_varint(data: bytes, position: int) -> tuple[int, int]:
    """Return the number at a position and where it ends. Raises IndexError if not within ten bytes."""
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
        shift += 7
        if shift > 63:
            raise IndexError
