"""What ``mtl train --help`` prints."""

from pathlib import Path

from mtl.config.groups import choices, groups, members, short_keys
from mtl.config.paths import conf_dir

EXAMPLES = """\
examples:
  mtl train experiment=demo
  mtl train 'tasks=[classification,box]' heads.box.weight=2 epochs=20
  mtl train data=voc_folder data.root=FOLDER 'tasks=[detection]'
  mtl train head@heads.fine=classification 'tasks=[fine]'   a second head
  mtl train -m backbone=small_cnn,resnet18 seed=1,2,3       every combination
  mtl train hydra.run.dir=outputs/mine                      again: resumes there"""

OPTIONS = """\
options:
  --cfg job          print the configuration instead of training
  -m, --multirun     every combination of comma-separated values
  --config-dir DIR   a folder with further members: DIR/backbone/mine.yaml
  --info WHAT        how Hydra composes: defaults, defaults-tree, searchpath, plugins
  --hydra-help       Hydra's own options"""


def train_help(config_dir: Path | None = None) -> str:
    """Usage, the groups with their members, the short keys, and examples."""
    lines = [
        "usage: mtl train [OPTION ...] [key=value ...]",
        "",
        "groups (mtl ls GROUP says more):",
    ]
    defaults = choices()
    for group in groups(config_dir):
        if group in defaults and defaults[group].default is None and group != "head":
            continue
        names = [
            f"*{n}" if group in defaults and n == defaults[group].default else n
            for n in members(group, config_dir)
        ]
        lines.append(f"  {group:<13} {', '.join(names)}")
    lines += ["", "keys at the top (mtl train --cfg job prints them all):"]
    values = top_values()
    for key, description in short_keys().items():
        value = "(by data)" if "${" in values[key] else values[key]
        lines.append(f"  {key + '=' + value:<22} {description}")
    return "\n".join([*lines, "", OPTIONS, "", EXAMPLES])


def top_values() -> dict[str, str]:
    """The short keys' defaults as written."""
    text = (conf_dir() / "config.yaml").read_text()
    return {key: text.split(f"\n{key}: ")[1].split()[0] for key in short_keys()}
