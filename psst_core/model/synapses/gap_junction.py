"""Electrical synapses."""

from dataclasses import dataclass

from psst_core.model.mechanisms import Junction
from psst_core.registry import register


@register("synapse", "gap_junction")
@dataclass
class GapJunction(Junction):
    """Current G w (v − v_other), at once and both ways: what leaves one cell enters the other.

    A connection is one junction. Within one population a pair may be given in either order, or in both orders with one
    weight. A rule's probability is that of a pair; its in-degree is the number of a cell's junctions.
    """
