"""The ablation report on simulated gains."""

import dataclasses
import json
import re

import numpy as np
import pandas as pd
import pytest
from test_reports.simulated import experiment

from bench.errors import InputError
from bench.experiment.model import Experiment
from bench.store import schema as tables
from bench.store.store import Store
from reports.ablation import head
from reports.ablation.analysis import analyse
from reports.ablation.data import AblationData, load_ablation
from reports.ablation.report import render_ablation, write_ablation
from reports.page.wording import unit_of
from reports.verdicts.verdict import Rules

MODE, CO = "evolution.settings.mode", "evolution.settings.coevolution"
FAMILIES = ("spirals", "rings", "blobs_8")


def gains(effect=None, *, seeds=8, noise=0.004, interaction=0.0, one_out=False):
    """Gains of a 3 x 2 design, or of a base with one change in each factor."""
    effect = effect or {}
    rng = np.random.default_rng(2)
    block = rng.normal(0, 0.01, seeds)
    family = dict(zip(FAMILIES, (0.0, 0.02, -0.01), strict=True))
    cells = [(m, c) for m in ("hybrid", "ga", "es") for c in ("lifetime", "fresh")]
    if one_out:
        cells = [("hybrid", "lifetime"), ("ga", "lifetime"), ("hybrid", "fresh")]
    return pd.DataFrame(
        [
            {"slot": slot, "seed": seed, "family": name, MODE: mode, CO: co,
             "gain": 0.01 + block[seed] + family[name] + effect.get(mode, 0) + effect.get(co, 0)
             + (interaction if (mode, co) == ("es", "fresh") else 0) + rng.normal(0, noise),
             "tasks": 8, "diverged": 0, "member_steps": 160_000}
            for slot, (mode, co) in enumerate(cells)
            for seed in range(seeds)
            for name in FAMILIES
        ]
    )  # fmt: skip


def data(frame, design="factorial"):
    return AblationData(
        experiment(), "what matters?", design, (MODE, CO), frame, {"budget": 160_000}
    )


def render(frame, path, design="factorial"):
    return render_ablation(data(frame, design), path, ["mln-bench ablate x"])


def verdicts(report):
    return {(e.factor, e.level): e.decision.verdict for e in report.analysis.effects}


@pytest.mark.slow
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("design", ["factorial", "leave_one_out"])
@pytest.mark.parametrize("seeds", [1, 2, 8])
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_report_of_losses_whose_learners_diverged(tmp_path, design, seeds, share):
    frame = gains(one_out=design != "factorial", seeds=seeds)
    lost = frame["slot"] < share * (frame["slot"].max() + 1)
    frame.loc[lost, ["gain", "diverged"]] = [-0.9, 8]
    found = set(verdicts(render(frame, tmp_path, design)).values())
    if seeds < 6 or share == 1:
        assert found == {"refused"}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("gain", [0.0, 0.25])
def test_gains_that_are_all_the_same_show_no_equivalence(tmp_path, gain):
    report = render(gains().assign(gain=gain), tmp_path)
    assert set(verdicts(report).values()) <= {"inconclusive", "refused"}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("design", ["factorial", "leave_one_out"])
def test_one_finished_cell_is_reported(tmp_path, design):
    frame = gains(one_out=design != "factorial")
    report = render(frame[frame["slot"] == 0], tmp_path, design)
    assert report.analysis.effects == []
    assert report.paths.html.exists()


def test_a_factorial_finds_its_effect_and_no_other(tmp_path):
    report = render(gains({"es": -0.03}), tmp_path)
    assert verdicts(report) == {
        ("mode", "ga"): "equivalent",
        ("mode", "es"): "worse",
        ("coevolution", "fresh"): "equivalent",
    }
    terms = {t.name: p for t, p in zip(report.analysis.terms, report.analysis.p_terms, strict=True)}
    assert list(terms) == ["mode x coevolution", "mode", "coevolution"]
    assert terms["mode"] < 0.001
    assert terms["mode x coevolution"] > 0.05
    assert "No interaction was shown." in report.findings


def test_the_answer_names_what_is_better_or_worse():
    def answer(frame):
        own = data(frame)
        rules = Rules("maximise", own.experiment.report.rope)
        shown = unit_of("accuracy")
        found = analyse(own.gains, own.factors, own.analysed_as, rules, shown, own.declared)
        return head.answer(own, found, None)

    assert re.fullmatch(
        r"Worse than hybrid: es \(\N{MINUS SIGN}[23]\.\d\d points\); nothing was shown of the "
        r"other 2\.",
        answer(gains({"es": -0.03})),
    )
    nothing = answer(gains())
    assert "equivalent" in nothing
    assert nothing.startswith("Nothing was shown to matter: none of 3 changes is better or worse")
    assert "what mode and coevolution do depends" in answer(gains(interaction=0.04))
    assert answer(gains(seeds=3)).startswith("Nothing could be judged: 3 independent evolution")


