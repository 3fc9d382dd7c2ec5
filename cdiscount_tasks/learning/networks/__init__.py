"""Keras networks: built, trained, resumed, asked."""
