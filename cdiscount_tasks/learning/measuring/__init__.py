"""Figures with their intervals: accuracies, calibration, paired differences."""
