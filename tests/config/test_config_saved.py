from pathlib import Path

import pytest
import yaml
from omegaconf import OmegaConf

from mtl.config import load, open_run
from mtl.config.saved import hint
from mtl.errors import UserError


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = Path("outputs/runs/shapes/2024")
    folder.mkdir(parents=True)
    cfg = load(["tasks=[classification,box]", "epochs=7", "data.seed=5"])
    (folder / "config.yaml").write_text(OmegaConf.to_yaml(cfg))
    (folder / "status.json").write_text("{}")
    return folder


def test_reads_what_was_saved(run):
    cfg = open_run(run)
    assert cfg == OmegaConf.load(run / "config.yaml")
    assert cfg.epochs == 7


def test_values_on_top(run):
    cfg = open_run(run, ["batch_size=4", "data.limit=3", "tasks=[box]"])
    assert (cfg.batch_size, cfg.data.limit, list(cfg.heads)) == (4, 3, ["box"])


MIXED_LISTS = (
    ("ensemble.tta", "[0,flip90]", "[0,22.5,flip]"),
    (
        "augmentation.extra",
        "[{name: GaussNoise, p: 1},{name: CoarseDropout, p: 0.5, fill: random}]",
        "[{name: CoarseDropout, p: 0.5, fill: 0}]",
    ),
    ("encoder.tied_stages", "[1,stage2]", "[stem,2]"),
    ("views.angles", "[0,22.5]", "[0,90,12.5]"),
)


@pytest.mark.parametrize(("key", "saved", "other"), MIXED_LISTS)
def test_lists_of_several_types_are_read_as_they_were_written(run, key, saved, other):
    own = ["encoder=branches", "views=rotations", "views.angles=[0,90]", "fusion=mean"]
    cfg = load([*own, f"{key}={saved}"])
    (run / "config.yaml").write_text(OmegaConf.to_yaml(cfg))
    assert open_run(run) == cfg
    assert OmegaConf.select(open_run(run, [f"{key}={other}"]), key) == OmegaConf.create(
        yaml.safe_load(other.replace(",", ", "))
    )


@pytest.mark.slow
def test_group_on_top_replaces_the_node_and_leaves_the_rest(run):
    cfg = open_run(run, ["data=voc2012", "data.limit=3", "trainer=gpu"], needs_data=False)
    assert cfg.data.year == 2012
    assert "orientation" not in cfg.data
    assert cfg.data.limit == 3
    assert cfg.trainer.accelerator == "gpu"
    assert cfg.epochs == 7
    assert list(cfg.heads) == ["classification", "box"]


@pytest.mark.slow
def test_new_data_is_labelled_anew(run):
    cfg = open_run(run, ["data=cifar10", "tasks=[classification]"], needs_data=False)
    assert cfg.heads.classification.target == "label"
    with pytest.raises(UserError, match="task box needs boxes"):
        open_run(run, ["data=cifar10"], needs_data=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["epohcs=3"], "unknown key 'epohcs'; did you mean epochs=7?"),
        (["+epohcs=3"], "without +"),
        (["heads.box.wieght=3"], "heads.box.weight=1.0"),
        (["lr=-1"], "lr=-1: must be greater than 0"),
        (["tasks=[detection]"], "no head 'detection'"),
        (["head@heads.fine=box"], "keeps its head"),
        (["data=voc2013"], "no data 'voc2013'"),
        (["test=3"], "must be true or false"),
        (["data=voc2012"], "data.root=data/voc: no such folder"),
    ],
)
def test_mistakes(run, overrides, said):
    with pytest.raises(UserError) as error:
        open_run(run, overrides)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_run_names_the_nearest_or_the_latest(run, tmp_path):
    with pytest.raises(UserError, match=f"did you mean run={run}"):
        open_run("outputs/runs/shapes/2025")
    with pytest.raises(UserError, match=f"no such folder; the latest is run={run}"):
        open_run("/elsewhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"no config\.yaml in it"):
        open_run("empty")


def test_missing_runs_name_only_what_is_alike(run):
    assert hint(run.with_name(run.name[:-1]), "runs") == f"; did you mean runs=[{run}]?"
    assert hint(run.with_name("nothing like it at all, by far"), "runs") == ""
    assert hint(Path("/elsewhere/nowhere")).startswith("; the latest is run=")


def test_config_that_is_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "config.yaml").write_text("defaults: [_self_]")
    with pytest.raises(UserError, match="there are no runs yet"):
        open_run("nowhere")
    for text in ("a: [", "[1, 2]", "a: 1"):
        (tmp_path / "config.yaml").write_text(text)
        with pytest.raises(UserError, match=r"config\.yaml"):
            open_run(tmp_path)
