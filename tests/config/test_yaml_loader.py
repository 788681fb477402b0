"""Files of runs are read as OmegaConf reads them."""

import pytest
import yaml
from omegaconf import OmegaConf

from mtl.config.yaml_loader import LOADER

VALUES = "a: 1e-3\nb: 1_000\nc: 2020-01-01\nd: [1.5, .inf, yes, null, ~]\ne: {x: 'y'}\nf: 0x1f\n"


def test_values_are_those_of_omegaconf() -> None:
    found = yaml.load(VALUES, Loader=LOADER)
    assert found == OmegaConf.to_container(OmegaConf.create(VALUES))
    assert (found["a"], found["c"]) == (0.001, "2020-01-01")


@pytest.mark.parametrize(
    "text", ["a: 1\na: 2\n", "[", "a: b: c", "\x00", "!!python/object/apply:os.system [x]"]
)
def test_what_omegaconf_refuses_is_refused(text: str) -> None:
    for read in (OmegaConf.create, lambda given: yaml.load(given, Loader=LOADER)):
        with pytest.raises(yaml.YAMLError):
            read(text)
