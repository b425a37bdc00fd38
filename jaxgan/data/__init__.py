"""Sources, transforms and the loader: numpy, tfds.data_source and grain only."""