def test_an_interaction_is_named_first(tmp_path):
    report = render(gains(interaction=0.04), tmp_path)
    assert report.findings[0].startswith("Interactions: mode x coevolution (F = ")
    assert {term.factors for term in report.analysis.mixed if term.p < 0.001} >= {
        ("mode", "coevolution")
    }


def test_where_the_two_analyses_disagree_the_verdict_says_which_to_trust(tmp_path):
    # An effect of one size in each seed is lost in the pooled error of another's, which differs
    # between seeds; a mean effect of the latter is more than its own paired test can show.
    frame = gains({"ga": -0.003}, noise=0.0005)
    wild = np.random.default_rng(4).normal(0.02, 0.05, 8)
    frame["gain"] += np.where(frame[CO] == "fresh", wild[frame["seed"]], 0)
    report = render(frame, tmp_path)
    [sentence] = [text for text in report.findings if "disagree" in text]
    assert "disagree on mode (Holm p " in sentence
    assert sentence.endswith("between seeds.")
    assert "trust the paired tests" in sentence
    assert sentence in report.paths.html.read_text().replace("&lt;", "<").replace("&gt;", ">")
    assert not any("disagree" in text for text in render(gains(), tmp_path / "other").findings)


def test_differences_are_level_minus_reference(tmp_path):
    frame = gains({"es": -0.03})
    [effect] = [e for e in render(frame, tmp_path).analysis.effects if e.level == "es"]
    means = frame.groupby(MODE)["gain"].mean()
    assert effect.reference == "hybrid"
    assert effect.decision.numbers.mean_difference == pytest.approx(means["es"] - means["hybrid"])


def test_leave_one_out_compares_the_base_with_every_variant(tmp_path):
    report = render(gains({"ga": -0.03}, one_out=True), tmp_path, "leave_one_out")
    assert verdicts(report) == {
        ("mode", "hybrid"): "better",
        ("coevolution", "lifetime"): "equivalent",
    }
    assert report.analysis.terms == []
    assert any("cannot see interactions" in text for text in report.findings)


VARIANTS = {
    "without progress": {"evolution.loss.state": ["accuracy", "drop"]},
    "ga on moons": {MODE: "ga", "evolution.families": ["moons"]},
}


def of_variants(effect, seeds=8):
    """Gains of a reference and two variants of it."""
    frame = gains({"ga": effect}, seeds=seeds, one_out=True)
    frame["variant"] = frame["slot"].map(dict(enumerate(["reference", *VARIANTS])))
    content = experiment().model_dump()
    content["evolution"] = {"families": ["gaussians"]}
    content["study"] = {
        "kind": "ablate", "name": "which parts?", "families": ["spirals"], "seeds": seeds,
        "variants": VARIANTS,
    }  # fmt: skip
    return AblationData(
        Experiment.model_validate(content), "which parts?", "variants", ("variant",),
        frame.drop(columns=[MODE, CO]), {"budget": 160_000},
    )  # fmt: skip


def test_each_variant_is_compared_with_the_reference(tmp_path):
    data = of_variants(-0.03)
    report = render_ablation(data, tmp_path, ["mln-bench ablate x"])
    assert verdicts(report) == {
        ("variant", "without progress"): "worse",
        ("variant", "ga on moons"): "equivalent",
    }
    worse = report.analysis.effects[0]
    means = data.gains.groupby("variant")["gain"].mean()
    difference = means["without progress"] - means["reference"]
    assert worse.decision.numbers.mean_difference == pytest.approx(difference)
    assert worse.decision.p_holm == pytest.approx(2 * worse.decision.numbers.p)
    assert report.analysis.terms == []
    assert report.findings[0].startswith("without progress ")
    assert any("cannot show interactions" in text for text in report.findings)
    document = json.loads(report.paths.json.read_text())
    assert document["variants"] == VARIANTS
    assert document["finished"]
    page = report.paths.html.read_text()
    for text in ("What each variant changes", "loss.state", "settings.mode", "families"):
        assert text in page


def test_without_its_reference_nothing_is_compared(tmp_path):
    data = of_variants(-0.03)
    alone = dataclasses.replace(data, gains=data.gains[data.gains["slot"] > 0], missing_slots=(0,))
    report = render_ablation(alone, tmp_path)
    assert report.analysis.effects == []
    assert (
        "1 of 3 cells have no result (none with variant = reference has one)"
        in (report.warnings[0])
    )


def test_few_seeds_are_refused_and_named_at_the_head(tmp_path):
    report = render(gains(seeds=3), tmp_path)
    assert set(verdicts(report).values()) == {"refused"}
    assert any("3 independent evolution runs: fewer than 6" in text for text in report.warnings)
    document = json.loads(report.paths.json.read_text())
    assert document["warnings"] == list(report.warnings)
    assert all(effect["p"] is None for effect in document["effects"])


