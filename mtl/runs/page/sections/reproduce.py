"""How to get the same numbers again."""

from mtl.runs.page.data import PageData
from mtl.runs.page.parts import (
    Folded,
    PageCell,
    PageColumn,
    PagePart,
    PageSection,
    PageTable,
    Sentences,
)


def reproduce(data: PageData) -> PageSection:
    """For each run its folder, commands and commit; the versions that were used."""
    rows = []
    for row in data.rows:
        for evidence in row.evidence:
            run = evidence.run
            rows.append(
                [
                    PageCell(f"{row.label}, seed {run.seed}"),
                    PageCell(f"mtl rerun run={run.path}", code=True),
                    PageCell(evidence.command or "not in app.log", code=bool(evidence.command)),
                    PageCell(str(run.environment.get("commit") or "not known"), code=True),
                    PageCell(run.started or "not known"),
                ]
            )
    header = [PageColumn(t) for t in ("run", "repeat it", "made by", "commit", "started")]
    parts: list[PagePart] = [
        Sentences(
            [
                "On the same machine, with the same commit and versions, a run repeats to the last "
                "digit on a CPU. mtl rerun says what differs, and whether the numbers agree."
            ]
        ),
        PageTable("reproduce-table", "Every run", header, rows),
        Folded("Versions and machines", [_versions(data)]),
    ]
    return PageSection("reproduce", "How to reproduce", parts)


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
