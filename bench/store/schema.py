"""The tables of results and studies; all are named `mln_...` beside Optuna's own."""

from sqlalchemy import JSON, Column, Float, Index, Integer, MetaData, String, Table

metadata = MetaData()

schema_table = Table("mln_schema", metadata, Column("version", Integer, primary_key=True))

experiments = Table(
    "mln_experiments",
    metadata,
    Column("fingerprint", String(64), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("config", JSON, nullable=False),
)
"""Every experiment that was run; `fingerprint` hashes its configuration."""

evolutions = Table(
    "mln_evolutions",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("loss", String(200), nullable=False),
    Column("run", Integer, nullable=False),
    Column("spec", JSON, nullable=False),
    Column("genome", JSON, nullable=False),
    Column("fitness", Float, nullable=True),
    Column("member_steps", Integer, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("history", JSON, nullable=False),
    Column("handover", JSON, nullable=True),
    Column("shape", JSON, nullable=False),
    Column("provenance", JSON, nullable=False),
)
"""Evolved losses. `history` is a list of one object per generation; `handover` is what a GA left
to an ES: {member_steps, generation, reason, mean, spread, sigma}; `shape` is a list of objects
{loss, kind ("value" or "gradient"), target (0 or 1), p: [...], y: [...]}."""

learners = Table(
    "mln_learners",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("scores", JSON, nullable=False),
)
"""The learners that a co-evolution ended with, by the evolution's key. `scores` is a list of
objects {task, accuracy, nll, accuracy_ce, nll_ce}: test scores of each learner, and of
cross-entropy's that trained as long on the same minibatches."""

units = Table(
    "mln_units",
    metadata,
    Column("fingerprint", String(64), primary_key=True),
    Column("task", String(200), primary_key=True),
    Column("learner", String(200), primary_key=True),
    Column("loss", String(200), primary_key=True),
    Column("unit", String(64), nullable=False),
    Column("configurations", JSON, nullable=False),
)
"""What each experiment trains: one row per task, learner and loss. Its cells are those of `unit`
with one of the configurations: a list of {lr, parameter, is_tuned, is_common} in the order in which
tuning breaks ties."""

cells = Table(
    "mln_cells",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("unit", String(64), nullable=False),
    Column("task", String(200), nullable=False),
    Column("learner", String(200), nullable=False),
    Column("loss", String(200), nullable=False),
    Column("seed", Integer, nullable=False),
    Column("lr", Float, nullable=False),
    Column("parameter", Float, nullable=True),
    Column("status", String(20), nullable=False),
    Column("detail", String(500), nullable=False),
    Column("inner", JSON, nullable=False),
    Column("metrics", JSON, nullable=False),
    Column("curve", JSON, nullable=False),
    Column("provenance", JSON, nullable=False),
    Index("mln_cells_by_unit", "unit", "lr", "parameter", "status", "seed"),
)
"""Benchmark results: one learner each. `unit`: what it shares with all learners of the same task,
learner and loss; with rate, parameter and seed it determines the key. `status` is done, diverged or
failed; `metrics` maps a metric's name to its value on test, `inner` to that on inner_valid; `curve`
is {step: [...], accuracy: [...], ...} on the test split."""

units_with_cells = units.join(cells, units.c.unit == cells.c.unit)
"""Every cell with each unit that it belongs to: experiments share cells."""

trials = Table(
    "mln_trials",
    metadata,
    Column("study", String(200), primary_key=True),
    Column("slot", Integer, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("state", String(20), nullable=False),
    Column("value", Float, nullable=True),
    Column("params", JSON, nullable=False),
    Column("intermediate", JSON, nullable=False),
    Column("member_steps", Integer, nullable=False),
)
"""Finished trials, one for each slot of a study; `state` is complete, pruned or fail.

value: mean gain over tuned cross-entropy (fraction of accuracy, nats for nll); of a trial that
was pruned, None. params: dotted keys of the experiment; of an ablation, its factors. intermediate
is {step: [...], value: [...], worst_regime (the mean gain on the regime where it is least, None
where nothing was judged)}: in a screen, gains at points of the budget in member-steps; in a
confirmation, one instance each, at evolution seed * tasks + task; in an ablation, one evolution
seed each. number: Optuna's."""

importances = Table(
    "mln_importances",
    metadata,
    Column("study", String(200), primary_key=True),
    Column("values", JSON, nullable=False),
)
"""Parameter importances of a study, {name: share}."""

slots = Table(
    "mln_slots",
    metadata,
    Column("study", String(200), primary_key=True),
    Column("slot", Integer, primary_key=True),
    Column("state", String(20), nullable=False),
    Column("origin", String(20), nullable=False),
    Column("params", JSON(none_as_null=True), nullable=True),
    Column("worker", String(200), nullable=True),
    Column("number", Integer, nullable=True),
    Column("beat", Float, nullable=True),
    Column("deaths", Integer, nullable=False),
)
"""The trials that a study plans. `state` is open, claimed (by `worker`, which was last alive at
`beat`, seconds since 1970 by the database's clock) or done: then mln_trials has its row, written
in the same transaction. origin: where the parameters come from: sampler, incumbent, paper,
enqueued or cell. params: once they are known; a slot that is opened again keeps them. number:
Optuna's trial at work on it; deaths: how many workers were lost over it."""

studies = Table(
    "mln_studies",
    metadata,
    Column("study", String(200), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("experiment", String(100), nullable=False),
    Column("protocol", JSON, nullable=False),
    Column("best", JSON, nullable=False),
    Column("front", JSON, nullable=False),
)
"""What a study did and found, written when its slots are done; kind: screen, confirm or ablate.

protocol: {question, text, budget (member-steps of each evolution), seeds (evolutions of each
trial), families, tasks, rates, metric, sampler, trials, space: {dotted key: domain}, fixed:
{dotted key: value}, described: [bench.describing.model.TaskDescription of each family]; of an
ablation factors: {dotted key: values} and design}. best: {slot, number, value, params} of the trial
that the study chooses, the feasible complete one with the largest value unless its protocol has
another rule as `choice`, or {}; front: a list of {slot, number, value, cost (member-steps),
worst_regime, params} where objectives are two, which the protocol names as `objectives`."""

gains = Table(
    "mln_gains",
    metadata,
    Column("study", String(200), primary_key=True),
    Column("slot", Integer, primary_key=True),
    Column("seed", Integer, primary_key=True),
    Column("family", String(200), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("settings", JSON, nullable=False),
    Column("gain", Float, nullable=False),
    Column("tasks", Integer, nullable=False),
    Column("diverged", Integer, nullable=False),
    Column("member_steps", Integer, nullable=False),
)
"""What the losses evolved in a study's trials gained: the rows of an ablation, among others.

One row for each (slot, evolution seed, family it is judged on). Of a confirmation and an ablation
seed k is the same evolution seed in every slot, so that slots are paired by it: it is the block
and the unit of replication (a screen has seed 0 alone, another one in every slot). settings:
{dotted key: value} of the trial; in an ablation, of the factors that its cell uses, so a factor
that a mode does not have is absent; slot 0 of a leave-one-out is the base. gain: mean over so many
`tasks` of accuracy minus cross-entropy's on outer_valid, each at its tuned rate (fraction; nats
for nll); the same tasks in every slot. diverged: learners, of `tasks`, that diverged at that rate.
member_steps: what this seed's evolution spent."""
