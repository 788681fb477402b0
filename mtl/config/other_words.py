"""What other tools call our keys and members."""

KEYS = {
    **dict.fromkeys(("model", "arch", "architecture", "net", "network"), "backbone=NAME"),
    **dict.fromkeys(("imgsz", "img_size", "input_size", "resolution"), "image_size=64"),
    **dict.fromkeys(("lr0", "learning_rate", "base_lr"), "lr=1e-3"),
    **dict.fromkeys(("batch", "bs", "batchsize", "train_batch_size"), "batch_size=32"),
    **dict.fromkeys(("max_epochs", "num_epochs", "n_epochs"), "epochs=10"),
    **dict.fromkeys(("device", "gpu", "gpus", "cuda", "accelerator"), "trainer=gpu"),
    **dict.fromkeys(("devices", "num_gpus"), "trainer.devices=2"),
    **dict.fromkeys(("amp", "half", "fp16", "precision"), "trainer.precision=16-mixed"),
    **dict.fromkeys(("workers", "num_workers"), "data.workers=4"),
    **dict.fromkeys(("dataset", "dataset_name"), "data=NAME"),
    **dict.fromkeys(("data_dir", "data_path", "dataset_path", "root"), "data.root=FOLDER"),
    **dict.fromkeys(("weights", "pretrained"), "backbone.weights=imagenet"),
    **dict.fromkeys(("optim", "opt"), "optimizer=adamw"),
    **dict.fromkeys(("weight_decay", "wd"), "optimizer.weight_decay=1e-3"),
    **dict.fromkeys(("momentum",), "optimizer.momentum=0.9"),
    **dict.fromkeys(("sched", "lr_scheduler"), "scheduler=cosine"),
    **dict.fromkeys(("augment", "aug", "augmentations"), "augmentation=light"),
    **dict.fromkeys(("task",), "tasks=[NAME]"),
    **dict.fromkeys(("uw", "mtl_method", "loss_weighting"), "weighting=uncertainty"),
    **dict.fromkeys(("patience", "early_stopping"), "callbacks.early_stopping.enabled=true"),
    **dict.fromkeys(("project", "exp_name", "experiment_name", "run_name"), "name=NAME"),
    **dict.fromkeys(("save_dir", "output_dir", "resume"), "hydra.run.dir=FOLDER"),
    **dict.fromkeys(("clip_grad", "grad_clip"), "trainer.gradient_clip_val=10"),
    **dict.fromkeys(("freeze",), "unfreezing=frozen"),
    **dict.fromkeys(("wandb", "use_wandb", "wandb_project"), "logger=wandb"),
    **dict.fromkeys(("mlflow", "tracking_uri"), "logger=mlflow"),
}
"""A key of theirs to what is written here."""
MEMBERS = {
    "weighting": {"uw": "uncertainty", "kendall": "uncertainty", "ew": "equal", "nash": "nash_mtl"},
    "optimizer": {"adam": "adamw"},
    "backbone": {"efficientnet": "efficientnet_lite0", "resnet": "resnet18", "vgg": "vgg16"},
    "encoder": {"hard": "shared", "stl": "per_task", "single": "per_task"},
    "trainer": {"cuda": "gpu", "auto": "gpu"},
}
"""A group's members under names of others."""
