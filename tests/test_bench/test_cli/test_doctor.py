"""The verb `doctor`; what it finds is tested in test_doctor.py of the suite."""

from pathlib import Path

from test_bench.test_cli.calling import Cli


def test_people_get_a_table_and_the_exit_code_tells_of_a_problem(
    run_cli: Cli, tmp_path: Path
) -> None:
    healthy = run_cli("doctor", "--storage=sqlite:///mln.db")
    assert healthy.code == 0
    assert healthy.out.startswith("This machine")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "mln.db").write_text("hello " * 500)
    broken = run_cli("doctor", "--storage=sqlite:///mln.db")
    assert broken.code == 1
    assert "not a database" in broken.out
