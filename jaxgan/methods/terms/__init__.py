"""Regularizers, one idea a file: loss terms, augmentations of D's input, heads on D."""
