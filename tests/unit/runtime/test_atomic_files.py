"""Files are whole or absent, and what is read was written."""

import errno
import io
import json
import os
import pickle
import re
import resource
import signal
import zipfile

import pytest
import torch

from dfnas.runtime.errors import InputError
from dfnas.runtime.files import (
    atomic,
    digest,
    load_archive,
    read_csv,
    read_json,
    save_archive,
    write_bytes,
    write_csv,
    write_json,
)

VALUE = {"weights": torch.arange(12.0).reshape(3, 4), "epoch": 3, "names": ["a", "b"], "nested": {"lr": 0.1}}


class Exploit:
    """What a malicious checkpoint holds: on unpickling it creates a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.fixture(params=["absent", "present"])
def target(request, tmp_path):
    path = tmp_path / "folder" / "file.bin"
    if request.param == "present":
        path.parent.mkdir()
        path.write_bytes(b"old")
    return path


def assert_untouched(path):
    assert not path.parent.exists() or os.listdir(path.parent) in ([], [path.name])
    assert not path.exists() or path.read_bytes() == b"old"


def test_atomic_writing_replaces_the_file_and_leaves_nothing_else(target):
    write_bytes(target, b"new")
    assert target.read_bytes() == b"new"
    assert os.listdir(target.parent) == [target.name]


def test_an_exception_leaves_the_old_file_or_none(target):
    def write_half():
        with atomic(target) as temporary:
            temporary.write_bytes(b"half")
            raise KeyError

    with pytest.raises(KeyError):
        write_half()
    assert_untouched(target)


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_refusal_of_the_system_leaves_the_old_file_or_none(target, monkeypatch, call):
    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(OSError, match="No space left"):
        write_bytes(target, b"new")
    assert_untouched(target)


def test_a_file_that_grows_past_what_the_system_allows_leaves_the_old_one_or_none(target):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            save_archive(target, VALUE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert_untouched(target)


def test_the_bytes_of_an_archive_do_not_depend_on_its_name(tmp_path):
    for name in ("a.pt", "another name.pt"):
        save_archive(tmp_path / name, VALUE)
    assert digest(tmp_path / "a.pt") == digest(tmp_path / "another name.pt")


def test_an_archive_comes_back_as_it_was(tmp_path):
    save_archive(tmp_path / "a.pt", VALUE)
    loaded = load_archive(tmp_path / "a.pt")
    assert torch.equal(loaded.pop("weights"), VALUE["weights"])
    assert loaded == {key: VALUE[key] for key in ("epoch", "names", "nested")}


def test_every_flipped_bit_of_an_archive_is_an_error_or_harmless(tmp_path, flipped):
    path = tmp_path / "a.pt"
    save_archive(path, VALUE)
    errors = 0
    for _ in flipped(path, 150):
        try:
            loaded = load_archive(path)
        except InputError:
            errors += 1
        else:
            assert torch.equal(loaded.pop("weights"), VALUE["weights"])
            assert loaded == {key: VALUE[key] for key in ("epoch", "names", "nested")}
    assert errors > 10


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_archive_is_an_error(tmp_path, share):
    path = tmp_path / "a.pt"
    save_archive(path, VALUE)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match=r"a\.pt"):
        load_archive(path)


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_an_archive_is_refused_by_name_and_not_run(tmp_path, zipped):
    path, trace = tmp_path / "a.pt", tmp_path / "was here"
    torch.save({"state": Exploit(trace)}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(InputError, match="mkdir") as caught:
        load_archive(path)
    assert "\n" not in str(caught.value)
    assert not trace.exists()


def test_a_bare_pickle_is_refused_and_not_run(tmp_path):
    path, trace = tmp_path / "a.pt", tmp_path / "was here"
    path.write_bytes(pickle.dumps(Exploit(trace), 2))
    with pytest.raises(InputError):
        load_archive(path)
    assert not trace.exists()


def foreign_zip():
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("readme.txt", "hello")
    return content.getvalue()


@pytest.mark.parametrize("content", [b"", b"conv1.weight: 1.0\n", b"\x80\x02", foreign_zip()])
def test_what_is_no_archive_is_one_line_that_names_the_file(tmp_path, content):
    (tmp_path / "a.pt").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.pt") as caught:
        load_archive(tmp_path / "a.pt")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("read", [load_archive, read_csv, read_json, digest])
def test_a_missing_file_is_an_error(tmp_path, read):
    with pytest.raises(InputError, match=r"no file .*absent"):
        read(tmp_path / "absent")


def test_json_keeps_its_order_and_ends_with_a_newline(tmp_path):
    write_json(tmp_path / "a.json", {"b": 1, "a": ["é", None]})
    *lines, seal, end = (tmp_path / "a.json").read_text().removesuffix("\n").split("\n")
    assert lines == ["{", '  "b": 1,', '  "a": [', '    "é",', "    null", "  ],"]
    assert re.fullmatch(r'  "sha256": "[0-9a-f]{64}"', seal)
    assert end == "}"
    assert read_json(tmp_path / "a.json") == {"b": 1, "a": ["é", None]}


@pytest.mark.parametrize(
    ("content", "story"),
    [
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[1]", "a list"),
        (b'{"choices": NaN}', "not JSON"),
        (b'{"choices": 1e999}', "not JSON"),
        (b'{"choices": ' + b"9" * 5000 + b"}", "not JSON"),
        (b"[" * 200_000, "not JSON"),
    ],
    ids=lambda content: content[:20] if isinstance(content, bytes) else content,
)
@pytest.mark.parametrize("by_hand", [True, False])
def test_unfit_json_is_an_error(tmp_path, content, story, by_hand):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError, match=story):
        read_json(tmp_path / "a.json", by_hand)


def test_json_that_was_edited_is_an_error_and_only_what_may_be_written_by_hand_needs_no_digest(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"choices": {"a": "3x3"}, "provenance": {"stage": "search_darts"}})
    sealed = path.read_text()
    without_digest = re.sub(r',\s+"sha256": ".*"', "", sealed)
    for content in (sealed.replace("3x3", "5x5"), sealed.replace("sha256", "sha257"), without_digest):
        path.write_text(content)
        for by_hand in (True, False):
            with pytest.raises(InputError, match=r"its 'sha256' is not that of its content.*rm .*a\.json"):
                read_json(path, by_hand=by_hand)
    path.write_text('{"choices": {"a": "5x5"}}')
    assert read_json(path, by_hand=True) == {"choices": {"a": "5x5"}}
    with pytest.raises(InputError, match="its 'sha256'"):
        read_json(path)
    path.write_text(json.dumps(json.loads(sealed)))
    assert read_json(path)["choices"] == {"a": "3x3"}, "however it is laid out"


def test_what_is_not_a_number_never_enters_json(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"error": float("nan")})
    assert not list(tmp_path.iterdir())


def test_csv_is_bytes_of_its_values(tmp_path):
    write_csv(tmp_path / "a.csv", ["x", "y"], [{"x": 1, "y": "a,b"}, {"x": 0.5}])
    assert (tmp_path / "a.csv").read_bytes() == b'x,y\n1,"a,b"\n0.5,\n'


def test_csv_comes_back_as_text(tmp_path):
    rows = [{"a": "1", "b": "é, |"}, {"a": "", "b": "two\nlines"}]
    write_csv(tmp_path / "a.csv", ["a", "b"], rows)
    assert read_csv(tmp_path / "a.csv", ["b", "a"]) == rows


@pytest.mark.parametrize(
    ("content", "story"),
    [
        (b"", " has no column 'a'"),
        (b"b\n1\n", " has no column 'a'"),
        (b"a\n\xff\n", " is not CSV"),
        (b"a,b\n1,2\n3\n", ", row 2: expected 2 values"),
        (b"a,b\n1,2,3\n", ", row 1: expected 2 values"),
    ],
)
def test_unfit_csv_is_an_error(tmp_path, content, story):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(InputError, match=rf"a\.csv{story}.*; delete it to rebuild it"):
        read_csv(tmp_path / "a.csv", ["a"])


def test_digest_is_sha256(tmp_path):
    write_bytes(tmp_path / "a", b"abc")
    assert digest(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
