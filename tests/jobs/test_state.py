"""How a run stands, by its files, and the commands that show and steer it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.cli.dispatch import Jobs, _noted
from harness.errors import ExecutorError
from harness.executors.chosen import chosen
from harness.jobs.files import Asked, Job, Outcome, RunFiles, read_job
from harness.jobs.state import alive, find, flying, runs, state
from harness.jobs.tasks import Task
from harness.parts import checksum

ASKED = Asked(grid={}, store="s", cwd=".")


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFiles:
    """A run of SLURM in the middle of its work, seen from a machine without one."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    made = RunFiles(tmp_path / "runs" / "demo-1")
    made.make()
    names = ["train-a", "train-b", "rank-a", "rank-b", "score-a", "score-b", "score-c"]
    made.write("tasks.json", [Task(name=n, stage=n.split("-")[0], cell="c").model_dump(mode="json") for n in names])
    made.note("began", executor="slurm", slots=2)
    for job, tasks in {"train-00001": ["train-a"], "train-00002": ["train-b"], "rank-00003": ["rank-a"]}.items():
        made.note("submitted", job=job, handle=f"#{job}", tasks=tasks)
    made.note("heard", job="train-00001")
    made.note("ended", task="train-a", kind="ok", seconds=12.0)
    made.note("heard", job="train-00002")
    made.note("ended", task="train-b", kind="failed", seconds=3.0, reason="NaN loss <b>[red]")
    made.note("ended", task="rank-b", kind="failed", reason="NaN loss <b>[red]")
    made.write("started/rank-00003.json", {"pid": 1})
    made.note("submitted", job="score-00004", handle="#score-00004", tasks=["score-c"])
    made.log("train-00002").write_text("Traceback: it broke here\n")
    return made


def test_tasks_are_counted_by_stage(files: RunFiles) -> None:
    found = state(files)
    train, rank, score = (found.stages[stage] for stage in ("train", "rank", "score"))
    assert (train.done, train.failed, train.seconds) == (1, 1, 12.0)
    assert (rank.running, rank.failed) == (1, 1)
    assert (score.waiting, score.queued) == (2, 1)
    assert found.state == "stopped", "nobody drives it"
    assert [(task, job) for task, job, _ in found.failures] == [("train-b", "train-00002"), ("rank-b", "")]
    assert flying(files) == {"rank-00003": "#rank-00003", "score-00004": "#score-00004"}
    assert found.hours is None, "nothing has been scored, so nobody knows"
    with files.driven():
        assert state(files).state == "running"


def test_a_torn_history_is_read_as_far_as_it_goes(files: RunFiles) -> None:
    with (files.root / "events.jsonl").open("a") as history:
        history.write('{"time": 1, "event": "ended", "task": "score-a", "ki')
    assert state(files).stages["score"].done == 0


def test_a_driver_that_comes_again_counts_anew(files: RunFiles) -> None:
    files.note("began", executor="local", slots=1)
    assert state(files).failures == []
    assert state(files).executor == "local"
    assert alive(files) == {}, "they have ended with their driver"


def test_a_run_whose_tasks_are_not_yet_known_is_there(tmp_path: Path) -> None:
    made = RunFiles(tmp_path / "demo-1")
    made.make()
    with made.driven():
        made.note("opened", executor="local")
        assert "demo-1: running (local), its tasks are not yet known" in command("status", "--runs", tmp_path)[1]
    assert state(made).state == "stopped", "it was killed before it knew them"
    made.note("stopped", left=0)
    assert state(made).state == "finished", "there was nothing to do"


def test_jobs_of_this_machine_end_with_their_driver(files: RunFiles) -> None:
    files.note("opened", executor="local")
    assert (state(files).stages["rank"].running, state(files).stages["rank"].waiting) == (0, 1)
    code, text = command("cancel", "--runs", files.root.parent)
    assert code == 0
    assert "none of its jobs runs" in text.replace("\n", " ")
    with files.driven():
        assert state(files).stages["rank"].running == 1


