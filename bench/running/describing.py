"""What was understood of the tasks of an experiment."""

from bench.describing.describe import describe
from bench.describing.model import TaskDescription
from bench.experiment.model import Experiment
from bench.tasks.resolve import resolve

BENCHMARK = "benchmark"


def described(experiment: Experiment) -> list[TaskDescription]:
    """A description of every task that an experiment names, the benchmark's first.

    The test split is counted of the benchmark's alone. Raises InputError for data that cannot be
    used.
    """
    evolution, benchmark = experiment.evolution, experiment.benchmark
    named = {
        BENCHMARK: benchmark.tasks if benchmark else (),
        "evolution": evolution.families if evolution else (),
        "validation": evolution.validation if evolution else (),
        "study": experiment.study.families if experiment.study else (),
    }
    roles: dict[str, list[str]] = {}
    refs = {}
    for role, names in named.items():
        for ref in map(resolve, names):
            refs[ref.name] = ref
            own = roles.setdefault(ref.name, [])
            own += [role] if role not in own else []
    return [
        describe(ref, test=BENCHMARK in roles[name], roles=roles[name])
        for name, ref in refs.items()
    ]