def test_a_missing_gain_leaves_its_seed_out_and_refuses(tmp_path):
    frame = gains().drop(index=5)
    report = render(frame, tmp_path)
    assert report.analysis.seeds == 7
    assert len(report.analysis.missing) == 1
    assert set(verdicts(report).values()) == {"refused"}


def test_files_and_bytes(tmp_path):
    first, second = (render(gains(), tmp_path / name) for name in "ab")
    for path in sorted(first.paths.directory.rglob("*")):
        if path.is_file():
            twin = second.paths.directory / path.relative_to(first.paths.directory)
            assert path.read_bytes() == twin.read_bytes(), path.name
    names = {path.name for path in first.paths.figures}
    assert {"effects.svg", "interactions.pdf", "by_family.svg"} <= names
    needs, *table = (first.paths.directory / "tables/anova.tex").read_text().splitlines()
    assert needs.startswith(r"% Needs \usepackage{booktabs,graphicx}")
    assert r"\toprule" in table
    assert not any("usepackage" in line for line in table)
    text = first.paths.html.read_text()
    assert 'id="anova"' in text
    assert "p = .000" not in text


ABLATION = Experiment.model_validate(
    {
        "name": "ablation",
        "study": {
            "kind": "ablate", "name": "what matters?", "budget": 160_000, "seeds": 8,
            "families": ["spirals", "circles", "blobs_8"],
            "factors": {MODE: ["hybrid", "ga", "es"], CO: ["lifetime", "fresh"]},
        },
        "evolution": {"families": ["moons"]},
    }
)  # fmt: skip


def stored(path, frame):
    """A store that has these gains as an ablation's, beside those of another study."""
    store = Store(f"sqlite:///{path}")
    rows = [
        {"study": study, "kind": "ablate", "settings": {MODE: row[MODE], CO: row[CO]}, **row}
        for study in ("what matters?", "another")
        for row in frame.to_dict("records")
    ]
    own = set(tables.gains.columns.keys())
    store.put(tables.gains, [{key: row[key] for key in row if key in own} for row in rows])
    store.put(
        tables.studies,
        [{"study": "what matters?", "kind": "ablate", "experiment": "ablation",
          "protocol": {"metric": "accuracy", "text": "Six cells."}, "best": {}, "front": []}],
    )  # fmt: skip
    return store


def test_an_ablation_is_read_from_its_store(tmp_path):
    frame = gains({"es": -0.03})
    store = stored(tmp_path / "mln.db", frame)
    loaded = load_ablation(store, ABLATION)
    pd.testing.assert_frame_equal(
        loaded.gains, frame.sort_values(["slot", "seed", "family"], ignore_index=True)[
            list(loaded.gains.columns)
        ],
    )  # fmt: skip
    assert (loaded.study, loaded.design, loaded.factors) == (
        "what matters?",
        "factorial",
        (MODE, CO),
    )
    assert loaded.protocol["text"] == "Six cells."
    report = write_ablation(store, ABLATION, tmp_path / "out")
    store.close()
    assert report.warnings == ()
    assert verdicts(report)["mode", "es"] == "worse"


@pytest.mark.parametrize(
    ("kept", "warned"),
    [
        (lambda f: f[MODE] != "es", "Not finished: no cell with mode = es has a result."),
        (lambda f: f["seed"] < 7, "Not finished: 7 of 8 evolution seeds complete."),
        (lambda f: f["slot"] != 5, "Not every combination of the factors exists"),
        (
            lambda f: (f["slot"] != 5) | (f["seed"] < 7),
            "Not finished: 7 of 8 evolution seeds complete.",
        ),
    ],
)
def test_a_stored_ablation_that_is_not_finished_says_so(tmp_path, kept, warned):
    frame = gains()
    store = stored(tmp_path / "mln.db", frame[kept(frame)])
    report = write_ablation(store, ABLATION, tmp_path / "out")
    store.close()
    assert len(report.warnings) == 1
    assert report.warnings[0].startswith(warned)
    assert set(verdicts(report).values()) == {"refused"}


def test_latex_tables_need_no_unicode(tmp_path):
    report = render(gains(), tmp_path)
    texts = [
        path.read_text(encoding="utf-8") for path in report.paths.tables if path.suffix == ".tex"
    ]
    assert r"partial $\eta$$^2$" in "".join(texts)
    assert all(text.isascii() for text in texts)


def test_an_ablation_without_gains_is_refused_with_the_command(tmp_path):
    store = stored(tmp_path / "mln.db", gains()[:0])
    with pytest.raises(InputError, match="run `mln-bench ablate`"):
        load_ablation(store, ABLATION)
    with pytest.raises(InputError, match="no \\[study\\] of kind ablate"):
        load_ablation(store, experiment())
    store.close()
