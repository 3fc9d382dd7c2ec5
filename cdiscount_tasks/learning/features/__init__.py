"""What is judged on frozen features: the leak's price, label suspects, neighbours, samples at equal size."""
