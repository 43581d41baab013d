"""A report is written whatever the results are, and no library warns of them."""

import itertools
import json

import pytest
from test_reports.given_tables import plain, tuned
from test_reports.simulated import simulated

from bench.errors import InputError
from reports import Terms, significance
from reports.benchmark.report import write_report
from reports.page import drawing

pytestmark = pytest.mark.filterwarnings("error")

TASKS, LOSSES, EVOLVED = ("moons", "rings"), ("ce", "mse", "gce"), ("mln_1", "mln_2")
SIX = tuple(f"mln_{run}" for run in range(1, 7))
SMALL = {"tasks": TASKS, "losses": LOSSES, "runs": 2, "seeds": 8}


def cells(tasks=TASKS, losses=(*LOSSES, *EVOLVED), seeds=8, which=("tuned", "common")):
    """The cells of all these, as `simulated.Cells` names exceptional ones."""
    return set(itertools.product(tasks, losses, range(seeds), which))


def ideal(score, lr, rng):
    return 1.0, 1.0


STATES = {
    "one loss diverged": {"diverged": cells(losses=("ce",)), "measured": False},
    "candidates diverged": {"diverged": cells(losses=EVOLVED), "measured": False},
    "one task diverged": {"diverged": cells(tasks=("moons",)), "measured": False},
    "tuned diverged": {"diverged": cells(which=("tuned",)), "measured": False},
    "one seed": {"seeds": 1},
    "one seed diverged": {"seeds": 1, "diverged": cells(seeds=1), "measured": False},
    "two seeds diverged": {"seeds": 2, "diverged": cells(seeds=2), "measured": False},
    "one task": {"tasks": ("moons",), "diverged": cells(tasks=("moons",)), "measured": False},
    "six runs": {"runs": 6, "diverged": cells(losses=(*LOSSES, *SIX))},
    "no candidate": {"losses": ("ce", "mse"), "runs": 0},
    "one loss": {"losses": ("ce",), "runs": 0, "report": {"baselines": ["ce"]}},
    "perfect": {"response": ideal},
    "all equal": {"effects": {}, "spread": 0.0},
    "no region": {"response": ideal, "report": {"rope": 0.0}},
    "one rate": {"rates": (0.01,), "diverged": cells(), "measured": False},
    "a loss is missing": {"absent": cells(losses=("mse",)), "diverged": cells(losses=("ce",))},
    "a task is missing": {"absent": cells(tasks=("moons",))},
    "a seed is missing": {"absent": {cell for cell in cells() if cell[2] == 3}},
    "one learner is left": {"absent": cells() - cells(TASKS[:1], ("ce",), seeds=1)},
    "diverged and less is better": {
        "report": {"metric": "nll"}, "diverged": cells(), "measured": False,
    },
    "many tasks": {
        "tasks": tuple(f"task_{k:02}" for k in range(12)), "response": ideal, "runs": 1,
        "absent": cells(tasks=[f"task_{k:02}" for k in range(9)], losses=("mln_1",)),
    },
}  # fmt: skip


@pytest.fixture(autouse=True)
def without_pdf(monkeypatch):
    """The same figures are drawn for PDF again, which takes twice as long."""
    monkeypatch.setattr(drawing, "pdf", lambda figure: b"")


def written(tmp_path, **settings):
    store, experiment = simulated(tmp_path / "mln.db", **SMALL | settings)
    try:
        paths = write_report(store, experiment, tmp_path / "report").paths
    finally:
        store.close()
    return json.loads(paths.json.read_text()), paths.html.read_text()


def test_a_report_of_runs_that_all_diverged(tmp_path):
    document, page = written(tmp_path, diverged=cells(), measured=False)
    assert {item["verdict"] for item in document["comparisons"]} == {"refused"}
    reasons = {item["reason"] for item in document["comparisons"] if item["scope"][:4] == "this"}
    assert reasons == {"every run of both diverged, so there is nothing to compare"}
    assert "learning_curves" in page
    assert "nan" not in page.lower().replace("nanometre", "").split("<svg")[0]


@pytest.mark.slow
@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
def test_a_report_of_whatever_was_stored(tmp_path, state):
    document, _ = written(tmp_path, **state)
    assert document["kind"] == "significance"


@pytest.mark.slow
def test_runs_that_all_failed_are_one_line(tmp_path):
    with pytest.raises(InputError, match="every cell failed, the first with 'worker lost'"):
        written(tmp_path, failed=cells())


def scored(frame, **columns):
    return frame.assign(**columns)


GIVEN = {
    "diverged": scored(plain(), status="diverged", accuracy=float("nan")),
    "diverged while tuned": scored(tuned(), status="diverged", accuracy=None, inner=None),
    "perfect": scored(plain(), accuracy=1.0),
    "no curves": scored(plain(), **{"accuracy@1": float("nan"), "accuracy@2": float("nan")}),
    "one seed": plain(seeds=1),
    "one task": plain(tasks=("moons",)),
}


@pytest.mark.slow
@pytest.mark.parametrize("frame", GIVEN.values(), ids=GIVEN)
def test_a_report_of_whatever_was_given(tmp_path, frame):
    frame.to_csv(tmp_path / "rows.csv", index=False)
    judged = significance(tmp_path / "rows.csv")
    assert judged.write(tmp_path / "report").html.exists()
    assert "equivalent" not in set(judged.comparisons["verdict"])


def test_one_measurement_is_no_curve(tmp_path):
    significance(plain().assign(**{"accuracy@9": 0.8})).write(tmp_path / "once")
    page = (tmp_path / "once" / "report.html").read_text()
    assert "measured at one step alone" in page
    assert "learning_curves" not in page


def test_the_size_of_the_test_split_can_be_declared(tmp_path):
    perfect = scored(plain(), accuracy=1.0)

    def verdicts(frame, **terms):
        return set(significance(frame, terms=Terms(**terms)).comparisons["verdict"])

    assert verdicts(perfect) == {"inconclusive"}
    assert verdicts(perfect, test_examples=18) == {"inconclusive"}
    assert verdicts(perfect, test_examples=10_000) == {"equivalent"}
    assert verdicts(scored(perfect, test_examples=10_000)) == {"equivalent"}
    with pytest.raises(InputError, match="test_examples is 0"):
        significance(perfect, terms=Terms(test_examples=0))


@pytest.mark.parametrize(
    ("column", "value", "complaint"),
    [
        ("accuracy", "inf", "rows.csv, line 5: accuracy is infinite"),
        ("accuracy", "nan", "rows.csv, line 5: accuracy is empty"),
        ("accuracy", "", "rows.csv, line 5: accuracy is empty"),
        ("accuracy", "good", "rows.csv, line 5: accuracy is 'good', not a number"),
        ("accuracy", "1e200", "rows.csv, line 5: accuracy is 1e+200; numbers above"),
        ("seed", "1e30", "rows.csv, line 5: seed is '1e30', not a whole number"),
        ("loss", "", "rows.csv, line 5: loss is empty"),
        ("test_examples", "0", "rows.csv, line 5: test_examples is below 1"),
        ("status", "ended", "rows.csv, line 5: status is 'ended'; valid are"),
    ],
)
def test_an_edited_table_is_one_line(tmp_path, column, value, complaint):
    frame = plain().assign(test_examples=18, status="done").astype(object)
    frame.loc[3, column] = value
    frame.to_csv(tmp_path / "rows.csv", index=False)
    with pytest.raises(InputError) as raised:
        significance(tmp_path / "rows.csv")
    assert complaint in str(raised.value)
    assert "\n" not in str(raised.value)
