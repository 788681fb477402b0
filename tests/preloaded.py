"""What the server of ``fresh.py`` imports before it forks."""

import torch

torch.set_num_threads(1)
