"""The stage that trains supernets: for algorithms that have one."""

import pytest

from dfnas.stages import supernet


@pytest.mark.parametrize("algorithm", ["random", "evolution", "training_free"])
def test_there_is_no_supernet_of_a_search_without_one(algorithm, capsys):
    assert supernet.main([algorithm]) == 1
    said = f"supernet: error: '{algorithm}' trains no supernet; it is one stage, search_{algorithm}\n"
    assert capsys.readouterr().err == said
