"""Vega-Lite, bundled from the package vl-convert-python."""

from mtl.errors import UserError

VERSION = "6.4"
"""Of Vega-Lite."""


def chart_library() -> str:
    """JavaScript that makes ``vega``, ``vegaLite`` and ``vegaEmbed`` known to a page.

    Raises:
        UserError: the package isn't installed.
    """
    try:
        import vl_convert
    except ImportError:
        raise UserError(
            "report.html needs the package vl-convert-python for its charts: "
            "pip install 'mtl[report]'"
        ) from None
    # Its stub takes the snippet for needed.
    return str(vl_convert.javascript_bundle(vl_version=VERSION))  # type: ignore[call-arg]