def test_a_finished_run_says_that_tasks_failed(files: RunFiles) -> None:
    files.write("tasks.json", [t for t in files.read("tasks.json") if t["name"] in ("train-a", "train-b")])
    assert state(files).state == "finished"
    assert "demo-1: finished (slurm), 1 tasks failed" in command("status", "--runs", files.root.parent)[1]


def test_runs_are_found_by_name_and_folder(files: RunFiles) -> None:
    root = files.root.parent
    assert find(None, root).root == find("demo-1", root).root == find(str(files.root), Path("elsewhere")).root
    assert runs(root) == [files.root]
    with pytest.raises(ExecutorError, match="demo-1"):
        find("other", root)
    with pytest.raises(ExecutorError, match="no runs"):
        find(None, root / "nothing")


def command(*words: str | Path) -> tuple[int, str]:
    done = CliRunner().invoke(main, [str(word) for word in words])
    return done.exit_code, done.output


def test_status_shows_and_tells_scripts(files: RunFiles) -> None:
    code, text = command("status", "--runs", files.root.parent)
    assert code == 0
    assert "demo-1: stopped (slurm)" in text
    assert "NaN loss <b>[red]" in text, "words of a plugin are no markup"
    code, text = command("status", "--runs", files.root.parent, "--json")
    told = json.loads(text)
    assert told["stages"]["train"]["done"] == 1
    assert told["failures"][0]["job"] == "train-00002"


def test_the_log_of_the_job_that_failed_is_one_command_away(files: RunFiles) -> None:
    root = files.root.parent
    assert "it broke here" in command("status", "--runs", root, "--log")[1]
    assert "it broke here" in command("status", "demo-1", "--runs", root, "--log", "train-00002")[1]
    code, text = command("status", "--runs", root, "--log", "train-9")
    assert code == 1
    assert "train-00002" in text


def test_only_one_process_drives_a_run(files: RunFiles) -> None:
    with files.driven(), pytest.raises(ExecutorError, match="another process"), RunFiles(files.root).driven():
        pass
    assert not files.is_driven


def test_jobs_and_outcomes_come_back_as_they_were(files: RunFiles) -> None:
    job = Job(name="match-1", asked=ASKED, tasks=(Task(name="m", stage="match", cell="c", rows=(0, 4)),))
    assert read_job(files.put_job(job)) == job
    outcomes = [Outcome(task="m", kind="ok", seconds=1.5, record={"a": 1})]
    files.put_outcomes("match-1", outcomes)
    assert files.outcomes("match-1") == outcomes
    (files.root / "outcomes" / "match-1.json").write_text("[{")
    assert files.outcomes("match-1") == [], "half a file says nothing"


def test_a_file_that_is_no_job_is_told(tmp_path: Path) -> None:
    path = tmp_path / "job.json"
    for text, told in (("{}", "is no job"), (None, "cannot read")):
        if text is None:
            path.unlink()
        else:
            path.write_text(text)
        code, said = command("run-stage", path)
        assert code == 1
        assert told in said


@pytest.fixture
def squeue(files: RunFiles, tmp_path: Path) -> Path:
    """A SLURM that knows two jobs, and notes what is cancelled."""
    for job, handle in {"rank-00003": "7", "score-00004": "8_1"}.items():
        files.note("submitted", job=job, handle=handle, tasks=[])
    (tmp_path / "bin").mkdir()
    programs = {"sbatch": "exit 1", "squeue": "echo '7 PENDING (BeginTime)'; echo '8_1 PENDING (PartitionConfig)'"}
    programs["scancel"] = f'echo "$@" >> {tmp_path}/cancelled'
    for name, does in programs.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path


