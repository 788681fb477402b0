"""How a gain is written wherever people read it; files keep the share."""


def percent(share: float) -> str:
    """``+1.2 %``."""
    return f"{100 * share:+.1f} %"
