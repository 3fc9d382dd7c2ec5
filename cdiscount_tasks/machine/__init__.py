"""This computer: its cores, memory, GPUs, and the weights files that it holds."""
