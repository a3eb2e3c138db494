"""From a checkpoint to a project: what a classifier is, sizes that fit it and the machine, and a first trial."""
