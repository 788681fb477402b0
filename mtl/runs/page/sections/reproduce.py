"""How to get the same numbers again."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from mtl.runs.page.data import PageData
from mtl.runs.page.gather.evidence import Evidence
from mtl.runs.page.parts import (
    CopiedCommand,
    Folded,
    PageCell,
    PageColumn,
    PagePart,
    PageSection,
    PageTable,
    Sentences,
)

UNKNOWN = "not known"


def reproduce(data: PageData) -> PageSection:
    """The command that all runs have in common, and what each adds; the versions that were used."""
    named = [
        (f"{row.label}, seed {evidence.run.seed}", evidence)
        for row in data.rows
        for evidence in sorted(row.evidence, key=lambda evidence: evidence.run.seed)
    ]
    made = [shlex_parts(evidence.command) for _, evidence in named if evidence.command]
    common = in_common(made) if made else []
    home = _home([evidence.run.path for _, evidence in named])
    commits = dict.fromkeys(_commit(evidence) for _, evidence in named)
    parts: list[PagePart] = []
    if common:
        said = "All runs were made by this command, each with what the table adds to it:"
        parts.append(Sentences([said if len(named) > 1 else "It was made by this command:"]))
        parts.append(CopiedCommand(shlex.join(common)))
    parts.append(
        Sentences(
            [
                "mtl rerun run=FOLDER repeats a run, and says what differs and whether the numbers "
                "agree: with the same commit and versions, on the same machine, to the last digit "
                f"on a CPU.{_where(home)}" + _of_commit([*commits])
            ]
        )
    )
    header = [
        PageColumn("run"),
        PageColumn("adds", note="copied: the whole command"),
        PageColumn("folder", note="copied: mtl rerun of it"),
        PageColumn("started"),
    ]
    header += [PageColumn("commit")] if len(commits) > 1 else []
    rows = []
    for name, evidence in named:
        run = evidence.run
        cells = [
            PageCell(name),
            _added(evidence, common),
            PageCell(
                str(run.path.relative_to(home)) if home else str(run.path),
                code=True,
                copy=f"mtl rerun run={shlex.quote(str(run.path))}",
            ),
            PageCell(run.started[:16].replace("T", " ") or UNKNOWN),
        ]
        rows.append(cells + ([PageCell(_commit(evidence), code=True)] if len(commits) > 1 else []))
    parts.append(PageTable("reproduce-table", "Every run", header, rows))
    parts.append(Folded("Versions and machines", [_versions(data)]))
    return PageSection("reproduce", "How to reproduce", parts)


def shlex_parts(command: str) -> list[str]:
    """A command's words; of a stranger's whose quotes have no end, what blanks part."""
    try:
        return shlex.split(command)
    except ValueError:
        return command.split()


def in_common(commands: Sequence[Sequence[str]]) -> list[str]:
    """The words that all commands have, in the first one's order."""
    first, *others = commands
    return [word for word in first if all(word in other for other in others)]


def _added(evidence: Evidence, common: Sequence[str]) -> PageCell:
    if not evidence.command:
        return PageCell("not in app.log")
    words = [word for word in shlex_parts(evidence.command) if word not in common]
    return PageCell(shlex.join(words), code=True, copy=evidence.command)


def _home(folders: Sequence[Path]) -> Path | None:
    """The folder that holds all of several runs, however they were named."""
    same = len({folder.is_absolute() for folder in folders}) == 1
    if len(folders) < 2 or not same:
        return None
    common = Path(os.path.commonpath([folder.parent for folder in folders]))
    return None if common == Path() else common


def _where(home: Path | None) -> str:
    return f" The folders lie in {home}." if home else ""


def _commit(evidence: Evidence) -> str:
    return str(evidence.run.environment.get("commit") or UNKNOWN)[:12]


def _of_commit(commits: Sequence[str]) -> str:
    if len(commits) > 1:
        return ""
    known = commits[0] != UNKNOWN
    return f" All are of commit {commits[0]}." if known else " The commit of the code isn't known."


def _versions(data: PageData) -> PageTable:
    found: dict[tuple[str, str], list[str]] = {}
    for row in data.rows:
        for evidence in row.evidence:
            environment = evidence.run.environment
            packages = environment.get("packages")
            entries = {k: v for k, v in environment.items() if k not in ("packages", "commit")}
            entries |= packages if isinstance(packages, dict) else {}
            for key, value in entries.items():
                runs = found.setdefault((str(key), str(value)), [])
                runs.append(f"{row.label}, seed {evidence.run.seed}")
    whole = len(data.evidence)
    rows = [
        [
            PageCell(key),
            PageCell(value),
            PageCell("all" if len(runs) == whole else "; ".join(runs)),
        ]
        for (key, value), runs in sorted(found.items())
    ]
    header = [PageColumn("what"), PageColumn("value"), PageColumn("runs")]
    return PageTable("versions", "Versions and machines", header, rows)
