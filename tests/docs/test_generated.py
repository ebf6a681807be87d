"""What is generated is up to date, and the generator notices when it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentd.errors import REASONS
from agentd.protocol.methods import METHODS
from agentd.settings import VARIABLES
from tests.docs.markdown import ROOT, anchors
from tools import generate
from tools.sections import SectionMismatch, table, with_sections

PAGE = "before\n<!-- begin generated: a -->\nold\n<!-- end generated -->\nafter\n"


def test_the_generated_files_are_up_to_date() -> None:
    stale = [str(path.relative_to(ROOT)) for path in generate.stale(generate.generated())]
    assert not stale, "run: make docs"


def test_check_names_what_is_stale_and_writes_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    target = ROOT / "docs" / "errors.md"
    before = target.read_text()
    monkeypatch.setattr(generate, "generated", lambda: {target: before + "more"})
    assert generate.main(["--check"]) == 1
    assert "docs/errors.md is out of date; run: make docs" in capsys.readouterr().err
    assert target.read_text() == before
    monkeypatch.setattr(generate, "generated", lambda: {target: before})
    assert generate.main(["--check"]) == 0


def test_a_file_that_is_not_there_is_stale(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_text("x")
    assert generate.stale({there: "x", tmp_path / "missing": "x"}) == [tmp_path / "missing"]


def test_only_what_is_between_the_markers_is_replaced() -> None:
    made = with_sections(PAGE, {"a": "new\n"})
    assert made == ("before\n<!-- begin generated: a -->\n\nnew\n\n<!-- end generated -->\nafter\n")
    assert with_sections(made, {"a": "new\n"}) == made


@pytest.mark.parametrize("sections", [{}, {"b": ""}, {"a": "", "b": ""}])
def test_markers_and_sections_have_to_be_the_same(sections: dict[str, str]) -> None:
    with pytest.raises(SectionMismatch):
        with_sections(PAGE, sections)


def test_a_cell_stays_in_its_table() -> None:
    assert table(("a",), [("x | y\nz",)]).splitlines()[2] == "| x \\| y z |"


def test_everything_is_documented() -> None:
    protocol = anchors(ROOT / "docs" / "protocol.md")
    assert {name.lower() for name in METHODS} <= protocol
    assert REASONS.keys() <= anchors(ROOT / "docs" / "errors.md")
    names = [variable.names[0] for variable in VARIABLES.values()]
    for page in ("docs/operations.md", ".env.example"):
        text = (ROOT / page).read_text()
        assert [name for name in names if name not in text] == []


def test_every_field_of_the_wire_says_what_it_means() -> None:
    from pydantic import BaseModel

    from tools.annotations import models_in

    obvious = {"HealthResult", "RuntimeMetrics", "DatabaseMetrics"}
    seen: set[type[BaseModel]] = set()
    silent = []

    def visit(model: type[BaseModel]) -> None:
        if model in seen:
            return
        seen.add(model)
        for name, field in model.model_fields.items():
            if not field.description and name not in ("ok", "granted"):
                silent.append(f"{model.__name__}.{name}")
            for inner in models_in(field.annotation):
                visit(inner)

    for method in METHODS.values():
        for model in (method.params, *models_in(method.result)):
            visit(model)
    assert [each for each in silent if each.partition(".")[0] not in obvious] == []
