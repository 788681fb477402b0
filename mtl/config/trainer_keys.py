"""Arguments of Lightning's Trainer that the framework sets itself, and what to write instead."""

INSTEAD = {
    "barebones": "logger=none, and callbacks.<name>.enabled=false for what is not wanted",
    "callbacks": "callbacks.NAME._target_=MODULE.CLASS",
    "default_root_dir": "hydra.run.dir=DIR",
    "enable_autolog_hparams": "logger=none",
    "enable_checkpointing": "callbacks.checkpoint.enabled=true|false",
    "enable_model_summary": "nothing: the network is shown at the start",
    "enable_progress_bar": "callbacks.progress.enabled=true|false",
    "fast_dev_run": "trainer=debug",
    "logger": "logger=default|wandb|mlflow|all|none",
    "max_epochs": "epochs=N",
    "model_registry": "nothing: checkpoints stay in the run's folder",
    "num_sanity_val_steps": "trainer=debug",
    "overfit_batches": "data.limit=N",
    "reload_dataloaders_every_n_epochs": "nothing: loaders follow the epochs by themselves",
    "use_distributed_sampler": "nothing: loaders share samples out over processes by themselves",
}


def instead_of(key: str) -> str | None:
    """What to write for a dotted key that the framework sets itself; None for other keys."""
    group, _, name = key.partition(".")
    return INSTEAD.get(name) if group == "trainer" else None
