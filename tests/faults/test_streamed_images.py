"""Stages whose images stay in their file leave the same bytes as those that have them in memory."""

import pytest
from stage_calls import contents, run

from dfnas.dataset.loading import VARIABLE

pytestmark = pytest.mark.slow

OF_THE_CLOCK = {"m.json", "provenance/model.pt.json"}
"""Seconds, and the receipt with their digest."""


@pytest.mark.parametrize("stage", ["pretrain_teacher", "judge_images", "retrain", "evaluate"])
def test_a_stage_leaves_the_same_bytes(chain, monkeypatch, capsys, stage):
    arguments = getattr(chain, stage)()
    out = arguments[arguments.index("--out") + 1]
    if not out.exists():
        assert run(stage, *arguments) == 0
    before = contents(chain.folder)
    out.unlink()
    capsys.readouterr()
    monkeypatch.setenv(VARIABLE, "0")
    assert run(stage, *arguments) == 0
    assert "stay in the file and are read batch by batch" in capsys.readouterr().err
    after = contents(chain.folder)
    assert {name for name in before | after if after.get(name) != before.get(name)} <= OF_THE_CLOCK
