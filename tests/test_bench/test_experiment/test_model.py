"""Experiments: what is valid, and what is said of what is not."""

import tomllib
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest
from test_bench.tiny import tiny

from bench.catalogue.learners import LEARNERS
from bench.errors import InputError
from bench.experiment.model import SHIPPED, load, shipped


def test_every_shipped_experiment_is_valid_and_described() -> None:
    for name, description in shipped().items():
        assert load(name).name == name
        assert description


def test_set_overrides_nested_keys_lists_and_bare_words() -> None:
    experiment = load(
        "demo",
        ["seed=7", "evolution.settings.genetic.elites=2", "tuning.rates=[0.1]", "device=cuda:0"],
    )
    assert experiment.seed == 7
    assert experiment.evolution is not None
    assert experiment.evolution.settings.genetic.elites == 2
    assert experiment.tuning.rates == (0.1,)
    assert experiment.device == "cuda:0"


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("sead=1", "unknown key 'sead'; did you mean 'seed'?"),
        (
            "evolution.settings.populaton=4",
            "unknown key 'evolution.settings.populaton'; did you mean 'population'?",
        ),
        ("evolution.settings.population=-4", "population must be at least 4, not -4"),
        ("benchmark.seeds=0", "benchmark.seeds: input should be greater than or equal to 1"),
        ("benchmark.seeds=many", "benchmark.seeds: input should be a valid integer"),
        ("report.baselines=['zz']", "report.baselines: 'zz' is not in benchmark.losses"),
        ("study.sampler=tpee", "study.sampler: input should be 'tpe'"),
        ("study.runks=2", "unknown key 'study.runks'; did you mean 'rungs'?"),
        ("study.kind=confirm", "unknown key 'study.rungs'"),
        ("tuning.common_rate=-1", "tuning.common_rate: input should be greater than 0"),
        ("tuning.rates=[0.1, -1.0]", "tuning.rates"),
        ("report.metric=acuracy", "did you mean 'accuracy'?"),
        ("report.direction=minimise", "'accuracy' needs direction = 'maximise'"),
        ("benchmark.learner=lenett", "did you mean 'lenet'?"),
        ("evolution.settings.learner=lenett", "did you mean 'lenet'?"),
        ("scale=smal", "scale 'smal' is unknown"),
        ("plugins=['nofile.py']", "nofile.py: no such file"),
        ("report.baselines=['ce', 'ce']", "named twice"),
        ("tuning.common_rate=inf", "tuning.common_rate"),
        ("evolution.settings.learning_rates=[0.001, nan]", "learning_rates must be positive"),
        ("evolution.settings.genetic.mutation_sigma=inf", "mutation_sigma must be positive"),
        ("evolution.settings.learner.hidden=[0]", "hidden widths"),
        ("nonsense", "write it as section.key=value"),
        ("seed.x=1", "'seed' is a value, not a section"),
    ],
)
def test_a_bad_key_or_value_is_one_line(override: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        load("demo", [override])
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_report_has_what_its_metric_declares_unless_it_says_otherwise() -> None:
    nll = load("quickstart", ["report.metric=nll"]).report
    assert (nll.direction, nll.rope, nll.worst) == ("minimise", 0.01, 10.0)
    assert load("quickstart", ["report.metric=nll", "report.rope=0.2"]).report.rope == 0.2
    steps = load("adaptability", ["report.metric=recovery_steps"])
    assert steps.benchmark is not None
    assert steps.report.worst == steps.benchmark.training.steps
    assert steps.report.rope == 0.05 * steps.benchmark.training.steps


def test_a_scale_is_laid_over_the_file_and_set_over_it() -> None:
    small = load("cifar10", ["scale=small"])
    assert small.benchmark is not None
    assert (small.scale, small.benchmark.seeds) == ("small", 10)
    both = load("cifar10", ["scale=small+jpeg", "benchmark.seeds=12"])
    assert both.benchmark is not None
    assert both.benchmark.seeds == 12
    assert both.benchmark.training == small.benchmark.training
    assert both.benchmark.tasks != small.benchmark.tasks
    full = load("cifar10", ["scale=full"])
    assert full.fingerprint() == load("cifar10").fingerprint() != small.fingerprint()


@pytest.mark.parametrize("name", shipped())
def test_every_scale_of_a_shipped_experiment_is_valid(name: str) -> None:
    content = tomllib.loads(resources.files(SHIPPED).joinpath(f"{name}.toml").read_text())
    for scale in content.get("scales", {}):
        assert load(name, [f"scale={scale}"]).scale == scale


@pytest.mark.parametrize("scale", ["pictures", "lenet", "cifar10", "cifar10+jpeg", "heldout"])
def test_a_scale_of_adaptive_judges_the_losses_of_the_full_one(scale: str) -> None:
    full, scaled = load("adaptive").evolution, load("adaptive", [f"scale={scale}"]).evolution
    assert full is not None
    assert scaled == full.model_copy(update={"runs": scaled.runs if scaled else 0})


def test_mechanism_ablates_the_recipe_of_adaptive() -> None:
    mechanism, adaptive = load("mechanism").evolution, load("adaptive").evolution
    assert mechanism is not None
    assert adaptive is not None
    own = {
        "budget": mechanism.settings.budget,
        "tasks_per_generation": mechanism.settings.tasks_per_generation,
        "validation": mechanism.settings.validation,
    }
    settings = replace(adaptive.settings, **own)  # type: ignore[arg-type]
    assert mechanism == adaptive.model_copy(update={"settings": settings, "runs": mechanism.runs})


def test_a_learner_may_have_a_name() -> None:
    named = load("quickstart", ["benchmark.learner=lenet", "benchmark.picture_learner=vgg_small"])
    assert named.benchmark is not None
    assert named.benchmark.learner == LEARNERS.get("lenet").spec
    assert named.benchmark.learner_of(pictures=True) == LEARNERS.get("vgg_small").spec
    assert named.benchmark.learner_of(pictures=False) == LEARNERS.get("lenet").spec


def test_a_bad_file_is_one_line(tmp_path: Path) -> None:
    bad = {
        "broken.toml": (b"name = [", "not valid TOML"),
        "binary.toml": (b"\xff\xfe\x00", "not a text file"),
        "empty.toml": (b"", "name: field required"),
    }
    for name, (content, words) in bad.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=words):
            load(str(tmp_path / name))
    with pytest.raises(InputError, match="cannot be read"):
        load(str(tmp_path / "absent.toml"))
    with pytest.raises(InputError, match="did you mean 'demo'"):
        load("dmo")


def test_a_folder_does_not_hide_a_shipped_experiment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that `--out demo` has made."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "demo").mkdir()
    assert load("demo").name == "demo"


def test_the_fingerprint_ignores_the_description_alone() -> None:
    experiment = load("demo")
    described = experiment.model_copy(update={"description": "other words"})
    assert described.fingerprint() == experiment.fingerprint()
    assert load("demo", ["seed=8"]).fingerprint() != experiment.fingerprint()
    assert tiny().fingerprint() == tiny().fingerprint()
