"""``init=run``."""

from collections.abc import Mapping, Sequence
from typing import Any

from mtl.config.checkpoint_names import checkpoint_file
from mtl.errors import UserError
from mtl.learning.checkpoints import network_state, read_checkpoint
from mtl.learning.init.base import Init
from mtl.learning.init.parts import misfit, part_of, parts_of, shortened
from mtl.model.network import Network

MEANING = {"kind": "another kind", "classes": "other classes", "units": "other units"}
"""What the outputs of a head stand for, and what is said where that differs."""


class OtherRun(Init):
    """The weights of another run's network, part by part where the parts match.

    Parts are each stage of a backbone, what else the encoder has, fusion, ensemble, and each head
    by the name of its task. A part is taken whole or not at all: where all of its tensors have the
    same names and shapes there, and a head's outputs stand for the same classes in the same order.
    Running statistics, and those of labels that a head was standardised by, come along.

    Args:
        run: the other run's folder.
        checkpoint: which of its checkpoints, by name.
    """

    def __init__(self, run: str, checkpoint: str) -> None:
        self.file = checkpoint_file(run, checkpoint)

    def begin(self, network: Network) -> Sequence[str]:
        """Take what matches; what does not is told with the reason.

        Raises:
            UserError: there is no such checkpoint, or nothing of it matches.
            BadFile: it can't be read, or holds more than tensors and plain containers.
        """
        saved = read_checkpoint(self.file)
        theirs, own = parts_of(network_state(saved)), parts_of(network.state_dict())
        # What has no parameter is as the configuration says, not as training left it.
        parts = list(dict.fromkeys(part_of(name) for name, _ in network.named_parameters()))
        why = {
            part: misfit(own[part], theirs.get(part, {})) or _other_meaning(part, network, saved)
            for part in parts
        }
        taken = [part for part in parts if why[part] is None]
        reasons = dict.fromkeys(reason for reason in why.values() if reason is not None)
        fresh = "; ".join(
            f"{shortened([part for part in parts if why[part] == reason], parts)} ({reason})"
            for reason in reasons
        )
        if not taken:
            raise UserError(f"init.run: nothing of {self.file} matches this network: {fresh}")
        state = {name: value for part in taken for name, value in theirs[part].items()}
        network.load_state_dict(state, strict=False)
        unused = [part for part in theirs if part not in own]
        lines = {
            f"from {self.file}": shortened(taken, parts),
            "fresh": fresh,
            "not needed here": shortened(unused, theirs),
        }
        return [f"init: {what}: {said}" for what, said in lines.items() if said]


def _other_meaning(part: str, network: Network, saved: Mapping[str, Any]) -> str | None:
    """What else a head's outputs stood for in the other run; None where they stand for the same."""
    task = part.removeprefix("heads.")
    if task == part:
        return None
    now = network.head(task).target.plain
    try:
        then = saved["mtl"]["targets"][saved["mtl"]["settings"]["heads"][task]["target"]]
        differs = (words for key, words in MEANING.items() if now.get(key) != then.get(key))
        return next((f"{words} there" for words in differs), None)
    except (KeyError, TypeError, AttributeError):
        return "its classes there are not known"
