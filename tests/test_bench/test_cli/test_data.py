"""The verb `data`, the head of `run`, and the section "Tasks" of reports."""

import json
from pathlib import Path

import pytest
from test_bench.test_cli.calling import Cli, Stored

from bench.cli.describing import print_head
from bench.describing.describe import describe
from bench.describing.model import TaskDescription
from bench.errors import InputError
from bench.tasks.resolve import resolve
from reports.page.described import task_section

ROWS = [f"{i + 1},{i % 7}.5,{'NA' if i % 5 else 'Both'},{'uv'[i % 2]}" for i in range(60)]
NAME = "table:t.csv,label=label+noise=0.2"


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MLN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("MLN_DATA_ROOT", raising=False)
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["rownames,x,bags,label", *ROWS]))
    return path


def test_data_shows_what_was_understood(run_cli: Cli, table: Path) -> None:
    ended = run_cli("data", NAME)
    assert ended.code == 0
    for words in ("rownames", "Both, NA", "6 of 30 training labels moved", "missing=NA"):
        assert words in ended.out, ended.out
    assert "warning: column 'rownames' is an index" in ended.err
    ended = run_cli("data", NAME, "--json")
    about = TaskDescription.model_validate(json.loads(ended.out))
    assert [(each.name, each.kind, each.levels) for each in about.features] == [
        ("rownames", "number", ()),
        ("x", "number", ()),
        ("bags", "category", ("Both", "NA")),
    ]
    assert sum(about.examples.values()) == 60
    assert ended.err == ""


def test_bad_data_is_one_line(run_cli: Cli, table: Path) -> None:
    table.write_text("a,label\n1,2,3,x\n")
    ended = run_cli("data", NAME)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.count("\n") == 1
    assert "row 1 (line 2) has 4 fields, the line of names 2" in ended.err
    assert run_cli("data", "digit").code == 2


def test_the_head_of_a_run_and_the_section_of_a_report(
    table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ref = resolve(f"table:{table},label=label+noise=0.2")
    about = describe(ref, roles=["benchmark"])
    print_head([about])
    lines = capsys.readouterr().err.splitlines()
    assert f"task {ref.name}: 2 classes, 3 columns as 4 inputs, 30/6/6/18 examples" in lines[0]
    assert f"note: task '{ref.name}': column 'rownames' is an index" in lines[1]
    print_head([about], is_short=True)
    assert capsys.readouterr().err.splitlines() == lines[1:]
    section = task_section([about], [about.task, "other"])
    assert section.text == ["Nothing is known here but the name of other."]
    overview, notes = section.tables
    assert overview.numbers["test"].tolist() == ["18"]
    assert notes.numbers["what"].tolist() == ["warning", "decided"]
    assert [each.name for each in section.folded] == [
        "task_classes",
        "task_columns",
        "task_regimes",
    ]
    assert task_section([]).tables == []
    table.unlink()  # as on another machine: the name alone needs no data
    assert resolve(ref.name, read_data=False).name == ref.name
    with pytest.raises(InputError, match="does not exist"):
        resolve(ref.name)
    with pytest.raises(InputError, match="needs a number or a range"):
        resolve(ref.name.replace("0.2", "x"), read_data=False)


@pytest.mark.slow
def test_run_begins_with_it_and_a_report_needs_no_data(run_cli: Cli, table: Path) -> None:
    changes = {
        "benchmark.tasks": f"['{NAME}']",
        "benchmark.losses": "['ce','mse','mae']",
        "benchmark.seeds": "6",
        "benchmark.training.steps": "5",
        "tuning.rates": "[0.01]",
    }
    words = ["quickstart", *(f"--set={key}={value}" for key, value in changes.items())]
    ended = run_cli("run", *words, "--jobs=1")
    assert ended.code == 0, ended.err
    assert f"task {NAME}: 2 classes, 3 columns as 4 inputs, 30/6/6/18 examples" in ended.err
    assert f"note: task '{NAME}': column 'rownames' is an index" in ended.err
    table.unlink()  # as on another machine
    ended = run_cli("report", *words, "--out=report")
    assert ended.code == 0, ended.err
    report = table.parent / "report"
    document = json.loads((report / "report.json").read_text())
    [about] = map(TaskDescription.model_validate, document["tasks"])
    assert (about.task, about.roles, about.examples["test"]) == (NAME, ("benchmark",), 18)
    assert any("'rownames' is an index" in line for line in document["warnings"])
    page = (report / "report.html").read_text()
    assert '<section id="tasks">' in page
    columns = (report / "tables" / "task_columns.csv").read_text().splitlines()
    assert columns[3].startswith(f'"{NAME}",bags,category,')
    # The comparison of two runs finds it beside their rows.
    rows = str(report / "rows.csv")
    ended = run_cli("compare", rows, rows, "--out=same")
    assert ended.code == 0, ended.err
    same = json.loads((table.parent / "same" / "report.json").read_text())
    assert same["tasks"] == document["tasks"]


def test_an_ablation_describes_its_families(run_cli: Cli, ablated: Stored, tmp_path: Path) -> None:
    from test_bench.test_cli.calling import SMALL_ABLATION

    ended = run_cli("report", *SMALL_ABLATION, "--kind=ablation", ablated.option, "--out=report")
    assert ended.code == 0, ended.err
    document = json.loads((tmp_path / "report" / "report.json").read_text())
    [about] = map(TaskDescription.model_validate, document["tasks"])
    assert (about.task, about.roles) == ("spirals", ("study",))
    assert "test" not in about.examples
    assert '<section id="tasks">' in (tmp_path / "report" / "report.html").read_text()
