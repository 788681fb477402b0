"""Processes whose sweep was killed."""

import subprocess
import sys
import time

ORPHAN = """
import os, sys, threading, time
from mtl.cli.sweeps.engines import joblib
joblib.POLL = 0.05
parent = os.getpid()
if os.fork():
    time.sleep(0.5)
    os._exit(0)
joblib.end_with(parent)
with joblib._AT_WORK:
    time.sleep(float(sys.argv[1]))
    print("the job is done", flush=True)
time.sleep(600)
"""


def test_they_end_after_the_job_that_they_are_at() -> None:
    begun = time.monotonic()
    # It comes back when nobody holds its output open any more.
    done = subprocess.run(
        [sys.executable, "-c", ORPHAN, "2"], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "the job is done\n"
    assert time.monotonic() - begun < 30
