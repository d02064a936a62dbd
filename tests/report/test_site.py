"""The folder of pages: put in its place as a whole, and nothing of the data can become markup."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from harness.errors import StoreError
from harness.report.site import MARK, Site, building, script_json

EVIL = ("</script><script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "a\u2028b", "<!--", "&lt;", "é")


@pytest.mark.parametrize("text", EVIL)
def test_json_in_a_script_is_data_and_nothing_else(text: str) -> None:
    written = str(script_json({text: [text, 1, None]}))
    assert not re.search("[<>&\u2028]", written)
    assert json.loads(written) == {text: [text, 1, None]}


def test_numbers_that_json_does_not_have_are_refused() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        script_json([float("nan")])


@pytest.mark.parametrize("text", EVIL[:2])
def test_text_from_data_is_escaped_in_a_page(tmp_path: Path, text: str) -> None:
    site = Site(tmp_path)
    site.page("a/b.html", "base.html.jinja", text, ((text, "index.html"),))
    page = (tmp_path / "a" / "b.html").read_text()
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert 'href="../index.html"' in page
    assert site.sizes == {"a/b.html": len(page.encode())}


def test_a_data_file_is_a_call_with_its_own_path(tmp_path: Path) -> None:
    Site(tmp_path).data("a/x.js", {"b": "</script>"})
    assert (tmp_path / "a" / "x.js").read_text() == 'reid.take("a/x.js", {"b":"\\u003c/script\\u003e"});\n'


def test_a_report_takes_the_place_of_an_older_one_as_a_whole(tmp_path: Path) -> None:
    out = tmp_path / "new" / "report"
    for name in ("first", "second"):
        with building(out) as site:
            site.write(f"{name}.html", b"x")
            assert site.root != out
    assert sorted(path.name for path in out.iterdir()) == [MARK, "second.html"]
    assert [path.name for path in out.parent.iterdir()] == ["report"]


@pytest.mark.parametrize("failure", [KeyboardInterrupt, RuntimeError])
def test_what_fails_leaves_the_older_report(tmp_path: Path, failure: type[BaseException]) -> None:
    out = tmp_path / "report"
    with building(out) as site:
        site.write("old.html", b"x")

    def fail() -> None:
        with building(out) as site:
            site.write("half.html", b"x")
            raise failure

    with pytest.raises(failure):
        fail()
    assert sorted(path.name for path in out.iterdir()) == [MARK, "old.html"]
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


def test_a_folder_of_somebody_else_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(StoreError, match="holds no report"), building(tmp_path):
        pass
    file = tmp_path / "thesis.tex"
    with pytest.raises(StoreError, match="holds no report"), building(file):
        pass
    assert file.read_text() == "x"


def test_an_empty_folder_may_be_filled(tmp_path: Path) -> None:
    out = tmp_path / "empty"
    out.mkdir()
    with building(out) as site:
        site.write("a.html", b"x")
    assert (out / "a.html").is_file()


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="cannot use the report") as told, building(tmp_path / "file" / "report"):
        pass
    assert "--out" in str(told.value)
