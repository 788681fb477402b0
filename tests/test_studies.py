"""The database of a search."""

from pathlib import Path

import pytest

optuna = pytest.importorskip("optuna")

from mtl.studies import opened  # noqa: E402

OPEN = Path("/proc/self/fd")


@pytest.mark.skipif(not OPEN.is_dir(), reason="the system doesn't tell which files are open")
def test_no_connection_outlives_a_look(tmp_path):
    file = tmp_path / "study.db"
    study = optuna.create_study(storage=opened(f"sqlite:///{file}"))
    study.tell(study.ask(), 1.0)
    assert file.stat().st_size
    assert file not in {entry.resolve() for entry in OPEN.iterdir()}
