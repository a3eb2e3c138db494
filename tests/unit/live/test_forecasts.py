"""How long a call will take: worked examples, and bounds that hold for all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from journal_lines import begun, done

from dfnas.live.call import Call, Reader
from dfnas.live.forecast import forecast, seconds_by_rule


def call(cores: int, **planned: int) -> Call:
    return Call(planned=planned, cores=cores)


@pytest.mark.parametrize(
    ("cores", "left", "seconds"),
    [
        (1, [], 4 * 10 + 2 * 5),
        (2, [], (4 * 10 + 2 * 5) / 2),
        (100, [], (4 * 10 + 2 * 5) / 6),  # not more at a time than there are
        (1, [("retrain", 4.0, None)], 4 * 10 + 2 * 5 + 6),
        (1, [("retrain", 40.0, None)], 4 * 10 + 2 * 5),  # it may end any moment
        (1, [("retrain", 4.0, 100.0)], 4 * 10 + 2 * 5 + 100),  # it knows better
        (3, [("export", 1.0, 1000.0)], 1000.0),  # the longest is waited for
    ],
)
def test_what_is_known_adds_up(cores, left, seconds):
    planned = call(cores, retrain=4, evaluate=2)
    found = forecast(planned, {"retrain": 10.0, "evaluate": 5.0}, left)
    assert found == (pytest.approx(seconds), {})


def test_what_has_never_run_is_named_and_not_counted():
    found = forecast(call(1, retrain=4, evaluate=2), {"evaluate": 5.0}, [("export", 3.0, None), ("retrain", 1.0, 7.0)])
    assert found == (7.0 + 10.0, {"export": 1, "retrain": 4})


TIMES = st.floats(0.1, 1000)


@given(
    st.integers(1, 8),
    st.dictionaries(st.sampled_from("abc"), st.integers(1, 9), min_size=1),
    st.lists(TIMES, max_size=8),
)
def test_more_room_is_never_slower_and_nothing_is_quicker_than_its_longest_job(cores, planned, said):
    known, left = dict.fromkeys("abc", 2.0), [("a", 0.0, seconds) for seconds in said]
    few, many = (forecast(call(count, **planned), known, left).seconds for count in (cores, cores + 1))
    assert max([0.0, *said]) <= many <= few


def test_the_last_call_that_did_any_says_what_a_job_takes(journal):
    first = journal(begun(0, 1, "a"), done(10, 1), begun(0, 2, "b"), done(3, 2), name="1")
    second = journal(begun(0, 1, "a"), done(2, 1), begun(2, 2, "a"), done(6, 2), begun(0, 3, "c"), name="2")
    failed = journal(begun(0, 1, "a"), done(90, 1, failed=True), name="3")
    assert seconds_by_rule(Reader(path).read() for path in (first, second, failed)) == {"a": 3.0, "b": 3.0}
