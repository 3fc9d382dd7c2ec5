import pyarrow as pa

from cdiscount_tasks.tables.hash_numbers import distinct_hashes, numbers_of

HASH = pa.binary(2)


def column(*chunks):
    return pa.chunked_array([pa.array(chunk, HASH) for chunk in chunks], HASH)


def test_the_same_hash_has_the_same_number_in_all_columns():
    one, other = column([b"aa", b"bb"], [b"aa"]), column([b"cc"], [], [b"bb"])
    known = distinct_hashes(one, other)
    assert known.to_pylist() == [b"aa", b"bb", b"cc"]
    assert [numbers_of(each, known).tolist() for each in (one, other)] == [[0, 1, 0], [2, 1]]


def test_a_hash_that_is_not_known_has_none():
    assert numbers_of(column([b"zz", b"aa"]), distinct_hashes(column([b"aa"]))).tolist() == [-1, 0]


def test_of_no_rows_there_are_no_numbers():
    nothing = column()
    assert numbers_of(nothing, distinct_hashes(nothing)).tolist() == []
