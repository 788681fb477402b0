"""Which of several processes of one run this is."""

import os


def is_first_process() -> bool:
    """Whether this is the process that writes and speaks, before a Trainer knows."""
    return os.environ.get("LOCAL_RANK", "0") == "0" and os.environ.get("NODE_RANK", "0") == "0"
