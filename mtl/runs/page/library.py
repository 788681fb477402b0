"""Vega-Lite, bundled from the package vl-convert-python."""

import os
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from mtl.errors import UserError
from mtl.files import write_whole

PACKAGE = "vl-convert-python"
VERSION = "6.4"
"""Of Vega-Lite."""


def chart_library() -> str:
    """JavaScript that makes ``vega``, ``vegaLite`` and ``vegaEmbed`` known to a page.

    Bundling takes longer than all else of a page, so the user's cache folder keeps what came out.

    Raises:
        UserError: the package isn't installed.
    """
    try:
        import vl_convert
    except ImportError:
        raise UserError(
            f"report.html needs the package {PACKAGE} for its charts: pip install 'mtl[report]'"
        ) from None
    kept = cache_folder() / f"vega-lite-{VERSION}-{PACKAGE}-{version(PACKAGE)}.js"
    with suppress(OSError):
        return kept.read_text(encoding="utf-8")
    # Its stub takes the snippet for needed.
    bundled = str(vl_convert.javascript_bundle(vl_version=VERSION))  # type: ignore[call-arg]
    with suppress(OSError):
        write_whole(kept, bundled.encode())
    return bundled


def cache_folder() -> Path:
    """Where the XDG base directory specification wants what can be made anew."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mtl"
