"""Sections to HTML."""

import base64
import hashlib
import re
from collections.abc import Collection, Iterator, Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mtl import __version__
from mtl.runs.page.parts import Chart, Folded, OneOf, PagePart, PageSection, SideBySide
from mtl.runs.page.specs import colour_of, dash_of

SCRIPTS = ("shown.js", "charts.js", "tables.js", "choose.js", "scrolled.js", "copy.js")
ENDS = re.compile(r"<(?=/script|!--)", re.IGNORECASE)
"""What would end a script, or begin something else inside it; only its texts hold that."""


def render(
    sections: Sequence[PageSection],
    labels: Sequence[str],
    drawn: Collection[int],
    texts: tuple[str, str, str],
    library: str,
) -> str:
    """The whole page.

    Args:
        sections: from top to bottom.
        labels: of the rows, in the order of their places.
        drawn: places of the rows that have lines in the charts at first.
        texts: title, what was compared, and how large the trainings were: plain text, as is every
            text of the sections; it is escaped here.
        library: JavaScript that draws the charts.
    """
    title, *subtitles = texts
    loader = PackageLoader("mtl.runs.page", "template")
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"swatch": swatch, "colour_of": colour_of, "labels": list(labels)}
    environment.filters |= {"unbroken": unbroken, "wrapped": wrapped}
    style, *own = (loader.get_source(environment, name)[0] for name in ("style.css", *SCRIPTS))
    scripts = [script_text(library), script_text("\n".join(own))]
    charts = {part.name: {"spec": part.spec, "data": part.data} for part in charts_of(sections)}
    return environment.get_template("page.html").render(
        title=title,
        subtitles=[text for text in subtitles if text],
        drawn=drawn,
        sections=sections,
        charts=charts,
        style=Markup(style),
        scripts=[Markup(script) for script in scripts],
        policy=policy(scripts),
        version=__version__,
    )


def unbroken(text: str) -> str:
    """Numbers stay with their intervals and percent signs."""
    fixed = "\N{NO-BREAK SPACE}"
    return text.replace(" ± ", f"{fixed}±{fixed}").replace(" %", f"{fixed}%")


def wrapped(text: str) -> str:
    """A number may part from its interval where there is little room, but neither from its sign."""
    fixed = "\N{NO-BREAK SPACE}"
    text = text.replace("± ", f"±{fixed}")
    return re.sub(r" (?=[%▲▼])", fixed, text)


def script_text(source: str) -> str:
    """JavaScript as it may stand between ``<script>`` and its end."""
    return ENDS.sub(r"\\x3c", source)


def policy(scripts: Sequence[str]) -> str:
    """Only these scripts run and nothing is fetched, so what a folder's texts say stays text."""
    hashes = (hashlib.sha256(script.encode()).digest() for script in scripts)
    allowed = " ".join(f"'sha256-{base64.b64encode(found).decode()}'" for found in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def swatch(place: int) -> Markup:
    """A piece of a row's line, for legends."""
    dash = " ".join(map(str, dash_of(place)))
    return Markup(
        '<svg class="swatch" viewBox="0 0 28 10" aria-hidden="true"><line x1="0" y1="5" x2="28" '
        'y2="5" stroke="{}" stroke-width="4" stroke-dasharray="{}"/></svg>'
    ).format(colour_of(place), dash)


def charts_of(sections: Sequence[PageSection]) -> Iterator[Chart]:
    """Every chart of the page, wherever it stands."""
    for section in sections:
        yield from _charts_in(section.parts)


def _charts_in(parts: Sequence[PagePart]) -> Iterator[Chart]:
    for part in parts:
        if isinstance(part, Chart):
            yield part
        elif isinstance(part, SideBySide | Folded):
            yield from _charts_in(part.parts)
        elif isinstance(part, OneOf):
            yield from _charts_in([inner for _, inner in part.panels])
