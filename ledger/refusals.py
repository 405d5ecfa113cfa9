"""A refusal as a value, and the codes in order of precedence.

The order of `RefusalCode` in proto/ayni/v1/result.proto is the order of precedence (T7). A refusal says
what and why, with the figures, and what to do next; it never carries personal data. The words that make a
decision void (M3) are part of the state: to change them changes the roots of histories that there are.
"""

from __future__ import annotations

from typing import Final, NamedTuple, cast

from ayni.v1 import result_pb2

Code = result_pb2.RefusalCode


class Refusal(NamedTuple):
    """Why a transaction is not accepted now."""

    code: int
    """A number of `RefusalCode`."""
    field: str
    """Path of the field at fault: `transfer.legs[3].amount_minor`; "" when it is the whole."""
    message: str
    """What and why, with the figures, and what to do next."""
    final_after_ms: int = 0
    """Block time after which these bytes can no longer be accepted; 0: they never could be."""

    @property
    def name(self) -> str:
        """The code's name without its prefix: `LIMIT_EXCEEDED`."""
        return code_name(self.code)

    def to_proto(self) -> result_pb2.Refusal:
        """The refusal as it travels."""
        return result_pb2.Refusal(
            code=cast("result_pb2.RefusalCode", self.code),
            field=self.field,
            message=self.message,
            final_after_ms=self.final_after_ms,
        )


_PREFIX: Final = "REFUSAL_CODE_"


def code_name(code: int) -> str:
    """`REFUSAL_CODE_LIMIT_EXCEEDED` → `LIMIT_EXCEEDED`."""
    return str(result_pb2.RefusalCode.Name(cast("result_pb2.RefusalCode", code))).removeprefix(_PREFIX)


TOO_LARGE: Final = result_pb2.REFUSAL_CODE_TOO_LARGE
NOT_CANONICAL: Final = result_pb2.REFUSAL_CODE_NOT_CANONICAL
FIELD_INVALID: Final = result_pb2.REFUSAL_CODE_FIELD_INVALID
WRONG_GENESIS: Final = result_pb2.REFUSAL_CODE_WRONG_GENESIS
SIGNATURE_INVALID: Final = result_pb2.REFUSAL_CODE_SIGNATURE_INVALID
EXPIRED: Final = result_pb2.REFUSAL_CODE_EXPIRED
EXPIRES_TOO_FAR: Final = result_pb2.REFUSAL_CODE_EXPIRES_TOO_FAR
NONCE_USED: Final = result_pb2.REFUSAL_CODE_NONCE_USED
UNKNOWN_AUTHOR: Final = result_pb2.REFUSAL_CODE_UNKNOWN_AUTHOR
UNKNOWN_ACCOUNT: Final = result_pb2.REFUSAL_CODE_UNKNOWN_ACCOUNT
UNKNOWN_UNIT: Final = result_pb2.REFUSAL_CODE_UNKNOWN_UNIT
UNKNOWN_CLASS: Final = result_pb2.REFUSAL_CODE_UNKNOWN_CLASS
UNKNOWN_TRANSACTION: Final = result_pb2.REFUSAL_CODE_UNKNOWN_TRANSACTION
SIGNATURE_MISSING: Final = result_pb2.REFUSAL_CODE_SIGNATURE_MISSING
SIGNATURE_SURPLUS: Final = result_pb2.REFUSAL_CODE_SIGNATURE_SURPLUS
NOT_PERMITTED: Final = result_pb2.REFUSAL_CODE_NOT_PERMITTED
KEY_UNSAFE: Final = result_pb2.REFUSAL_CODE_KEY_UNSAFE
ACCOUNT_EXISTS: Final = result_pb2.REFUSAL_CODE_ACCOUNT_EXISTS
ACCOUNT_CLOSED: Final = result_pb2.REFUSAL_CODE_ACCOUNT_CLOSED
ACCOUNT_NOT_EMPTY: Final = result_pb2.REFUSAL_CODE_ACCOUNT_NOT_EMPTY
SUSPENDED: Final = result_pb2.REFUSAL_CODE_SUSPENDED
NOT_ACCREDITED: Final = result_pb2.REFUSAL_CODE_NOT_ACCREDITED
TERMS_NOT_MET: Final = result_pb2.REFUSAL_CODE_TERMS_NOT_MET
DECISION_TOO_LATE: Final = result_pb2.REFUSAL_CODE_DECISION_TOO_LATE
CLASS_ISSUED: Final = result_pb2.REFUSAL_CODE_CLASS_ISSUED
CLASS_POLICY: Final = result_pb2.REFUSAL_CODE_CLASS_POLICY
SELF: Final = result_pb2.REFUSAL_CODE_SELF
QUOTA_EXCEEDED: Final = result_pb2.REFUSAL_CODE_QUOTA_EXCEEDED
CEILING_EXCEEDED: Final = result_pb2.REFUSAL_CODE_CEILING_EXCEEDED
ARREARS: Final = result_pb2.REFUSAL_CODE_ARREARS
HOLDER_CAP_EXCEEDED: Final = result_pb2.REFUSAL_CODE_HOLDER_CAP_EXCEEDED
UNATTESTED_CAP_EXCEEDED: Final = result_pb2.REFUSAL_CODE_UNATTESTED_CAP_EXCEEDED
LIMIT_EXCEEDED: Final = result_pb2.REFUSAL_CODE_LIMIT_EXCEEDED
UPPER_LIMIT_EXCEEDED: Final = result_pb2.REFUSAL_CODE_UPPER_LIMIT_EXCEEDED
NOT_ENOUGH_HELD: Final = result_pb2.REFUSAL_CODE_NOT_ENOUGH_HELD
LOTS_TOO_MANY: Final = result_pb2.REFUSAL_CODE_LOTS_TOO_MANY
REVERSAL_BEYOND_ORIGINAL: Final = result_pb2.REFUSAL_CODE_REVERSAL_BEYOND_ORIGINAL
NOT_REVERSIBLE: Final = result_pb2.REFUSAL_CODE_NOT_REVERSIBLE
PERIOD_TOO_EARLY: Final = result_pb2.REFUSAL_CODE_PERIOD_TOO_EARLY
PERIOD_NOT_OPEN: Final = result_pb2.REFUSAL_CODE_PERIOD_NOT_OPEN
OVERFLOW: Final = result_pb2.REFUSAL_CODE_OVERFLOW
INVARIANT: Final = result_pb2.REFUSAL_CODE_INVARIANT
