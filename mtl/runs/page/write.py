"""From a comparison to ``report.html``."""

from dataclasses import replace
from pathlib import Path

from mtl.config.trust import Trust
from mtl.files import printable, write_whole
from mtl.runs.compare.comparison import Comparison
from mtl.runs.page.data import PageData, page_data
from mtl.runs.page.library import chart_library
from mtl.runs.page.lines import lines_at_first
from mtl.runs.page.parts import Folded, PageSection, Sentences
from mtl.runs.page.render import render
from mtl.runs.page.scale import scale
from mtl.runs.page.sections.answer import answer
from mtl.runs.page.sections.calibration import calibration
from mtl.runs.page.sections.configuration import configuration
from mtl.runs.page.sections.conflict import conflict
from mtl.runs.page.sections.confusion import confusion
from mtl.runs.page.sections.cost import cost
from mtl.runs.page.sections.curves import curves
from mtl.runs.page.sections.disagreements import disagreements
from mtl.runs.page.sections.overview import overview
from mtl.runs.page.sections.pictures import pictures
from mtl.runs.page.sections.reproduce import reproduce
from mtl.runs.page.sections.tasks import tasks
from mtl.runs.page.sections.training import training
from mtl.runs.page.sections.turned import turned
from mtl.words import counted

SECTIONS = (
    answer,
    overview,
    tasks,
    cost,
    training,
    curves,
    calibration,
    confusion,
    turned,
    conflict,
    pictures,
    disagreements,
    configuration,
    reproduce,
)
"""From top to bottom: the answer first."""
FILE = "report.html"


def write_page(comparison: Comparison, folder: Path, config_dir: Path | None = None) -> Path:
    """Write ``report.html``, which needs nothing beside it.

    Args:
        comparison: of one run or many.
        folder: made where it is missing.
        config_dir: a user's folder of further members, which may be asked for test images.

    Returns:
        The file.

    Raises:
        UserError: the package that draws charts is missing.
    """
    text = page(comparison, chart_library(), Trust(folder=config_dir))
    path = folder / FILE
    write_whole(path, printable(text).encode())
    return path


def page(comparison: Comparison, library: str, trust: Trust | None = None) -> str:
    """The page as text.

    Args:
        comparison: of one run or many.
        library: JavaScript that draws the charts.
        trust: whose classes may be made to read test images again; None for the package alone.
    """
    data = page_data(comparison, trust)
    texts = (_title(data), _subtitle(data), scale(data))
    return render(sections_of(data), data.labels, lines_at_first(data), texts, library)


def sections_of(data: PageData) -> list[PageSection]:
    """Those that have something to show; the last one says what the others would be made of."""
    found = [section(data) for section in SECTIONS]
    *shown, last = (section for section in found if section.parts)
    hints: dict[str, list[str]] = {}
    for section in found:
        if section.missing:
            hints.setdefault(section.missing, []).append(section.title)
    lines = [f"{', '.join(titles)}: {hint}" for hint, titles in hints.items()]
    if lines:
        more = Folded("What else a report can show", [Sentences(lines, listed=True)])
        last = replace(last, parts=[*last.parts, more])
    return [*shown, last]


def _title(data: PageData) -> str:
    names = dict.fromkeys(str(evidence.run.config.get("name", "")) for evidence in data.evidence)
    what = ", ".join(name for name in [*names][:3] if name) + (", …" if len(names) > 3 else "")
    if len(data.evidence) == 1:
        return f"The run {what}" if what else "A run"
    return f"Comparison of {what}" if what else "Comparison of runs"


def _subtitle(data: PageData) -> str:
    seeds = {evidence.run.seed for evidence in data.evidence}
    parts = [
        counted(len(data.evidence), "run"),
        counted(len(data.rows), "setting"),
        counted(len(seeds), "seed"),
        f"tasks: {', '.join(data.main)}",
        f"numbers of the {data.split} split",
    ]
    return " · ".join(parts)
