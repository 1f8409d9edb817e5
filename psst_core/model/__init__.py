"""Descriptions of networks: mechanisms, synapses, connections, stimuli."""
