"""What a run leaves on disk; nothing here imports torch."""

import contextlib
import datetime
import shutil
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from mtl.config.difference import back_again, difference
from mtl.config.saved import read_config
from mtl.config.total_batch import AUTO
from mtl.errors import InUse, UserError
from mtl.files import printable, read_json, shown, write_json, write_whole
from mtl.runs.environment import write_environment
from mtl.runs.lock import Lock, holder, is_held
from mtl.terminal import say


def _now() -> str:
    return datetime.datetime.now().astimezone().isoformat(timespec="seconds")


LOG = "app.log"
"""Hydra opens it in a run's folder before the run takes that."""


def log_command(folder: Path, command: str) -> None:
    """Note a command in a run's log as Hydra does where it starts the run.

    Args:
        folder: of the run; it is made where it is missing.
        command: without ``mtl``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.datetime.now().strftime("%Y-%m-%d %H:%M:%S")
    with (folder / LOG).open("a") as log:
        log.write(f"[{now}][mtl.cli.job][INFO] mtl {command}\n")


class RunFolder:
    """The folder of one run.

    Args:
        path: made where it is missing.
        writes: whether this process writes into it (the first one under DDP).
    """

    def __init__(self, path: Path, writes: bool = True) -> None:
        self.path = path
        self.writes = writes
        self.fresh = False
        self._lock: Lock | None = None

    @property
    def last_checkpoint(self) -> Path | None:
        """What a resume starts from, if anything."""
        path = self.path / "checkpoints" / "last.ckpt"
        return path if path.exists() else None

    @property
    def finished(self) -> bool:
        """Whether a run has ended well here."""
        return self._state == "finished"

    @property
    def goes_on(self) -> bool:
        """Whether a run goes on here, of which no process has said that it failed."""
        return self._state == "running"

    @property
    def _state(self) -> str | None:
        found: str | None = read_json(self.path / "status.json").get("state")
        return found

    @property
    def results(self) -> dict[str, Any]:
        """results.json."""
        return read_json(self.path / "results.json")

    def as_it_is(self, cfg: DictConfig) -> dict[str, float] | None:
        """The metrics of a run that has finished here, which is said; None where none has.

        Raises:
            UserError: the folder holds a run with other settings.
        """
        cfg = self.taken_up(cfg)
        self.compare(cfg)
        if not self.finished:
            return None
        say(f"{shown(self.path)} holds this run, finished; nothing to do (see results.json)")
        return dict(self.results["metrics"])

    def begin(self, cfg: DictConfig) -> bool:
        """Take the folder for a run.

        Returns:
            Whether there is anything left to do: another process may have finished it until now.

        Raises:
            UserError: it holds a run with other settings.
            InUse: it holds one that is running now.
        """
        self.compare(cfg)
        if not self.writes:
            return True
        self.path.mkdir(parents=True, exist_ok=True)
        self.fresh = self._is_new
        self.lock()
        if self.finished:
            self.release()
            return False
        self.note(cfg)
        write_environment(self.path)
        self.status("running", started=_now())
        return True

    def note(self, cfg: DictConfig) -> None:
        """Write a configuration as the run's."""
        if self.writes:
            content = OmegaConf.to_yaml(cfg, resolve=True).encode()
            write_whole(self.path / "config.yaml", content)

    def taken_up(self, cfg: DictConfig) -> DictConfig:
        """A copy of a configuration, with what the run that is here keeps.

        That is its name, and the ``batch_size`` that was found here for ``auto``.
        """
        cfg = cfg.copy()
        if (self.path / "config.yaml").exists():
            before = read_config(self.path)
            cfg.name = before.name
            if cfg.batch_size == AUTO:
                cfg.batch_size = before.batch_size
        return cfg

    def keep(self) -> None:
        """From now on there is something to look at, however the run ends."""
        self.fresh = False

    @property
    def _is_new(self) -> bool:
        """Whether it was made for this run, which hasn't left anything yet."""
        return self.path.is_dir() and {file.name for file in self.path.iterdir()} <= {LOG}

    def discard(self) -> None:
        """Remove the folder of a run that never trained, if it was made for it."""
        if self.writes and (self.fresh or self._is_new):
            self.release()
            shutil.rmtree(self.path, ignore_errors=True)

    def difference(self, cfg: DictConfig) -> str | None:
        """The first setting in which the folder's run differs from a configuration, in words."""
        return difference(read_config(self.path), cfg)

    def compare(self, cfg: DictConfig) -> None:
        """Refuse a folder that belongs to other settings.

        Raises:
            UserError: names the first setting that differs, and how a run that was stopped half
                way goes on.
        """
        different = self.difference(cfg) if (self.path / "config.yaml").exists() else None
        if different is not None:
            raise UserError(
                f"{self.path} holds a run with {different}: {self._way_on(cfg)}"
                "choose another hydra.run.dir or name, or remove the folder"
            )

    def _way_on(self, cfg: DictConfig) -> str:
        if self.finished or self.last_checkpoint is None:
            return ""
        changes = back_again(read_config(self.path), cfg)
        return "" if changes is None else f"{changes} goes on with it; or "

    def unfinished_twin(self, cfg: DictConfig) -> Path | None:
        """A run of the same settings in a folder beside this one that was stopped half way."""
        if (self.path / "config.yaml").exists():
            return None
        for file in sorted(self.path.parent.glob("*/status.json"), reverse=True):
            other = RunFolder(file.parent, writes=False)
            # A neighbour that can't be read is no twin.
            with contextlib.suppress(UserError):
                stopped = read_json(file).get("state") in ("running", "interrupted")
                if stopped and other.last_checkpoint and other.difference(cfg) is None:
                    return file.parent
        return None

    def lock(self) -> None:
        """Hold the folder as long as this process lives.

        Raises:
            InUse: another process holds it.
        """
        self._lock = Lock(self.path)
        if not self._lock.take():
            raise self._in_use()
        self._lock.sign()

    def check(self, cfg: DictConfig) -> None:
        """What ``begin`` would refuse, without taking the folder, which must not be held here.

        Raises:
            UserError: it holds a run with other settings.
            InUse: it holds one that is running now.
        """
        self.compare(self.taken_up(cfg))
        if self.writes and not self.finished and is_held(self.path):
            raise self._in_use()

    def _in_use(self) -> InUse:
        return InUse(
            f"{shown(self.path)} is in use by a run that is going on now{holder(self.path)}: wait "
            "for it or end it, or choose another hydra.run.dir"
        )

    def release(self) -> None:
        """Let go of the folder."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def status(self, state: str, **more: Any) -> None:
        """Write status.json.

        Args:
            state: ``running``, ``finished``, ``failed`` or ``interrupted``.
            more: further entries, kept over later calls.
        """
        if self.writes:
            self._write_status(state, **more)

    def _write_status(self, state: str, **more: Any) -> None:
        path = self.path / "status.json"
        kept = {k: v for k, v in read_json(path).items() if k != "error"}
        write_json(path, {**kept, "state": state, "updated": _now(), **more})

    def fail(self, error: BaseException) -> None:
        """Write what went wrong, in whichever process it went wrong first; where, if that is ours.

        Args:
            error: what was raised.
        """
        if not self.path.exists() or self._state == "failed" or not (self.writes or self.goes_on):
            return
        # On a full disk, what can't be written must not hide the error itself.
        with suppress(OSError):
            self._write_status("failed", error=f"{error}" or type(error).__name__)
        if isinstance(error, UserError):
            return
        with suppress(OSError):
            text = "".join(traceback.format_exception(error))
            write_whole(self.path / "traceback.txt", printable(text).encode())

    def write_skipped(self, skipped: dict[str, str]) -> None:
        """List the samples that were left out."""
        if self.writes and skipped:
            write_json(self.path / "skipped.json", {"count": len(skipped), "samples": skipped})
