"""Arrays in, arrays out: images, networks, training, metrics."""
