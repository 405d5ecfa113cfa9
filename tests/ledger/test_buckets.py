"""A bucket in memory: what a sorted dictionary of its records would say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ledger import buckets
from proofs import statetree

key_hashes = st.integers(0, 12).map(lambda number: statetree.key_hash(b"%d" % number))
values = st.one_of(st.just(b""), st.binary(min_size=1, max_size=40), st.just(bytes(70_000)))


@given(st.lists(st.tuples(key_hashes, values), max_size=30))
def test_a_bucket_has_what_was_written_last_whatever_was_written_before(
    writes: list[tuple[bytes, bytes]],
) -> None:
    bucket = buckets.EMPTY
    expected: dict[bytes, bytes] = {}
    for key_hash, value in writes:
        bucket = buckets.with_value(bucket, key_hash, value)
        expected[key_hash] = value
        there = {each: value for each, value in expected.items() if value}
        assert {each: buckets.value_of(bucket, each) for each in expected} == {
            each: there.get(each) for each in expected
        }
        assert buckets.hashes_of(bucket) == b"".join(
            each + statetree.value_hash(there[each]) for each in sorted(there)
        )
        records = [(each, statetree.value_hash(value), value) for each, value in there.items()]
        assert buckets.packed(records) == bucket


def test_a_value_that_has_another_key_s_hash_in_it_is_not_taken_for_that_record() -> None:
    """Anybody may write a hash into a record."""
    absent = statetree.key_hash(b"absent")
    for key in (b"first", b"second"):
        here = statetree.key_hash(key)
        for value in (absent, bytes(28) + absent * 4, absent[4:] + absent * 3):
            bucket = buckets.with_value(buckets.EMPTY, here, value)
            assert buckets.value_of(bucket, absent) is None
            both = buckets.with_value(bucket, absent, b"written")
            assert (buckets.value_of(both, here), buckets.value_of(both, absent)) == (value, b"written")
            assert buckets.with_value(both, absent, b"") == bucket


def test_a_record_is_found_where_its_hash_also_stands_across_two_others() -> None:
    """No hash that was made by hashing does; a search that trusted that would be wrong by a byte."""
    across = bytes(range(32))
    first = (bytes(8) + b"a" * 24, b"b" * 16 + across[:16], b"one")
    second = (across[16:] + b"c" * 16, b"d" * 32, b"two")
    third = (b"\xee" * 32, b"e" * 32, b"three")
    bucket = buckets.packed([third, second, first])
    assert across in bucket
    assert buckets.value_of(bucket, across) is None
    assert buckets.value_of(bucket, third[0]) == b"three"
