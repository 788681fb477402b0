"""``make reproduce``: the articles' comparison on the built-in images, from nothing to one report.

All eight systems with three seeds and their single-task baselines, their metrics over the angle of
the images, one page, and the table of ``docs/results.md``. What was done before is not done again,
so that it goes on where it was stopped.
"""

import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

NAME = "reproduce"
SWEEP = Path("outputs/sweeps") / NAME
REPORT = Path("outputs") / NAME
PAGE = Path(__file__).parents[1] / "docs" / "results.md"
SYSTEMS = ("independent", "joint", "split", "siamese", "multi_branch", "mil", "cmtl", "c_rmtl")
ANGLES = "rotate=[0,30,...,330]"
TRAIN = (
    "train",
    "-m",
    f"name={NAME}",
    "sweep=joblib",
    f"experiment={','.join(SYSTEMS)}",
    "seed=0,1,2",
    "baselines=true",
    "callbacks.samples.enabled=true",
    "callbacks.figures.enabled=false",
    "data.orientation=free",
    "data.train=800",
    "epochs=8",
    "batch_size=16",
    "lr=3e-3",
    "scheduler=onecycle",
    "backbone.width=16",
)
COMPARE = (
    "compare",
    f"runs=[{SWEEP}]",
    "reference=independent",
    "metrics=[test/classification/accuracy,test/box/iou,test/delta_m]",
    f"out={REPORT}",
)
HEAD = """\
# Results

The first article's comparison on the built-in images at any angle: eight systems for the class of
an image (six of them, so chance is 0.167) and the box of its largest object, one backbone, one
budget of 400 steps, three seeds. `make reproduce` makes this page, and a report with training
curves, ROC curves for each task and metrics over the angle of the images in `{report}/report.html`.

{table}
Measured on {cores} cores of {machine}, Python {python}. `independent` trains a network for each
task; Δm is the change against single-task networks with the same views
([baselines](baselines.md)); what each number is: [comparing](comparing.md). On other machines the
last digits differ.
"""


def main() -> None:
    """Train, turn, compare, and write the page.

    Raises:
        SystemExit: a step failed.
    """
    # Each of joblib's two processes has one core.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    command(TRAIN)
    for folder in sorted(file.parent for file in SWEEP.glob("*/results.json")):
        if not (folder / "eval" / "rotation_test.json").exists():
            command(("eval", f"run={folder}", ANGLES))
    command(COMPARE)
    write_page((REPORT / "comparison.md").read_text())


def command(arguments: Sequence[str]) -> None:
    """Run ``mtl`` in this process, and say so.

    Raises:
        SystemExit: it failed.
    """
    from mtl.cli.main import main as mtl

    print("mtl", *arguments, flush=True)
    code = mtl(arguments)
    if code:
        raise SystemExit(code)


def write_page(table: str) -> None:
    """``docs/results.md``.

    Args:
        table: what ``mtl compare`` wrote as Markdown.
    """
    from mtl.files import write_whole

    text = HEAD.format(
        report=REPORT,
        table=table,
        cores=os.cpu_count(),
        machine=platform.machine(),
        python=platform.python_version(),
    )
    write_whole(PAGE, text.encode())


if __name__ == "__main__":
    sys.exit(main())
