"""Results from anywhere: what is read, paired and chosen, and what is refused in one line."""

import numpy as np
import pandas as pd
import pytest
from test_reports.given_tables import plain, tuned

from bench.errors import InputError
from bench.policies import per_seed, pooled
from reports.data.given.data import given
from reports.data.given.table import of_frame, read_table
from reports.data.given.terms import Terms


def read(frame, curves=None, **terms):
    table = None if curves is None else of_frame(curves, "the curves")
    return given(of_frame(frame), Terms(**terms), table)


def from_csv(tmp_path, text, **terms):
    path = tmp_path / "results.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return given(read_table(path), Terms(**terms))


def test_without_rates_every_row_is_taken_as_given():
    frame = plain()
    data = read(frame.sample(frac=1, random_state=1))
    assert data.policies == ("given",)
    assert len(data.rows) == len(frame)
    key = ["task", "loss", "seed"]
    joined = data.rows.merge(frame, on=key, suffixes=("", "_there"))
    assert (joined["accuracy"] == joined["accuracy_there"]).all()
    assert data.missing.empty
    assert data.configurations.empty
    assert data.candidates == ("focal",)


@pytest.mark.parametrize("parameters", [(), (2.0, 0.5)])
def test_with_rates_each_seed_chooses_as_in_the_suite(parameters):
    frame = tuned(parameters=parameters)
    data = read(frame.sample(frac=1, random_state=2) if not parameters else frame)
    assert data.policies == ("per_seed", "pooled")
    for (task, loss), own in frame.groupby(["task", "loss"], sort=False):
        places = own.assign(order=own.groupby("seed").cumcount())
        inner = places.pivot_table(index="seed", columns="order", values="inner")
        lr = places.pivot_table(index="seed", columns="order", values="lr")
        score = places.pivot_table(index="seed", columns="order", values="accuracy")
        for policy, choose in (("per_seed", per_seed), ("pooled", pooled)):
            picked = choose(inner.to_numpy())[:, None]
            rows = data.rows.set_index(["task", "loss", "policy"]).loc[(task, loss, policy)]
            assert rows["seed"].tolist() == inner.index.tolist()
            expected = np.take_along_axis(score.to_numpy(), picked, axis=1)[:, 0]
            assert rows["accuracy"].to_numpy() == pytest.approx(expected)
            rates = np.take_along_axis(lr.to_numpy(), picked, axis=1)[:, 0]
            assert rows["lr"].to_numpy() == pytest.approx(rates)


def test_test_scores_change_no_choice():
    frame = tuned()
    other = frame.assign(accuracy=frame["accuracy"].sample(frac=1, random_state=0).to_numpy())
    a, b = read(frame).rows, read(other).rows
    assert (a["lr"] == b["lr"]).all()
    assert (a["accuracy"] != b["accuracy"]).any()


def test_ties_go_to_the_smaller_rate_and_then_to_the_parameter_named_first():
    frame = tuned(parameters=(2.0, 0.5)).assign(inner=0.9)
    rows = read(frame.iloc[::-1]).rows  # rates descend, and 0.5 is named before 2.0
    assert set(rows["lr"]) == {0.001}
    assert set(rows.loc[rows["loss"] == "focal", "parameter"]) == {0.5}


def test_less_of_an_unknown_metric_may_be_better():
    frame = tuned().rename(columns={"accuracy": "cost"})
    lower = read(frame, direction="minimise", rope=0.01)
    own = lower.rows.query("task == 'moons' and loss == 'ce' and policy == 'per_seed'")
    best = frame.query("task == 'moons' and loss == 'ce'").groupby("seed")["inner"].idxmin()
    assert own["lr"].tolist() == frame.loc[best, "lr"].tolist()


def test_seeds_that_one_loss_alone_has_are_missing_for_the_others():
    frame = plain(tasks=("digits",))
    frame = frame[~((frame["loss"] == "focal") & (frame["seed"] >= 106))]
    missing = read(frame).missing
    assert missing[["loss", "seed"]].to_numpy().tolist() == [["focal", 106], ["focal", 107]]


def test_tasks_may_have_seeds_of_their_own():
    frame = plain()
    frame.loc[frame["task"] == "moons", "seed"] += 1000
    for data in (
        read(frame),
        read(tuned().assign(seed=lambda x: x["seed"] + 9 * (x["task"] == "moons"))),
    ):
        assert data.missing.empty
        assert set(data.plan["seeds"]) == {8}


