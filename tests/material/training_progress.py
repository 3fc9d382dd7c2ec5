"""How far a training is, as it notes it beside its checkpoints."""

PROGRESS_OF_EPOCH_8 = {
    "phase": "train",
    "is_last_phase": True,
    "epoch": 8,
    "num_epochs": 30,
    "num_seen": 1200,
    "num_images": 4000,
    "last_epoch": 7,
    "last_accuracy": 0.712,
    "best_epoch": 5,
    "best_accuracy": 0.72,
    "seconds_left": 754.0,
}
