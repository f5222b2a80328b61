"""Tasks that do not depend on one another: in this process, in several, or on many machines.

::

    with executor_of(cluster, processes, console) as executor:
        shared = executor.share(dataset)
        futures = {executor.submit(fit_member, shared, seed, context): seed for seed in seeds}
        for future in executor.completed(futures):
            keep(futures[future], future.result())
"""

from __future__ import annotations

from handshape.console import Console
from handshape.errors import SettingsError
from handshape.workflow.executor.here import HereExecutor
from handshape.workflow.executor.interface import Executor, Shared

__all__ = ["Executor", "HereExecutor", "Shared", "executor_of"]


def executor_of(cluster: str | None, processes: int, console: Console) -> Executor:
    """What runs tasks, as the command line says; entered, it starts what it needs.

    Args:
        cluster: address of a Ray cluster; ``auto`` takes the one that runs here or that ``RAY_ADDRESS`` names, else
            starts one on this machine, as ``local`` always does; None uses none.
        processes: of this machine, at a time; 1 is this one.
        console: where it is said what is started.

    Raises:
        SettingsError: both are asked for, or no process.
        RuntimeUnavailableError: a cluster is asked for, and Ray is not installed.
    """
    if processes < 1 or (cluster is not None and processes > 1):
        raise SettingsError(
            f"--processes cannot be {processes}{' with --cluster' if cluster else ''}.",
            "--processes, 1 or more, for this machine alone; --cluster for many",
        )
    if cluster is not None:
        from handshape.workflow.executor.on_ray import RayExecutor, require_ray

        require_ray()
        return RayExecutor(cluster, console)
    if processes > 1:
        from handshape.workflow.executor.in_processes import ProcessExecutor

        return ProcessExecutor(processes, console)
    return HereExecutor()