def test_a_loss_that_lacks_a_whole_task_is_missing_there():
    for frame in (plain(), tuned()):
        data = read(frame[~((frame["loss"] == "mse") & (frame["task"] == "moons"))])
        assert set(zip(data.missing["task"], data.missing["loss"], strict=True)) == {
            ("moons", "mse")
        }
        assert len(data.missing) == 8 * len(data.policies)


def test_a_seed_that_lacks_a_configuration_cannot_choose():
    frame = tuned()
    gone = (frame["loss"] == "ce") & (frame["seed"] == 103) & (frame["lr"] == 0.1)
    missing = read(frame[~gone]).missing
    own = missing[missing["policy"] == "per_seed"]
    assert set(own["seed"]) == {103}
    assert set(own["reason"]) == {"a configuration is not in the table"}


def test_a_diverged_run_has_the_worst_score_and_a_failed_one_is_missing():
    frame = plain().assign(status="done")
    frame.loc[3, ["status", "accuracy"]] = ["diverged", None]
    frame.loc[4, ["status", "accuracy"]] = ["failed", None]
    data = read(frame, worst=0.1)
    assert data.rows.loc[data.rows["status"] == "diverged", "accuracy"].tolist() == [0.1]
    assert data.missing[["task", "loss", "seed"]].to_numpy().tolist() == [
        frame.loc[4, ["task", "loss", "seed"]].tolist()
    ]


def test_a_task_of_several_learners_becomes_one_for_each():
    other = plain(tasks=("digits",)).assign(learner="cnn")
    data = read(pd.concat([plain(tasks=("digits",)), other]))
    assert set(data.tasks) == {"digits [mlp]", "digits [cnn]"}
    assert data.missing.empty


def test_evolved_losses_are_the_candidates():
    data = read(plain().replace({"loss": {"focal": "mln_1"}}), baselines=("ce",))
    assert data.candidates == data.evolved == ("mln_1",)


def test_curves_follow_the_rows_that_were_chosen():
    frame = tuned()
    frame["accuracy@10"], frame["accuracy@20"] = frame["lr"], frame["seed"]
    wide = read(frame)
    assert wide.curves.steps.tolist() == [10, 20]
    assert wide.curves.values["accuracy"][:, 0] == pytest.approx(wide.rows["lr"], rel=1e-6)
    assert wide.curves.values["accuracy"][:, 1].tolist() == wide.rows["seed"].tolist()
    key = ["task", "loss", "seed", "lr"]
    long = pd.concat(
        [frame[key].assign(step=step, accuracy=frame[f"accuracy@{step}"]) for step in (20, 10)]
    )
    apart = read(tuned(), long)
    for data in (wide, apart):
        assert data.budget == 20
        assert (data.rows["steps_to_ce"] <= 20).all()
    assert (apart.curves.values["accuracy"] == wide.curves.values["accuracy"]).all()


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_file_reads_as_the_frame_it_was(tmp_path, separator):
    frame = plain().replace({"loss": {"focal": "NA"}})
    text = frame.to_csv(index=False, sep=separator)
    data = from_csv(tmp_path, b"\xef\xbb\xbf" + text.replace("\n", "\n\n", 3).encode())
    pd.testing.assert_frame_equal(data.rows, read(frame).rows, check_dtype=False)
    assert "NA" in data.losses  # a name, not an absent number


def test_parquet_reads_as_the_frame_it_was(tmp_path):
    pytest.importorskip("pyarrow")
    frame = tuned(parameters=(0.5, 2.0))
    frame.to_parquet(tmp_path / "results.parquet")
    data = given(read_table(tmp_path / "results.parquet"), Terms())
    pd.testing.assert_frame_equal(data.rows, read(frame).rows)


