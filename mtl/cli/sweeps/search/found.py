"""What a search has found: the best trial or the Pareto front, and pictures of it."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import optuna
from optuna.trial import TrialState

from mtl.cli.table import print_rows
from mtl.terminal import say

LEAST = 3
"""Finished trials from which on there is something to draw."""


def tell_best(study: optuna.Study, objectives: Sequence[str]) -> None:
    """The best trial, or those of which none is better in everything."""
    if not any(trial.state == TrialState.COMPLETE for trial in study.trials):
        return
    best = study.best_trials
    keys = list(best[0].params)
    say("")
    say("the best trial:" if len(objectives) == 1 else "none is better in everything than these:")
    rows = [
        [str(t.number + 1), *(f"{v:.4f}" for v in t.values), *(str(t.params[k]) for k in keys)]
        for t in sorted(best, key=lambda trial: -trial.values[0])
    ]
    print_rows(rows, header=["trial", *objectives, *keys], right=range(len(objectives) + 1))


def draw(study: optuna.Study, folder: Path, objectives: Sequence[str]) -> list[Path]:
    """``importance_*.png`` and ``slice_*.png`` for each objective, ``pareto.png`` for two of them.

    Args:
        study: with or without finished trials.
        folder: of the sweep.
        objectives: in the study's order.

    Returns:
        What was written; nothing where few trials have finished.
    """
    finished = [trial for trial in study.trials if trial.state == TrialState.COMPLETE]
    if len(finished) < LEAST:
        return []
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt
    from optuna.visualization import matplotlib as pictures

    written = []

    def save(name: str) -> None:
        file = folder / f"{name}.png"
        plt.savefig(file, bbox_inches="tight", dpi=110)
        plt.close("all")
        written.append(file)

    with warnings.catch_warnings(), plt.rc_context():
        warnings.simplefilter("ignore")
        for place, objective in enumerate(objectives):
            name = objective.replace("/", "_")
            options = {"target": _value_of(place), "target_name": objective}
            varied = any(trial.params != finished[0].params for trial in finished)
            if varied and len({trial.values[place] for trial in finished}) > 1:
                evaluator = optuna.importance.PedAnovaImportanceEvaluator()
                pictures.plot_param_importances(study, evaluator=evaluator, **options)
                save(f"importance_{name}")
            pictures.plot_slice(study, **options)
            save(f"slice_{name}")
        if len(objectives) == 2:
            pictures.plot_pareto_front(study, target_names=list(objectives))
            save("pareto")
    return written


def _value_of(place: int):  # type: ignore[no-untyped-def]
    return lambda trial: trial.values[place]
