"""An ablation of variants at several budgets: verdicts at each, a swept setting, no false
equivalence."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from bench.experiment.model import Experiment
from bench.experiment.study import BUDGET, VARIANT
from reports.ablation.budgets import swept
from reports.ablation.data import AblationData, level_text
from reports.ablation.report import render_ablation

MODE, SWITCH = "evolution.settings.mode", "evolution.settings.switch_point"
POINTS = (0.1, 0.5, 0.9)
BUDGETS = (500_000, 2_000_000)


def experiment(**study):
    hybrids = {f"hybrid {point}": {MODE: "hybrid", SWITCH: point} for point in POINTS}
    return Experiment.model_validate(
        {
            "name": "orders",
            "evolution": {"families": ["moons"], "settings": {"mode": "ga"}},
            "study": {
                "name": "orders",
                "kind": "ablate",
                "seeds": 12,
                "families": ["xor", "circles"],
                "budgets": list(BUDGETS),
                "reference": "ga",
                "variants": {"es": {MODE: "es"}, **hybrids},
                **study,
            },
        }
    )


def gains(worth, *, seeds=12, same=()):
    """Gains of every variant at every budget; `worth(variant, budget)` is its mean. Those in
    `same` are the reference's."""
    rng = np.random.default_rng(1)
    names = ["ga", *experiment().study.variants]
    records, of = [], {}
    for slot, (name, budget) in enumerate((n, b) for n in names for b in BUDGETS):
        for seed in range(seeds):
            for family in ("xor", "circles"):
                gain = 0.01 + worth(name, budget) + rng.normal(0, 0.003)
                if (name, budget) in same:
                    gain = of["ga", budget, seed, family]
                of[name, budget, seed, family] = gain
                records.append(
                    {"slot": slot, "seed": seed, "family": family, VARIANT: name,
                     BUDGET: level_text(budget, BUDGET), "gain": gain, "tasks": 4, "diverged": 0,
                     "member_steps": budget}
                )  # fmt: skip
    return pd.DataFrame(records)


def render(frame, path):
    study = experiment()
    data = AblationData(study, "orders", "variants", (VARIANT, BUDGET), frame, {})
    return render_ablation(data, path)


def at(report, budget):
    document = json.loads(report.paths.json.read_text())
    effects = document["effects_at_budgets"]
    return {one["level"]: one for one in effects if one["budget"] == budget}


def test_what_pays_at_one_budget_alone_is_found_there_alone(tmp_path):
    def worth(name, budget):
        return 0.03 if name == "hybrid 0.1" and budget == BUDGETS[1] else 0.0

    report = render(gains(worth), tmp_path)
    assert at(report, "2 M")["hybrid 0.1"]["verdict"] == "better"
    assert at(report, "2 M")["es"]["verdict"] != "better"
    assert at(report, report.analysis.levels[BUDGET][0])["hybrid 0.1"]["verdict"] != "better"
    document = json.loads(report.paths.json.read_text())
    assert document["sweep"]["setting"] == SWITCH
    interaction = next(t for t in document["sweep"]["terms"] if " x " in t["term"])
    assert interaction["p_holm"] < 0.001
    assert any("depends on the budget" in text for text in report.findings)
    page = report.paths.html.read_text()
    for anchor in ("effects", "at-budgets", "variants", "anova"):
        assert f'<section id="{anchor}"' in page
    assert page.index('id="figure-budget_variant"') < page.index("<nav")
    assert (report.paths.directory / "figures" / "budget_variant.svg").exists()


@pytest.mark.parametrize("done", [9, 8, 5, 3])
def test_an_unfinished_study_is_reported_whichever_cells_are_missing(tmp_path, done):
    frame = gains(lambda name, budget: 0.0)
    report = render(frame[frame["slot"] < done], tmp_path)
    document = json.loads(report.paths.json.read_text())
    effects = [*document["effects"], *document["effects_at_budgets"]]
    assert effects
    assert {one["verdict"] for one in effects} == {"refused"}