HEAD = "task,loss,seed,accuracy\n"
BODY = "a,ce,0,0.5\na,x,0,0.6\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        (HEAD, "has a header but no row"),
        ("task,loss,seeds,accuracy\na,ce,0,0.5\n", "has no column 'seed'; did you mean 'seeds'?"),
        (HEAD + "a,ce,0,0.5\n\na,x,0,n. a.\n", "line 4: accuracy is 'n. a.', not a number"),
        (HEAD + "a,ce,0,0.5\na,x,0,\n", "line 3: accuracy is empty; a run without a score needs"),
        (HEAD + "a,ce,0,nan\na,x,0,1\n", "line 2: accuracy is empty"),
        (HEAD + "a,ce,0,inf\na,x,0,1\n", "line 2: accuracy is infinite"),
        (HEAD + BODY + "a,x,0,0.6\na,x,0,0.7\n", "lines 3, 4 and 5 are one run (task a, loss x"),
        (HEAD + "a,ce,0,93.4\na,x,0,94\n", "divide per cent by 100"),
        (HEAD + "a,ce,zero,0.5\n", "line 2: seed is 'zero', not a number"),
        (HEAD + "a,ce,0.5,0.5\n", "line 2: seed is '0.5', not a whole number"),
        (HEAD + "a,,0,0.5\n", "line 2: loss is empty"),
        (HEAD + "a,ce,0,0.5,9\n", "its rows have more fields than its header"),
        (HEAD + BODY + "a,x,1,0.5,9\n", "Expected 4 fields in line 4, saw 5"),
        (HEAD + "a,ce,0,0.5\n", "has no loss beside ce"),
        (HEAD + "a,y,0,0.5\na,x,0,0.6\n", "no loss is named ce or mse"),
        (HEAD.encode() + b"a,c\xe9,0,0.5\n", "not a text file in UTF-8"),
        ("task,loss,seed,seed,accuracy\na,ce,0,0,1\n", "column 'seed' stands there twice"),
        ("task,loss,seed\na,ce,0\n", "has no column of scores"),
        ("task,loss,seed,nll,ece\na,ce,0,1,1\n", "several columns may be the metric"),
        ("task,loss,seed,f1\na,ce,0,1\na,x,0,1\n", "declare whether more of it is better"),
        ("task,loss,seed,status,accuracy\na,ce,0,ok,1\n", "status is 'ok'; valid are: done"),
        (
            "task,loss,seed,lr,accuracy\na,ce,0,0.1,1\na,ce,0,0.2,1\n",
            "add a column inner",
        ),
        (
            "task,loss,seed,lr,inner,accuracy\na,ce,0,0.1,1,1\na,ce,0,0.2,,1\n",
            "line 3: inner is empty",
        ),
        (
            "task,loss,seed,lr,inner,accuracy\na,ce,0,0.1,1,1\na,ce,0,0.1,1,1\n",
            "lines 2 and 3 are one run (task a, loss ce, seed 0, lr 0.1)",
        ),
    ],
)
def test_a_bad_file_is_one_line_that_says_where(tmp_path, text, message):
    with pytest.raises(InputError) as error:
        from_csv(tmp_path, text)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ({"metric": "acuracy"}, "did you mean 'accuracy'?"),
        ({"metric": "seed"}, "has no column 'seed' with scores"),
        ({"baselines": ("cee",)}, "baseline 'cee': the frame has no such loss; did you mean 'ce'?"),
        ({"baselines": ("ce",), "candidates": ("ce",)}, "both a baseline and a candidate"),
        ({"direction": "minimise"}, "metric 'accuracy' needs direction maximise"),
        ({"rope": -1.0}, "rope is -1"),
        ({"alpha": 1.0}, "alpha is 1"),
        ({"steps": 0}, "steps is 0"),
        ({"name": "a b"}, "name 'a b'"),
    ],
)
def test_terms_that_do_not_fit_are_one_line(terms, message):
    with pytest.raises(InputError) as error:
        read(plain(), **terms)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loss": "ghost"}, "row 0: the frame has no such run"),
        ({"step": 10}, "rows 0 and 1 are one step of one run"),
        ({"step": -1}, "row 0: step is below 0"),
    ],
)
def test_curves_of_no_run_are_one_line(change, message):
    own = plain().iloc[[0, 0]].assign(step=[10, 20]).reset_index(drop=True)
    for name, value in change.items():
        own.loc[:, name] = value
    with pytest.raises(InputError, match="the curves"):
        read(plain(), own)
    with pytest.raises(InputError) as error:
        read(plain(), own)
    assert message in str(error.value)


def test_curves_must_say_which_of_a_seeds_results_they_belong_to():
    own = plain().assign(step=10)
    with pytest.raises(InputError, match="a column 'lr' must say"):
        read(tuned(), own)
