"""How far a job is, by its log: whatever tqdm's own `format_meter` writes there is read back."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tqdm import tqdm

from dfnas.live.steps import last_lines, steps_in, steps_of
from dfnas.runtime import progress as module
from dfnas.runtime.progress import progress

NAMES = st.text("abc, :0%/[]", min_size=1, max_size=12).map(lambda name: f"x{name}y")


@given(
    st.integers(1, 10**6).flatmap(lambda total: st.tuples(st.integers(1, total), st.just(total))),
    st.floats(0.01, 10**6),
    NAMES,
)
def test_a_line_of_the_log_is_read_back(counts, elapsed, name):
    done, total = counts
    line = tqdm.format_meter(done, total, elapsed, prefix=name, initial=0, ncols=0)
    steps = steps_in(f"some warning\n{line}\n")
    assert (steps.what, steps.done, steps.total) == (name, done, total)
    assert steps.per_second == pytest.approx(done / elapsed, rel=0.02, abs=0.006)
    assert steps.left_s == pytest.approx((total - done) * elapsed / done, abs=1.01)


def test_what_the_stages_write_is_read(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    for _ in progress(iter(range(60)), "inversion, generation 1", 100, 40):
        now[0] += 2.0
    written = capsys.readouterr().err
    last = steps_in(written)
    assert (last.done, last.total, last.per_second, last.left_s) == (100, 100, 0.5, 0.0)
    resumed = steps_in(written.splitlines()[0])
    assert (resumed.what, resumed.done, resumed.total) == ("inversion, generation 1", 40, 100)
    assert resumed.per_second is resumed.left_s is None


@pytest.mark.parametrize("text", ["", "on cpu\n", "12/30 [broken", "x: 5% 1/2", "Traceback: 50% of 1/2 [a<b, c]\n"])
def test_what_is_no_step(text):
    assert steps_in(text) is None


def test_a_loop_counts_until_it_is_said_otherwise():
    text = "supernet:  10% 1/10 [00:01<00:09,  1.00it/s]\nranks:  50% 5/10 [00:10<00:10,  2.00s/it]\n"
    assert steps_in(text).what == "ranks"


def test_a_log_of_an_earlier_job_says_nothing_of_this_one(tmp_path):
    log = tmp_path / "job.log"
    assert steps_of(log, begun=0.0, now=10.0) is None
    log.write_text("x:  10% 1/10 [00:01<00:30,  3.00s/it]\n")
    os.utime(log, (100.0, 100.0))
    assert steps_of(log, begun=200.0, now=210.0) is None
    steps = steps_of(log, begun=90.0, now=112.0)
    assert (steps.done, steps.left_now_s) == (1, 18.0)
    assert steps_of(log, begun=90.0, now=500.0).left_now_s == 0.0


def test_only_the_end_of_a_long_log_is_read(tmp_path):
    log = tmp_path / "job.log"
    log.write_bytes(b"\xff" * 100_000 + b"\nx:  10% 1/10 [00:01<00:30,  3.00s/it]\n\nerror: no room\n")
    assert steps_of(log, begun=0.0, now=log.stat().st_mtime).done == 1
    assert last_lines(log, 2) == ["x:  10% 1/10 [00:01<00:30,  3.00s/it]", "error: no room"]
    assert last_lines(tmp_path / "none.log", 2) == []
