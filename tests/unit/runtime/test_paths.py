"""Paths with `~` and environment variables, wherever a user writes them."""

import pwd

import pytest

from dfnas.classifiers.names import code_of
from dfnas.runtime.cache import cache_folder
from dfnas.runtime.errors import InputError
from dfnas.runtime.objects import load_object
from dfnas.runtime.paths import expanded, normalised
from dfnas.settings.lookup import LookupSettings
from dfnas.settings.teacher import TeacherSettings


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MINE", "mine")
    monkeypatch.setenv("AT_HOME", "~/at home")
    monkeypatch.delenv("DFNAS_NO_SUCH", raising=False)
    return tmp_path


def test_what_is_replaced(home):
    names = {
        "~": "{}",
        "~/a b": "{}/a b",
        "$HOME/$MINE/${MINE}x": "{}/mine/minex",
        "$AT_HOME/x": "{}/at home/x",
        "~root/x": f"{pwd.getpwnam('root').pw_dir}/x",
    }
    for given, wanted in names.items():
        assert expanded(given) == wanted.format(home)


@pytest.mark.parametrize("path", ["a/~/b", "./~", "a$", "$(b) $ c", "a~", "größe", "/a/b", "100 $-€"])
def test_what_stays(path):
    assert expanded(path) == path


@pytest.mark.parametrize("path", ["$DFNAS_NO_SUCH/a", "a/${DFNAS_NO_SUCH}", "$EMPTY/a"])
def test_a_variable_that_is_not_set(path, monkeypatch):
    """Nor may it be empty: what was meant to lie in its folder would lie in the root."""
    monkeypatch.setenv("EMPTY", "")
    with pytest.raises(InputError, match=r"teacher\.weights = .*the environment variable \w+ in it is not set"):
        expanded(path, "teacher.weights")


def test_a_user_that_is_not_there():
    with pytest.raises(InputError, match=r"'~nobody-of-that-name/x': there is no such user .* write \./~"):
        expanded("~nobody-of-that-name/x")


def test_everything_that_is_a_path(home, monkeypatch):
    assert TeacherSettings(weights="~/$MINE.pt").file() == home / "mine.pt"
    assert LookupSettings(table="~/table.csv").file() == home / "table.csv"
    monkeypatch.setenv("DFNAS_CACHE", "~/cache")
    assert cache_folder() == home / "cache"
    (home / "own.py").write_text("\ufeffbuild = 3\n", encoding="utf-8")
    assert load_object("~/own.py:build") == load_object("$HOME/own.py:build") == 3
    (home / "hub").mkdir()
    (home / "hub" / "hubconf.py").write_text("")
    assert code_of("hub:~/hub:net") == (f"{home}/hub/hubconf.py:net",)


@pytest.mark.parametrize(
    ("path", "known"), [("./a//b/", "a/b"), ("a/../b", "a/../b"), ("./~x", "./~x"), (".//-rf", "./-rf"), ("-rf", "-rf")]
)
def test_one_file_has_one_name(path, known):
    assert normalised(path) == known
    assert normalised(known) == known