def test_status_says_what_the_engine_says(files: RunFiles, squeue: Path) -> None:
    _, text = command("status", "--runs", files.root.parent)
    assert "score-00004 (slurm 8_1): PENDING (PartitionConfig)" in text
    assert "No process drives it, and 2 jobs still run or wait" in text
    told = json.loads(command("status", "--runs", files.root.parent, "--json")[1])
    assert {"job": "rank-00003", "handle": "7", "state": "PENDING (BeginTime)"} in told["jobs"]
    rank = told["stages"]["rank"]
    assert (rank["running"], rank["queued"]) == (0, 1), "it had begun, and waits again"
    (squeue / "bin" / "squeue").unlink()
    assert "PENDING" not in command("status", "--runs", files.root.parent)[1], "on a machine without SLURM"


def test_what_another_engine_still_has_of_a_run_is_cancelled(files: RunFiles, squeue: Path) -> None:
    jobs = Jobs(chosen("local"), files.root.parent, ASKED)
    jobs._leave(files)
    assert sorted((squeue / "cancelled").read_text().split()) == ["7", "8_1"]
    assert flying(files) == {}
    Jobs(chosen("slurm"), files.root.parent, ASKED)._leave(files)
    assert len((squeue / "cancelled").read_text().splitlines()) == 1


def test_what_ended_a_run_is_in_its_history(files: RunFiles) -> None:
    with pytest.raises(ExecutorError), _noted(files):
        raise ExecutorError("sbatch refuses the [train] jobs", "Mend it.")
    assert "it ended: sbatch refuses the [train] jobs" in command("status", "--runs", files.root.parent)[1]
    files.note("opened", executor="local")
    assert state(files).reason == ""


def test_the_engines_own_log_is_shown_with_the_jobs(files: RunFiles) -> None:
    files.log("train-00001").write_text("")
    (files.root / "submitit" / "#train-00001_0_log.out").write_text("CANCELLED DUE TO TIME LIMIT")
    assert "DUE TO TIME LIMIT" in command("status", "--runs", files.root.parent, "--log", "train-00001")[1]
    (files.root / "submitit" / "#train-00001_0_log.out").unlink()
    assert "has printed nothing" in command("status", "--runs", files.root.parent, "--log", "train-00001")[1]


def test_what_failed_is_tried_again_by_hand(files: RunFiles) -> None:
    task = Task(name="t", stage="train", cell="c")
    path = files.put_job(Job(name="train-1", asked=ASKED, tasks=(task,)))
    files.put_outcomes("train-1", [Outcome(task="t", kind="failed", reason="it broke")])
    code, text = command("run-stage", path)
    assert (code, "failed t 0.0 s it broke" in text) == (1, True)
    files.write("cancel", True)
    code, text = command("run-stage", path)
    assert (code, "was cancelled; --again" in text) == (1, True)
    code, text = command("run-stage", path, "--again")
    assert (code, "it broke" in text) == (1, False)
    assert "[axes]" in text, "its grid is empty"


def test_a_plugin_file_that_was_edited_is_told(files: RunFiles, tmp_path: Path) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text("")
    asked = ASKED.model_copy(update={"plugins": {str(plugin): checksum(plugin)}})
    asked.check_plugins()
    plugin.write_text("1")
    with pytest.raises(ExecutorError, match=r"mine.py has changed since the run began"):
        asked.check_plugins()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_of_runs_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(Exception, match="--runs"):
        RunFiles(tmp_path / "run").make()


def test_a_run_that_may_only_be_read_is_shown(files: RunFiles) -> None:
    with files.driven():
        pass
    (files.root / "driver.lock").chmod(0o400)
    files.root.chmod(0o500)
    try:
        assert state(files).state == "stopped"
    finally:
        files.root.chmod(0o700)


def test_a_run_that_is_over_is_not_cancelled(files: RunFiles) -> None:
    for job in flying(files):
        files.note("heard", job=job)
    assert "none of its jobs" in command("cancel", "--runs", files.root.parent)[1].replace("\n", " ")
    assert not files.cancelled
