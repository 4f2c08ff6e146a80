"""Reader: policy files to a policy set.  The only part of the language that touches the disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from medevac.flows.policy.checks import check_policy, check_set
from medevac.flows.policy.document import MOST_BYTES, Node, compose, decode
from medevac.flows.policy.flow_files import is_flow, read_flows
from medevac.flows.policy.grammar import Draft, read_policy
from medevac.flows.policy.language import PolicySet
from medevac.flows.policy.named import Library
from medevac.flows.policy.problems import WHOLE_FILE, Problem, Problems, ProblemsError, Severity
from medevac.flows.policy.stored import policy_set

SUFFIXES = (".yaml", ".yml")
EXPECTATIONS = (".expect.yaml", ".expect.yml")
"""How the names of expectations end, which may lie beside the policies and are none."""
MOST_FILES = 1000
FLOWS = "flows"
"""The subdirectory for named flows; they may also stand among the policies."""


@dataclass(frozen=True, slots=True)
class Review:
    """Everything that is known about a policy file, or a directory of them."""

    drafts: tuple[Draft, ...]
    """What could be read, in order of precedence."""
    problems: tuple[Problem, ...]
    """Errors and warnings, in the order of the files."""

    @property
    def failed(self) -> bool:
        """Tell whether there is an error among the problems."""
        return any(problem.severity is Severity.ERROR for problem in self.problems)


def read_policies(path: Path) -> PolicySet:
    """Return the policies in the directory *path* (or the one in the file *path*).

    Every file whose name ends in .yaml or .yml is one policy, or a flow that policies name; policies take precedence
    in the order of their names.  The subdirectory "flows" holds flows too.
    Raises ProblemsError, with everything that is wrong in all files, when any has an error.
    """
    review = review_policies(path)
    if review.failed:
        raise ProblemsError(review.problems)
    return policy_set(draft.policy for draft in review.drafts)


def review_policies(path: Path) -> Review:
    """Return what is in the policy file or directory *path*, and everything that is wrong with it.

    Raises nothing: a path that cannot be read is a problem too.  What policies do to each other is only looked at
    in a directory.
    """
    whole = Problems(str(path))
    parsed = [_parse(file) for file in _files(path, whole)]
    flows = [file for file in parsed if is_flow(file.node)]
    others = [file for file in parsed if file not in flows]
    library = read_flows((file.node, file.problems) for file in [*flows, *_beside(path)] if file.node is not None)
    read = [_draft(file.node, file.problems, library) for file in others]
    drafts = tuple(draft for draft in read if draft)
    if path.is_dir() and parsed and not others:
        whole.error(WHOLE_FILE, "there is no policy in this directory, only flows", "write one that uses them")
    if path.is_dir() and len(drafts) == len(others) > 0:
        check_set(drafts, whole)
    listed = [problem for file in parsed for problem in file.problems.listed()]
    return Review(drafts, (*listed, *whole.listed()))


def review_text(text: str, problems: Problems, library: Library = MappingProxyType({})) -> Draft | None:
    """Return the policy that *text* holds, checked by itself; everything that is wrong goes to *problems*."""
    return _draft(compose(text, problems), problems, library)


@dataclass(frozen=True, slots=True)
class _Parsed:
    """A file that was looked into."""

    path: Path
    node: Node | None
    problems: Problems


def _parse(path: Path) -> _Parsed:
    text, problems = load(path)
    return _Parsed(path, compose(text, problems), problems)


def _draft(node: Node | None, problems: Problems, library: Library) -> Draft | None:
    draft = read_policy(node, problems, library) if node else None
    if draft:
        check_policy(draft)
    return draft


def _beside(path: Path) -> list[_Parsed]:
    """Return the flows that a single policy file *path* may name; what is wrong with them is not told here."""
    if path.is_dir():
        return []
    folder = path.parent
    try:
        files = [file for place in (folder, folder / FLOWS) if place.is_dir() for file in _yaml_in(place)]
    except OSError:
        return []
    parsed = [_parse(file) for file in files[:MOST_FILES] if file != path]
    return [file for file in parsed if is_flow(file.node)]


def load(path: Path) -> tuple[str, Problems]:
    """Return the text of the file *path* and its problems so far; a file that cannot be read has one."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        problems = Problems(str(path))
        problems.error(WHOLE_FILE, f"cannot be read: {error.strerror}")
        return "", problems
    return decode(data, str(path))


def _files(path: Path, whole: Problems) -> list[Path]:
    """Return the policy files that *path* means, in order of precedence."""
    try:
        if not path.is_dir():
            return [path] if path.is_file() else _none(whole, "there is no such file or directory")
        files = _yaml_in(path)
        files += _yaml_in(path / FLOWS) if (path / FLOWS).is_dir() else []
    except OSError as error:
        return _none(whole, f"cannot be read: {error.strerror}")
    if not files:
        return _none(whole, "there is no policy in this directory", "policies are files whose names end in .yaml")
    if len(files) > MOST_FILES:
        return _none(whole, f"there are more than {MOST_FILES} policies in this directory", "is it the right one?")
    return files


def _yaml_in(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if _is_policy_file(file))


def _is_policy_file(path: Path) -> bool:
    named = path.suffix in SUFFIXES and not path.name.endswith(EXPECTATIONS)
    return named and not path.name.startswith(".") and path.is_file()


def _none(whole: Problems, message: str, hint: str = "") -> list[Path]:
    whole.error(WHOLE_FILE, message, hint)
    return []
