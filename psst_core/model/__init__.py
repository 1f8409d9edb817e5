"""Networks as they are described: mechanisms, synapses, connections, stimuli."""
