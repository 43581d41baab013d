"""Sections of learning rates: policies side by side, the rate response, what tuning spent."""

from functools import partial

from bench.policies import POLICIES, UNCALIBRATED, title_of
from reports.benchmark import protocol_tables, tables
from reports.benchmark.material import Material
from reports.benchmark.sections.differences import shown_tasks, shown_text
from reports.data.metrics import is_minimised
from reports.data.response import EDGE_SHARE, rate_response
from reports.figures.rates import rate_responses
from reports.page.model import Picture, Section
from reports.page.wording import counted, unit_of


def policies(material: Material) -> Section | None:
    """The benchmark under each policy; None where there is one alone."""
    data = material.data
    if len(data.policies) < 2:
        return None
    text = [
        f"{title_of(name).capitalize()}: {POLICIES[name].text}."
        for name in data.policies
        if name in POLICIES
    ]
    if "common" in data.policies:
        text.append(
            f"The declared rate is {data.experiment.tuning.common_rate:g}. The scale of a loss "
            "acts like a learning rate, so that this comparison favours losses whose scale "
            "happens to suit the rate."
        )
    if set(UNCALIBRATED) & set(data.policies):
        text.append(
            "Tuned on the other seeds, nearly all seeds share one choice, and the luck of that "
            "choice is in every difference alike, where no interval sees it: families without "
            "any effect were wrong in 6 to 26 % of simulations at a nominal 5 %, tuned per seed "
            "in 3 to 5 %. It is shown for comparison, not to be cited."
        )
    dependence = tables.dependence(material)
    changed = len({(x.primary.task, x.primary.candidate, x.primary.baseline)
                   for x in material.dependences})  # fmt: skip
    return Section(
        "policies",
        "Policies",
        text,
        [dependence] if dependence else [],
        folded=[tables.policies(material), protocol_tables.rates(material)],
        is_folded=True,
        about=f"how the rate is chosen; {changed} of {counted(len(material.primary), 'verdict')} "
        "would be others",
    )


def response(material: Material) -> Section | None:
    """How scores respond to the learning rate; None where one rate alone was tried."""
    data = material.data
    report, tuning = data.experiment.report, data.experiment.tuning
    every = data.configurations
    if every.empty or every.loc[every["is_tuned"], "lr"].nunique() < 2:
        return None
    tasks = shown_tasks(material)
    frame = rate_response(
        every[every["task"].isin(tasks)], report.metric, is_minimised(tuning.metric, report)
    )
    if frame.empty:  # no rate of any loss has a score
        return None
    unit = unit_of(report.metric)
    frame[["mean", "low", "high"]] *= unit.factor
    chosen = data.rows[(data.rows["policy"] == data.policy) & data.rows["task"].isin(tasks)]
    share = chosen.groupby(["task", "loss", "lr"]).size().rename("chosen").reset_index()
    drawn = frame.merge(share, on=["task", "loss", "lr"], how="left").fillna({"chosen": 0})
    drawn["rank"] = drawn["task"].map({task: at for at, task in enumerate(tasks)})
    drawn = drawn.sort_values(["rank", "loss", "lr"]).drop(columns="rank")
    caption = (
        f"Test {report.metric.replace('_', ' ')} by learning rate; line: mean over "
        f"n = {int(frame['n'].max())} seeds, each with its best parameter by inner validation; "
        f"band: its 95 % t interval (each loss by itself, not corrected), in {unit.axis}. Dots: "
        f"where seeds chose {material.policy}, larger where more did. A loss whose line ends "
        "high wants rates beyond the grid." + shown_text(material)
    )
    picture = Picture(
        "rate_response", partial(rate_responses, drawn, material.style, unit.axis), caption,
        "Rate response", is_wide=False,
    )  # fmt: skip
    return Section("rate_response", "Rate response", [], [], [picture])


def edges(material: Material) -> list[str]:
    """A warning where more seeds than a quarter chose an edge of the grid of rates."""
    tuning = material.data.tuning
    if tuning.empty:
        return []
    wide = tuning[tuning["edge"] > EDGE_SHARE]
    if wide.empty:
        return []
    worst = wide.sort_values("edge", ascending=False, kind="stable").iloc[0]
    return [
        f"In {len(wide)} of {counted(len(tuning), 'pair')} of task and loss over "
        f"{EDGE_SHARE:.0%} of the seeds chose an edge of the grid of rates, most "
        f"{worst['loss']} on {worst['task']} ({worst['edge']:.0%}): a wider grid "
        f"{'' if material.data.is_given else '(tuning.rates) '}may improve them."
    ]


def tuning(material: Material) -> Section | None:
    """What tuning chose and spent; None where nothing was tuned."""
    spent = material.data.tuning
    if spent.empty:
        return None
    total, kept = int(spent["member_steps"].sum()), int(spent["runs"].sum())
    each = int(spent["configurations"].max())
    steps = f" ({total:,} member-steps)" if spent["member_steps"].notna().all() else ""
    text = [
        f"Tuning trained {kept:,} learners{steps}, {each} for each seed of a "
        "loss on a task where one would do without tuning."
    ]
    return Section(
        "tuning", "Cost of tuning", text, [protocol_tables.budgets(material.data)],
        is_folded=True, about=f"what was tried, spent and chosen: {kept:,} learners",
    )  # fmt: skip
