"""Reverting: undo a flow that has not failed, because somebody says so."""

from __future__ import annotations

from taskflow import states, task
from taskflow.engines.action_engine import compiler
from taskflow.engines.base import Engine
from taskflow.types.failure import Failure


def revert(engine: Engine, why: Exception) -> None:
    """Revert what the suspended *engine* has done, as TaskFlow would had its last step failed with *why*.

    TaskFlow reverts only flows in which a step has failed, so *why* is stored as the failure of a step that has not
    run, and that reverts nothing itself.  It survives this process: whoever claims the job next goes on reverting.
    Returns without doing anything when every step has run.  Raises what reverting raises, in the end *why* itself.
    """
    name = "" if engine.storage.get_execute_failures() else _last_to_come(engine)
    if name:
        engine.storage.save(name, Failure.from_exception(why), states.FAILURE)
    if engine.storage.get_execute_failures():
        engine.run()


def _last_to_come(engine: Engine) -> str:
    """Return the name of the last step that has not run and undoes nothing; empty when there is none."""
    graph = engine.compilation.execution_graph
    for node in reversed(list(graph.topological_sort())):
        is_task = graph.nodes[node]["kind"] == compiler.TASK
        if is_task and type(node).revert is task.Task.revert and _has_not_run(engine, node.name):
            return str(node.name)
    return ""


def _has_not_run(engine: Engine, name: str) -> bool:
    return bool(engine.storage.get_atom_state(name) == states.PENDING)
