"""Every maximum of the ledger, in one place.

Decides how large anything may be; the edge (client, node) and the rules both read these. Changing one
changes which transactions are valid. See docs/encoding.md.
"""

from __future__ import annotations

import re
from typing import Final

# Bytes and counts of what travels.
TRANSACTION_BYTES_MAX: Final = 1 << 20
BLOCK_BODY_BYTES_MAX: Final = 4 << 20
BLOCK_TRANSACTIONS_MAX: Final = 4_096
BLOCK_CITED_BYTES: Final = 8 << 20
"""Once the transactions of a block cite so many bytes of the log, none follows (B4)."""
BLOCK_RESULT_BYTES: Final = 1 << 20
"""Likewise once their results have so many: few bytes can ask for much work, as to give a thousand lots."""
SIGNATURES_MAX: Final = 128
NESTING_MAX: Final = 16
SIGNED_FIELDS_MAX: Final = 1_000  # of a SignedTransaction: three for each signature, and the body's bytes
FIELDS_MAX: Final = 120_000  # of a message, to be told where it is not canonical

# Envelope.
NONCE_BYTES: Final = 16
HASH_BYTES: Final = 32
EXPIRY_AHEAD_MAX_MS: Final = 7 * 24 * 3600 * 1000

# Amounts: one leg, or what one organisation has outstanding or due in a unit; and any balance or total. A
# total of 4,096 legs stays far below 2^63.
AMOUNT_MAX: Final = 10**15
TOTAL_MAX: Final = 1 << 62
VALUE_DATE_MAX: Final = 109_572  # 2269-12-31, in days since 1970-01-01
TIME_MAX_MS: Final = 1 << 53

# Lists inside a body.
LEGS_MAX: Final = 4_096
LINES_MAX: Final = 4_096
ISSUE_LINES_MAX: Final = 128
ATTESTERS_MAX: Final = 16
ACCOUNTS_MAX: Final = 4_096
DECISION_ITEMS_MAX: Final = 64
KEYS_MAX: Final = 16
OPENED_KEYS_MAX: Final = 4_096  # of all accounts that are opened together: to check each takes 0.1 ms
UNITS_MAX: Final = 16
FEDERATIONS_MAX: Final = 30
CATEGORIES_MAX: Final = 32
BASIS_POINTS: Final = 10_000
NON_MEMBER_BP_MAX: Final = 2_000
DAYS_MAX: Final = 36_525
EXPIRY_DAY_MAX: Final = VALUE_DATE_MAX + DAYS_MAX  # no lot expires later

# Texts, in UTF-8 bytes.
REFERENCE_BYTES_MAX: Final = 140
REASON_BYTES_MAX: Final = 256
CATEGORY_BYTES_MAX: Final = 32

# State.
LOTS_MAX: Final = 1_024
LOTS_USED_MAX: Final = 16_384  # in one transaction
EXPIRED_LOTS_MAX: Final = 4_096
"""Lots of the holdings from which one close lets lots expire, but for the last one's (S2): to build a block
of so much takes some 0.2 s, and to check it again."""
EXPIRY_PARTS_MAX: Final = 1_024
"""Closes that do only that, before one settles whatever is left of it."""
HELD_CLASSES_MAX: Final = 64
HELD_CLASSES_GIVEN_MAX: Final = 32  # what the receiver does not sign leaves room for what is earned
ORGANISATIONS_MAX: Final = 4_096  # of one federation; a close looks at each
EXPIRY_PAGE_ENTRIES: Final = 64

# Parameters: (default, least, greatest) by number of ParameterName.
PARAMETER_BOUNDS: Final[dict[int, tuple[int, int, int]]] = {
    1: (28 * 24 * 3600 * 1000, 0, 366 * 24 * 3600 * 1000),  # PERIOD_MIN_MS
    2: (5_000, 0, BASIS_POINTS),  # ADVANCE_BP
    3: (1_000, 0, BASIS_POINTS),  # DEPOSIT_BP
    4: (10_000, 0, 10 * BASIS_POINTS),  # REDEEMABLE_BP
    5: (6_000, 0, AMOUNT_MAX),  # UNATTESTED_MAX
}

POOL: Final = "pool"
_LABEL = "[a-z0-9][a-z0-9-]{0,31}"
FEDERATION_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,31}\Z")
ORGANISATION_NAME: Final = re.compile(rf"[a-z][a-z0-9-]{{0,31}}/{_LABEL}\Z")
HOSTED_NAME: Final = re.compile(rf"[a-z][a-z0-9-]{{0,31}}/{_LABEL}:{_LABEL}\Z")
ACCOUNT_NAME: Final = re.compile(rf"[a-z][a-z0-9-]{{0,31}}/{_LABEL}(:{_LABEL})?\Z")
CLASS_NAME: Final = re.compile(rf"{_LABEL}@[a-z][a-z0-9-]{{0,31}}(/{_LABEL})?\Z")
UNIT_CODE: Final = re.compile(r"[A-Z][A-Z0-9]{1,7}\Z")
CATEGORY: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}\Z")


def organisation_of(account: str) -> str:
    """The organisation that hosts `account`, or `account` itself when it is an organisation's own (M1)."""
    return account.partition(":")[0]


def federation_of(account: str) -> str:
    """The federation of an account or organisation; a federation's name is its own (M1)."""
    return account.partition("/")[0]
