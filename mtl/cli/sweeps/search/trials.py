"""Optuna's study of a sweep: what has been tried, and what is to be tried next.

It lies in ``study.db`` (SQLite) in the sweep's folder, so that a search that was stopped goes on.
Each trial is chosen by a sampler of its own, seeded by the trial's number: what is chosen depends
on the seed and on what is known, and not on whether the search was stopped in between.
"""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import optuna
from optuna.exceptions import StorageInternalError
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from mtl.cli.sweeps.search.space import Space, combinations
from mtl.errors import BadFile, UserError
from mtl.studies import opened

Direction = Literal["minimize", "maximize"]
NAME = "search"
AGAIN = "again"
"""Attribute of a trial that repeats one that failed: the number of that."""


def storage_of(folder: Path) -> str:
    """Where a sweep's study lies, as Optuna names it."""
    return f"sqlite:///{folder / 'study.db'}"


class Trials:
    """What Optuna is asked and told.

    Args:
        folder: of the sweep, absolute.
        space: what is searched.
        directions: of the objectives.
        settings: of the sweep's node.
        at_once: trials side by side.

    Raises:
        UserError: the folder has a search in another space, or for something else.
    """

    def __init__(
        self,
        folder: Path,
        space: Space,
        directions: Sequence[Direction],
        settings: Mapping[str, Any],
        at_once: int,
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            self.study = optuna.create_study(
                storage=opened(storage_of(folder)),
                study_name=NAME,
                directions=list(directions),
                load_if_exists=True,
            )
        except (SQLAlchemyError, StorageInternalError, RuntimeError) as error:
            reason = str(getattr(error, "orig", None) or error).partition("\n")[0]
            raise BadFile(
                folder / "study.db", f"can't be read ({reason}); remove it to search anew"
            ) from error
        self.space = dict(space)
        self.at_once = at_once
        self._sampler = str(settings["sampler"])
        self._seed = int(settings["seed"])
        self.wanted = int(settings["trials"])
        if self._sampler == "grid":
            self._grid = combinations(space)
            self.wanted = min(self.wanted, len(self._grid))
        self._refuse_another(folder, directions)
        self._give_up_half_chosen()
        failed = (t for t in self.study.trials if t.state == TrialState.FAIL)
        self._failed = [trial for trial in failed if self._is_chosen(trial)]

    def _is_chosen(self, trial: FrozenTrial) -> bool:
        """Whether all its values are there: Optuna writes one after the other."""
        return trial.distributions == self.space

    def _give_up_half_chosen(self) -> None:
        """Trials whose values a kill cut off; they are chosen anew, and nothing counts these."""
        for trial in self.study.trials:
            if trial.state == TrialState.RUNNING and not self._is_chosen(trial):
                self.study.tell(trial.number, state=TrialState.FAIL)

    def _refuse_another(self, folder: Path, directions: Sequence[Direction]) -> None:
        before = [direction.name.lower() for direction in self.study.directions]
        spaces = [trial.distributions for trial in self.study.trials]
        complete = (t.distributions for t in self.study.trials if t.state == TrialState.COMPLETE)
        if (
            before != list(directions)
            or any(space != self.space for space in complete)
            or any(not space.items() <= self.space.items() for space in spaces)
        ):
            raise UserError(
                f"{folder} holds a search of other values or for other objectives: choose another "
                "name=, or remove the folder"
            )

    def next(self) -> list[FrozenTrial]:
        """Those to run now: first what was cut off, then new ones, then what failed before."""
        found = [t for t in self.study.trials if t.state == TrialState.RUNNING][: self.at_once]
        while len(found) < self.at_once and (trial := self._ask()) is not None:
            found.append(trial)
        return found

    def _ask(self) -> FrozenTrial | None:
        trials = self.study.trials
        chosen = [trial for trial in trials if self._is_chosen(trial)]
        number = sum(AGAIN not in trial.user_attrs for trial in chosen)
        if any(trial.state == TrialState.WAITING for trial in trials):
            pass  # in line since before a kill
        elif number < self.wanted:
            if self._sampler == "grid":
                self.study.enqueue_trial(self._grid[number])
            else:
                self.study.sampler = self._sampler_for(number)
        elif self._failed:
            failed = self._failed.pop(0)
            known = [trial for trial in trials if trial.state == TrialState.COMPLETE]
            if any(trial.params == failed.params for trial in known):
                return self._ask()
            self.study.enqueue_trial(failed.params, user_attrs={AGAIN: failed.number})
        else:
            return None
        asked = self.study.ask(fixed_distributions=self.space)
        return self.study.trials[asked.number]

    def _sampler_for(self, number: int) -> BaseSampler:
        seed = (self._seed * 1_000_003 + number) % 2**32
        if self._sampler == "random":
            return RandomSampler(seed=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return TPESampler(seed=seed, constant_liar=self.at_once > 1)

    def tell(self, number: int, state: str, values: Sequence[float | None]) -> None:
        """How a trial's job ended.

        Args:
            number: of the trial.
            state: of the job.
            values: of the objectives; None for one that isn't there.
        """
        if state == "pruned":
            self.study.tell(number, state=TrialState.PRUNED)
        elif state == "finished" and values and None not in values:
            self.study.tell(number, [value for value in values if value is not None])
        else:
            self.study.tell(number, state=TrialState.FAIL)
