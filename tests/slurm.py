"""A real SLURM on loopback: munged, slurmctld and slurmd of Debian, below a folder of their own.

python tests/slurm.py FOLDER      starts one and prints the variable to set; Ctrl-C stops it
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue")
CPUS = 2
CONF = """\
ClusterName=loopback
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ctld}
SlurmdPort={slurmd}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CryptoType=crypto/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0,sched_min_interval=0,requeue_delay=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
MaxJobCount=50000
MaxArraySize=20001
MpiDefault=none
ReturnToService=2
SlurmdTimeout=300
KillWait=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=low Nodes=ALL Default=YES PriorityTier=1 MaxTime=INFINITE State=UP
PartitionName=high Nodes=ALL PriorityTier=10 MaxTime=INFINITE State=UP
"""


def lacking() -> str:
    """Why none can be started here, or nothing."""
    gone = [name for name in PROGRAMS if shutil.which(name) is None and not Path("/usr/sbin", name).exists()]
    if gone:
        return f"no {', '.join(gone)} (Debian: apt-get install slurmctld slurmd slurm-client munge)"
    return "" if os.geteuid() == 0 else "slurmd starts jobs as other users, so it needs root"


@contextmanager
def cluster(folder: Path) -> Iterator[dict[str, str]]:
    """A cluster of one node with partitions low and high; the environment in which its commands find it."""
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    (folder / "munge.key").write_bytes(os.urandom(128))
    (folder / "munge.key").chmod(0o400)
    conf = folder / "slurm.conf"
    ports = _ports(2)
    conf.write_text(
        CONF.format(
            host=socket.gethostname().partition(".")[0], ctld=ports[0], slurmd=ports[1], folder=folder, cpus=CPUS
        )
    )
    env = {**os.environ, "SLURM_CONF": str(conf), "PATH": f"{os.environ['PATH']}:/usr/sbin"}
    started: list[subprocess.Popen[bytes]] = []
    try:
        started.append(_start(_munge(folder), env, folder / "munged.out"))
        _until(lambda: (folder / "munge.socket").exists(), "munged", folder)
        started.append(_start(["slurmctld", "-D"], env, folder / "slurmctld.out"))
        started.append(_start(["slurmd", "-D"], env, folder / "slurmd.out"))
        _until(lambda: "idle" in _output(["sinfo", "-h", "-o", "%T"], env), "slurmd", folder)
        yield env
    finally:
        subprocess.run(["scancel", "--user", "root"], env=env, capture_output=True)
        for process in reversed(started):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _munge(folder: Path) -> list[str]:
    names = {"socket": "socket", "key-file": "key", "pid-file": "pid", "seed-file": "seed", "log-file": "log"}
    options = [f"--{option}={folder}/munge.{name}" for option, name in names.items()]
    return ["munged", "--foreground", "--force", *options]


def _start(command: list[str], env: dict[str, str], out: Path) -> subprocess.Popen[bytes]:
    with out.open("wb") as file:
        return subprocess.Popen(command, env=env, stdout=file, stderr=file, start_new_session=True)


def _output(command: list[str], env: dict[str, str]) -> str:
    return subprocess.run(command, env=env, capture_output=True, text=True).stdout


def _until(ready: object, what: str, folder: Path, seconds: float = 60) -> None:
    assert callable(ready)
    limit = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > limit:
            logs = "\n".join(f"{p.name}: {p.read_text(errors='replace')[-1500:]}" for p in sorted(folder.glob("*.o*")))
            raise RuntimeError(f"{what} did not start\n{logs}")
        time.sleep(0.2)


def _ports(n: int) -> list[int]:
    sockets = [socket.socket() for _ in range(n)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


if __name__ == "__main__":
    with cluster(Path(sys.argv[1]).resolve()) as env:
        print(f"export SLURM_CONF={env['SLURM_CONF']}", flush=True)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())
        signal.pause()