def test_a_switch_point_that_was_never_reached_is_not_called_equivalent(tmp_path):
    report = render(gains(lambda *_: 0.0, same=[("hybrid 0.9", BUDGETS[0])]), tmp_path)
    never = at(report, report.analysis.levels[BUDGET][0])["hybrid 0.9"]
    assert never["verdict"] == "refused"
    assert never["reason"].startswith("the switch point was never reached")
    # Averaged over budgets it would be half a comparison of a thing with itself.
    (averaged,) = [e for e in report.analysis.effects if e.level == "hybrid 0.9"]
    assert averaged.decision.verdict == "refused"
    assert "the switch point was never reached" in averaged.decision.reason
    others = {e.level: e.decision.verdict for e in report.analysis.effects}
    assert others["hybrid 0.5"] == "equivalent"
    # The page names it as what it is, neither a verdict nor a refusal.
    page = report.paths.html.read_text()
    cell = re.search(r'<td class="cell verdict-unreached".*?</td>', page)
    assert "switch never reached" in cell[0]
    table = (report.paths.directory / "tables" / "verdicts.csv").read_text()
    [row] = [line for line in table.splitlines() if line.startswith("hybrid 0.9")]
    assert row.count("switch never reached") == 2  # over all budgets, and at the smaller one
    assert "refused" not in row


def test_runs_that_stand_twice_are_no_interaction(tmp_path):
    def worth(name, budget):
        return -0.006 if name.startswith("hybrid") and budget == BUDGETS[0] else 0.0

    frame = gains(worth, same={("hybrid 0.9", BUDGETS[0])})
    report = render(frame, tmp_path)
    document = json.loads(report.paths.json.read_text())
    interaction = next(t for t in document["sweep"]["terms"] if " x " in t["term"])
    assert interaction["p_holm"] > 0.05
    [told] = [text for text in report.findings if text.startswith("Among the 2 variants")]
    assert "is not shown to depend on the budget" in told
    assert told.endswith("Without hybrid 0.9: at some budget the runs are the reference's.")
    degrees = {term.name: term.df for term in report.analysis.terms}
    assert degrees["variant"] == 3  # ga, es and two hybrids


def test_a_setting_is_swept_where_three_variants_differ_in_it_alone():
    variants = experiment().study.variants
    assert swept(variants) == (SWITCH, {f"hybrid {point}": point for point in POINTS})
    assert swept({"a": {SWITCH: 0.1}, "b": {SWITCH: 0.2}}) is None
    assert swept({}) is None


def test_two_swept_numbers_are_drawn_as_a_map(tmp_path):
    sizes, sigmas = "evolution.settings.population", "evolution.settings.genetic.mutation_sigma"
    study = experiment(
        variants={}, budgets=[], factors={sizes: [8, 16, 32], sigmas: [0.1, 0.2, 0.4]}
    )
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        [
            {"slot": 3 * row + column, "seed": seed, "family": "xor", sizes: size, sigmas: sigma,
             "gain": rng.normal(0, 0.01), "tasks": 4, "diverged": 0, "member_steps": 1}
            for row, size in enumerate(("8", "16", "32"))
            for column, sigma in enumerate(("0.1", "0.2", "0.4"))
            for seed in range(6)
        ]
    )  # fmt: skip
    data = AblationData(study, "sizes", "factorial", (sizes, sigmas), frame, {})
    report = render_ablation(data, tmp_path)
    assert (tmp_path / "figures" / "map_population_mutation_sigma.svg").exists()
    assert "effects_at_budgets" not in json.loads(report.paths.json.read_text())


@pytest.mark.parametrize(
    ("study", "message"),
    [
        ({"budgets": [100, 100]}, "two or more different"),
        ({"budgets": [100, 200], "budget": 100}, "give the largest"),
        ({"variants": {"ga": {MODE: "es"}}}, "cannot be the name"),
        ({"variants": {}, "factors": {MODE: ["ga"]}, "design": "leave_one_out"}, "do not go with"),
    ],
)
def test_budgets_that_make_no_sense_are_refused(study, message):
    with pytest.raises(ValueError, match=message):
        experiment(**study)
