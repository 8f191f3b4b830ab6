"""A Dask scheduler here, its workers as Slurm jobs; stopped, it gives the jobs back."""

import signal
import sys

from dask_jobqueue import SLURMCluster

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with SLURMCluster(
        cores=1,
        processes=1,
        memory="2GB",
        walltime="02:00:00",
        python=sys.executable,  # the environment of the lock, on a file system that the nodes share
        scheduler_options={"port": 8786},
        job_script_prologue=["export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1"],
    ) as cluster:
        cluster.scale(jobs=2)
        print(cluster.scheduler_address, flush=True)
        signal.pause()
