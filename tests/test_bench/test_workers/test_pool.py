"""Worker processes: results, messages, exceptions, and deaths."""

from test_bench.test_workers.pool_work import whose, work

from bench.workers.pool import WorkerDied, WorkerPool


def test_every_job_ends_once_and_a_killer_takes_no_neighbour_with_it() -> None:
    jobs = [1, 13, 2, 666, 3, 4]
    heard: list[int] = []
    with WorkerPool(2) as pool:
        finished = {item.job: item for item in pool.run(work, jobs, heard.append)}
        after = [item.result for item in pool.run(work, [5])]
    assert sorted(finished) == sorted(jobs)
    assert [finished[job].result for job in (1, 2, 3, 4)] == [1, 4, 9, 16]
    assert isinstance(finished[13].error, ValueError)
    assert isinstance(finished[666].error, WorkerDied)
    # Messages are for progress: those of a process that dies may be lost.
    assert set(heard) <= {*jobs, 5}
    assert after == [25]


def test_a_death_costs_the_jobs_that_wait_nothing() -> None:
    jobs = [*range(20), 666, *range(20, 200)]
    with WorkerPool(2) as pool:
        finished = list(pool.run(whose, jobs))
    assert sorted(item.job for item in finished) == sorted(jobs)
    assert [item.job for item in finished if item.error] == [666]
    # Two before the death, two after it, and one for each of at most four that were under way.
    assert len({item.result for item in finished}) <= 2 + 2 + 4


def test_messages_arrive_while_jobs_go_on() -> None:
    heard: list[int] = []
    with WorkerPool(1) as pool:
        for _ in range(200):  # a message may be overtaken by its job's result
            assert [item.result for item in pool.run(work, [3], heard.append)] == [9]
            if heard:
                break
    assert set(heard) == {3}
