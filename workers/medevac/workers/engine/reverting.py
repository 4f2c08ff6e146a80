"""Reverting: undo a flow that has not failed, because somebody says so."""

from __future__ import annotations

from taskflow import exceptions as taskflow_errors
from taskflow import states, task
from taskflow.engines.action_engine import compiler
from taskflow.engines.base import Engine
from taskflow.types.failure import Failure


def revert(engine: Engine, why: Exception) -> None:
    """Revert what the suspended *engine* has done, as TaskFlow would had its next step failed with *why*.

    TaskFlow reverts only flows in which a step has failed, so *why* is stored as the failure of a step that has not
    run.  It survives this process: whoever claims the job next goes on reverting.
    Returns without doing anything when every step has run.  Raises what reverting raises, in the end *why* itself.
    """
    name = "" if engine.storage.get_execute_failures() else _next_to_come(engine)
    if name:
        engine.storage.save(name, Failure.from_exception(why), states.FAILURE)
    if engine.storage.get_execute_failures():
        engine.run()


def _next_to_come(engine: Engine) -> str:
    """Return the name of a step that has not run and that TaskFlow can revert; empty when there is none.

    One that undoes nothing itself, if there is one: there is nothing of it to be undone.
    """
    graph = engine.compilation.execution_graph
    nodes = [node for node in graph.topological_sort() if graph.nodes[node]["kind"] == compiler.TASK]
    ready = [node for node in nodes if _has_not_run(engine, node) and _can_be_reverted(engine, node)]
    ready.sort(key=lambda node: type(node).revert is not task.Task.revert)
    return str(ready[0].name) if ready else ""


def _has_not_run(engine: Engine, node: task.Task) -> bool:
    return bool(engine.storage.get_atom_state(node.name) == states.PENDING)


def _can_be_reverted(engine: Engine, node: task.Task) -> bool:
    """Tell whether everything that TaskFlow hands to the step's revert is there: results of steps before it."""
    wanted, optional = node.revert_rebind, node.revert_optional
    try:
        engine.storage.fetch_mapped_args(wanted, atom_name=node.name, optional_args=optional)
    except taskflow_errors.NotFound:
        return False
    return True
